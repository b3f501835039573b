#!/usr/bin/perl

# What one series holds: parts by plane, size, kind and time, each in its own
# order; gaps and tilt are told.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
$t->start_worker(args => ['--renderer', 'cpu']);
my $w = Test::Wire->new($t->socket_path('worker'));
my $serial = 0;

my @axial = (1, 0, 0, 0, 1, 0);
my @coronal = (1, 0, 0, 0, 0, -1);

sub image {
    my (%a) = @_;

    $serial++;
    return $w->store($t, $t->dicom_file(SeriesInstanceUID => '1.2.3',
        SOPInstanceUID => "1.2.3.$serial", InstanceNumber => $serial,
        FrameOfReferenceUID => '1.2.9', PixelSpacing => [1, 1], %a));
}

sub slice {
    my ($z, %a) = @_;
    return image(ImagePositionPatient => [0, 0, $z],
        ImageOrientationPatient => \@axial, %a);
}

# "layers description" of each part
sub parts {
    my ($json) = @_;
    return join '; ', map { "$_->{layers} $_->{description}" }
        @{$json->{parts}};
}

# instance numbers (and frames) of the layers of a part
sub layers {
    my ($files, $part) = @_;

    my $open = $w->open($files, part => $part);
    return "$open->{status} $open->{slug}" if $open->{status} != 202;
    my $items = $w->request(layers => $open->{id})->{json}{items};
    return join ' ', map { my ($n) = $_->{instance} =~ /(\d+)$/;
        $_->{frame} ? "$n/$_->{frame}" : $n } @$items;
}

# scouts, a volume with a gap, a coronal one, smaller ones, and a clip

my @scouts = map { image(ImageType => ['ORIGINAL', 'PRIMARY', 'LOCALIZER'],
    ImagePositionPatient => [0, 0, $_], ImageOrientationPatient =>
        $_ ? \@coronal : [0, 1, 0, 0, 0, -1]) } 0, 1;
my @volume = map { slice($_ * 2.5) } 5, 4, 3, 1, 0;
my @coronals = map { image(ImagePositionPatient => [0, $_, 0],
    ImageOrientationPatient => \@coronal) } 9, 6, 3;
my @small = map { slice($_, Rows => 8, Columns => 8) } 0, 1;
my $clip = image(NumberOfFrames => 4, FrameTime => undef,
    PixelSpacing => undef);
my @all = ($clip, @coronals, @small, @volume, @scouts);

my $open = $w->open(\@all, part => 0);
my $json = $open->{json};
is(parts($json), '5 Axial; 2 Localizer; 3 Coronal; 2 Axial; 4 Clip', 'parts');
is("$json->{part} $json->{layers} $json->{rows} $json->{kind}",
    '0 5 16 volume', 'the main one is open');
is_deeply($json->{gaps}, [{ layer => 1, missing => 1, distance => 5 }],
    'a slice is missing');
ok($json->{uneven} && !$json->{duplicates}, 'so it is uneven');
is($json->{gantry_tilt}, 0, 'and upright');
is($json->{slice_spacing}, 2.5, 'its spacing');
is($json->{frame_of_reference}, '1.2.9', 'its frame of reference');
is($json->{parts}[0]{first_instance}, '1.2.3.7', 'the first one of it');
is_deeply($json->{parts}[2], { part => 2, layers => 3, rows => 16,
    columns => 16, description => 'Coronal', first_instance => '1.2.3.10',
    orientation => { top => 'H', right => 'L', bottom => 'F', left => 'R' } },
    'another part') or diag(explain $json->{parts}[2]);
is(layers(\@all, 0), '7 6 5 4 3', 'slices from the feet up');
is(layers(\@all, 1), '1 2', 'scouts');
is(layers(\@all, 2), '10 9 8', 'coronal slices from front to back');
is(layers(\@all, 3), '11 12', 'small ones');
is(layers(\@all, 4), '13 13/1 13/2 13/3', 'frames of the clip');
is(layers(\@all, 5), '404 part-not-found', 'no more');
is(layers(\@all, 0xfffffffe), '404 part-not-found', 'by far');

# a picture is of the layer that was asked for

my $small = $w->open(\@all, part => 3);
my $picture = $w->render($small->{id}, 1)->{picture};
is("$picture->{instance} $picture->{width}", '1.2.3.12 8', 'its picture');

# one cost: what a part takes, shared by all who open it

$w->ready($_->{id}) for $open, $small;
my $other = Test::Wire->new($t->socket_path('worker'), user => 'other');
my $before = $w->metric('dicom_stacks');
my $shared = $other->open(\@all, part => 3);
is($w->metric('dicom_stacks'), $before, 'two users share the part')
    if defined $before;
is($shared->{json}{bytes}, 2 * 8 * 8 * 2, 'its bytes only');
is($shared->{json}{loaded}, 2, 'which are there already');

# echoes, with positions in any order

my @echoes = map { my $z = $_; map { slice($z, '00180081' =>
    ['DS', $_], PatientID => 'X') } 80, 20 } 3, 1, 2, 0;
$json = $w->open(\@echoes, part => 0)->{json};
is(parts($json), '4 Axial, TE 20 ms; 4 Axial, TE 80 ms', 'echoes');
is(layers(\@echoes, 1), join(' ', map { $serial - 8 + $_ } 7, 3, 5, 1),
    'the second one');

# a beating heart: 2 slices, 5 phases each

my @heart = map { my $z = $_; map { slice($z, '00181060' => ['DS', $_ + $z],
    ) } 40, 0, 120, 80, 160 } 0, 10;
$json = $w->open(\@heart, part => 1)->{json};
is(parts($json), '5 Axial, slice 1; 5 Axial, slice 2', 'a heart');
is($json->{kind}, 'times', 'through time');
is(layers(\@heart, 1), join(' ', map { $serial - 5 + $_ } 2, 1, 4, 3, 5),
    'phase by phase');

# one slice was taken twice

my @twice = map { slice($_) } 0, 1, 2, 3, 1;
$json = $w->open(\@twice, part => 0)->{json};
is("$json->{layers} $json->{duplicates}", '5 1', 'a slice taken twice');
like("@{$json->{warnings}}", qr/more than once/, 'is told');

# a colour profile

for my $icc (0, 1) {
    my $rgb = $w->store($t, $t->dicom_file(SamplesPerPixel => 3,
        PhotometricInterpretation => 'RGB', PlanarConfiguration => 0,
        BitsAllocated => 8, BitsStored => 8, HighBit => 7, Rows => 4,
        Columns => 4, pixels => "\x40" x 48,
        $icc ? ('00282000' => ['OB', "\0" x 128]) : ()));
    $json = $w->open([$rgb])->{json};
    is(scalar(grep { /ICC/ } @{$json->{warnings}}), $icc,
        $icc ? 'a colour profile is told of' : 'no colour profile');
}

# an instance alone is never taken apart: frames of two segments

sub item { return pack('vvV', 0xfffe, 0xe000, length $_[0]) . $_[0] }

sub element { return Test::Dicom::File::element(@_) }

sub sequence { return ['SQ', join '', map { item($_) } @_] }

my @frames = map { my ($z, $segment) = @$_;
    element('00209113', @{sequence(element('00200032', 'DS', [0, 0, $z]))})
    . element('0062000a', @{sequence(element('0062000b', 'US', $segment))})
} [1, 2], [0, 2], [1, 1], [0, 1];
my $multi = image(NumberOfFrames => 4, '52009229' => sequence(
    element('00209116', @{sequence(element('00200037', 'DS', \@axial))})),
    '52009230' => sequence(@frames));
is(layers([$multi], undef), join(' ', map { "$serial$_" } '/3', '/1', '/2', ''),
    'frames by position, then segment');
$json = $w->open([$multi], part => 0)->{json};
is(parts($json), '2 Axial, segment 1; 2 Axial, segment 2', 'or apart');

# real ones

for (['ct_ge_head', 28, '28 Axial', 18.5], ['mr_ge_mprage', 60, undef, 0]) {
    my ($name, $count, $parts, $tilt) = @$_;
    my $folder = $t->data("files/series/$name");
    SKIP: {
        skip 'no test data', 5 unless defined $folder;
        my @files;
        for my $path (sort glob "$folder/*.dcm $folder/*.MRDC.*") {
            next if $files[0] && $path eq $files[-1]{path};
            open my $in, '<:raw', $path or next;
            local $/;
            push @files, { %{$w->store($t, scalar <$in>)}, path => $path };
        }
        $open = $w->open(\@files, part => 0);
        $json = $open->{json};
        is($json->{layers}, $count, "$name: all layers");
        is(scalar @{$json->{parts}}, 1, "$name: in one part");
        like($json->{parts}[0]{description}, qr/^(Axial|Sagittal|Oblique)$/,
            "$name: $json->{parts}[0]{description}");
        ok(abs($json->{gantry_tilt} - $tilt) < 0.1,
            "$name: gantry tilt $json->{gantry_tilt}");
        my @at = map { my ($p, $o) = @{$_}{qw(position orientation)};
            $p->[0] * ($o->[1] * $o->[5] - $o->[2] * $o->[4])
            + $p->[1] * ($o->[2] * $o->[3] - $o->[0] * $o->[5])
            + $p->[2] * ($o->[0] * $o->[4] - $o->[1] * $o->[3])
        } @{$w->request(layers => $open->{id})->{json}{items}};
        is(scalar(grep { $at[$_] <= $at[$_ - 1] } 1 .. $#at), 0,
            "$name: along the normal");
        diag("$name: uneven $json->{uneven}, gaps "
            . scalar @{$json->{gaps}} . ", @{$json->{warnings}}");
    }
}

$t->finish();
