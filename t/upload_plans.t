#!/usr/bin/perl

# PostgreSQL plans what an upload asks once for each connection, and no setting
# is changed on the way from the rows to their record.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 4);
my $N = 20;

$t->start_postgres(args => ['-c', 'log_planner_stats=on', '-c',
    'log_statement=all']);
$t->seed_demo();
$t->start_worker();
$t->yaml('node', databaseConnections => 1);
my $conf = $t->expand('%%GLOBALS%%') =~ s/worker_processes 2/worker_processes 1/r;
$t->start_nginx(conf => "$conf%%EVENTS%%\nhttp {\n%%HTTP%%\n%%SERVERS%%}\n");

my $token = $t->login('radiographer');
my %base = (StudyInstanceUID => '2.25.1', SeriesInstanceUID => '2.25.1.1',
    Modality => 'CT', PatientID => 'P-1');

# The statuses of n uploads, from a number on.
sub uploads {
    my ($first, $n) = @_;
    return join ' ', map { $t->http('node', PUT => '/api/v1/instances',
        token => $token, body => $t->dicom_file(%base,
            SOPInstanceUID => "2.25.1.1.$_", InstanceNumber => $_))->{status}
    } $first .. $first + $n - 1;
}

is(uploads(1, 3), '201 201 201', 'the first uploads');

my $from = length $t->read_file('logs/postgres.log');
is(uploads(4, $N), join(' ', (201) x $N), "$N more");
my $log = substr $t->read_file('logs/postgres.log'), $from;

my $planned = () = $log =~ /PLANNER STATISTICS/g;
cmp_ok($planned, '<=', $N, "they took $planned plans");
my $changed = () = $log =~ /execute <unnamed>: .*plan_cache_mode/g;
cmp_ok($changed, '<=', $N / 4, "and $changed changes of the setting");

$t->finish();
