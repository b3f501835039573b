#!/usr/bin/perl

# The database dies and comes back: 503 with Retry-After meanwhile, served
# again by itself, nothing acknowledged is lost.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->start_postgres(fsync => 1);
$t->yaml('toplevel', databaseTimeout => 120);
$t->start_nginx();
$t->seed_demo();

my $admin = $t->login('admin');
my $n = 0;
my @acknowledged;

sub get { $t->http('toplevel', GET => '/api/v1/facilities', token => $admin) }

sub create {
    my $code = 'R' . ++$n;
    my $res = $t->http('toplevel', POST => '/api/v1/facilities',
        token => $admin, json => { name => 'Restart', code => $code });
    push @acknowledged, $code if $res->{status} == 201;
    return $res;
}

sub recovered {
    my ($name) = @_;
    my $start = time;
    my $good = 0;
    while ($good < 10 && time - $start < 60) {
        if (get()->{status} == 200) {
            $good++;
        } else {
            $good = 0;
            sleep(0.05);
        }
    }
    my $took = time - $start;
    is($good, 10, sprintf '%s: served again by itself (%.1f s)', $name, $took);
    # each process of nginx finds out by itself
    my $res;
    for (1 .. 200) {
        $res = create();
        last if $res->{status} != 503;
        sleep(0.05);
    }
    is($res->{status}, 201, "$name: and written to");
}

sub down {
    my ($name) = @_;
    my ($bad, $slowest) = (0, 0);
    for (1 .. 10) {
        my $start = time;
        my $res = $_ % 2 ? get() : create();
        $slowest = time - $start if time - $start > $slowest;
        $bad++ if $res->{status} != 503 || !$res->{headers}{'retry-after'}
            || ($res->{json}{type} // '') !~ /:database-unavailable$/;
    }
    is($bad, 0, "$name: 503 with Retry-After");
    ok($slowest < 60, sprintf '%s: not only after databaseTimeout (%.2f s)',
        $name, $slowest);
    my $res = $t->http('toplevel', GET => '/api/v1/health');
    is($res->{json}{status}, 'degraded', "$name: health says so");
}

is(create()->{status}, 201, 'as it should be');

for my $how ('fast', 'immediate') {
    $t->stop_postgres($how);
    down("$how shutdown");
    $t->start_postgres(fsync => 1);
    recovered("$how shutdown");
}

# killed while writers write
my @writers;
for my $w (1 .. 4) {
    pipe my $r, my $out or die;
    my $pid = fork() // die;
    if ($pid == 0) {
        my (@ok, $odd);
        my $until = time + 4;
        for (my $i = 0; time < $until; $i++) {
            my $res = $t->http('toplevel', POST => '/api/v1/facilities',
                token => $admin, json => { name => 'Kill', code => "K$w-$i" });
            if ($res->{status} == 201) { push @ok, "K$w-$i" }
            elsif ($res->{status} != 503) { $odd .= "$res->{status} " }
            else { sleep(0.02) }
        }
        print $out join ' ', 'odd:' . ($odd // ''), @ok;
        close $out;
        POSIX::_exit(0);
    }
    close $out;
    push @writers, [$pid, $r];
}
sleep(1);
$t->stop_postgres('immediate');
$t->start_postgres(fsync => 1);
my $odd = '';
for my $w (@writers) {
    my $fh = $w->[1];
    local $/;
    my ($o, @ok) = split ' ', scalar <$fh>;
    $odd .= $o =~ s/^odd://r;
    push @acknowledged, @ok;
    waitpid $w->[0], 0;
}
is($odd, '', 'killed while writing: 201 or 503, nothing else');
recovered('killed while writing');

my %there = map { $_ => 1 } split "\n", $t->psql('toplevel',
    "SELECT code FROM facilities WHERE name IN ('Restart', 'Kill')");
is(join(' ', grep { !$there{$_} } @acknowledged), '',
    'each of the ' . @acknowledged . ' acknowledged writes is there');
is($t->psql('toplevel', "SELECT count(*) FROM facilities f WHERE name IN "
    . "('Restart', 'Kill') AND NOT EXISTS (SELECT 1 FROM audit a WHERE "
    . "a.object = f.id::TEXT AND a.event = 'facility-create')"), 0,
    'and none without its audit event');

# a server that starts before its database
$t->stop_nginx();
$t->stop_postgres();
unlink $t->path('nginx.pid');
$t->write_file('error.log.1', $t->read_file('error.log'));
$t->write_file('error.log', '');
$t->start_nginx();
is($t->http('toplevel', POST => '/api/v1/login', json => { username => 'admin',
    password => 'x' })->{status}, 503, 'started without database');
$t->start_postgres(fsync => 1);
recovered('started without database');

$t->finish();
