#!/usr/bin/perl

# What the viewer takes from headers, in a real browser: mammograms hang by side
# and view, lengths are those of their image; and small windows:
# t/browser/hanging.js on a system of our own.

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

# One image: bright where the chest wall is, as PatientOrientation says.
sub image {
    my (%a) = @_;
    my ($size, $n) = (96, ++$serial);
    my $right = ($a{PatientOrientation} // '') =~ /^P/;
    my $pixels = pack 's<*', (map { my $x = $right ? 95 - $_ : $_;
        $x < 60 ? 3000 - 40 * $x + $n : 0 } 0 .. $size - 1) x $size;
    my $res = $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $t->dicom_file(SOPInstanceUID => "2.25.77.9.$n",
            SOPClassUID => '1.2.840.10008.5.1.4.1.1.1.2', Modality => 'MG',
            InstanceNumber => $n, Rows => $size, Columns => $size,
            PixelRepresentation => 1, WindowCenter => 1500,
            WindowWidth => 3000, pixels => $pixels, %a),
        headers => { 'Content-Type' => 'application/dicom' });
    if ($res->{status} != 201) {
        fail('upload');
        diag($res->{status}, ' ', $res->{body});
    }
}

# A sequence of one item: tag => [VR => value], in the order of tags.
sub sequence {
    my (%set) = @_;
    my $item = join '', map { Test::Dicom::File::element($_, @{$set{$_}}) }
        sort keys %set;
    return [SQ => pack('vvV', 0xfffe, 0xe000, length $item) . $item];
}

sub orientation {
    return $_[0] =~ /^R/ ? 'P\L' : 'A\R';
}

# Four views in one series that has no name, in the order of nobody.
for my $view (['L', 'MLO'], ['R', 'CC'], ['R', 'MLO'], ['L', 'CC']) {
    image(PatientName => 'MAMMO^EVA', PatientID => 'MG-1',
        StudyInstanceUID => '2.25.77.1', SeriesInstanceUID => '2.25.77.1.1',
        StudyDate => '20260102', StudyDescription => 'Screening',
        PatientOrientation => orientation($view->[0]),
        '00200062' => [CS => $view->[0]], '00185101' => [CS => $view->[1]],
        '00181164' => [DS => '0.1\0.1']);
}

# Two years before: a series each, views as codes, one of them missing, and
# names that say otherwise.
for my $view (['L', '399162004', 1], ['R', 'R-10226', 2],
    ['R', 'R-10242', 3])
{
    image(PatientName => 'MAMMO^EVA', PatientID => 'MG-1',
        StudyInstanceUID => '2.25.77.2',
        SeriesInstanceUID => "2.25.77.2.$view->[2]", SeriesNumber => $view->[2],
        StudyDate => '20240102', StudyDescription => 'Screening before',
        SeriesDescription => "VIEW-$view->[2]",
        PatientOrientation => orientation($view->[0]),
        '00200062' => [CS => $view->[0]], '00540220' => sequence(
            '00080100' => [SH => $view->[1]], '00080102' => [SH => 'SCT']));
}

# A month later only one of them.
image(PatientName => 'MAMMO^EVA', PatientID => 'MG-1',
    StudyInstanceUID => '2.25.77.6', SeriesInstanceUID => '2.25.77.6.1',
    StudyDate => '20260203', StudyDescription => 'One view',
    PatientOrientation => orientation('R'),
    '00200062' => [CS => 'R'], '00185101' => [CS => 'CC']);

# Two radiographs of different scales in one series, by number only.
for my $mm (0.5, 1) {
    image(PatientName => 'HAND^IVO', PatientID => 'CR-1', Modality => 'CR',
        SOPClassUID => '1.2.840.10008.5.1.4.1.1.1',
        StudyInstanceUID => '2.25.77.3', SeriesInstanceUID => '2.25.77.3.1',
        '00181164' => [DS => "$mm\\$mm"]);
}

# An ultrasound image: centimetres are known in its left half only.
image(PatientName => 'ECHO^IVA', PatientID => 'US-1', Modality => 'US',
    SOPClassUID => '1.2.840.10008.5.1.4.1.1.6.1',
    StudyInstanceUID => '2.25.77.4', SeriesInstanceUID => '2.25.77.4.1',
    '00186011' => sequence(
        '00186012' => [US => 1], '00186014' => [US => 1],
        '00186018' => [UL => 0], '0018601a' => [UL => 0],
        '0018601c' => [UL => 47], '0018601e' => [UL => 95],
        '00186024' => [US => 3], '00186026' => [US => 3],
        '0018602c' => [FD => [0.2]], '0018602e' => [FD => [0.2]]));

# Of a modality that the top level does not know.
image(PatientName => 'SCOPE^ADA', PatientID => 'ZZ-1', Modality => 'ZZ',
    SOPClassUID => '1.2.840.10008.5.1.4.1.1.7',
    StudyInstanceUID => '2.25.77.5', SeriesInstanceUID => '2.25.77.5.1');

my $status = Test::Dicom::Node::run(['hanging.js'],
    env => {
        CHROMIUM => $chromium,
        SYSTEM => JSON::PP->new->ascii->encode({
            web => $t->url('web') . '/', username => 'physician',
            password => $Test::Dicom::PASSWORD,
            out => $ENV{DICOM_TEST_OUT} || $t->top . '/.build/screenshots',
            profile => $t->dir . '/browser',
        }),
    });

is($status, 0, "the browser's way ends well");

$t->finish();
