#!/usr/bin/perl

# WADO-RS frames: native, compressed as stored, compressed and decoded.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Multipart qw(parts);

my $t = Test::Dicom->new();

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

my $up = $t->login('radiographer');
my $token = $t->login('physician');
my $explicit = '1.2.840.10008.1.2.1';
my $octets = 'application/octet-stream';
my $multi = "multipart/related; type=\"$octets\"";

# native: three frames of 16 x 16

my @frame = map { pack 'v*', map { $_ & 65535 } $_ * 256 .. $_ * 256 + 255 }
    0 .. 2;
store('1.1.1', NumberOfFrames => 3, pixels => join '', @frame);

for my $case (['1', 0], ['3', 2], ['1,2,3', 0, 1, 2], ['3,1', 2, 0],
    ['2,2', 1, 1])
{
    my ($list, @n) = @$case;
    my $res = frames('1.1.1', $list, $multi);
    like($res->{headers}{'content-type'},
        qr{^\Q$multi\E; transfer-syntax=\Q$explicit\E; boundary=},
        "frames $list");
    is_deeply([parts($res)], [map { ["$octets; transfer-syntax=$explicit",
        $frame[$_]] } @n], 'a part for each');
}
my $res = frames('1.1.1', '2', $octets);
is("$res->{headers}{'content-type'} $res->{headers}{'content-length'}",
    "$octets 512", 'one alone');
is($res->{body}, $frame[1], 'its bytes');
for my $accept ('*/*', "$multi; transfer-syntax=*", undef,
    "$multi; transfer-syntax=$explicit", 'multipart/*')
{
    is(scalar(parts(frames('1.1.1', '1,2', $accept))), 2,
        $accept // 'no Accept');
}
for my $accept ('image/jpeg', $octets,
    "$multi; transfer-syntax=1.2.840.10008.1.2.4.90",
    'multipart/related; type="image/jp2"')
{
    is(frames('1.1.1', '1,2', $accept)->{status}, 406, "refused: $accept");
}
for my $none ('4', '1,4', '2147483647') {
    is(frames('1.1.1', $none)->{status}, 404, "no frame $none");
}
for my $bad ('0', '-1', 'x', '1,', ',1', '1,,2', '1.5', '99999999999',
    '2147483648', '1%202', join ',', (1) x 5000)
{
    is(frames('1.1.1', $bad)->{status}, length $bad > 4000 ? 414 : 400,
        'malformed: ' . substr $bad, 0, 20)
        if length $bad < 4000;
}

# single bits, whose second frame begins within a byte

my $bits = '101100111000111100001111100000111111000000' x 3;
store('2.1.1', Rows => 6, Columns => 7, BitsAllocated => 1, BitsStored => 1,
    HighBit => 0, NumberOfFrames => 3, pixels => pack('b*', $bits));
for my $n (1 .. 3) {
    my $got = unpack 'b*', frames('2.1.1', $n, $octets)->{body};
    is(substr($got, 0, 42), substr($bits, 0, 42), "frame $n of single bits");
    is(length($got), 48, 'in whole bytes');
}

# compressed: RLE, two frames in three fragments, and an offset table

my @rle = map { rle($_) } 1, 2;
my $file = file('4.1.1', Rows => 4, Columns => 4, BitsAllocated => 8,
    BitsStored => 8, NumberOfFrames => 2,
    TransferSyntaxUID => '1.2.840.10008.1.2.5', '7fe00010' => undef,
    pixels => 'x' x 16);
$file =~ s/\xe0\x7f\x10\x00OB.*//s;
$file .= "\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
    . fragment(pack 'V2', 0, 8 + length $rle[0])
    . fragment($rle[0]) . fragment(substr $rle[1], 0, 64)
    . fragment(substr $rle[1], 64) . "\xfe\xff\xdd\xe0\0\0\0\0";
put('4.1.1', $file);
my $type = 'image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5';
is_deeply([parts(frames('4.1.1', '1,2',
    'multipart/related; type="image/dicom-rle"'))],
    [map { [$type, $_] } @rle], 'code streams as they are stored');
is_deeply([parts(frames('4.1.1', '2', 'multipart/related; '
    . "type=\"$octets\"; transfer-syntax=1.2.840.10008.1.2.5"))],
    [["$octets; transfer-syntax=1.2.840.10008.1.2.5", $rle[1]]],
    'called octets');
is_deeply([parts(frames('4.1.1', '1,2', $multi))],
    [map { ["$octets; transfer-syntax=$explicit", chr($_) x 16] } 1, 2],
    'decoded');
is_deeply([parts(frames('4.1.1', '1'))], [[$type, $rle[0]]], 'by default');
is(frames('4.1.1', '1', 'image/*')->{body}, $rle[0], 'one alone');
is_deeply([parts($t->http('node', GET => path('4.1.1') . '/bulkdata/7FE00010',
    token => $token))], [map { [$type, $_] } @rle], 'as bulk data');
is(frames('4.1.1', '1', 'image/jpeg')->{status}, 406, 'not transcoded');

# a damaged one: what is before it comes, then the answer breaks off

$file = file('5.1.1', Rows => 4, Columns => 4, BitsAllocated => 8,
    BitsStored => 8, NumberOfFrames => 2,
    TransferSyntaxUID => '1.2.840.10008.1.2.5', pixels => 'x' x 16);
$file =~ s/\xe0\x7f\x10\x00OB.*//s;
$file .= "\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
    . fragment(pack 'V2', 0, 8 + length $rle[0])
    . fragment($rle[0]) . fragment("\xff" x 70) . "\xfe\xff\xdd\xe0\0\0\0\0";
put('5.1.1', $file);
is(frames('5.1.1', '2', $multi)->{status}, 422, 'a damaged frame');
$res = frames('5.1.1', '1,2', $multi);
ok($res->{status} == 599 || !parts($res), 'after another: broken off');
is(frames('5.1.1', '2')->{status}, 200, 'as it is stored');

# what has no frames, who may

store('6.1.1', Rows => undef);
is(frames('6.1.1', '1')->{status}, 404, 'no picture');
is(frames('1.1.404', '1')->{status}, 404, 'no instance');
for my $role (qw(admin auditor)) {
    is($t->http('node', GET => path('1.1.1') . '/frames/1',
        token => $t->login($role))->{status}, 403, "$role: none");
}
is($t->http('node', GET => path('1.1.1') . '/frames/1')->{status}, 401,
    'nobody');

$t->finish();


sub file {
    my ($instance, %a) = @_;
    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    return $t->dicom_file(StudyInstanceUID => "2.25.$study",
        SeriesInstanceUID => "2.25.$series", PatientID => 'P-1',
        SOPInstanceUID => "2.25.$instance", %a);
}


sub put {
    my ($instance, $file) = @_;
    my $res = $t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $file);
    is($res->{status}, 201, "instance $instance") or diag $res->{body};
}


sub store { put($_[0], file(@_)) }


sub path {
    my ($instance) = @_;
    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    return "/dicom-web/studies/2.25.$study/series/2.25.$series"
        . "/instances/2.25.$instance";
}


sub frames {
    my ($instance, $list, $accept) = @_;
    return $t->http('node', GET => path($instance) . "/frames/$list",
        token => $token,
        headers => { defined $accept ? (Accept => $accept) : () });
}


# PS3.5 G: 16 bytes of one value.
sub rle {
    my ($value) = @_;
    return pack('V16', 1, 64, (0) x 14) . pack 'cC', -15, $value;
}


sub fragment { return pack('vvV', 0xfffe, 0xe000, length $_[0]) . $_[0] }
