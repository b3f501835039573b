#!/usr/bin/perl

# Many writers on the same rows, two workers, PostgreSQL SERIALIZABLE: no
# change is lost, none is made twice, and conflicts are retried by the server.

use strict;
use warnings;

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my ($writers, $rounds) = (16, 8);

$t->start_postgres();
$t->yaml('toplevel', databaseTimeout => 60);
$t->start_nginx();
$t->seed_demo();

my $admin = $t->login('admin');
my $physician = $t->login('physician');

sub api {
    my ($token, $method, $path, %opt) = @_;
    my $res;
    for (1 .. 200) {
        $res = $t->http('toplevel', $method => "/api/v1$path",
            token => $token, timeout => 180, %opt);
        last if $res->{status} != 503;
        sleep(rand 0.2);
    }
    return $res;
}

# Runs the code in as many processes; their results.
sub crowd {
    my ($code) = @_;
    my @pipes;
    for my $n (1 .. $writers) {
        pipe my $r, my $w or die;
        my $pid = fork() // die "fork: $!\n";
        if ($pid == 0) {
            close $r;
            srand($$);
            print $w encode_json(eval { $code->($n) } // { error => "$@" });
            close $w;
            POSIX::_exit(0);
        }
        close $w;
        push @pipes, [$pid, $r];
    }
    my @results;
    for my $p (@pipes) {
        my $r = $p->[1];
        local $/;
        push @results, decode_json(<$r>);
        waitpid $p->[0], 0;
    }
    return @results;
}


# a counter: each success of a writer adds one

my $f = api($admin, POST => '/facilities', json => { name => 'Counter',
    code => 'CTR', city => '0' })->{json};

my @results = crowd(sub {
    my %count = (ok => 0, stale => 0, other => 0);
    while ($count{ok} < $rounds && $count{stale} < 5000) {
        my $now = api($admin, GET => "/facilities/$f->{id}");
        my $res = api($admin, PATCH => "/facilities/$f->{id}",
            json => { city => '' . ($now->{json}{city} + 1) },
            headers => { 'If-Match' => $now->{headers}{etag} });
        $count{$res->{status} == 200 ? 'ok' : $res->{status} == 412 ? 'stale'
            : 'other'}++;
    }
    return \%count;
});

my %sum;
for my $r (@results) { $sum{$_} += $r->{$_} for keys %$r }
is($sum{ok}, $writers * $rounds, 'all writers succeeded as often as they meant');
is($sum{other}, 0, 'changes succeed or are stale, nothing else');
ok($sum{stale}, "they were in each other's way ($sum{stale} times)");
my $now = api($admin, GET => "/facilities/$f->{id}");
is($now->{json}{city}, $sum{ok}, 'the counter is exact');
is($now->{headers}{etag}, '"' . ($sum{ok} + 1) . '"', 'and so is the version');
is($t->psql('toplevel', "SELECT count(*) FROM audit WHERE object = '$f->{id}' "
    . "AND event = 'facility-change'"), $sum{ok}, 'each change is audited once');


# one identifier, many who want it

@results = crowd(sub {
    my ($n) = @_;
    my %count = (ok => 0, conflict => 0, other => 0);
    for my $i (1 .. $rounds) {
        my $res = api($physician, POST => '/patients', json => {
            name => { family => "Writer $n", given => "Round $i" },
            identifiers => [{ issuer => 'X', value => "$i" },
                { issuer => "Y$n", value => "$i" }] });
        $count{$res->{status} == 201 ? 'ok' : $res->{status} == 409
            ? 'conflict' : 'other'}++;
    }
    return \%count;
});

%sum = ();
for my $r (@results) { $sum{$_} += $r->{$_} for keys %$r }
is($sum{ok}, $rounds, 'each identifier was given once');
is($sum{conflict}, $rounds * ($writers - 1), 'and refused to all others');
is($sum{other}, 0, 'nothing else happened');
is($t->psql('toplevel', 'SELECT count(*) FROM patients'), $rounds,
    'no patient without it');
is($t->psql('toplevel', 'SELECT count(*) FROM patient_identifiers'),
    2 * $rounds, 'no identifier without its patient');


# one id, the same body, all at once

my @ids = map { sprintf '44444444-2222-4333-8444-%012d', $_ } 1 .. $rounds;
@results = crowd(sub {
    my %count = (created => 0, same => 0, other => 0);
    for my $id (@ids) {
        my $res = api($admin, POST => '/facilities', json => { id => $id,
            name => 'Same', code => "S$id" });
        $count{$res->{status} == 201 ? 'created' : $res->{status} == 200
            ? 'same' : 'other'}++;
    }
    return \%count;
});

%sum = ();
for my $r (@results) { $sum{$_} += $r->{$_} for keys %$r }
is($sum{created}, $rounds, 'each was created once');
is($sum{same}, $rounds * ($writers - 1), 'and was the same to all others');
is($sum{other}, 0, 'nothing else happened');
is($t->psql('toplevel', "SELECT count(*) FROM facilities WHERE name = 'Same'"),
    $rounds, 'rows');


# the server retried

my %retries;
for (1 .. 400) {
    my $text = $t->http('toplevel', GET => '/metrics')->{body};
    while ($text =~ /^dicom_db_events_total\{([^}]*event="retry"[^}]*)\} (\d+)/mg) {
        $retries{$1} = $2;
    }
    last if grep { $_ > 0 } values %retries;
}
my $retries = 0;
$retries += $_ for values %retries;
ok($retries > 0, "conflicts were retried ($retries times)")
    or diag($t->http('toplevel', GET => '/metrics')->{body});

$t->finish();
