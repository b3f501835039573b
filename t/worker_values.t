#!/usr/bin/perl

# Values and regions are those that an independent reader computes: over real
# files, frames and shapes; uptake values, real-world values, calibrated
# regions; and nothing where the file does not say enough.

use strict;
use warnings;

use List::Util qw(max min sum);
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Parse;
use Test::Wire;

my $t = Test::Dicom->new();
$t->start_worker(args => ['--renderer', 'cpu']);
my $w = Test::Wire->new($t->socket_path('worker'));

sub near {
    my ($got, $want) = @_;
    return defined $got && abs($got - $want)
        <= 1e-6 * max(abs $want, abs $got, 1e-12);
}

# whether a point is inside a shape
sub inside {
    my ($shape, $x, $y, @p) = @_;

    if ($shape eq 'polygon') {
        my $in = 0;
        for (my ($i, $j) = (0, $#p - 1); $i < @p; $j = $i, $i += 2) {
            $in = !$in if ($p[$i + 1] > $y) != ($p[$j + 1] > $y)
                && $x < ($p[$j] - $p[$i]) * ($y - $p[$i + 1])
                    / ($p[$j + 1] - $p[$i + 1]) + $p[$i];
        }
        return $in;
    }
    my ($cx, $cy) = (($p[0] + $p[2]) / 2, ($p[1] + $p[3]) / 2);
    my ($rx, $ry) = (abs($p[2] - $p[0]) / 2, abs($p[3] - $p[1]) / 2);
    return $shape eq 'rectangle' ? abs($x - $cx) <= $rx && abs($y - $cy) <= $ry
        : (($x - $cx) / $rx) ** 2 + (($y - $cy) / $ry) ** 2 <= 1;
}

sub statistics {
    my (@values) = @_;

    my $mean = sum(@values) / @values;
    return (count => scalar @values, mean => $mean, min => min(@values),
        max => max(@values),
        sd => sqrt(sum(map { ($_ - $mean) ** 2 } @values) / @values));
}

# shapes within a box of at most 48 pixels; no corner lies on a pixel's middle
sub shapes {
    my ($columns, $rows) = @_;

    my ($bw, $bh) = (min(48, $columns), min(48, $rows));
    my $x = int(rand($columns - $bw + 1)) + 0.137;
    my $y = int(rand($rows - $bh + 1)) + 0.219;
    my ($right, $bottom) = ($x + $bw - 0.4, $y + $bh - 0.4);
    my ($w, $h) = ($right - $x, $bottom - $y);

    return (['rectangle', $x, $y, $right, $bottom],
        ['ellipse', $x, $y, $right, $bottom],
        # a concave one, like an arrow, and a star that crosses itself
        ['polygon', $x, $y, $right, $y + $h / 3, $x + $w / 4, $y + $h / 2,
            $right, $bottom, $x + $w / 8, $bottom],
        ['polygon', map { ($x + $w * $_->[0], $y + $h * $_->[1]) }
            [0.5, 0], [0.8, 1], [0, 0.4], [1, 0.41], [0.2, 1]]);
}

# what is wrong with one shape on one frame
sub compare {
    my ($id, $layer, $shape, $set, $frame, $pixels) = @_;

    my ($kind, @p) = @$shape;
    my ($slope, $intercept) = @{Test::Dicom::Parse::rescale($set, $frame)};
    my ($rows, $columns) = map { Test::Dicom::Parse::u16($set, $_) }
        qw(00280010 00280011);
    my @x = grep { defined } @p[map { 2 * $_ } 0 .. $#p / 2];
    my @y = grep { defined } @p[map { 2 * $_ + 1 } 0 .. $#p / 2];
    my @values;
    for my $y (max(0, int(min(@y)) - 1) .. min($rows - 1, int max(@y))) {
        for my $x (max(0, int(min(@x)) - 1) .. min($columns - 1, int max(@x))) {
            push @values, $slope * $pixels->($x, $y) + $intercept
                if inside($kind, $x + 0.5, $y + 0.5, @p);
        }
    }
    my $json = $w->roi($id, $layer, $kind, @p)->{json};
    return "count $json->{count}, not " . @values
        if $json->{count} != @values;
    return '' if !@values;
    my %want = statistics(@values);
    for (qw(mean sd min max)) {
        return "$_ $json->{$_}, not $want{$_}" if !near($json->{$_}, $want{$_})
            && !($_ eq 'sd' && abs($json->{sd} - $want{sd})
                <= 1e-9 * max(abs $want{min}, abs $want{max}));
    }
    return '';
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or return '';
    local $/;
    return scalar <$in>;
}

# real files

my $folder = $t->data('files');
SKIP: {
    skip 'no test data', 3 unless defined $folder;
    srand 7;
    my (@wrong, %seen);
    my ($files, $regions) = (0, 0);
    for my $path (sort glob "$folder/*/*.dcm $folder/series/*/*") {
        my ($family) = $path =~ m{/series/(\w+)};
        next if $family && $seen{$family}++ >= 3;
        my $bytes = slurp($path);
        next if length $bytes > 3_000_000;
        my $set = Test::Dicom::Parse::file($bytes) or next;
        my $photometric = Test::Dicom::Parse::string($set, '00280004');
        next if $photometric !~ /^MONOCHROME[12]\z/
            || Test::Dicom::Parse::u16($set, '00280100') < 8
            || ref($set->{'7fe00010'} // '')
            || !($set->{'7fe00010'} // $set->{'7fe00008'}
                // $set->{'7fe00009'})
            # a table, or a scaling of another name
            || $set->{'00283000'} || $set->{'3004000e'};
        my $fields = $w->store($t, $bytes);
        next if !$fields->{index};
        my $open = $w->open([$fields]);
        next if $open->{status} != 202;

        $files++;
        my $layers = $w->request(layers => $open->{id})->{json}{items};
        my $last = $#$layers;
        my $name = $path =~ s{.*/files/}{}r;
        for my $frame (0, $last > 0 ? $last : ()) {
            my ($layer) = grep { $_->{frame} == $frame } @$layers;
            my $pixels = Test::Dicom::Parse::pixels($set, $frame);
            for my $shape (shapes(@{$layer}{qw(columns rows)})) {
                my $why = compare($open->{id}, $layer->{layer}, $shape, $set,
                    $frame, $pixels);
                $regions++;
                push @wrong, "$name frame $frame $shape->[0]: $why" if $why;
            }
            for (1 .. 3) {
                my ($x, $y) = map { int rand $_ } @{$layer}{qw(columns rows)};
                my $json = $w->pixel($open->{id}, $layer->{layer}, $x, $y)
                    ->{json};
                my $stored = $pixels->($x, $y);
                my ($slope, $intercept) =
                    @{Test::Dicom::Parse::rescale($set, $frame)};
                push @wrong, "$name frame $frame ($x, $y): $json->{stored} "
                    . "$json->{value}, not $stored"
                    if !near($json->{stored}, $stored)
                    || !near($json->{value}, $slope * $stored + $intercept);
            }
        }
        $w->request(release => $open->{id});
    }
    diag("$files files, $regions regions");
    ok($files >= 20, 'files to compare with');
    ok($regions >= 100, 'and regions');
    is(join("\n", @wrong), '', 'values are those of the other reader');
}

# per-frame rescale

sub item { return pack('vvV', 0xfffe, 0xe000, length $_[0]) . $_[0] }

sub element { return Test::Dicom::File::element(@_) }

sub sequence { return ['SQ', join '', map { item($_) } @_] }

sub in_sequence {
    my ($tag, $bytes) = @_;
    return element($tag, @{sequence($bytes)});
}

my $multi = $w->open([$w->store($t, $t->dicom_file(NumberOfFrames => 2,
    Rows => 2, Columns => 2, pixels => pack('v*', 1 .. 8),
    '52009230' => sequence(map { in_sequence('00289145',
        element('00281052', 'DS', $_->[1]) . element('00281053', 'DS', $_->[0])
        . element('00281054', 'LO', 'HU')) } [2, -1], [0.25, 7])))])->{id};
is($w->pixel($multi, 0, 1, 1)->{json}{value}, 7, 'rescale of frame 0');
is($w->pixel($multi, 1, 1, 1)->{json}{value}, 9, 'rescale of frame 1');
is($w->roi($multi, 1, rectangle => 0, 0, 2, 2)->{json}{mean}, 8.625,
    'a region of frame 1');

# standardised uptake values

my %drug = ('00181072' => ['TM', '101500.00'], '00181074' => ['DS', '3.7E8'],
    '00181075' => ['DS', '6586.2']);
my %pet = (Modality => 'PT', '00541001' => ['CS', 'BQML'],
    '00280051' => ['CS', ['DECY', 'ATTN', 'DECAY']],
    '00541102' => ['CS', 'START'], '00101030' => ['DS', '72.5'],
    '00080021' => ['DA', '20240229'], '00080031' => ['TM', '111530.5'],
    '00080022' => ['DA', '20240229'], '00080032' => ['TM', '111800'],
    RescaleSlope => '2.5', RescaleIntercept => 0);

sub pet {
    my (%change) = @_;

    my %radio = (%drug, %{delete $change{drug} // {}});
    my $radio = join '', map { element($_, @{$radio{$_}}) }
        grep { $radio{$_} } sort keys %radio;
    my %file = (%pet, '00540016' => sequence($radio), %change);
    my $open = $w->open([$w->store($t, $t->dicom_file(%file))]);
    my $json = $w->pixel($open->{id}, 0, 4, 3)->{json};
    my $roi = $w->roi($open->{id}, 0, rectangle => 0, 0, 16, 16)->{json};
    return ($json, $roi);
}

sub suv_is {
    my ($name, $factor, %change) = @_;

    my ($pixel, $roi) = pet(%change);
    if (!defined $factor) {
        ok(!$pixel->{suv} && !$roi->{suv}, "no uptake value: $name");
        return;
    }
    # stored 3 * 16 + 4
    ok(near($pixel->{suv}{value}, $pixel->{value} * $factor)
        && $pixel->{value} == 130 && near($roi->{suv}{mean},
            $roi->{mean} * $factor) && near($roi->{suv}{sd},
            $roi->{sd} * $factor), "uptake value: $name")
        or diag(explain $pixel);
}

my $elapsed = 3600 + 30.5;
my $bqml = 72500 / (3.7e8 * 2 ** (-$elapsed / 6586.2));
suv_is('corrected to the start', $bqml);
my ($pixel, $roi) = pet();
is("$pixel->{unit} $pixel->{suv}{unit} $roi->{unit} $roi->{suv}{unit}",
    'Bq/ml g/ml{SUVbw} Bq/ml g/ml{SUVbw}', 'units');
suv_is('corrected to the injection', 72500 / 3.7e8,
    '00541102' => ['CS', 'ADMIN']);
suv_is('a start with its date', 72500 / (3.7e8
    * 2 ** (-($elapsed + 86400 - 82800) / 6586.2)),
    drug => { '00181072' => undef,
        '00181078' => ['DT', '20240229091500.000000+0100'] });
suv_is('over midnight, in a leap year', 72500 / (3.7e8 * 2 ** (-3600 / 6586.2)),
    '00080021' => ['DA', '20240301'], '00080031' => ['TM', '003000'],
    '00080022' => ['DA', '20240301'], '00080032' => ['TM', '003000'],
    drug => { '00181072' => ['TM', '233000'] });
suv_is('a series made later, by GE', 72500 / (3.7e8
    * 2 ** (-3600 / 6586.2)), '00080031' => ['TM', '150000'],
    '00090010' => ['LO', 'GEMS_PETD_01'],
    '0009100d' => ['DT', '20240229111500.00']);
{
    # back from the frame: 180 s long, its mean rate 300 s after the scan began
    my $decay = log(2) / 6586.2 * 180;
    my $mean = log($decay / (1 - exp -$decay)) / (log(2) / 6586.2);
    suv_is('a series made later', 72500 / (3.7e8
        * 2 ** (-(3780 - 300 + $mean) / 6586.2)),
        '00080031' => ['TM', '150000'], '00541300' => ['DS', '300000'],
        '00181242' => ['IS', '180000']);
}
suv_is('counts, by Philips', 0.00123, '00541001' => ['CS', 'CNTS'],
    '70530010' => ['LO', 'Philips PET Private Group'],
    '70531000' => ['DS', '0.00123']);
suv_is('counts that are scaled to activity', 3.5 * $bqml,
    '00541001' => ['CS', 'CNTS'],
    '70530011' => ['LO', 'Philips PET Private Group'],
    '70531109' => ['DS', '3.5']);
suv_is('g/ml', 1, '00541001' => ['CS', 'GML'], '00541102' => undef);

suv_is('lean body mass', undef, '00541001' => ['CS', 'GML'],
    '00541006' => ['CS', 'LBM']);
suv_is('counts', undef, '00541001' => ['CS', 'CNTS']);
suv_is("counts of another's private group", undef,
    '00541001' => ['CS', 'CNTS'], '70530010' => ['LO', 'SOMEBODY'],
    '70531000' => ['DS', '0.00123']);
suv_is('no weight', undef, '00101030' => undef);
suv_is('weight 0', undef, '00101030' => ['DS', '0']);
suv_is('no dose', undef, drug => { '00181074' => undef });
suv_is('no half-life', undef, drug => { '00181075' => undef });
suv_is('no time of injection', undef, drug => { '00181072' => undef });
suv_is('an injection after the scan', undef,
    drug => { '00181078' => ['DT', '20240301091500'] });
suv_is('an injection a month before', undef,
    drug => { '00181078' => ['DT', '20240101091500'] });
suv_is('not corrected for decay', undef, '00541102' => ['CS', 'NONE']);
suv_is('not corrected for attenuation', undef,
    '00280051' => ['CS', ['DECY', 'DECAY']]);
suv_is('a series made later', undef, '00080031' => ['TM', '150000']);
suv_is('no time of acquisition', undef, '00080032' => undef);

# real-world values, linear, within what is mapped

my $world = $w->open([$w->store($t, $t->dicom_file('00409096' => sequence(
    in_sequence('004008ea', element('00080100', 'SH', 'mm2/s'))
    . element('00409211', 'US', 99) . element('00409216', 'US', 10)
    . element('00409224', 'FD', -1) . element('00409225', 'FD', 0.5))))])
    ->{id};
is_deeply($w->pixel($world, 0, 4, 1)->{json}{real_world},
    { value => 9, unit => 'mm2/s' }, 'a real-world value');
is($w->pixel($world, 0, 9, 0)->{json}{real_world}, undef, 'none below');
is($w->pixel($world, 0, 4, 6)->{json}{real_world}, undef, 'nor above');
$roi = $w->roi($world, 0, rectangle => 0, 0, 16, 16)->{json};
is("$roi->{count} $roi->{real_world}{count} $roi->{real_world}{mean}",
    '256 90 26.25', 'a region of them');

# calibrated regions of ultrasound

my $us = $w->open([$w->store($t, $t->dicom_file(Modality => 'US',
    '00186011' => sequence(map { my ($unit, @box) = @$_;
        element('00186018', 'UL', $box[0]) . element('0018601a', 'UL', $box[1])
        . element('0018601c', 'UL', $box[2])
        . element('0018601e', 'UL', $box[3])
        . element('00186024', 'US', $unit) . element('00186026', 'US', $unit)
        . element('0018602c', 'FD', -0.02) . element('0018602e', 'FD', 0.03)
    } [3, 0, 0, 7, 15], [4, 8, 0, 15, 15])))]);
is_deeply($us->{json}{regions}, [{ left => 0, top => 0, right => 7,
    bottom => 15, spacing => [0.3, 0.2] }], 'the region in centimetres');
ok(near($w->roi($us->{id}, 0, rectangle => 1, 1, 3, 4)->{json}{area_mm2}, 0.36),
    'an area in it');
is($w->roi($us->{id}, 0, rectangle => 6, 1, 12, 4)->{json}{area_mm2}, undef,
    'none across its edge');

$t->finish();
