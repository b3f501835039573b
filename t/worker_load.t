#!/usr/bin/perl

# A series is opened, loads in the background in the order of its positions,
# and is shared by its users; the layer asked for first goes first.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

# worker_load_cpu.t runs this without OpenGL, where layers are read to where
# they stay.
our $renderer;
my $t = Test::Dicom->new();
$t->start_worker(args => ['--renderer', $renderer // 'gl']);
my $alice = Test::Wire->new($t->socket_path('worker'), user => 'alice');
my $bob = Test::Wire->new($t->socket_path('worker'), user => 'bob');

# 12 slices, stored in an order that is not that of their positions; every
# pixel of slice n is 100 + n, but for the first one, which is 0
my @slices = map { store($_) } 7, 3, 11, 0, 5, 1, 9, 2, 10, 4, 8, 6;

sub store {
    my ($n) = @_;
    return $alice->store($t, $t->dicom_file(
        Rows => 48, Columns => 32, BitsStored => 12, Modality => 'CT',
        SOPInstanceUID => "1.2.3.4.$n", SeriesInstanceUID => '1.2.3',
        StudyInstanceUID => '1.2', FrameOfReferenceUID => '1.2.9',
        InstanceNumber => 100 - $n, SliceThickness => 5,
        ImagePositionPatient => ['-10', '20', 2.5 * $n],
        ImageOrientationPatient => [1, 0, 0, 0, 1, 0],
        PixelSpacing => ['0.5', '0.25'],
        WindowCenter => ['128', '50'], WindowWidth => ['256', '100'],
        RescaleIntercept => '0', RescaleSlope => '1', RescaleType => 'HU',
        pixels => pack('v*', 0, (100 + $n) x (48 * 32 - 1))));
}

is($slices[0]{answer}{status}, 200, 'a slice is stored');
is($slices[0]{modality}, 'CT', 'with its modality');

my $stack = $alice->open(\@slices, study => '1.2', series => '1.2.3',
    layer => 6);
is($stack->{status}, 202, 'opened');
my $json = $stack->{json};
my $id = unpack 'H*', $stack->{id};
is($json->{id} =~ tr/-//dr, $id, 'id');
is_deeply([@{$json}{qw(layers rows columns samples bits photometric modality
    study series)}], [12, 48, 32, 1, 12, 'MONOCHROME2', 'CT', '1.2', '1.2.3'],
    'what it is');
is_deeply($json->{windows}[0], { center => 128, width => 256,
    explanation => '' }, 'its window');
is_deeply($json->{spacing}, [0.5, 0.25], 'spacing');
cmp_ok($json->{slice_spacing}, '==', 2.5, 'slice spacing');
cmp_ok($json->{aspect}, '==', 2, 'aspect');
is_deeply($json->{orientation}, { top => 'A', right => 'L', bottom => 'P',
    left => 'R' }, 'letters');
is($json->{bytes}, 12 * 48 * 32 * 2, 'bytes of texels');
is($json->{idle_seconds}, 600, 'idle seconds');
is($json->{error}, undef, 'no error');

$json = $alice->ready($stack->{id});
is($json->{state}, 'ready', 'all layers came');
is($json->{loaded}, 12, 'and were counted');

my $layers = $alice->request(layers => $stack->{id})->{json}{items};
is_deeply([map { $_->{instance} } @$layers], [map { "1.2.3.4.$_" } 0 .. 11],
    'in the order of their positions');
is_deeply($layers->[4]{position}, [-10, 20, 10], 'position of a layer');
is_deeply($layers->[4]{letters}, [qw(A L P R)], 'letters of a layer');

# window 128/256 LINEAR shows the value itself
for my $n (0, 5, 11) {
    my $res = $alice->render($stack->{id}, $n);
    my $png = Test::Wire::png($res->{body});

    is($res->{picture}{instance}, "1.2.3.4.$n", "layer $n: its instance");
    is(sha256_hex($png->{pixels}), $res->{picture}{sha256},
        "layer $n: hash of the pixels");
    is_deeply([@{$png}{qw(width height samples)}], [32, 48, 1],
        "layer $n: native size");
    my %seen;
    $seen{$_}++ for unpack 'C*', $png->{pixels};
    is(scalar(keys %seen), 2, "layer $n: two levels");
    ok(ord(substr $png->{pixels}, 0, 1) == 0
        && ord(substr $png->{pixels}, 7, 1) == 100 + $n,
        "layer $n: its values") or diag(explain(\%seen));
}

my $res = $alice->render($stack->{id}, 3, width => 64, height => 48,
    center => 103, window => 10, format => 'jpeg', quality => 95,
    interpolation => 'nearest', invert => 1);
is($res->{status}, 200, 'a JPEG');
is(substr($res->{body}, 0, 2), "\xff\xd8", 'that is one');
is_deeply([@{$res->{picture}}{qw(width height format lossy invert voi center
    window quality samples)}], [64, 48, 1, 1, 1, 1, 103, 10, 95, 1],
    'says what it shows');

# Bob opens the same series: the texels are shared
my $before = $alice->metric('dicom_render_stack_bytes');
my $other = $bob->open(\@slices, study => '1.2', series => '1.2.3');
is($other->{json}{state}, 'ready', 'a second user finds it loaded');
is($alice->metric('dicom_render_stack_bytes'), $before, 'and takes no room');
is($alice->metric('dicom_render_stacks'), 1, 'one stack');
is($alice->metric('dicom_render_stacks_built_total'), 1,
    'whose indexes were decoded once');
is($alice->metric('dicom_render_leases'), 2, 'two leases');
is($bob->render($stack->{id}, 0)->{slug}, 'stack-not-found',
    "another user's lease does not exist");
is($alice->request(release => $stack->{id})->{status}, 204, 'given back');
is($alice->render($stack->{id}, 0)->{slug}, 'stack-not-found', 'and gone');
is($bob->render($other->{id}, 0)->{status}, 200, "Bob's goes on");

# the same request again is the same lease
my $again = $bob->open(\@slices, study => '1.2', series => '1.2.3',
    id => $other->{id});
is($again->{status}, 202, 'opened again under the same name');
is($alice->metric('dicom_render_leases'), 1, 'no lease more');
is($alice->open(\@slices, study => '1.2', series => '1.2.3',
    id => $other->{id})->{slug}, 'stack-conflict',
    'not under the name of another user');

# a file that is gone costs its layer only
my @gone = map { { %$_ } } @slices[0 .. 2];
$gone[1]{location} =~ s/[0-9a-f](?=\.dcm$)/$& eq '0' ? '1' : '0'/e;
my $partly = $alice->open(\@gone, study => '1.2', series => '1.2.3');
$json = $alice->ready($partly->{id});
is($json->{state}, 'ready', 'a file is gone: the others are there');
is_deeply([@{$json}{qw(loaded failed)}], [2, 1], 'counted');
is($json->{error}{slug}, 'frame-not-decodable', 'and said why');
my @statuses = map { $alice->render($partly->{id}, $_) } 0 .. 2;
is(join(' ', sort map { $_->{status} } @statuses), '200 200 422',
    'only its layer is refused');
like((grep { $_->{status} == 422 } @statuses)[0]{detail}, qr/is gone/,
    'with the reason');

$t->finish();
