#!/usr/bin/perl

# Presentation states before the reader: t/browser/presentation.js on a system
# of our own.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Node;
use Test::Dicom::Presentation qw(gsps);

my $chromium = Test::Dicom::Node::browser();

my $t = Test::Dicom->new();

$t->start_postgres();
$t->start_worker();
$t->yaml('toplevel', corsOrigins => ['https://127.0.0.1:' . $t->port('web')]);
$t->start_nginx(tls => 1);
$t->seed_demo();

my $token = $t->login('radiographer');
my ($columns, $rows) = (200, 120);
my ($study, $series) = ('2.25.7', '2.25.7.1');
my %named = (study => $study, series => $series, columns => $columns,
    rows => $rows, images => [{ uid => "$series.1" }, { uid => "$series.2" }]);

sub upload {
    my ($bytes, $name) = @_;
    is($t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $bytes)->{status}, 201, $name);
}

for my $n (1 .. 3) {
    upload($t->dicom_file(StudyInstanceUID => $study, PatientName => 'STATE',
        SeriesInstanceUID => $series, SOPInstanceUID => "$series.$n",
        InstanceNumber => $n, Rows => $rows, Columns => $columns,
        BitsStored => 12, WindowCenter => 2000, WindowWidth => 4000,
        pixels => pack 'v*', map { my $y = $_;
            map { 1000 + 8 * $_ + 5 * $y + 40 * $n } 0 .. $columns - 1 }
            0 .. $rows - 1), "image $n");
}
upload(gsps(%named, uid => '2.25.7.9.1', label => 'FINDING',
    description => 'Lesion', rotate => 90, flip => 1,
    vois => [{ center => 2100, width => 3000 }],
    shutter => { shape => 'RECTANGULAR', left => 10, right => 190,
        upper => 5, lower => 110 },
    areas => [{ left => 21, top => 11, right => 180, bottom => 110,
        images => [{ uid => "$series.1" }] },
        { left => 101, top => 21, right => 190, bottom => 100 }],
    layers => [{ name => 'LAYER1' }, { name => 'RED', gray => 65535 }],
    annotations => [{ images => [{ uid => "$series.2" }], graphics => [
        { shape => 'POLYLINE', points => [120, 40, 160, 40, 160, 80] },
        { shape => 'ELLIPSE', points => [110, 70, 150, 70, 130, 60, 130, 80] },
        { shape => 'INTERPOLATED', points => [125, 90, 140, 85, 155, 95] }],
        texts => [{ text => "a lesion\r\nof 2 cm", box => [150, 45, 185, 60],
            anchor => [160, 80] }] },
        { layer => 'RED', graphics => [{ shape => 'CIRCLE',
            units => 'DISPLAY', points => [0.25, 0.25, 0.25, 0.3] }] }]),
    'a state for two images');
upload(gsps(%named, uid => '2.25.7.9.2', label => 'LARGE',
    presentation => 'INVERSE',
    areas => [{ left => 1, top => 1, right => 100, bottom => 60,
        size => 'MAGNIFY', magnification => 2.5 }]), 'a magnified one');

my $out = $ENV{DICOM_TEST_OUT} || $t->top . '/.build/screenshots';
my $status = Test::Dicom::Node::run(['presentation.js'],
    env => {
        CHROMIUM => $chromium,
        SYSTEM => JSON::PP->new->ascii->encode({
            web => $t->url('web') . '/', username => 'physician',
            password => $Test::Dicom::PASSWORD, study => $study, out => $out,
            profile => $t->dir . '/browser',
        }),
    });

is($status, 0, "the browser's way ends well");

$t->finish();
