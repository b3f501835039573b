#!/usr/bin/perl

# Orientation letters of the layers: every plane along the axes of the patient
# and many between them, frame by frame; files that only name their directions;
# none where nothing is known.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
$t->start_worker(args => ['--renderer', 'cpu']);
my $w = Test::Wire->new($t->socket_path('worker'));

# Letters by the angles to the six directions of the patient: those nearer than
# a right angle less three degrees, the nearest first.
my %patient = (L => [1, 0, 0], R => [-1, 0, 0], P => [0, 1, 0],
    A => [0, -1, 0], H => [0, 0, 1], F => [0, 0, -1]);

sub letters {
    my (@v) = @_;

    my %cosine = map { my $p = $patient{$_};
        $_ => $v[0] * $p->[0] + $v[1] * $p->[1] + $v[2] * $p->[2] }
        keys %patient;
    return join '', sort { $cosine{$b} <=> $cosine{$a} }
        grep { $cosine{$_} > 0.05 } keys %cosine;
}

# whether rounding could name another letter, or in another order
sub doubtful {
    my @v = map { abs } @_;
    return 1 if grep { abs($_ - 0.05) < 1e-3 } @v;
    return grep { abs($v[$_->[0]] - $v[$_->[1]]) < 1e-3
        && $v[$_->[0]] > 0.04 } [0, 1], [0, 2], [1, 2];
}

my @planes;
for my $row (values %patient) {
    for my $column (values %patient) {
        push @planes, [@$row, @$column]
            if !grep { $row->[$_] && $column->[$_] } 0 .. 2;
    }
}
is(scalar @planes, 24, 'planes along the axes');
srand 3;
while (@planes < 200) {
    my @q = map { rand(2) - 1 } 0 .. 3;
    my $n = sqrt($q[0] ** 2 + $q[1] ** 2 + $q[2] ** 2 + $q[3] ** 2) || next;
    my ($a, $b, $c, $d) = map { $_ / $n } @q;
    # a rotation by a quaternion: its first two columns
    my @plane = ($a * $a + $b * $b - $c * $c - $d * $d, 2 * ($b * $c + $a * $d),
        2 * ($b * $d - $a * $c), 2 * ($b * $c - $a * $d),
        $a * $a - $b * $b + $c * $c - $d * $d, 2 * ($c * $d + $a * $b));
    next if doubtful(@plane[0 .. 2]) || doubtful(@plane[3 .. 5]);
    push @planes, [map { sprintf '%.10f', $_ } @plane];
}

sub item { return pack('vvV', 0xfffe, 0xe000, length $_[0]) . $_[0] }

sub element { return Test::Dicom::File::element(@_) }

sub sequence { return ['SQ', join '', map { item($_) } @_] }

my $z = 0;
my $multi = $w->open([$w->store($t, $t->dicom_file(Rows => 2, Columns => 2,
    NumberOfFrames => scalar @planes, PatientOrientation => ['L', 'P'],
    '52009230' => sequence(map {
        element('00209113', @{sequence(
            element('00200032', 'DS', [0, 0, $z++]))})
        . element('00209116', @{sequence(element('00200037', 'DS', $_))})
    } @planes)))]);
my $layers = $w->request(layers => $multi->{id})->{json}{items};
is(scalar @$layers, 200, 'a layer for each frame');
my (@wrong, %length);
for my $layer (@$layers) {
    my @p = @{$planes[$layer->{frame}]};
    my @want = (letters(map { -$_ } @p[3 .. 5]), letters(@p[0 .. 2]),
        letters(@p[3 .. 5]), letters(map { -$_ } @p[0 .. 2]));
    $length{length $_}++ for @want;
    push @wrong, "frame $layer->{frame}: @{$layer->{letters}}, not @want"
        if "@{$layer->{letters}}" ne "@want";
}
is(join("\n", @wrong), '', 'letters of every frame');
ok($length{1} && $length{2} && $length{3}, 'of one, two and three letters');

# only named: top, right, bottom, left
for ([['L', 'F'], 'H L F R'], [['A', 'FR'], 'HL A FR P'],
     [['P', 'FL'], 'HR P FL A'], [['PLF', 'H'], 'F PLF H ARH'],
     [['R'], ' R  L'], [['L', 'R X'], ' L  R'], [['X', 'Q'], '   '],
     [['LR', 'F'], 'H  F '], [['L', 'R'], '   '], [['A', 'PF'], '   '],
     ['', '   '], [['ABOVE', 'BELOW'], '   '])
{
    my ($named, $want) = @$_;
    my $open = $w->open([$w->store($t, $t->dicom_file(Modality => 'MG',
        PatientOrientation => $named))]);
    my $got = $w->request(layers => $open->{id})->{json}{items}[0]{letters};
    is("@$got", $want, 'named ' . (ref $named ? "@$named" : 'nothing'));
    is(join(' ', @{$open->{json}{orientation}}{qw(top right bottom left)}),
        $want, 'the same of the stack');
}

# directions that are none
for ([1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 2, 0]) {
    my $open = $w->open([$w->store($t, $t->dicom_file(
        ImagePositionPatient => [0, 0, 0], ImageOrientationPatient => $_))]);
    is("@{$w->request(layers => $open->{id})->{json}{items}[0]{letters}}",
        '   ', "no letters of @$_");
}

$t->finish();
