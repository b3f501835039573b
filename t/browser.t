#!/usr/bin/perl

# A doctor's way through the whole system in a real browser: t/browser/viewer.js
# on a system of our own, over TLS, with a real CT where there is one.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Node;

my $chromium = Test::Dicom::Node::browser();

my $t = Test::Dicom->new();

$t->start_postgres();
$t->start_worker();
# Tokens are renewed at 40% of their life: every 6 seconds here.
$t->yaml('toplevel', tokenLife => 15,
    corsOrigins => ['https://127.0.0.1:' . $t->port('web')]);
$t->start_nginx(tls => 1);
$t->seed_demo();

# The worker is stopped on purpose, and its peers are missed.
$t->allow_alerts(qr/render|upstream/);

my ($patient, $number, @files) = files();

for my $file (@files) {
    # all of them may take longer than a token lives
    my $res = $t->http('node', PUT => '/api/v1/instances',
        token => $t->login('radiographer', $Test::Dicom::PASSWORD),
        body => $t->read_file($file),
        headers => { 'Content-Type' => 'application/dicom' });
    if ($res->{status} != 201) {
        fail("upload of $file");
        diag($res->{status}, ' ', $res->{body});
    }
}

# The top level knows the patient too, under the facility's number.
my $res = $t->http('toplevel', POST => '/api/v1/patients',
    token => $t->login('radiographer', $Test::Dicom::PASSWORD),
    json => { name => { family => $patient, given => 'Ana' },
        birth_date => '1968-07-22', sex => 'F',
        identifiers => [{ issuer => 'TEST', value => $number }] });
is($res->{status}, 201, 'the patient is registered') or diag($res->{body});

my $out = $ENV{DICOM_TEST_OUT} || $t->top . '/.build/screenshots';
my $junk = $t->write_file('not-dicom.txt', "not a DICOM file\n" x 100);

my $status = Test::Dicom::Node::run(['viewer.js'],
    env => {
        CHROMIUM => $chromium,
        SYSTEM => JSON::PP->new->ascii->encode({
            web => $t->url('web') . '/', username => 'physician',
            password => $Test::Dicom::PASSWORD, patient => $patient,
            upload => [$junk, $files[0]], out => $out, renewals => 1,
            control => 1, profile => $t->dir . '/browser',
        }),
    },
    do => {
        'stop-worker' => sub { $t->stop_worker() },
        'start-worker' => sub { $t->start_worker() },
    });

is($status, 0, "the browser's way ends well");
note("screenshots: $out");

$t->finish();


# A family name, a number and the files of one CT: real ones of the public test data, or
# else a cube of our own.
sub files {
    if (my $folder = $t->data('series/ct_ge_head')) {
        my @real = sort glob "$folder/*.dcm";
        my ($name, $number) = map { `dcmdump +P $_ '$real[0]' 2>/dev/null`
            =~ /\[([^\^\]]{3,})/ } qw(PatientName PatientID);
        return ($name, $number, @real) if $name && $number;
    }

    my %uid = map { $_ => Test::Dicom::File::uid() } qw(study series frame);
    my @made;

    for my $n (1 .. 24) {
        my $pixels = pack 's<*', map { my $row = $_;
            map { 20 * $n + (($_ - 64) ** 2 + ($row - 64) ** 2 < 2500
                ? $_ * 8 - 200 : -1000) } 0 .. 127 } 0 .. 127;
        push @made, $t->write_file(sprintf('ct-%02d.dcm', $n),
            $t->dicom_file(
                SOPClassUID => '1.2.840.10008.5.1.4.1.1.2', Modality => 'CT',
                PatientName => 'SHEPP^LOGAN', PatientID => 'SL-1',
                StudyDescription => 'Phantom',
                StudyInstanceUID => $uid{study},
                SeriesInstanceUID => $uid{series},
                FrameOfReferenceUID => $uid{frame},
                InstanceNumber => $n, Rows => 128, Columns => 128,
                PixelSpacing => '1.5\1.5', SliceThickness => 2,
                ImageOrientationPatient => '1\0\0\0\1\0',
                ImagePositionPatient => "-96\\-96\\" . 2 * $n,
                PixelRepresentation => 1, RescaleSlope => 1,
                RescaleIntercept => 0, RescaleType => 'HU',
                WindowCenter => 200, WindowWidth => 1000,
                pixels => $pixels));
    }

    return ('SHEPP', 'SL-1', @made);
}
