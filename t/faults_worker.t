#!/usr/bin/perl

# A render worker that dies: 503 with Retry-After while it is away, afterwards
# everything again, and nothing that was acknowledged is lost.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();

$t->start_postgres();
$t->start_worker();
$t->start_nginx();
$t->seed_demo();

my $token = $t->login('radiographer');
my $reader = $t->login('physician');
my ($study, $series) = map { Test::Dicom::File::uid() } 1 .. 2;

my $res = upload(1);
is($res->{status}, 201, 'an image is stored');
my $stack = open_stack();
is($stack->{status}, 202, 'and opened');
is(picture($stack)->{status}, 200, 'and shown');

# Killed while nobody asks.
kill 'KILL', $t->pid('worker');
$t->stop('worker');

unavailable(picture($stack), 'a picture');
unavailable(open_stack(), 'opening');
unavailable(upload(2), 'an upload');
is($t->psql('facility', 'SELECT count(*) FROM instances'), '1',
    'the refused upload left no row');
is($t->http('facility', GET => "/api/v1/studies/$study",
    token => $reader)->{status}, 200, 'the facility goes on');
is($t->http('node', GET => '/api/v1/health')->{json}{status}, 'degraded',
    'the node says that it is degraded');

$t->start_worker();

$res = picture($stack);
like($res->{status}, qr/^(?:404|410)\z/, 'the old stack is gone');
like($res->{json}{type}, qr/:stack-(?:not-found|expired)\z/, 'which is said');
$stack = open_stack();
is($stack->{status}, 202, 'it is opened again');
is(picture($stack)->{status}, 200, 'and shown again');
is(upload(1)->{status}, 200, 'what was acknowledged is there');
is(upload(2)->{status}, 201, 'what was refused can be sent again');
is($t->incoming(), 0, 'nothing half-written is left');

# Killed in the middle of requests: each gets an answer.
my @answers;
for my $round (1 .. 4) {
    my $child = fork() // die "fork: $!\n";
    if ($child == 0) {
        sleep(0.02 * $round);
        kill 'KILL', $t->pid('worker');
        POSIX::_exit(0);
    }
    push @answers, (map { picture($stack)->{status} } 1 .. 6),
        upload(10 + $round)->{status};
    waitpid($child, 0);
    $t->stop('worker');
    $t->start_worker();
    $stack = open_stack();
}
is((grep { !/^(?:200|201|404|410|503)\z/ } @answers), 0,
    'every request is answered: ' . join ' ', @answers);
is(upload(20)->{status}, 201, 'and then all is well');

$t->finish();


# One small image, a file of its own for each number.
sub upload {
    my ($number) = @_;
    my $file = $t->dicom_file(StudyInstanceUID => $study,
        SeriesInstanceUID => $series, InstanceNumber => $number,
        SOPInstanceUID => "$series.$number");
    return $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $file, headers => { 'Content-Type' => 'application/dicom' });
}


sub open_stack {
    return $t->http('node', POST => '/api/v1/stacks', token => $reader,
        json => { study => $study, series => $series });
}


sub picture {
    my ($stack) = @_;
    my $id = $stack->{json}{id} // '0' x 32;
    return $t->http('node', GET => "/api/v1/stacks/$id/layers/0",
        token => $reader);
}


sub unavailable {
    my ($res, $what) = @_;
    is($res->{status}, 503, "$what: 503");
    is($res->{json}{type}, 'urn:dicom:problem:renderer-unavailable',
        "$what: of its own type");
    like($res->{headers}{'retry-after'} // '', qr/^\d+\z/,
        "$what: when to try again");
}
