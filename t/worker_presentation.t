#!/usr/bin/perl

# What presentation states make of images, pixel by pixel, with both renderers;
# the formulas of the standard stand here once more, on their own.

use strict;
use warnings;

use Compress::Zlib ();
use List::Util qw(max min);
use POSIX qw(ceil floor);
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Presentation qw(gsps images item sequence);
use Test::Wire;

my ($columns, $rows) = (20, 12);
my %series = (StudyInstanceUID => '2.25.5', SeriesInstanceUID => '2.25.5.1');
my %named = (study => '2.25.5', series => '2.25.5.1', columns => $columns,
    rows => $rows);

my $t = Test::Dicom->new();
for my $renderer (qw(cpu gl)) {
    $t->start_worker(name => $renderer, args => ['--renderer', $renderer]);
}
my %w = map { $_ => Test::Wire->new($t->socket_path($_)) } qw(cpu gl);
my $w = $w{cpu};

# signed, 12 bits: every value differs, some lie far below zero
my @stored = map { $_ * 15 - 1900 } 0 .. $columns * $rows - 1;
my %gray = (%series, Rows => $rows, Columns => $columns, BitsStored => 12,
    PixelRepresentation => 1, RescaleSlope => 3, RescaleIntercept => -5,
    WindowCenter => 17, WindowWidth => 33,
    pixels => pack('v*', map { $_ & 0xfff } @stored));

my $one = image('2.25.5.1.1');
my $mono1 = image('2.25.5.1.2', PhotometricInterpretation => 'MONOCHROME1');
my $frames = image('2.25.5.1.3', NumberOfFrames => 3,
    pixels => $gray{pixels} x 3);
my $unsigned = image('2.25.5.1.4', PixelRepresentation => 0,
    pixels => pack 'v*', map { $_ * 17 } 0 .. $#stored);
my $rgb = image('2.25.5.1.5', PhotometricInterpretation => 'RGB',
    SamplesPerPixel => 3, PlanarConfiguration => 0, BitsAllocated => 8,
    BitsStored => 8, PixelRepresentation => 0,
    pixels => pack 'C*', map { $_ % 256 } 1 .. 3 * @stored);

sub image {
    my ($uid, %more) = @_;
    return $w->store($t, $t->dicom_file(%gray, SOPInstanceUID => $uid,
        InstanceNumber => $uid =~ /(\d+)\z/, %more));
}

my $number = 0;
sub state {
    my ($images, %p) = @_;
    my $uid = '2.25.5.9.' . ++$number;
    return $w->store($t, gsps(%named, uid => $uid, images =>
        [map { ref ? $_->{uid} ? $_ : { uid => $_->{instance} } : { uid => $_ } }
            @$images], %p));
}

# The picture of a layer, the same by both renderers, as rows of grays.
sub picture {
    my ($files, $state, %p) = @_;
    my $layer = delete $p{layer} // 0;
    my @png;

    for my $renderer (qw(cpu gl)) {
        my $open = $w{$renderer}->open(ref $files eq 'HASH' ? [$files]
            : $files, states => [$state]);
        my $res = $w{$renderer}->render($open->{id}, $layer,
            state => $state->{instance}, interpolation => 'nearest', %p);
        $w{$renderer}->request(release => $open->{id});
        return $res if $res->{status} != 200;
        push @png, { %{Test::Wire::png($res->{body})},
            picture => $res->{picture} };
    }
    is($png[0]{pixels}, $png[1]{pixels}, 'both renderers agree')
        if $png[0]{pixels} ne $png[1]{pixels};
    return $png[0];
}

# pixels(picture) and what it should be, as text that can be compared.
sub rows_of {
    my ($png) = @_;
    return $png->{slug} if $png->{slug};
    return join "\n", map { join ' ', unpack 'C*', substr $png->{pixels},
        $_ * $png->{width} * $png->{samples}, $png->{width} * $png->{samples} }
        0 .. $png->{height} - 1;
}

sub grays {
    my ($width, @grays) = @_;
    my @rows;
    push @rows, join ' ', splice @grays, 0, $width while @grays;
    return join "\n", @rows;
}

sub gray { return floor(max(0, min(255, $_[0])) + 0.5) }

# PS3.3 C.11.2.1.2 and C.11.2.1.3
sub linear {
    my ($x, $c, $w) = @_;
    return $x <= $c - 0.5 - ($w - 1) / 2 ? 0
        : $x > $c - 0.5 + ($w - 1) / 2 ? 255
        : (($x - ($c - 0.5)) / ($w - 1) + 0.5) * 255;
}

sub exact {
    my ($x, $c, $w) = @_;
    return $x <= $c - $w / 2 ? 0 : $x > $c + $w / 2 ? 255
        : (($x - $c) / $w + 0.5) * 255;
}

sub table {
    my ($x, $first, @data) = @_;
    my $i = $x - $first;
    return $data[$i < 0 ? 0 : $i > $#data ? $#data : $i];
}


# windows: the image's own rescale and window count for nothing

is(rows_of(picture($one, state([$one], modality => [2, 100],
        vois => [{ center => 50, width => 2000 }]))),
    grays($columns, map { gray(linear(2 * $_ + 100, 50, 2000)) } @stored),
    'rescale and window of the state');
is(rows_of(picture($one, state([$one],
        vois => [{ center => -300, width => 1500,
            function => 'LINEAR_EXACT' }]))),
    grays($columns, map { gray(exact($_, -300, 1500)) } @stored),
    'a state without a rescale has the identity');
is(rows_of(picture($one, state([$one],
        vois => [{ center => -300, width => 1500, function => 'SIGMOID' }]))),
    grays($columns, map { gray(255 / (1 + exp(-4 * ($_ + 300) / 1500))) }
        @stored), 'sigmoid');
is(rows_of(picture($one, state([$one], modality => [0.5, 0]))),
    grays($columns, map { gray((0.5 * $_ + 1024) / (1023.5 + 1024) * 255) }
        @stored), 'no window: all that can be stored');
is(rows_of(picture($one, state([$one], presentation => 'INVERSE',
        vois => [{ center => 50, width => 2000 }]))),
    grays($columns, map { gray(255 - linear($_, 50, 2000)) } @stored),
    'INVERSE');
is(rows_of(picture($mono1, state([$mono1],
        vois => [{ center => 50, width => 2000 }]))),
    grays($columns, map { gray(linear($_, 50, 2000)) } @stored),
    'MONOCHROME1 counts for nothing');
is(rows_of(picture($one, state([$one],
        vois => [{ center => 50, width => 2000 }]), invert => 1)),
    grays($columns, map { gray(255 - linear($_, 50, 2000)) } @stored),
    'the user inverts');

# tables

my @modality = map { ($_ * 37) % 1024 } 0 .. 4095;
my @voi = map { ($_ * $_) >> 4 } 0 .. 1023;
my @plut = map { floor(4095 * ($_ / 255) ** 1.7) } 0 .. 255;
is(rows_of(picture($one, state([$one],
        modality => { lut => [-2048, 10, \@modality] },
        vois => [{ lut => [0, 16, \@voi] }],
        presentation => { lut => [0, 12, \@plut] }))),
    grays($columns, map {
        my $y = table(table($_, -2048, @modality), 0, @voi) / 65535;
        gray(table(floor($y * 255 + 0.5), 0, @plut) / 4095 * 255) } @stored),
    'modality, VOI and presentation LUT');
is(rows_of(picture($one, state([$one], vois => [{ lut => [-500, 12,
        [map { ($_ * 3) % 4096 } 0 .. 999]] }]))),
    grays($columns, map {
        gray(table($_, -500, map { ($_ * 3) % 4096 } 0 .. 999) / 4095 * 255) }
        @stored), 'a VOI LUT whose first input is negative');
is(rows_of(picture($unsigned, state([$unsigned], vois => [{ lut => [3000, 8,
        [reverse 0 .. 255]] }]))),
    grays($columns, map { gray(table($_ * 17, 3000, reverse 0 .. 255)) }
        0 .. $#stored), 'a VOI LUT of 8 bits');
is(rows_of(picture($one, state([$one], vois => [{ lut => [0, 16,
        [map { $_ } 0 .. 65535]] }]))),
    grays($columns, map { gray(max(0, $_) / 65535 * 255) } @stored),
    'a VOI LUT of 65536 entries');
my $plut = state([$one], presentation => { lut => [0, 12, \@plut] },
    vois => [{ center => 1, width => 2 }]);
is(rows_of(picture($one, $plut, center => 50, window => 2000)),
    grays($columns, map { gray(table(floor(linear($_, 50, 2000) + 0.5), 0,
        @plut) / 4095 * 255) } @stored),
    'the window of the user goes through the presentation LUT');

# which images

my $some = state([{ uid => $frames->{instance}, frames => [1, 3] }],
    vois => [{ images => [{ uid => $frames->{instance}, frames => [3] }],
               center => 1, width => 100 },
             { images => [{ uid => '1.2.3' }], center => 5, width => 5 },
             { center => 50, width => 2000 }]);
is(rows_of(picture($frames, $some)),
    grays($columns, map { gray(linear($_, 50, 2000)) } @stored),
    'the window of frame 1');
is(rows_of(picture($frames, $some, layer => 2)),
    grays($columns, map { gray(linear($_, 1, 100)) } @stored),
    'the window of frame 3');
is(rows_of(picture($frames, $some, layer => 1)),
    'presentation-not-applicable', 'not for frame 2');
is(rows_of(picture($one, $plut, state => '1.2.3.4')),
    'presentation-not-found', 'no such state');
is(rows_of(picture($one, state(['1.2.3.9']))), 'presentation-not-found',
    'a state for other images is none of the stack');
is(rows_of(picture($rgb, state([$rgb]))), 'presentation-not-applicable',
    'grayscale states are not for colour images');

# turning and flipping: where pixel x, y of the picture comes from

for my $rotate (0, 90, 180, 270) {
    for my $flip (0, 1) {
        my ($wide, $tall) = $rotate % 180 ? ($rows, $columns)
            : ($columns, $rows);
        my @want;
        for my $y (0 .. $tall - 1) {
            for my $x (0 .. $wide - 1) {
                my $u = $flip ? $wide - 1 - $x : $x;    # undo the flip
                my ($c, $r) = ([$u, $y], [$y, $rows - 1 - $u],
                    [$columns - 1 - $u, $rows - 1 - $y],
                    [$columns - 1 - $y, $u])[$rotate / 90]->@*;
                push @want, gray(linear($stored[$r * $columns + $c], 0,
                    4000));
            }
        }
        my $turned = state([$one], rotate => $rotate, flip => $flip,
            vois => [{ center => 0, width => 4000 }]);
        is(rows_of(picture($one, $turned)), grays($wide, @want),
            "turned by $rotate" . ($flip ? ', then flipped' : ''));
        next unless $rotate == 90 && $flip;
        is(rows_of(picture($one, $turned, rotate => 0, flip => '',
                width => $columns, height => $rows)),
            grays($columns, map { gray(linear($_, 0, 4000)) } @stored),
            'unless the user turns it otherwise');
    }
}

# displayed areas

sub window { return gray(linear($_[0], 0, 4000)) }

sub at {
    my ($c, $r) = @_;
    return $c < 0 || $r < 0 || $c >= $columns || $r >= $rows ? 0
        : window($stored[$r * $columns + $c]);
}

my @window = (vois => [{ center => 0, width => 4000 }]);
my $crop = state([$one], @window,
    areas => [{ left => 4, top => 3, right => 13, bottom => 7 }]);
is(rows_of(picture($one, $crop)),
    grays(10, map { my $r = $_; map { at($_, $r) } 3 .. 12 } 2 .. 6),
    'an area at its own size');
is(rows_of(picture($one, state([$one], @window,
        areas => [{ left => -1, top => 11, right => 4, bottom => 14 }]))),
    grays(6, map { my $r = $_; map { at($_, $r) } -2 .. 3 } 10 .. 13),
    'an area that reaches beyond the image');
is(rows_of(picture($one, $crop, width => 40, height => 20)),
    grays(40, map { my $r = $_; map { at(3 + floor($_ / 4), 2 + floor($r / 4))
        } 0 .. 39 } 0 .. 19), 'an area that fits the viewport');
my $wide = picture($one, $crop, width => 50, height => 20);
is(rows_of($wide),
    grays(50, map { my $r = $_; map { at(3 + floor(($_ - 5) / 4),
        2 + floor($r / 4)) } 0 .. 49 } 0 .. 19), 'in the middle of it');
is(rows_of(picture($one, state([$one], @window, areas => [{ left => 4,
        top => 3, right => 13, bottom => 7, size => 'MAGNIFY',
        magnification => 2 }]), width => 30, height => 16)),
    grays(30, map { my $r = $_; map { at(3 + floor(($_ - 5) / 2),
        2 + floor(($r - 3) / 2)) } 0 .. 29 } 0 .. 15), 'magnified twice');
is(rows_of(picture($one, state([$one], @window, rotate => 90,
        areas => [{ left => 4, top => 7, right => 13, bottom => 3,
            aspect => [2, 1] }]), width => 20, height => 20)),
    grays(20, map { my $y = $_; map { at(3 + floor($y / 2),
        6 - floor($_ / 4)) } 0 .. 19 } 0 .. 19),
    'turned, of pixels that are twice as high as wide');
my $free = picture($one, $crop, zoom => 1, pan_x => 0, pan_y => 0,
    width => $columns, height => $rows);
is(rows_of($free), grays($columns, map { window($_) } @stored),
    'the user zooms and pans elsewhere');
is("@{$free->{picture}}{qw(state zoom)}", "$crop->{instance} 1",
    'and is told so');
is(rows_of(picture($one, state([$one], areas => [{ left => 1, top => 1,
        right => 100_000, bottom => 100_000 }]))), 'invalid-parameter',
    'an area too large for its own size');
is(picture($one, state([$one], areas => [{ left => 1, top => 1,
    right => 100_000, bottom => 100_000 }]), width => 9, height => 9)->{width},
    9, 'but not for a viewport');

# shutters: what is inside is seen; columns and rows from 1

sub shutter {
    my ($name, $shutter, $inside, %p) = @_;

    my $value = floor(($shutter->{value} // 0) / 65535 * 255 + 0.5);
    my @want = map { my $r = $_; map { $inside->($_, $r) ? at($_ - 1, $r - 1)
        : $value } 1 .. $columns } 1 .. $rows;
    is(rows_of(picture($one, state([$one], @window, shutter => $shutter,
        %p))), grays($columns, @want), $name);
}

my %rectangle = (left => 3, right => 15, upper => 2, lower => 9);
my $in_rectangle = sub { $_[0] >= 3 && $_[0] <= 15 && $_[1] >= 2
    && $_[1] <= 9 };
my %circle = (center => [6, 8], radius => 5);
my $in_circle = sub { ($_[0] - 8) ** 2 + ($_[1] - 6) ** 2 <= 25 };
my @corners = ([2, 4], [11, 2], [7, 10], [11, 18], [2, 16]);    # row, column
my %polygon = (vertices => [map { @$_ } @corners]);
my $in_polygon = sub {
    my ($x, $y) = @_;
    my $inside = 0;
    for my $i (0 .. $#corners) {
        my ($y1, $x1, $y2, $x2) = (@{$corners[$i - 1]}, @{$corners[$i]});
        # on the edge
        return 1 if ($x - $x1) * ($y2 - $y1) == ($y - $y1) * ($x2 - $x1)
            && $x >= min($x1, $x2) && $x <= max($x1, $x2)
            && $y >= min($y1, $y2) && $y <= max($y1, $y2);
        $inside ^= 1 if ($y1 > $y) != ($y2 > $y)
            && $x < ($x2 - $x1) * ($y - $y1) / ($y2 - $y1) + $x1;
    }
    return $inside;
};
shutter('a rectangle', { shape => 'RECTANGULAR', %rectangle, value => 30000 },
    $in_rectangle);
shutter('a circle', { shape => 'CIRCULAR', %circle }, $in_circle);
shutter('a polygon', { shape => 'POLYGONAL', %polygon, value => 65535 },
    $in_polygon);
shutter('all three', { shape => ['RECTANGULAR', 'CIRCULAR', 'POLYGONAL'],
    %rectangle, %circle, %polygon, value => 1000 },
    sub { $in_rectangle->(@_) && $in_circle->(@_) && $in_polygon->(@_) });

sub overlay {
    my ($group, $bit, @more) = @_;
    my $bits = join '', map { my $r = $_; map { $bit->($_, $r) ? 1 : 0 }
        1 .. $columns } 1 .. $rows;
    return ("${group}0010" => [US => $rows], "${group}0011" => [US => $columns],
        "${group}0040" => [CS => 'G'], "${group}0050" => [SS => pack 'vv', 1, 1],
        "${group}0100" => [US => 1], "${group}0102" => [US => 0],
        "${group}3000" => [OW => pack 'b*', $bits], @more);
}
shutter('a bitmap', { shape => 'BITMAP', group => 0x6002, value => 5000 },
    sub { !$in_circle->(@_) }, more => { overlay('6002', $in_circle) });
my $hidden = state([$one], @window, shutter => { shape => 'CIRCULAR',
    %circle });
is(rows_of(picture($one, $hidden, shutter => 0)),
    grays($columns, map { window($_) } @stored), 'the user looks behind it');
is(picture($one, $hidden)->{picture}{shutter}, 1, 'the header tells of it');

# overlays: those that the state shows, its own before the image's

my $marked = image('2.25.5.1.6',
    overlay('6000', sub { $_[0] == 2 }), overlay('6004', sub { $_[0] == 5 }),
    overlay('6006', sub { $_[0] == 7 }));
my $shows = state([$marked], @window, layers => [{ name => 'L' }], more => {
    '60001001' => [CS => 'L'],
    overlay('6004', sub { $_[1] == 3 }, '60041001' => [CS => 'L']) });
sub overlaid {
    my ($on) = @_;
    return grays($columns, map { my $r = $_; map { $on->($_, $r) ? 255
        : at($_ - 1, $r - 1) } 1 .. $columns } 1 .. $rows);
}
is(rows_of(picture($marked, $shows)),
    overlaid(sub { $_[0] == 2 || $_[1] == 3 }), 'overlays of both');
is(rows_of(picture($marked, $shows, overlays => 0)), overlaid(sub { 0 }),
    'the user wants none');
is(rows_of(picture($marked, $shows, overlays => 1)),
    overlaid(sub { $_[0] == 2 || $_[0] == 5 || $_[0] == 7 }),
    "the user wants the image's");

# an image's own shutter

my $shuttered = image('2.25.5.1.7', WindowCenter => 0, WindowWidth => 4000,
    RescaleSlope => 1, RescaleIntercept => 0,
    Test::Dicom::Presentation::shutter({ shape => 'RECTANGULAR', %rectangle,
        value => 40000 }));
my $open = $w->open([$shuttered]);
my @rectangle = map { my $r = $_; map { $in_rectangle->($_, $r)
    ? at($_ - 1, $r - 1) : 156 } 1 .. $columns } 1 .. $rows;
my $res = $w->render($open->{id}, 0);
is(rows_of(Test::Wire::png($res->{body})), grays($columns, @rectangle),
    'the shutter of an image');
is($res->{picture}{shutter}, 1, 'is told of');
$res = $w->render($open->{id}, 0, shutter => 0);
is(rows_of(Test::Wire::png($res->{body})),
    grays($columns, map { window($_) } @stored), 'and may be opened');
is(rows_of(picture($shuttered, state([$shuttered], @window))),
    grays($columns, map { window($_) } @stored),
    'a state without a shutter opens it');

# what is not done is refused

is(rows_of(picture($one, state([$one], more => { '00286100' => sequence(item(
    '00286101' => [CS => 'AVG_SUB'], '00286110' => [US => 1])) }))),
    'presentation-not-applicable', 'a mask subtraction');
is(rows_of(picture($one, state([$one],
        class => '1.2.840.10008.5.1.4.1.1.11.3'))),
    'presentation-not-applicable', 'pseudo-colour');
my $wide32 = image('2.25.5.1.8', BitsAllocated => 32, BitsStored => 32,
    pixels => pack 'l<*', map { 1000 * $_ } @stored);
is(rows_of(picture($wide32, state([$wide32], presentation =>
    { lut => [0, 12, \@plut] }))), 'invalid-parameter',
    'a table for 32 bits');
is(rows_of(picture($wide32, state([$wide32], modality => [0.001, 0],
    vois => [{ center => 0, width => 4000 }], presentation => 'INVERSE'))),
    grays($columns, map { gray(255 - linear($_, 0, 4000)) } @stored),
    'but a window fits them');

# a row of the database is input too: whatever stands in a state's index

my $rich = state([$frames], @window, shutter => { shape => ['RECTANGULAR',
    'POLYGONAL'], %rectangle, %polygon }, presentation => { lut => [0, 12,
    \@plut] }, annotations => [{ graphics => [{ shape => 'POLYLINE',
    points => [1 .. 8] }], texts => [{ text => 'x', box => [1 .. 4] }] }]);
my $raw = Compress::Zlib::uncompress(substr $rich->{index}, 8);
my %kept = (0 => 0, 1 => 0);
srand 11;
for my $n (1 .. 300) {
    my $bytes = $raw;
    if ($n % 10) {
        substr $bytes, 100 + int rand(length($bytes) - 100), 1,
            chr int rand 256 for 1 .. 3;
    }
    else {
        substr $bytes, 100 + int rand(length($bytes) - 100), 1e6, '';
    }
    my $opened = $w->open([$frames], states => [{ %$rich, index => 'DIX1'
        . pack('V', length $bytes) . Compress::Zlib::compress($bytes) }]);
    last unless $opened && $opened->{status} == 202;
    my ($one) = @{$opened->{json}{presentations}};
    $kept{$one ? 1 : 0}++;
    if ($one) {
        $w->render($opened->{id}, $_, state => $one->{uid}, width => 20,
            height => 20) or last for 0 .. 2;
        my $told = $w->request(state => $opened->{id} . pack 'a72',
            $one->{uid}) or last;
    }
    $w->request(release => $opened->{id});
}
is($kept{0} + $kept{1}, 300, '300 damaged indexes of a state');
ok($kept{0} && $kept{1}, 'some are refused, some shown');

is($w->request('health')->{json}{status}, 'ok', 'the worker lives');
$t->finish();
