#!/usr/bin/perl

# WADO-RS: rendered pictures and thumbnails.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

my $up = $t->login('radiographer');
my $token = $t->login('physician');

# 40 x 20: a bright rectangle in the dark, and three frames of one gray each,
# the last of which lies first

my @row = map { $_ >= 10 && $_ < 20 ? 255 : 20 } 0 .. 39;
store('1.1.1', Rows => 20, Columns => 40, pixels => join '', map {
    pack 'C*', $_ >= 5 && $_ < 10 ? @row : (20) x 40 } 0 .. 19);
store('1.2.1', Rows => 8, Columns => 8, NumberOfFrames => 3, SeriesNumber => 2,
    pixels => join '', map { chr($_) x 64 } 50, 100, 150);
store('1.3.1', Rows => undef, SeriesNumber => 3);
store('2.1.1', Rows => undef);

my $res = get('1.1.1', 'rendered');
is("$res->{status} $res->{headers}{'content-type'}", '200 image/jpeg',
    'a picture');
is(substr($res->{body}, 0, 3), "\xff\xd8\xff", 'is JPEG');
is(get('1.1.1', 'rendered', $_->[0])->{headers}{'content-type'}, $_->[1],
    "Accept: $_->[0]") for ['image/png', 'image/png'], ['*/*', 'image/jpeg'],
    ['image/*', 'image/jpeg'], ['image/jpeg;q=0.5, image/png', 'image/png'],
    ['image/jpeg;q=0, */*', 'image/png'], ['*/*, image/jpeg;q=0', 'image/png'];
is(get('1.1.1', 'rendered?accept=image/png', 'image/jpeg')
    ->{headers}{'content-type'}, 'image/png', 'an argument instead');
is(get('1.1.1', 'rendered', $_)->{status}, 406, "refused: $_")
    for 'application/dicom', 'image/gif', 'video/mp4';

my $image = picture('1.1.1', 'rendered');
is("$image->{width} $image->{height}", '40 20', 'its own size');
is(at($image, 15, 7) > at($image, 30, 15), 1, 'bright is bright');

for my $case (['20,20', 20, 10], ['400,400', 400, 200], ['80,10', 20, 10],
    ['100,100,10,5,10,5', 100, 50], ['30,30,,,20,20', 30, 30])
{
    my ($viewport, $width, $height) = @$case;
    my $image = picture('1.1.1', "rendered?viewport=$viewport");
    is("$image->{width} $image->{height}", "$width $height",
        "viewport $viewport");
}
$image = picture('1.1.1', 'rendered?viewport=100,50,10,5,10,5');
is(join(' ', map { at($image, @$_) } [5, 5], [94, 44], [50, 25]),
    join(' ', (at($image, 50, 25)) x 3), 'the part fills the picture');
for my $flip (['40,20,0,0,-40,20', 24, 7], ['40,20,0,0,40,-20', 15, 12],
    ['40,20,0,0,-40,-20', 24, 12])
{
    my $image = picture('1.1.1', "rendered?viewport=$flip->[0]");
    is(at($image, $flip->[1], $flip->[2]) > at($image, 5, 2), 1,
        "flipped: $flip->[0]");
}
$image = picture('1.1.1', 'rendered?viewport=40,40,5,0,-20,20');
is(at($image, 2 * (25 - 15), 14) > at($image, 2 * (25 - 7), 14), 1,
    'a part, flipped');

isnt(get('1.1.1', 'rendered?window=20,10,linear')->{body},
    get('1.1.1', 'rendered?window=200,100,linear')->{body}, 'a window');
is(get('1.1.1', "rendered?window=20,10,$_")->{status}, 200, $_)
    for qw(linear linear-exact sigmoid);
cmp_ok(length get('1.1.1', 'rendered?quality=1&viewport=400,400')->{body}, '<',
    length get('1.1.1', 'rendered?quality=100&viewport=400,400')->{body},
    'a quality');

is(get('1.1.1', 'rendered?iccprofile=no')->{body},
    get('1.1.1', 'rendered')->{body}, 'no ICC profile, as without asking');
# "shall ignore any unsupported Query Parameters" (PS3.18 8.3)

for my $case ('rendered foo=1', 'rendered annotation=patient', 'rendered _=3',
    'thumbnail iccprofile=yes', 'thumbnail window=x', 'thumbnail charset=utf-8')
{
    my ($what, $unknown) = split / /, $case;
    my $known = 'viewport=9,9';
    my $res = get('1.1.1', "$what?$unknown&$known");
    is($res->{body}, get('1.1.1', "$what?$known")->{body}, "ignored: $case");
    my ($name) = $unknown =~ /(.*)=/;
    is($res->{headers}{warning}, '299 dicom "These parameters are not supported '
        . "and have been ignored: $name.\"", 'which a Warning says');
}
is(get('1.1.1', 'rendered')->{headers}{warning}, undef, 'no Warning of nothing');

for my $bad ('quality=0', 'quality=101', 'quality=x', 'quality=',
    'viewport=10', 'viewport=10,', 'viewport=0,10', 'viewport=x,10',
    'viewport=10,10,1', 'viewport=10,10,1,1,1,1,1', 'viewport=100000,10',
    'viewport=1.5,2', 'viewport=10,10,-1,0,5,5', 'viewport=10,10,30,0,20,5',
    'viewport=10,10,0,0,100,100', 'viewport=nan,inf', 'window=1,2',
    'window=1,2,cubic', 'window=1,0,linear', 'window=x,2,linear',
    'window=,,', 'iccprofile=yes', 'iccprofile=srgb',
    'iccprofile=', 'iccprofile=NO', 'iccprofile=no&iccprofile=no',
    'viewport=1,1&viewport=1,1', 'window=1,2,linear,3')
{
    is(get('1.1.1', "rendered?$bad")->{status}, 400, "refused: $bad");
}

# frames, of which layers have another order when they have places

is(at(picture('1.2.1', "frames/$_/rendered?window=128,256,linear"), 4, 4) <=>
    at(picture('1.2.1', 'frames/2/rendered?window=128,256,linear'), 4, 4),
    $_ <=> 2, "frame $_") for 1 .. 3;
$res = get('1.2.1', 'frames/3/rendered');
is($res->{headers}{'dicom-frame'}, 2, 'says which it is');
is(get('1.2.1', "frames/$_/rendered")->{status}, 404, "no frame $_")
    for 4, 1000000;
is(get('1.2.1', "frames/$_/rendered")->{status}, 400, "not one frame: $_")
    for 0, 'x', '1,2';
is(get('1.3.1', 'rendered')->{status}, 404, 'no picture');
is(get('1.1.404', 'rendered')->{status}, 404, 'no instance');

# thumbnails

for my $path ('/2.25.1/thumbnail', '/2.25.1/series/2.25.1.1/thumbnail',
    path('1.1.1') . '/thumbnail', path('1.2.1') . '/frames/2/thumbnail',
    '/2.25.1/thumbnail?viewport=64,64')
{
    my $image = png($path);
    my $longer = $path =~ /64/ ? 64 : 128;
    is($image->{width} > $image->{height} ? $image->{width} : $image->{height},
        $longer, "$path: $longer pixels");
}
is($t->http('node', GET => "/dicom-web/studies$_", token => $token)->{status},
    404, "$_: nothing to be seen") for '/2.25.2/thumbnail',
    '/2.25.404/thumbnail', '/2.25.1/series/2.25.1.3/thumbnail';
is($t->http('node', GET => '/dicom-web/studies/2.25.1/series/2.25.1.2'
    . '/thumbnail', token => $token)->{headers}{'dicom-frame'}, 1,
    'of three frames the middle one');

# Their numbers say which is in the middle, and what has no picture is not.
store("4.1.$_->[0]", InstanceNumber => $_->[1], Rows => $_->[2])
    for [1, 5, 8], [2, 1, 8], [3, 3, 8], [4, 4, 8], [5, 7, undef],
    [6, 8, undef], [7, 9, undef];
for my $path ('', '/series/2.25.4.1') {
    is($t->http('node', GET => "/dicom-web/studies/2.25.4$path/thumbnail",
        token => $token)->{headers}{'dicom-instance'}, '2.25.4.1.3',
        "of four images the second: $path");
}

# nothing stays open

my $leases;
for (1 .. 600) {
    $leases = leases();
    last if !$leases;
    select undef, undef, undef, 0.1;
}
is($leases, 0, 'all stacks are given back');
is($t->psql('facility', "SELECT DISTINCT patient FROM audit
    WHERE event = 'instance-read' AND outcome = 'success'"), 'TEST|P-1',
    'it is noted');

for my $path (path('1.1.1') . '/rendered', '/2.25.1/thumbnail') {
    is($t->http('node', GET => "/dicom-web/studies$path",
        token => $t->login($_))->{status}, 403, "$_: none of $path")
        for qw(admin auditor);
    is($t->http('node', GET => "/dicom-web/studies$path")->{status}, 401,
        'nobody');
}

$t->finish();


sub store {
    my ($instance, %a) = @_;
    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    my $res = $t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $t->dicom_file(StudyInstanceUID => "2.25.$study",
            SeriesInstanceUID => "2.25.$series", PatientID => 'P-1',
            SOPInstanceUID => "2.25.$instance", exists $a{Rows} && !$a{Rows}
            ? () : (BitsAllocated => 8, BitsStored => 8), %a));
    is($res->{status}, 201, "instance $instance") or diag $res->{body};
}


sub path {
    my ($instance) = @_;
    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    return "/2.25.$study/series/2.25.$series/instances/2.25.$instance";
}


sub get {
    my ($instance, $what, $accept) = @_;
    return $t->http('node', GET => '/dicom-web/studies' . path($instance)
        . "/$what", token => $token,
        headers => { defined $accept ? (Accept => $accept) : () });
}


sub png {
    my ($path) = @_;
    my $res = $t->http('node', GET => "/dicom-web/studies$path",
        token => $token, headers => { Accept => 'image/png' });
    is($res->{status}, 200, $path) or diag $res->{body};
    return Test::Wire::png($res->{body});
}


sub picture { png(path($_[0]) . "/$_[1]") }


sub at {
    my ($image, $x, $y) = @_;
    return ord substr $image->{pixels},
        $image->{samples} * ($y * $image->{width} + $x), 1;
}


sub leases {
    return Test::Wire->new($t->socket_path())->metric('dicom_render_leases');
}
