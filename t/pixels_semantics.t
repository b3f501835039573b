#!/usr/bin/perl

# What the attributes of an image make of its stored values, by the text of
# PS3.3 and PS3.5: each file is written here, and each pixel that it must show
# is computed here, apart from what the worker does.

use strict;
use warnings;

use POSIX qw(floor);
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
$t->start_worker(args => ['--renderer', $ENV{DICOM_TEST_RENDERER} || 'cpu']);
my $w = Test::Wire->new($t->socket_path('worker'));
my $number = 0;

# --- files

sub element {
    my ($big, $tag, $vr, $value) = @_;

    $value .= $vr =~ /^(?:O.|UN|UI)$/ ? "\0" : ' ' if length($value) % 2;
    my ($group, $element) = ($tag >> 16, $tag & 0xffff);
    my $head = pack($big ? 'nn' : 'vv', $group, $element) . $vr;
    return $head . ($vr =~ /^(?:O.|SQ|UN)$/
        ? pack($big ? 'nN' : 'vV', 0, length $value)
        : pack($big ? 'n' : 'v', length $value)) . $value;
}

sub us { return ['US', pack 'v*', @_] }
sub ss { return ['SS', pack 's<*', @_] }
sub ds { return ['DS', join '\\', @_] }
sub is_ { return ['IS', join '\\', @_] }
sub cs { return ['CS', join '\\', @_] }
sub ow { return ['OW', $_[0]] }

sub items {
    return ['SQ', join '', map {
        my $set = data_set(0, %$_);
        pack('vvV', 0xfffe, 0xe000, length $set) . $set } @_];
}

sub data_set {
    my ($big, %elements) = @_;
    return join '', map { element($big, $_, @{$elements{$_}}) }
        sort { $a <=> $b } keys %elements;
}

sub file {
    my ($syntax, %elements) = @_;

    my $uid = '1.2.826.0.1.3680043.2.1.' . ++$number;
    my $big = $syntax eq '1.2.840.10008.1.2.2';
    my $meta = data_set(0, 0x00020001 => ['OB', "\0\1"],
        0x00020002 => ['UI', '1.2.840.10008.5.1.4.1.1.7'],
        0x00020003 => ['UI', $uid], 0x00020010 => ['UI', $syntax]);
    return "\0" x 128 . 'DICM' . element(0, 0x00020000, 'UL',
        pack 'V', length $meta) . $meta . data_set($big,
        0x00080016 => ['UI', '1.2.840.10008.5.1.4.1.1.7'],
        0x00080018 => ['UI', $uid], 0x00080060 => cs('OT'),
        0x0020000d => ['UI', '1.2.3'], 0x0020000e => ['UI', "$uid.1"],
        %elements);
}

# An image of one sample; the values are what the words hold, as they are.
sub image {
    my (%o) = @_;

    my ($allocated, $columns) = ($o{allocated} // 16, $o{columns} // 8);
    my $stored = $o{stored} // $allocated;
    my %pack = (8 => 'C*', 16 => 'v*', 32 => 'V*');
    my $mask = 2 ** $allocated - 1;
    my $frames = $o{frames} // 1;
    return (0x00280002 => us(1), 0x00280004 => cs($o{photometric}
            // 'MONOCHROME2'),
        0x00280008 => is_($frames),
        0x00280010 => us(@{$o{values}} / $columns / $frames),
        0x00280011 => us($columns), 0x00280100 => us($allocated),
        0x00280101 => us($stored),
        0x00280102 => us($o{high} // $stored - 1),
        0x00280103 => us($o{signed} // 0),
        0x7fe00010 => ow(pack $pack{$allocated}, map { $_ & $mask }
            @{$o{values}}), %{$o{with} // {}});
}

# Numbers of a big-endian file stand in the other order.
sub be_words {
    my (%o) = @_;
    my %of = image(%o);
    for my $value (values %of) {
        $value = ['US', pack 'n*', unpack 'v*', $value->[1]]
            if $value->[0] eq 'US';
        $value = ['OW', pack 'n*', unpack 'v*', $value->[1]]
            if $value->[0] eq 'OW';
    }
    return %of;
}

use constant {
    EXPLICIT => '1.2.840.10008.1.2.1',
    BIG_ENDIAN => '1.2.840.10008.1.2.2'
};

# --- what the standard says

# C.11.2.1.2.1, C.11.2.1.3.2, C.11.2.1.3.1
sub linear {
    my ($x, $c, $width) = @_;
    return 0 if $x <= $c - 0.5 - ($width - 1) / 2;
    return 255 if $x > $c - 0.5 + ($width - 1) / 2;
    return (($x - ($c - 0.5)) / ($width - 1) + 0.5) * 255;
}

sub linear_exact {
    my ($x, $c, $width) = @_;
    return 0 if $x <= $c - $width / 2;
    return 255 if $x > $c + $width / 2;
    return (($x - $c) / $width + 0.5) * 255;
}

sub sigmoid {
    my ($x, $c, $width) = @_;
    return 255 / (1 + exp(-4 * ($x - $c) / $width));
}

# Without a window: the frame's least value is black, its greatest white.
sub stretch {
    my ($x, @all) = @_;
    my ($lo, $hi) = (sort { $a <=> $b } @all)[0, -1];
    return $hi > $lo ? ($x - $lo) / ($hi - $lo) * 255 : undef;
}

# A table's entry for x, and what it is of its whole range (C.11.1.1)
sub table {
    my ($x, $first, $entries) = @_;
    my $i = $x - $first;
    $i = $i < 0 ? 0 : $i > $#$entries ? $#$entries : $i;
    return $entries->[$i];
}

sub gray { return map { floor($_ + 0.5) } @_ }

# --- shown

sub shown {
    my ($bytes, $layer, %p) = @_;

    my $fields = $w->store($t, $bytes);
    $fields->{index} or return "refused: $fields->{answer}{detail}";
    my $stack = $w->open([$fields]);
    $stack->{status} == 202 or return "not opened: $stack->{detail}";
    my $res = $w->render($stack->{id}, $layer, interpolation => 'nearest', %p);
    $w->request(release => $stack->{id});
    $res->{status} == 200 or return "not drawn: $res->{detail}";
    return join ' ', unpack 'C*', Test::Wire::png($res->{body})->{pixels};
}

sub shows {
    my ($name, $bytes, $wanted, %p) = @_;
    return is(shown($bytes, delete $p{layer} // 0, %p), "@$wanted", $name);
}

sub refuses {
    my ($name, $bytes, $why) = @_;
    return like(shown($bytes, 0), $why, $name);
}

# --- stored values (PS3.5 8.1.1)

my @ramp = map { $_ * 100 } 0 .. 31;
my @low = map { $_ - 16 } 0 .. 31;
my %window = (0x00281050 => ds(1500), 0x00281051 => ds(2000));

shows('12 bits of 16, with other things in the rest', file(EXPLICIT, image(
    stored => 12, values => [map { $_ | 0x5000 } @ramp], with => \%window)),
    [gray(map { linear($_, 1500, 2000) } @ramp)]);
shows('12 bits that lie high', file(EXPLICIT, image(stored => 12, high => 15,
    values => [map { $_ << 4 | 7 } @ramp], with => \%window)),
    [gray(map { linear($_, 1500, 2000) } @ramp)]);
shows('12 bits in the middle', file(EXPLICIT, image(stored => 12, high => 13,
    values => [map { $_ << 2 | 0xc003 } @ramp], with => \%window)),
    [gray(map { linear($_, 1500, 2000) } @ramp)]);
my %small = (0x00281050 => ds(1), 0x00281051 => ds(21));
for my $kind ([8, 8, 7], [8, 6, 5], [16, 16, 15], [16, 10, 9], [16, 7, 12],
    [32, 32, 31], [32, 20, 19])
{
    my ($allocated, $stored, $high) = @$kind;
    my $shift = $high + 1 - $stored;
    shows("signed, $stored of $allocated bits, high bit $high",
        file(EXPLICIT, image(allocated => $allocated, stored => $stored,
            high => $high, signed => 1, with => \%small,
            values => [map { ($_ & 2 ** $stored - 1) << $shift } @low])),
        [gray(map { linear($_, 1, 21) } @low)]);
}
shows('32 bits, beyond what 31 hold', file(EXPLICIT, image(allocated => 32,
    values => [map { $_ * 134217728 } 0 .. 31], with => {
        0x00281050 => ds(2147483648), 0x00281051 => ds(4294967296) })),
    [gray(map { linear($_ * 134217728, 2147483648, 4294967296) } 0 .. 31)]);
shows('big endian words', file(BIG_ENDIAN,
    be_words(values => \@ramp)),
    [gray(map { stretch($_, @ramp) } @ramp)]);

my @bytes = map { $_ * 7 } 0 .. 31;
shows('big endian bytes under OW are swapped', file(BIG_ENDIAN,
    be_words(allocated => 8, values => \@bytes)),
    [gray(map { stretch($_, @bytes) } @bytes)]);

# --- one bit, frames that begin within a byte (PS3.5 8.1.1, 8.2)

my @bits = map { ($_ * 5 + int($_ / 3)) % 7 < 3 ? 1 : 0 } 0 .. 44;
my %one_bit = image(columns => 5, frames => 3, values => \@bits);
@one_bit{0x00280100, 0x00280101, 0x00280102} = (us(1), us(1), us(0));
$one_bit{0x7fe00010} = ow(pack 'b*', join '', @bits);
shows("one bit, frame $_ of 15 pixels", file(EXPLICIT, %one_bit),
    [map { 255 * $_ } @bits[15 * $_ .. 15 * $_ + 14]], layer => $_)
    for 0 .. 2;

# --- modality (C.11.1), windows (C.11.2)

my @hu = map { $_ * 100 - 1024 } @low;
shows('rescale', file(EXPLICIT, image(signed => 1, values => \@low, with => {
    0x00281052 => ds(-1024), 0x00281053 => ds(100), 0x00281050 => ds(-900),
    0x00281051 => ds(1500) })), [gray(map { linear($_, -900, 1500) } @hu)]);
shows('a falling rescale', file(EXPLICIT, image(values => \@ramp, with => {
    0x00281052 => ds(50), 0x00281053 => ds(-0.25), 0x00281050 => ds(-300),
    0x00281051 => ds(500) })),
    [gray(map { linear(50 - $_ / 4, -300, 500) } @ramp)]);
shows('a falling rescale without a window', file(EXPLICIT, image(
    values => \@ramp, with => { 0x00281052 => ds(50),
        0x00281053 => ds(-0.25) })),
    [gray(map { stretch(-$_, map { -$_ } @ramp) } @ramp)]);
shows('a window of width 1', file(EXPLICIT, image(values => [0 .. 31],
    with => { 0x00281050 => ds(16), 0x00281051 => ds(1) })),
    [map { $_ <= 15.5 ? 0 : 255 } 0 .. 31]);
shows('a window of width 2', file(EXPLICIT, image(values => [0 .. 31],
    with => { 0x00281050 => ds(16), 0x00281051 => ds(2) })),
    [gray(map { linear($_, 16, 2) } 0 .. 31)]);
shows('a window with a fraction', file(EXPLICIT, image(values => [0 .. 31],
    with => { 0x00281050 => ds(10.3), 0x00281051 => ds(7.7) })),
    [gray(map { linear($_, 10.3, 7.7) } 0 .. 31)]);
shows('LINEAR_EXACT', file(EXPLICIT, image(values => [0 .. 31], with => {
    0x00281050 => ds(10), 0x00281051 => ds(20),
    0x00281056 => cs('LINEAR_EXACT') })),
    [gray(map { linear_exact($_, 10, 20) } 0 .. 31)]);
shows('LINEAR_EXACT narrower than 1', file(EXPLICIT, image(
    values => [0 .. 31], with => { 0x00281052 => ds(0),
        0x00281053 => ds(0.01), 0x00281050 => ds(0.15),
        0x00281051 => ds(0.2), 0x00281056 => cs('LINEAR_EXACT') })),
    [gray(map { linear_exact($_ * 0.01, 0.15, 0.2) } 0 .. 31)]);
shows('SIGMOID', file(EXPLICIT, image(values => [0 .. 31], with => {
    0x00281050 => ds(10), 0x00281051 => ds(20),
    0x00281056 => cs('SIGMOID') })),
    [gray(map { sigmoid($_, 10, 20) } 0 .. 31)]);
my $two = file(EXPLICIT, image(values => \@ramp, with => {
    0x00281050 => ds(500, 2500), 0x00281051 => ds(300, 100) }));
shows('the first of two windows', $two,
    [gray(map { linear($_, 500, 300) } @ramp)]);
shows('the second', $two, [gray(map { linear($_, 2500, 100) } @ramp)],
    window_index => 1);
shows('the padding value is a value', file(EXPLICIT, image(values => \@ramp,
    with => { 0x00280120 => us(0), 0x00280121 => us(500) })),
    [gray(map { stretch($_, @ramp) } @ramp)]);

my @wide = map { $_ * 1000003 } 0 .. 31;
shows('SIGMOID of 32 bits, MONOCHROME1, a falling rescale', file(EXPLICIT,
    image(allocated => 32, photometric => 'MONOCHROME1', values => \@wide,
        with => { 0x00281052 => ds(10), 0x00281053 => ds(-0.001),
        0x00281050 => ds(-14000), 0x00281051 => ds(9000),
        0x00281056 => cs('SIGMOID') })),
    [gray(map { 255 - sigmoid(10 - $_ / 1000, -14000, 9000) } @wide)]);
shows('a window without width counts for nothing', file(EXPLICIT, image(
    values => \@ramp, with => { 0x00281050 => ds(500, 900),
        0x00281051 => ds(0, 400) })),
    [gray(map { linear($_, 900, 400) } @ramp)]);

# --- MONOCHROME1, Presentation LUT Shape

shows('MONOCHROME1', file(EXPLICIT, image(photometric => 'MONOCHROME1',
    values => \@ramp, with => \%window)),
    [gray(map { 255 - linear($_, 1500, 2000) } @ramp)]);
shows('Presentation LUT Shape INVERSE', file(EXPLICIT, image(
    values => \@ramp, with => { %window, 0x20500020 => cs('INVERSE') })),
    [gray(map { 255 - linear($_, 1500, 2000) } @ramp)]);
shows('both are one inversion', file(EXPLICIT, image(values => \@ramp,
    photometric => 'MONOCHROME1', with => { %window,
        0x20500020 => cs('INVERSE') })),
    [gray(map { 255 - linear($_, 1500, 2000) } @ramp)]);

# --- look-up tables

sub lut {
    my ($count, $first, $bits, $data) = @_;
    return { 0x00283002 => $first < 0 ? ['SS', pack 'vs<v', $count, $first,
            $bits] : us($count, $first, $bits),
        0x00283006 => ow($data) };
}

my @entries = map { ($_ * $_ * 3) % 256 } 0 .. 15;
for my $bits (8, 10, 12, 16) {
    my @wide = map { int($_ * (2 ** $bits - 1) / 255) } @entries;
    shows("a VOI LUT of $bits bits", file(EXPLICIT, image(
        values => [0 .. 31], with => { 0x00283010 => items(lut(16, 4, $bits,
            pack 'v*', @wide)) })),
        [gray(map { table($_, 4, \@wide) * 255 / (2 ** $bits - 1) }
            0 .. 31)]);
}
shows('a VOI LUT of bytes', file(EXPLICIT, image(values => [0 .. 31],
    with => { 0x00283010 => items(lut(16, 4, 8, pack 'C*', @entries)) })),
    [map { table($_, 4, \@entries) } 0 .. 31]);
shows('a VOI LUT that begins below zero', file(EXPLICIT, image(signed => 1,
    values => \@low, with => { 0x00283010 => items(lut(16, -8, 8,
        pack 'v*', @entries)) })),
    [map { table($_, -8, \@entries) } @low]);
shows('a VOI LUT behind a rescale below zero', file(EXPLICIT, image(
    values => [0 .. 31], with => { 0x00281052 => ds(-16),
        0x00281053 => ds(1), 0x00283010 => items(lut(16, -8, 8,
        pack 'v*', @entries)) })),
    [map { table($_ - 16, -8, \@entries) } 0 .. 31]);
shows('MONOCHROME1 with a VOI LUT', file(EXPLICIT, image(
    photometric => 'MONOCHROME1', values => [0 .. 31], with => {
        0x00283010 => items(lut(16, 4, 8, pack 'v*', @entries)) })),
    [map { 255 - table($_, 4, \@entries) } 0 .. 31]);
my @long = map { ($_ * 40503) % 65536 } 0 .. 65535;
my @far = map { $_ * 2114 } 0 .. 31;
shows('a VOI LUT of 65536 entries', file(EXPLICIT, image(values => \@far,
    with => { 0x00283010 => items(lut(0, 0, 16, pack 'v*', @long)) })),
    [gray(map { $long[$_] * 255 / 65535 } @far)]);
my @modality = map { $_ * $_ * 13 } 0 .. 31;
shows('a Modality LUT and a window', file(EXPLICIT, image(
    values => [0 .. 31], with => { 0x00281050 => ds(6000),
        0x00281051 => ds(9000), 0x00283000 => items({ %{lut(32, 0, 16,
            pack 'v*', @modality)}, 0x00283004 => ['LO', 'US'] }) })),
    [gray(map { linear($_, 6000, 9000) } @modality)]);
shows('a Modality LUT of signed pixels', file(EXPLICIT, image(signed => 1,
    values => \@low, with => { 0x00283000 => items({ %{lut(32, -16, 16,
        pack 'v*', @modality)}, 0x00283004 => ['LO', 'US'] }) })),
    [gray(map { stretch($_, @modality) } @modality)]);

# --- palettes (C.7.6.3.1.5, C.7.9.2)

sub palette {
    my ($descriptor, @tables) = @_;
    return map { (0x00281101 + $_ => $descriptor,
        0x00281201 + $_ => ow($tables[$_])) } 0 .. 2;
}

my @colours = map { my $c = $_; [map { ($_ * (31 + $c * 6) + $c * 80) % 256 }
    0 .. 15] } 0 .. 2;
my $coloured = sub {
    my ($first, @values) = @_;
    return [map { my $x = $_; map { table($x, $first, $_) } @colours }
        @values];
};
my @indexes = 0 .. 31;
my %pixels = (allocated => 8, photometric => 'PALETTE COLOR',
    values => \@indexes);
shows('a palette of 16 bits', file(EXPLICIT, image(%pixels, with => {
    palette(us(16, 4, 16), map { pack 'v*', map { $_ << 8 | 0x33 } @$_ }
        @colours) })), $coloured->(4, @indexes));
shows('a palette of bytes in words', file(EXPLICIT, image(%pixels, with => {
    palette(us(16, 4, 8), map { pack 'v*', @$_ } @colours) })),
    $coloured->(4, @indexes));
shows('a palette of bytes', file(EXPLICIT, image(%pixels, with => {
    palette(us(16, 4, 8), map { pack 'C*', @$_ } @colours) })),
    $coloured->(4, @indexes));
shows('a palette that begins below zero', file(EXPLICIT, image(%pixels,
    signed => 1, values => \@low, with => { palette(['SS', pack 'vs<v', 16,
        -8, 16], map { pack 'v*', map { $_ << 8 } @$_ } @colours) })),
    $coloured->(-8, @low));
shows('a palette of 65536 entries', file(EXPLICIT, image(
    photometric => 'PALETTE COLOR', values => \@far, with => {
        palette(us(0, 0, 16), (pack 'v*', @long) x 3) })),
    [map { ($long[$_] >> 8) x 3 } @far]);

# Discrete, linear and indirect segments; a line ends at its value.
my @segmented = (0, 2, 10 << 8, 20 << 8, 1, 4, 100 << 8, 2, 1, 0, 0);
my @unfolded = (10, 20, 40, 60, 80, 100, 10, 20);
shows('a segmented palette', file(EXPLICIT, image(%pixels, with => {
    (map { (0x00281101 + $_ => us(8, 4, 16),
        0x00281221 + $_ => ow(pack 'v*', @segmented)) } 0 .. 2) })),
    [map { (table($_, 4, \@unfolded)) x 3 } @indexes]);

# Of 8 bits all fields are bytes, as in the palettes of PS3.6 annex B, but for
# the offset; some write words there, too.
my @octets = (0, 2, 10, 20, 1, 4, 100, 2, 1, 0, 0, 0, 0);
my @words = map { $_ > 255 ? $_ >> 8 : $_ } @segmented;
my @further = (0, 1, 5, @octets[0 .. 8], 3, 0, 0, 0);
for my $case (['bytes', pack('C*', @octets), 8],
    ['words', pack('v*', @words), 8],
    ['bytes behind more bytes', pack('C*', @further), 9])
{
    my ($what, $data, $count) = @$case;
    my @all = ((5) x ($count - 8), @unfolded);
    shows("a segmented palette of 8 bits, in $what", file(EXPLICIT,
        image(%pixels, with => { (map { (0x00281101 + $_ => us($count, 4, 8),
            0x00281221 + $_ => ow($data)) } 0 .. 2) })),
        [map { (table($_, 4, \@all)) x 3 } @indexes]);
}

shows('a palette of bytes whose descriptor says 16 bits', file(EXPLICIT,
    image(%pixels, with => { palette(us(16, 4, 16), map { pack 'C*', @$_ }
        @colours) })), $coloured->(4, @indexes));

# --- colour (C.7.6.3.1.2, C.7.6.3.1.3)

my @rgb = map { [map { ($_ * 37) % 256 } 3 * $_ .. 3 * $_ + 2] } 0 .. 31;

sub colour {
    my ($photometric, $planar, $data, %with) = @_;
    return file(EXPLICIT, image(allocated => 8, values => [0 .. 31]),
        0x00280002 => us(3), 0x00280004 => cs($photometric),
        0x00280006 => us($planar), 0x7fe00010 => ow($data), %with);
}

sub by_plane {
    my ($pack, @pixels) = @_;
    return join '', map { my $c = $_; pack $pack, map { $_->[$c] } @pixels }
        0 .. 2;
}

sub clamp { return $_[0] < 0 ? 0 : $_[0] > 255 ? 255 : floor($_[0] + 0.5) }

sub from_ybr {
    my ($y, $cb, $cr) = @_;
    return (clamp($y + 1.402 * ($cr - 128)),
        clamp($y - 0.114 * 1.772 / 0.587 * ($cb - 128)
            - 0.299 * 1.402 / 0.587 * ($cr - 128)),
        clamp($y + 1.772 * ($cb - 128)));
}

my $by_pixel = pack 'C*', map { @$_ } @rgb;
shows('RGB by pixel', colour('RGB', 0, $by_pixel), [map { @$_ } @rgb]);
shows('RGB by plane', colour('RGB', 1, by_plane('C*', @rgb)),
    [map { @$_ } @rgb]);
shows('YBR_FULL by pixel', colour('YBR_FULL', 0, $by_pixel),
    [map { from_ybr(@$_) } @rgb]);
shows('YBR_FULL by plane', colour('YBR_FULL', 1, by_plane('C*', @rgb)),
    [map { from_ybr(@$_) } @rgb]);
shows("RGB of 16 bits, planar $_", colour('RGB', $_, $_ ? by_plane('v*',
    map { [map { $_ * 257 } @$_] } @rgb) : (pack 'v*', map { $_ * 257 }
    map { @$_ } @rgb), 0x00280100 => us(16), 0x00280101 => us(16),
    0x00280102 => us(15)), [map { @$_ } @rgb]) for 0, 1;
shows('RGB of 12 bits', colour('RGB', 0, (pack 'v*', map { $_ * 16 }
    map { @$_ } @rgb), 0x00280100 => us(16), 0x00280101 => us(12),
    0x00280102 => us(11)), [map { clamp($_ * 16 * 255 / 4095) }
    map { @$_ } @rgb]);
my @pairs = map { [@$_[0 .. 2], ($_->[0] + 50) % 256] } @rgb[0 .. 15];
shows('YBR_FULL_422', colour('YBR_FULL_422', 0, pack 'C*', map {
    ($_->[0], $_->[3], $_->[1], $_->[2]) } @pairs), [map {
    (from_ybr(@$_[0 .. 2]), from_ybr(@$_[3, 1, 2])) } @pairs]);
refuses('YBR_FULL_422 of odd width, which C.7.6.3.1.2 forbids',
    colour('YBR_FULL_422', 0, pack('C*', 1 .. 60), 0x00280010 => us(4),
        0x00280011 => us(7)), qr/^(?:refused|not drawn): /);

# --- overlays (C.9.2)

sub overlay {
    my ($group, $rows, $columns, $origin, $bits, %with) = @_;
    $group <<= 16;
    return ($group | 0x0010 => us($rows), $group | 0x0011 => us($columns),
        $group | 0x0040 => cs('G'), $group | 0x0050 => ss(@$origin),
        $group | 0x0100 => us(1), $group | 0x0102 => us(0),
        ($bits ? ($group | 0x3000 => ow(pack 'b*', $bits)) : ()),
        map { ($group | $_ => $with{$_}) } keys %with);
}

# Rows of eight pixels with an overlay's at row, column (from 0) white.
sub burnt {
    my ($pixels, $top, $left, $columns, $bits) = @_;
    my @out = @$pixels;
    for my $i (grep { substr $bits, $_, 1 } 0 .. length($bits) - 1) {
        my ($y, $x) = ($top + int($i / $columns), $left + $i % $columns);
        $out[8 * $y + $x] = 255 if $y >= 0 && $y < @out / 8 && $x >= 0
            && $x < 8;
    }
    return \@out;
}

my @plain = gray(map { linear($_, 1500, 2000) } @ramp);
my $cross = '101010111';
for my $origin ([1, 1], [2, 4], [-1, 0], [3, 7], [9, 9], [0, -1]) {
    my ($row, $column) = @$origin;
    shows("an overlay from $row\\$column", file(EXPLICIT, image(
        values => \@ramp, with => { %window, overlay(0x6000, 3, 3, $origin,
            $cross) })),
        burnt(\@plain, $row - 1, $column - 1, 3, $cross), overlays => 1);
}
shows('overlays not asked for', file(EXPLICIT, image(values => \@ramp,
    with => { %window, overlay(0x6000, 3, 3, [1, 1], $cross) })), \@plain);
my $bits = join '', map { $_ % 3 ? 0 : 1 } 0 .. 31;
shows('an overlay in the bits above the values', file(EXPLICIT, image(
    stored => 12, values => [map { $ramp[$_] | (substr($bits, $_, 1) << 14) }
        0 .. 31], with => { %window, overlay(0x6002, 4, 8, [1, 1], '',
        0x0100 => us(16), 0x0102 => us(14)) })),
    burnt(\@plain, 0, 0, 8, $bits), overlays => 1);
my @seven = map { $_ * 3 } 0 .. 31;
shows('an overlay in the highest bit of bytes', file(EXPLICIT, image(
    allocated => 8, stored => 7, values => [map { $seven[$_]
        | (substr($bits, $_, 1) << 7) } 0 .. 31], with => {
        overlay(0x6000, 4, 8, [1, 1], '', 0x0100 => us(8), 0x0102 => us(7))
        })), burnt([gray(map { stretch($_, @seven) } @seven)], 0, 0, 8,
        $bits), overlays => 1);
shows('an overlay in the bits below the values', file(EXPLICIT, image(
    stored => 12, high => 15, values => [map { $ramp[$_] << 4
        | (substr($bits, $_, 1) << 1) } 0 .. 31], with => { %window,
        overlay(0x6002, 4, 8, [1, 1], '', 0x0100 => us(16),
        0x0102 => us(1)) })), burnt(\@plain, 0, 0, 8, $bits), overlays => 1);
shows('two overlays', file(EXPLICIT, image(values => \@ramp, with => {
    %window, overlay(0x6000, 3, 3, [1, 1], $cross),
    overlay(0x6004, 2, 2, [3, 6], '1101') })),
    burnt(burnt(\@plain, 0, 0, 3, $cross), 2, 5, 2, '1101'), overlays => 1);
my $frames = file(EXPLICIT, image(frames => 3, values => [(@ramp) x 3],
    with => { %window, overlay(0x6000, 3, 3, [1, 1], $cross . '011011011',
        0x0015 => is_(2), 0x0051 => us(2)) }));
shows('an overlay of frames: none on the first', $frames, \@plain,
    overlays => 1);
shows('its first on the second', $frames, burnt(\@plain, 0, 0, 3, $cross),
    overlays => 1, layer => 1);
shows('its second on the third', $frames,
    burnt(\@plain, 0, 0, 3, '011011011'), overlays => 1, layer => 2);

# --- pixels that are no squares (C.7.6.3.1.7)

my $narrow = file(EXPLICIT, image(values => \@ramp, with => { %window,
    0x00280034 => is_(2, 1) }));
shows('at its own size an image shows its pixels', $narrow, \@plain);
shows('pixels twice as high as wide', $narrow, [map { my $y = $_;
    (@plain[8 * $y .. 8 * $y + 7]) x 2 } 0 .. 3], width => 8, height => 8);

# --- functional groups (C.7.6.16.2.9, C.7.6.16.2.10)

my $enhanced = file(EXPLICIT, image(frames => 2, values => [(@ramp) x 2],
    with => { 0x52009230 => items(map { my $n = $_; {
        0x00289132 => items({ 0x00281050 => ds(700 * $n),
            0x00281051 => ds(900) }),
        0x00289145 => items({ 0x00281052 => ds(-100), 0x00281053 => ds($n) })
        } } 1, 2) }));
for my $n (1, 2) {
    shows("rescale and window of frame $n", $enhanced,
        [gray(map { linear($n * $_ - 100, 700 * $n, 900) } @ramp)],
        layer => $n - 1);
}

# A shared table, and frames that differ in their function, their tables, and
# which of both they have; in one stack, so that what is kept of one frame's
# table is not taken for another's.
my @tables = map { my $k = $_; [map { $_ * $k % 256 } 0 .. 63] } 5, 11, 3;
sub luts {
    return (0x00283010 => items(map { { 0x00283002 => us(64, 0, 8),
        0x00283006 => ow(pack 'C*', @{$tables[$_]}) } } @_));
}
sub through {
    my ($n, @values) = @_;
    return [gray(map { table($_, 0, $tables[$n]) } @values)];
}

my @short = map { 2 * $_ } 0 .. 31;
my %same = (0x00281050 => ds(30), 0x00281051 => ds(24));
my @voi = (
    ['sigmoid', { %same, 0x00281056 => cs('SIGMOID') },
        [gray(map { sigmoid($_, 30, 24) } @short)]],
    ['exact', { %same, 0x00281056 => cs('LINEAR_EXACT') },
        [gray(map { linear_exact($_, 30, 24) } @short)]],
    ['no function', { %same }, [gray(map { linear($_, 30, 24) } @short)]],
    ['a table', { luts(0) }, through(0, @short)],
    ['another', { luts(1) }, through(1, @short)],
    ['the first again', { luts(0) }, through(0, @short)],
    ['two tables', { luts(2, 1) }, through(2, @short)],
    ['a window and a table', { %same, luts(0) },
        [gray(map { linear($_, 30, 24) } @short)]],
    ['linear', { %same, 0x00281056 => cs('LINEAR') },
        [gray(map { linear($_, 30, 24) } @short)]]);
my $fields = $w->store($t, file(EXPLICIT, image(frames => scalar @voi,
    values => [(@short) x @voi], with => { 0x52009230 =>
        items(map { { 0x00289132 => items($_->[1]) } } @voi) })));
my $stack = $w->open([$fields]);
sub frame {
    my ($n, %p) = @_;
    my $res = $w->render($stack->{id}, $n, interpolation => 'nearest', %p);
    return $res->{status} == 200 ? join ' ', unpack 'C*',
        Test::Wire::png($res->{body})->{pixels} : $res->{status};
}
for my $n (0 .. $#voi, reverse 0 .. $#voi) {
    is(frame($n), "@{$voi[$n][2]}", "frame $n by its own: $voi[$n][0]");
}
is(frame(6, voi => 'lut', voi_index => 1), "@{through(1, @short)}",
    'the second table of a frame');
is(frame(7, voi => 'lut'), "@{through(0, @short)}",
    'a table where the window goes first');
isnt(frame(5, voi => 'lut', voi_index => 1), "@{through(1, @short)}",
    "another frame's table is not this one's");
cmp_ok(length $fields->{index}, '<', 1200, 'equal tables are kept once');
$w->request(release => $stack->{id});

for my $layer (0, 1) {
    shows("a table that all frames share, frame $layer", file(EXPLICIT,
        image(frames => 2, values => [(@short) x 2], with => {
            0x52009229 => items({ 0x00289132 => items({ luts(1) }) }) })),
        through(1, @short), layer => $layer);
}

# --- floating point (C.7.6.24)

my %float = image(values => [0 .. 31]);
delete @float{0x7fe00010, 0x00280101, 0x00280102, 0x00280103};
my @reals = map { ($_ - 16) / 64 } 0 .. 31;
shows('float pixels', file(EXPLICIT, %float, 0x00280100 => us(32),
    0x7fe00008 => ['OF', pack 'f<*', @reals], 0x00281050 => ds(0.05),
    0x00281051 => ds(0.3), 0x00281056 => cs('LINEAR_EXACT')),
    [gray(map { linear_exact($_, 0.05, 0.3) } @reals)]);
shows('double pixels without a window', file(EXPLICIT, %float,
    0x00280100 => us(64), 0x7fe00009 => ['OD', pack 'd<*', @reals]),
    [gray(map { stretch($_, @reals) } @reals)]);

is($w->request('health')->{json}{status}, 'ok', 'the worker lives');
$t->finish();
