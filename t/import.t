#!/usr/bin/perl

# scripts/import: a folder of anybody's files, with a summary and a status.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 17);

$t->start_postgres();
$t->start_worker();
$t->start_nginx(tls => 1);
$t->seed_demo();

my $dir = $t->dir . '/files';
mkdir $_ for $dir, "$dir/deeper";

my @uids = map { Test::Dicom::File::uid() } 1 .. 2;
$t->write_file("files/one.dcm", $t->dicom_file(SOPInstanceUID => $uids[0]));
$t->write_file("files/deeper/two words [1].dcm",
    $t->dicom_file(SOPInstanceUID => $uids[1]));
$t->write_file('files/letter.txt', "Dear colleague,\n");
$t->write_file('files/-', "a name that is an option\n");

my ($status, $output) = import($dir);
is($status, 1, 'some were refused');
like($output, qr/^stored\s+2$/m, 'two stored');
like($output, qr/^already there\s+0$/m, 'none there before');
like($output, qr/^refused\s+2$/m, 'two refused');
like($output, qr/letter\.txt/, 'which is said');

($status, $output) = import($dir);
like($output, qr/^stored\s+0$/m, 'nothing new the second time');
like($output, qr/^already there\s+2$/m, 'both are there');

unlink "$dir/letter.txt", "$dir/-";
($status, $output) = import($dir);
is($status, 0, 'all there: success');

$t->write_file('nameless.dcm', $t->dicom_file(SOPInstanceUID => 'none',
    SeriesInstanceUID => undef));
($status, $output) = import($t->path('nameless.dcm'));
is($status, 0, 'a file without UIDs');
like($output, qr/assigned: instance, series\n\s+.*nameless\.dcm/,
    'is said to have got some');

# The same UID with other content.
$t->write_file("files/one.dcm", $t->dicom_file(SOPInstanceUID => $uids[0],
    PatientID => 'OTHER'));
($status, $output) = import("$dir/one.dcm");
is($status, 2, 'nothing was stored');
like($output, qr/^refused\s+1$/m, 'a conflict is refused');

($status, $output) = import("$dir/none");
is($status, 2, 'a folder that is not there');
like($output, qr/No such file/, 'which is said');

{
    local $ENV{DICOM_PASSWORD} = 'not-the-password';
    ($status, $output) = import($dir);
    is($status, 2, 'a wrong password');
    like($output, qr/login of radiographer .* failed/, 'which is said');
}

$t->stop_worker();
($status, $output) = import("$dir/deeper");
like($output, qr/^refused\s+1$/m, 'without a worker: refused, not lost');


sub import {
    my (@names) = @_;

    local $ENV{DICOM_PASSWORD} = $ENV{DICOM_PASSWORD}
        // $Test::Dicom::PASSWORD;
    my $command = join ' ', map { "'$_'" } $t->top . '/scripts/import',
        '--toplevel', $t->url('toplevel'), '--node', $t->url('node'),
        '--ca', $t->path('tls.crt'), '--user', 'radiographer', '--quiet',
        @names;
    my $text = `$command 2>&1`;
    return ($? >> 8, $text);
}
