#!/usr/bin/perl

# Several viewports side by side: t/browser/panes.js on a system of our own,
# with two real series of one frame of reference where there are any.

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
$t->yaml('toplevel', corsOrigins => ['https://127.0.0.1:' . $t->port('web')]);
$t->start_nginx(tls => 1);
$t->seed_demo();

my $token = $t->login('radiographer');
my $serial = 0;

sub upload {
    my ($bytes) = @_;
    my $res = $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $bytes, headers => { 'Content-Type' => 'application/dicom' });
    if ($res->{status} != 201) {
        fail('upload');
        diag($res->{status}, ' ', $res->{body});
    }
}

# One image with a bright disc, at its own place.
sub image {
    my (%a) = @_;
    my ($size, $n) = (96, ++$serial);
    my $pixels = pack 's<*', map { my $row = $_;
        map { ($_ - 48) ** 2 + ($row - 48) ** 2 < 1600
            ? $_ * 6 + $n % 40 - 200 : -1000 } 0 .. $size - 1 } 0 .. $size - 1;
    upload($t->dicom_file(SOPInstanceUID => "2.25.88.9.$n",
        SOPClassUID => '1.2.840.10008.5.1.4.1.1.2', Modality => 'CT',
        InstanceNumber => $n, Rows => $size, Columns => $size,
        PixelSpacing => '2\2', PixelRepresentation => 1, RescaleSlope => 1,
        RescaleIntercept => 0, WindowCenter => 200, WindowWidth => 1000,
        pixels => $pixels, %a));
}

# Axial slices, each second one again as another series.
my ($folder) = $t->data('series/ct_ge_head');
my (%ct, @names);

if ($folder) {
    my @files = sort glob "$folder/*.dcm";
    for my $tag (qw(PatientName PatientID StudyInstanceUID
        FrameOfReferenceUID)) {
        ($ct{$tag}) = `dcmdump +P $tag '$files[0]'` =~ /\[([^\]]*)\]/;
    }
    for my $n (0 .. $#files) {
        upload($t->read_file($files[$n]));
        next if $n % 2;
        my $copy = $t->dir . "/copy-$n.dcm";
        system('cp', $files[$n], $copy) == 0 or die "cp: $?\n";
        system('dcmodify', '-nb', '-q', '-m', 'SeriesInstanceUID=2.25.88.2',
            '-m', "SOPInstanceUID=2.25.88.2.$n", '-i', 'SeriesNumber=3',
            '-i', 'SeriesDescription=SECOND', $copy) == 0
            or die "dcmodify: $?\n";
        upload($t->read_file($copy));
    }
}
else {
    %ct = (PatientName => 'SHEPP^LOGAN', PatientID => 'SL-1',
        StudyInstanceUID => '2.25.88', FrameOfReferenceUID => '2.25.88.7');
    for my $n (0 .. 27) {
        image(%ct, SeriesInstanceUID => '2.25.88.' . $_, SeriesNumber => $_ + 1,
            SeriesDescription => $_ == 1 ? 'HEAD' : 'SECOND',
            ImageOrientationPatient => '1\0\0\0\1\0',
            ImagePositionPatient => '-96\-96\\' . 4 * $n)
            for 1, $n % 2 ? () : 2;
    }
}

# A sagittal one through them, and an earlier study of the patient.
image(%ct, SeriesInstanceUID => '2.25.88.3', SeriesNumber => 9,
    SeriesDescription => 'SAGITTAL', ImageOrientationPatient => '0\1\0\0\0\-1',
    ImagePositionPatient => $_ * 5 . '\-96\120') for -2 .. 2;
image(%ct, StudyInstanceUID => '2.25.89', SeriesInstanceUID => '2.25.89.1',
    StudyDate => '20190704', StudyDescription => 'Before',
    SeriesDescription => 'BEFORE', FrameOfReferenceUID => '2.25.89.7',
    ImageOrientationPatient => '1\0\0\0\1\0',
    ImagePositionPatient => '-96\-96\\' . 5 * $_) for 0 .. 4;

# Four mammograms, in the order of nobody.
for my $view (['L MLO', 4], ['R CC', 1], ['L CC', 2], ['R MLO', 3]) {
    image(StudyInstanceUID => '2.25.90',
        SeriesInstanceUID => "2.25.90.$view->[1]",
        SOPClassUID => '1.2.840.10008.5.1.4.1.1.1.2', Modality => 'MG',
        PatientName => 'MAMMO^EVA', PatientID => 'MG-1',
        SeriesDescription => $view->[0], PatientOrientation =>
            $view->[0] =~ /^R/ ? 'P\L' : 'A\R');
}

my $status = Test::Dicom::Node::run(['panes.js'],
    env => {
        CHROMIUM => $chromium,
        SYSTEM => JSON::PP->new->ascii->encode({
            web => $t->url('web') . '/', username => 'physician',
            password => $Test::Dicom::PASSWORD, mammograms => '2.25.90',
            study => $ct{StudyInstanceUID},
            out => $ENV{DICOM_TEST_OUT} || $t->top . '/.build/screenshots',
            profile => $t->dir . '/browser',
        }),
    });

is($status, 0, "the browser's way ends well");

$t->finish();
