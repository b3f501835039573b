#!/usr/bin/perl

# A database that is killed: 503 with Retry-After, then everything again without
# a restart of nginx, and nothing that was acknowledged is lost.

use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();

$t->start_postgres(fsync => 1);
$t->start_worker();
$t->start_nginx();
$t->seed_demo();

my $token = $t->login('radiographer');
my $reader = $t->login('physician');

my @stored = grep { upload($_)->{status} == 201 } 1 .. 5;
is(@stored, 5, 'five images are stored');

$t->stop_postgres('immediate');

unavailable($t->http('facility', GET => '/api/v1/studies', token => $reader),
    'a list');
unavailable($t->http('toplevel', GET => '/api/v1/patients?q=a',
    token => $reader), 'a search');
unavailable($t->http('toplevel', POST => '/api/v1/login',
    json => { username => 'physician', password => $Test::Dicom::PASSWORD }),
    'a login');
unavailable(upload(6), 'an upload');
is($t->http('facility', GET => '/api/v1/health')->{json}{status}, 'degraded',
    'the facility says that it is degraded');

$t->start_postgres(fsync => 1);

my $res = eventually(sub { $t->http('facility', GET => '/api/v1/studies',
    token => $reader) });
is($res->{status}, 200, 'it comes back by itself');
$t->database_back();
is(upload($_)->{status}, 200, "image $_ is still there") for @stored;
is(upload(6)->{status}, 201, 'what was refused can be sent again');
is($t->incoming(), 0, 'nothing half-written is left');

# Killed under uploads: what was answered with 201 is there afterwards.
my ($child, %status, @acknowledged);
my $until = time + 60;
for (my $n = 100; time < $until; $n++) {
    my $got = upload($n)->{status};
    $status{$got}++;
    push @acknowledged, $n if $got == 201;
    sleep(0.02) if $got == 503;
    next if $child || @acknowledged < 5;

    $child = fork() // die "fork: $!\n";
    if ($child == 0) {
        sleep(0.02);
        kill 'QUIT', $t->pid('postgres');
        POSIX::_exit(0);
    }
    $until = time + 1.5;
}
waitpid($child, 0) if $child;
$t->stop_postgres();
$t->start_postgres(fsync => 1);

is((grep { !/^(?:201|503)\z/ } keys %status), 0, 'stored or refused: '
    . join ', ', map { "$status{$_} of $_" } sort keys %status);
cmp_ok(scalar @acknowledged, '>=', 5, 'some were acknowledged');
$t->database_back();
is((grep { upload($_)->{status} != 200 } @acknowledged), 0,
    'all acknowledged ones are there');

$t->finish();


sub upload {
    my ($number) = @_;
    my $file = $t->dicom_file(StudyInstanceUID => '2.25.1001',
        SeriesInstanceUID => '2.25.1002', InstanceNumber => $number,
        SOPInstanceUID => "2.25.1003.$number");
    return $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $file, headers => { 'Content-Type' => 'application/dicom' });
}


# Until it is no 503 any more.
sub eventually {
    my ($try) = @_;
    my $res;
    for (1 .. 150) {
        $res = $try->();
        last if $res->{status} != 503;
        sleep(0.2);
    }
    return $res;
}


sub unavailable {
    my ($res, $what) = @_;
    is($res->{status}, 503, "$what: 503");
    is($res->{json}{type}, 'urn:dicom:problem:database-unavailable',
        "$what: of its own type");
    like($res->{headers}{'retry-after'} // '', qr/^\d+\z/,
        "$what: when to try again");
    unlike($res->{body}, qr/postgres|127\.0\.0\.1|server closed/i,
        "$what: without internals");
}
