#!/usr/bin/perl

# Pixel values and regions come from the stored data.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
$t->start_worker();
my $w = Test::Wire->new($t->socket_path('worker'));

# stored value of pixel (x, y) is y * 20 + x - 100, signed 12 bits
my @stored = map { $_ - 100 } 0 .. 20 * 10 - 1;
my $file = $w->store($t, $t->dicom_file(Rows => 10, Columns => 20,
    BitsStored => 12, PixelRepresentation => 1, Modality => 'CT',
    RescaleSlope => '2', RescaleIntercept => '-10.5', RescaleType => 'HU',
    PixelSpacing => ['0.5', '0.4'],
    pixels => pack('v*', map { $_ & 0xfff } @stored)));
my $id = $w->open([$file])->{id};

is_deeply($w->pixel($id, 0, 3, 2)->{json},
    { x => 3, y => 2, stored => -57, value => -124.5, unit => 'HU' },
    'a pixel');
is($w->pixel($id, 0, 19, 9)->{json}{stored}, 99, 'the last one');
for ([20, 0], [0, 10], [-1, 0], [0, -1], [2 ** 31 - 1, 0]) {
    is($w->pixel($id, 0, @$_)->{slug}, 'invalid-parameter',
        "none at @$_");
}
is($w->pixel($id, 1, 0, 0)->{slug}, 'layer-out-of-range', 'nor on layer 1');

sub expected {
    my (@values) = @_;

    my ($sum, $squares) = (0, 0);
    $sum += $_ for @values;
    my $mean = $sum / @values;
    $squares += ($_ - $mean) ** 2 for @values;
    @values = sort { $a <=> $b } @values;
    return { count => scalar @values, mean => $mean,
        sd => sqrt($squares / @values), min => $values[0],
        max => $values[-1] };
}

sub region {
    my ($inside) = @_;
    return map { my $y = $_; map { $stored[$y * 20 + $_] * 2 - 10.5 }
        grep { $inside->($_ + 0.5, $y + 0.5) } 0 .. 19 } 0 .. 9;
}

sub check {
    my ($name, $json, @values) = @_;

    my $want = expected(@values);
    is($json->{count}, $want->{count}, "$name: count");
    for (qw(mean sd min max)) {
        ok(abs($json->{$_} - $want->{$_}) < 1e-9, "$name: $_")
            or diag("$json->{$_}, not $want->{$_}");
    }
    is($json->{unit}, 'HU', "$name: unit");
    ok(abs($json->{area_mm2} - 0.2 * $want->{count}) < 1e-9, "$name: area");
}

check('rectangle', $w->roi($id, 0, rectangle => 2, 3, 6, 5)->{json},
    region(sub { $_[0] >= 2 && $_[0] <= 6 && $_[1] >= 3 && $_[1] <= 5 }));
check('turned rectangle', $w->roi($id, 0, rectangle => 6, 5, 2, 3)->{json},
    region(sub { $_[0] >= 2 && $_[0] <= 6 && $_[1] >= 3 && $_[1] <= 5 }));
check('one pixel', $w->roi($id, 0, rectangle => 4.1, 4.1, 4.9, 4.9)->{json},
    region(sub { int $_[0] == 4 && int $_[1] == 4 }));
check('all', $w->roi($id, 0, rectangle => -5, -5, 100, 100)->{json},
    region(sub { 1 }));
check('ellipse', $w->roi($id, 0, ellipse => 2, 1, 16, 9)->{json},
    region(sub { (($_[0] - 9) / 7) ** 2 + (($_[1] - 5) / 4) ** 2 <= 1 }));
check('triangle', $w->roi($id, 0, polygon => 0, 0, 20, 0, 0, 10)->{json},
    region(sub { $_[0] / 20 + $_[1] / 10 <= 1 }));

my $none = $w->roi($id, 0, rectangle => 100, 100, 120, 120)->{json};
is($none->{count}, 0, 'nothing inside');
is($none->{mean}, undef, 'has no mean');

is($w->roi($id, 0, 9, 0, 0, 1, 1)->{slug}, 'invalid-parameter',
    'unknown shape');
is($w->roi($id, 0, polygon => 0, 0, 1, 1)->{slug}, 'invalid-parameter',
    'two points are no polygon');
is($w->roi($id, 0, rectangle => 0, 0, 1, 1, 2, 2)->{slug},
    'invalid-parameter', 'three are no rectangle');
is($w->roi($id, 0, rectangle => 'nan', 0, 1, 1)->{slug},
    'invalid-parameter', 'nor is what is no number');
is($w->request(roi => pack 'a16VVVVd<4', $id, 0, 1, 1000, 0, 0, 0, 1, 1)
    ->{slug}, 'invalid-parameter', 'points that are not there');

# colour: three stored values, nothing to measure
my $rgb = $w->store($t, $t->dicom_file(Rows => 2, Columns => 2,
    BitsAllocated => 8, BitsStored => 8, SamplesPerPixel => 3,
    PhotometricInterpretation => 'RGB', PlanarConfiguration => 0,
    pixels => pack('C*', 10 .. 21)));
my $colour = $w->open([$rgb])->{id};
is_deeply($w->pixel($colour, 0, 1, 1)->{json},
    { x => 1, y => 1, stored => [19, 20, 21], value => undef,
      unit => undef }, 'a pixel of colour');
is($w->roi($colour, 0, rectangle => 0, 0, 1, 1)->{slug},
    'invalid-parameter', 'a region of colour');
my $png = Test::Wire::png($w->render($colour, 0)->{body});
is($png->{samples}, 3, 'a colour picture');
is($png->{pixels}, pack('C*', 10 .. 21), 'of the same colours');

$t->finish();
