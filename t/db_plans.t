#!/usr/bin/perl

# PostgreSQL plans a search by name, the reading of a study and the record of a
# read once for each connection, not each time; what has optional filters it may plan as it likes,
# whatever ran on the connection before.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $N = 40;

$t->start_postgres(args => ['-c', 'log_planner_stats=on', '-c',
    'log_statement=all']);
$t->yaml($_, databaseConnections => 1) for qw(toplevel facility);
my $conf = $t->expand('%%GLOBALS%%') =~ s/worker_processes 2/worker_processes 1/r;
$t->start_nginx(conf => "$conf%%EVENTS%%\nhttp {\n%%HTTP%%\n%%SERVERS%%}\n");
$t->seed_demo();
my $token = $t->login('physician');
my $admin = $t->login('admin');
my $p = $t->http('toplevel', POST => '/api/v1/patients', token => $token,
    json => { name => { family => 'Plan' } })->{json};

sub status { $t->http('toplevel', @_)->{status} }

# How often something matches in the server's log while the code runs.
sub counted {
    my ($match, $code) = @_;
    my $from = length $t->read_file('logs/postgres.log');
    $code->();
    my $log = substr $t->read_file('logs/postgres.log'), $from;
    return scalar(() = $log =~ /$match/g);
}

my @search = (GET => '/api/v1/patients?q=plan', token => $token);
my @list = (GET => '/api/v1/facilities', token => $admin);
is(status(@search), 200, 'a search') for 1 .. 3;

my $planned = counted(qr/PLANNER STATISTICS/, sub { status(@search) for 1 .. $N });
cmp_ok($planned, '<=', $N / 4, "$N searches, with their records, took $planned "
    . 'plans');

is(counted(qr/plan_cache_mode/, sub {
    status(GET => "/api/v1/patients/$p->{id}", token => $token) for 1 .. 5
}), 0, 'reads by key leave the setting as it is');
# A seal of the record before may come between.
my $changes = counted(qr/plan_cache_mode', 'force|SET plan_cache_mode = auto/,
    sub { status(@list) for 1 .. 5 });
ok($changes == 1 || $changes == 3, 'a list with filters changes it, once')
    or diag("$changes changes");
is(counted(qr/execute <unnamed>: .*force_generic/, sub { status(@search) }), 1,
    'a search changes it again');

# A transaction that is rolled back, by its check or by an error, takes the
# setting along.
sub rolled_back {
    my ($name, @request) = @_;

    status(@list);
    my $status = $request[-1];
    is(status(@request[0 .. $#request - 1]), $status, $name);
    $planned = counted(qr/PLANNER STATISTICS/, sub {
        status(@search) for 1 .. $N / 2 });
    cmp_ok($planned, '<=', $N / 4, "$name: then a search is planned once");
}

rolled_back('a stale change', PATCH => "/api/v1/patients/$p->{id}",
    token => $token, json => { sex => 'F' }, headers => { 'If-Match' => '"99"' },
    412);
rolled_back('a violated constraint', POST => '/api/v1/facilities',
    token => $admin, json => { name => 'Again', code => 'TEST' }, 409);

# Whoever looks for a study that is not there asks for all that it would hold.
sub detail {
    $t->http('facility', GET => '/api/v1/studies/1.2.3',
        token => $token)->{status}
}
is(detail(), 404, 'no such study') for 1 .. 3;
$planned = counted(qr/PLANNER STATISTICS/, sub { detail() for 1 .. $N });
cmp_ok($planned, '<=', $N / 4, "$N studies, with their records, took $planned "
    . 'plans');

$t->finish();
