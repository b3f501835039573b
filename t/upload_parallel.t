#!/usr/bin/perl

# One series uploaded by many at once: every file gets in, once.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 5);

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

my $token = $t->login('radiographer');
my ($files, $clients) = (48, 8);
my %base = (StudyInstanceUID => '2.25.1', SeriesInstanceUID => '2.25.1.1',
    Modality => 'CT', PatientID => 'P-1');

my @file = map { $t->dicom_file(%base, SOPInstanceUID => "2.25.1.1.$_",
    InstanceNumber => $_) } 0 .. $files - 1;

# each client brings its share, and its neighbour's as well
my @pids;
for my $c (0 .. $clients - 1) {
    my $pid = fork() // die;
    if ($pid == 0) {
        my $log = '';
        for my $k (grep { ($_ - $c) % $clients < 2 } 0 .. $files - 1) {
            $log .= $t->http('node', PUT => '/api/v1/instances',
                token => $token, body => $file[$k])->{status} . "\n";
        }
        $t->write_file("client.$c", $log);
        POSIX::_exit(0);
    }
    push @pids, $pid;
}
waitpid $_, 0 for @pids;

my %count;
$count{$_}++ for map { split /\n/, $t->read_file("client.$_") }
    0 .. $clients - 1;

is($count{201}, $files, 'each file is stored once');
is($count{200}, $files, 'and was there the second time');
is(join(' ', sort keys %count), '200 201', 'nothing was refused');
is($t->psql('facility', 'SELECT (SELECT count(*) FROM studies),
    (SELECT count(*) FROM series), (SELECT count(*) FROM instances)'),
    "1|1|$files", 'the rows');
is($t->psql('facility', "SELECT count(*) FROM audit
    WHERE event = 'instance-store'"), $files, 'the audit');
