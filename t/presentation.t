#!/usr/bin/perl

# A presentation state from its upload to the picture, beside DCMTK's dcmp2pgm
# where that is installed; and states that nobody should have sent.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Presentation qw(gsps);
use Test::Wire;

my $t = Test::Dicom->new();

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->yaml('node');
$t->start_nginx();

my $up = $t->login('radiographer');
my $token = $t->login('physician');
my ($columns, $rows) = (40, 30);
my %named = (study => '2.25.6', series => '2.25.6.1', columns => $columns,
    rows => $rows, images => [{ uid => '2.25.6.1.1' }]);

sub upload {
    my ($bytes) = @_;
    return $t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $bytes);
}

sub get { $t->http('node', GET => shift, token => $token) }

my $image = $t->dicom_file(StudyInstanceUID => '2.25.6',
    SeriesInstanceUID => '2.25.6.1', SOPInstanceUID => '2.25.6.1.1',
    Rows => $rows, Columns => $columns, BitsStored => 12, WindowCenter => 5,
    WindowWidth => 9, pixels => pack 'v*', map { $_ * 3 }
        0 .. $columns * $rows - 1);
is(upload($image)->{status}, 201, 'an image');
my $second = $t->dicom_file(StudyInstanceUID => '2.25.6',
    SeriesInstanceUID => '2.25.6.1', SOPInstanceUID => '2.25.6.1.2',
    InstanceNumber => 2, Rows => $rows, Columns => $columns,
    BitsStored => 12);
is(upload($second)->{status}, 201, 'another one');

my %states = (
    '2.25.6.9.1' => [label => 'WINDOW', description => "Lunge \xe4",
        more => { '00080005' => [CS => 'ISO_IR 100'] },
        modality => [2, -100], vois => [{ center => 3000, width => 4000 }],
        annotations => [{ graphics => [{ shape => 'POLYLINE',
            points => [1.5, 2.5, 3, 4, 5, 6] }, { shape => 'CIRCLE',
            units => 'DISPLAY', filled => 'Y', points => [0.5, 0.5, 0.5, 1] }],
            texts => [{ text => "two\r\nlines", box => [1, 2, 30, 12],
                anchor => [7, 8] }] }]],
    '2.25.6.9.2' => [label => 'INVERSE', presentation => 'INVERSE',
        vois => [{ center => 1800, width => 3000 }]],
    '2.25.6.9.3' => [label => 'LUTS', vois => [{ lut => [100, 16,
        [map { int(65535 * ($_ / 3000) ** 0.7) } 0 .. 3000]] }]],
    '2.25.6.9.4' => [label => 'MODALITY', modality =>
        { lut => [0, 12, [map { 4095 - $_ } 0 .. 4095]] },
        vois => [{ center => 2000, width => 3000 }]],
);
for my $uid (sort keys %states) {
    is(upload(gsps(%named, uid => $uid, @{$states{$uid}}))->{status}, 201,
        "a state: $states{$uid}[1]");
}

# the stack knows them

my $open = $t->http('node', POST => '/api/v1/stacks', token => $token,
    json => { study => '2.25.6', series => '2.25.6.1' });
is($open->{status}, 202, 'a stack');
my $path = "/api/v1/stacks/$open->{json}{id}";
is_deeply([map { "$_->{uid} $_->{label} $_->{layers}" } sort { $a->{uid} cmp
    $b->{uid} } @{$open->{json}{presentations}}],
    [map { "$_ $states{$_}[1] 1" } sort keys %states], 'its states');

my $res = get("$path/presentations/2.25.6.9.1");
my $state = $res->{json};
is("$res->{status} $state->{creator} $state->{date} $state->{time} "
    . "$state->{kind}", '200 Reader^A 2026-02-03 04:05:06 grayscale',
    'one of them');
is($state->{description}, "Lunge \xe4", 'in its character set');
is_deeply($state->{layers}, [[0, 0]], 'for the first layer');
is_deeply($state->{annotations}[0]{graphics}, [
    { shape => 'polyline', units => 'pixel', filled => JSON::PP::false,
      points => [[1.5, 2.5], [3, 4], [5, 6]] },
    { shape => 'circle', units => 'display', filled => JSON::PP::true,
      points => [[0.5, 0.5], [0.5, 1]] }], 'its graphics');
is_deeply($state->{annotations}[0]{texts}, [{ text => "two\nlines",
    box => { units => 'pixel', left => 1, top => 2, right => 30,
        bottom => 12, justify => 'left' },
    anchor => { units => 'pixel', x => 7, y => 8,
        visible => JSON::PP::true } }], 'its text');
is_deeply($state->{areas}[0], { layers => [[0, 0]], left => 0, top => 0,
    right => $columns, bottom => $rows, size => 'fit', aspect => 1,
    magnification => undef }, 'its area');

# the picture is DCMTK's

my ($dcmp2pgm) = grep { -x } map { "$_/dcmp2pgm" } split /:/, $ENV{PATH};
diag('dcmp2pgm (package dcmtk) is not installed: nothing to compare with')
    unless $dcmp2pgm;
$t->write_file('image.dcm', $image);
for my $uid (sort keys %states) {
    my $name = $states{$uid}[1];
    $res = get("$path/layers/0?presentation=$uid");
    is("$res->{status} $res->{headers}{'dicom-presentation'}", "200 $uid",
        "$name: a picture");
    like($res->{headers}{'dicom-view'}, qr/;presentation=\Q$uid\E/,
        "$name: is told of");
    SKIP: {
        skip 'no dcmp2pgm', 1 unless $dcmp2pgm;
        my $png = Test::Wire::png($res->{body});
        my $pgm = dcmtk(gsps(%named, uid => $uid, @{$states{$uid}}));
        my ($most, @got) = (0, unpack 'C*', $png->{pixels});
        for my $want (unpack 'C*', substr $pgm, -$columns * $rows) {
            my $d = abs($want - shift @got);
            $most = $d if $d > $most;
        }
        cmp_ok($most, '<=', 1, "$name: as DCMTK draws it");
    }
}

sub dcmtk {
    my ($bytes) = @_;
    $t->write_file('state.dcm', $bytes);
    my $to = $t->path('picture.pgm');
    local $ENV{ASAN_OPTIONS};
    system($dcmp2pgm, '-q', '-p', $t->path('state.dcm'),
        $t->path('image.dcm'), $to) == 0 or die "dcmp2pgm failed\n";
    open my $fh, '<:raw', $to or die "$to: $!\n";
    local $/;
    return scalar <$fh>;
}

# what there is not

sub slug { "$_[0]{status} " . ($_[0]{json}{type} =~ s/.*://r) }

is(slug(get("$path/layers/0?presentation=1.2.3")),
    '404 presentation-not-found', 'no such state');
is(slug(get("$path/presentations/1.2.3")), '404 presentation-not-found',
    'nor its graphics');
is(slug(get("$path/presentations/x")), '404 presentation-not-found',
    'nor a name that is none');
is(slug(get("$path/layers/0?presentation=../x")), '400 invalid-parameter',
    'a name that is none');
is(slug(get("$path/layers/1?presentation=2.25.6.9.1")),
    '422 presentation-not-applicable', 'a layer that it is not for');

# what nobody should have sent: stored or refused, and the next one is served

my %hostile = (
    'a graphic of more points than there are' => [annotations => [{ graphics
        => [{ shape => 'POLYLINE', count => 60000, points => [1 .. 8] }] }]],
    'half a million points' => [annotations => [map { { graphics => [{
        shape => 'POLYLINE', points => [(1) x 120000] }] } } 1 .. 9]],
    'images by the thousand' => [images => [map { { uid => "1.2.$_" } }
        1 .. 20000]],
    'frames by the thousand' => [images => [{ uid => '2.25.6.1.1',
        frames => [1 .. 70000] }]],
    'an endless polygon' => [shutter => { shape => 'POLYGONAL',
        vertices => [(1, 2) x 3000] }],
    'a radius without measure' => [shutter => { shape => 'CIRCULAR',
        center => [1, 1], radius => 2147483647 }],
    'numbers that are none' => [areas => [{ right => -2147483648,
        bottom => 2147483647 }]],
    'a LUT without entries' => [vois => [{ lut => [0, 16, []] }]],
);
for my $name (sort keys %hostile) {
    my $stored = upload(gsps(%named, @{$hostile{$name}}));
    like($stored->{status}, qr/^(?:201|422)\z/, $name);
}
my $good = gsps(%named, uid => '2.25.6.9.99', @{$states{'2.25.6.9.1'}});
my %answers;
srand 7;
for my $n (1 .. 60) {
    my $bytes = $good;
    $bytes =~ s/2\.25\.6\.9\.99/sprintf '2.25.6.8.%02d', $n/ge;
    substr $bytes, 600 + int rand(length($bytes) - 600), 1, chr int rand 256
        for 1 .. 4;
    $answers{upload($bytes)->{status}}++;
}
is_deeply([grep { !/^(?:20[01]|4\d\d)\z/ } keys %answers], [],
    '60 mutants are stored or refused');
$open = $t->http('node', POST => '/api/v1/stacks', token => $token,
    json => { study => '2.25.6', series => '2.25.6.1' });
is($open->{status}, 202, 'the stack opens with what is left of them');
$path = "/api/v1/stacks/$open->{json}{id}";
my %shown;
for my $one (@{$open->{json}{presentations}}) {
    get("$path/presentations/$one->{uid}")->{status} == 200
        or fail("state $one->{uid}");
    $shown{get("$path/layers/0?presentation=$one->{uid}&width=64&height=64")
        ->{status}}++;
}
is_deeply([grep { !/^(?:200|422)\z/ } keys %shown], [],
    'and each is applied or refused');
ok($shown{200} && $shown{422}, 'both happen');

$t->finish();
