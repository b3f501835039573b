#!/usr/bin/perl

# From an upload to its pictures: stacks, layers, pixels, and what goes wrong.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new(plan => 95);

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->yaml('node', databaseTimeout => 8);
$t->start_nginx();

my $up = $t->login('radiographer');
my $token = $t->login('physician');
my %base = (StudyInstanceUID => '2.25.1', SeriesInstanceUID => '2.25.1.1',
    Modality => 'CT', PatientID => 'P-1', WindowCenter => 128,
    WindowWidth => 256, BitsAllocated => 16, BitsStored => 12,
    RescaleIntercept => -1000, RescaleSlope => 1, RescaleType => 'HU');

# three slices, uploaded from the last to the first
for my $z (3, 2, 1) {
    $t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $t->dicom_file(%base, SOPInstanceUID => "2.25.1.1.$z",
            InstanceNumber => $z, ImagePositionPatient => [0, 0, $z * 2],
            ImageOrientationPatient => [1, 0, 0, 0, 1, 0],
            PixelSpacing => [0.5, 0.5],
            pixels => pack 'v*', map { 1000 + $_ % 256 } $z .. $z + 255))
        ->{status} == 201 or die 'upload';
}

# a stack

my $res = post(study => '2.25.1', series => '2.25.1.1', layer => 1);
is($res->{status}, 202, 'a stack');
my $stack = $res->{json};
my $path = "/api/v1/stacks/$stack->{id}";
like($stack->{id}, qr/^[0-9a-f]{32}\z/, 'its id');
is($res->{headers}{location}, $path, 'where it is');
is("$stack->{layers} $stack->{rows} $stack->{columns} $stack->{modality}",
    '3 16 16 CT', 'what it is');
is($t->psql('facility', "SELECT event, object, patient FROM audit
    WHERE event LIKE 'series-%'"), 'series-open|2.25.1.1|TEST|P-1',
    'noted in the audit');

ok(ready($path), 'it becomes ready');
is(get($path)->{status}, 200, 'its state');
$res = get("$path/layers");
is(join(' ', map { $_->{instance} } @{$res->{json}{items}}),
    '2.25.1.1.1 2.25.1.1.2 2.25.1.1.3', 'layers are in order of position');

# a picture

$res = get("$path/layers/0");
is("$res->{status} $res->{headers}{'content-type'}", '200 image/png',
    'a picture');
is($res->{headers}{'dicom-instance'}, '2.25.1.1.1', 'of the first');
is("$res->{headers}{'dicom-frame'} $res->{headers}{'dicom-lossy'}", '0 00',
    'its frame, lossless');
my $png = Test::Wire::png($res->{body});
is("$png->{width} $png->{height} $png->{samples}", '16 16 1', 'its size');
is(unpack('H*', substr $png->{pixels}, 0, 4), '01020304', 'its pixels');
use Digest::SHA ();
is($res->{headers}{'dicom-pixel-hash'},
    Digest::SHA::sha256_hex($png->{pixels}), 'their hash');
like($res->{headers}{'dicom-view'}, qr/^center=128;window=256;voi=linear;/,
    'the window of the file');
like($res->{headers}{'server-timing'}, qr/^queue;dur=[\d.]+, draw/, 'timing');
ok($res->{headers}{'content-length'} == length $res->{body}, 'length');

$res = get("$path/layers/1?width=64&height=32&center=64&window=128&invert=1"
    . '&format=jpeg&quality=80&flip=h&rotate=90&zoom=2&pan=3,4');
is("$res->{status} $res->{headers}{'content-type'}", '200 image/jpeg', 'JPEG');
is(substr($res->{body}, 0, 3), "\xff\xd8\xff", 'indeed');
is($res->{headers}{'dicom-view'}, 'center=64;window=128;voi=linear;invert=1;'
    . 'zoom=2;pan=3,4;rotate=90;flip=h;interpolation=linear;size=64x32;'
    . 'format=jpeg;quality=80;overlays=0', 'as it was asked for');
is($res->{headers}{'dicom-lossy'}, '01', 'and lossy');

$res = $t->http('node', HEAD => "$path/layers/0", token => $token);
is("$res->{status} " . ($res->{body} // ''), '200 ', 'HEAD');

# a stack and a picture of it in one answer

my $view = 'width=64&height=32&format=jpeg&quality=80';
$res = post(study => '2.25.1', picture => $view);
is($res->{status}, 202, 'a study is looked at');
my $parts = parts($res);
is(join(' ', sort keys %$parts), 'picture stack', 'in two parts');
my $shown = JSON::PP::decode_json($parts->{stack}{body});
is("$shown->{study} $shown->{series} $shown->{layers}", '2.25.1 2.25.1.1 3',
    'the stack of its series');
is($res->{headers}{location}, "/api/v1/stacks/$shown->{id}", 'where it is');
is("$parts->{picture}{type} " . ($res->{headers}{'dicom-layer'} // ''),
    'image/jpeg 1', 'the picture of its middle layer');
my $same = get("/api/v1/stacks/$shown->{id}/layers/1?$view");
is($parts->{picture}{body}, $same->{body}, 'the same as of the layer itself');
is(join(' ', map { $res->{headers}{$_} // '' } @{shown_headers()}),
    join(' ', map { $same->{headers}{$_} // '' } @{shown_headers()}),
    'and so is what it says of itself');
ok($res->{headers}{'content-length'} == length $res->{body}, 'length');
is($t->psql('facility', "SELECT count(*) FROM audit WHERE event = "
    . "'series-open' AND object = '2.25.1.1' AND outcome = 'success'"), 2,
    'noted in the audit as any other');

$res = post(study => '2.25.1', series => '2.25.1.1', layer => 2,
    picture => '');
is("$res->{headers}{'dicom-layer'} " . parts($res)->{picture}{type},
    '2 image/png', 'a layer that is named, as it is');
is(problem(post(study => '2.25.1', series => '2.25.1.1', layer => 3,
    picture => '')), '404 layer-out-of-range', 'one that there is not');
is(problem(post(study => '2.25.1', picture => 'width=0&height=1')),
    '400 invalid-parameter', 'a picture that is none');
is(problem(post(study => '2.25.1', picture => 'size=1')),
    '400 invalid-parameter', 'an unknown parameter');
is(problem(post(study => '2.25.1', picture => 'width=16384&height=16384')),
    '422 invalid-parameter', 'one that is too large');
is(problem(post(study => '2.25.1', instance => '2.25.1.1.1',
    picture => '')), '422 validation-failed', 'an instance of no series');
is(problem(post(study => '2.25.9', picture => '')), '404 series-not-found',
    'no such study');
is($t->psql('facility', "SELECT count(*) FROM audit WHERE event = "
    . "'series-open' AND outcome = 'failure'"), 1, 'which is noted, too');

# as many bytes as one may have

$view = 'width=800&height=800&format=jpeg&quality=95';
my $full = length get("$path/layers/1?$view")->{body};
$res = get("$path/layers/1?$view&max_bytes=" . int($full / 2));
ok(length $res->{body} <= $full / 2, 'half the bytes');
my ($quality) = ($res->{headers}{'dicom-view'} // '') =~ /quality=(\d+)/;
ok($quality < 95 && $res->{headers}{'dicom-view'} =~ /size=800x800/,
    'of less quality, which is said');
$res = get("$path/layers/1?$view&pan=40,20&max_bytes=1100");
ok(length $res->{body} <= 1100 && $res->{headers}{'dicom-view'}
    =~ /;pan=([\d.]+),([\d.]+);.*size=(\d+)x\3;/ && $3 < 800
    && $1 == $3 / 20 && $2 == $3 / 40, 'or smaller, and as it was asked for')
    or diag($res->{headers}{'dicom-view'});
is(problem(get("$path/layers/1?max_bytes=2000")), '400 invalid-parameter',
    'not of PNG');

# pixels

$res = get("$path/layers/2/pixels?x=1&y=0");
is("$res->{json}{stored} $res->{json}{value} $res->{json}{unit}",
    '1004 4 HU', 'a pixel');
$res = get("$path/layers/0/roi?shape=rectangle:0,0,4,1");
is("$res->{json}{count} $res->{json}{mean} $res->{json}{min} "
    . "$res->{json}{max}", '4 2.5 1 4', 'a region');

# out of range

is(problem(get("$path/layers/3")), '404 layer-out-of-range', 'layer 3 of 3');
is(problem(get("$path/layers/0?width=0&height=10")), '400 invalid-parameter',
    'viewport 0');
is(problem(get("$path/layers/0?width=100000&height=10")),
    '400 invalid-parameter', 'viewport 100000');
$res = get("$path/layers/0?width=16384&height=16384");
is(problem($res), '422 invalid-parameter', 'what only the worker knows');
is(join(', ', map { "$_->{field}: $_->{detail}" }
    @{$res->{json}{errors} // []}), 'width: the picture would be too large, '
    . 'height: the picture would be too large', 'said field by field');
is(get("$path/layers/0?width=16384&height=1")->{status}, 200,
    'the widest there is');
like(problem(get("$path/layers/0/pixels?x=16&y=0")), qr/^4\d\d /,
    'a pixel beside the image');
like(problem(get("$path/layers/0?voi=lut:3")), qr/^4\d\d /, 'no such LUT');

# whose it is

my $admin = $t->login('facadmin');
is(problem(get($path, $admin)), '404 stack-not-found', 'not for others');
is(problem(get("$path/layers/0", $admin)), '404 stack-not-found',
    'nor its pictures');
is($t->http('node', DELETE => $path, token => $admin)->{status}, 404,
    'nor to release');
is(get($path, $t->login('auditor'))->{status}, 403, 'auditors see nothing');
is(get($path, 'rubbish')->{status}, 401, 'nobody without a token');
is(problem(get('/api/v1/stacks/' . '0' x 32)), '404 stack-not-found',
    'no such stack');

# what cannot be opened

is(problem(post(study => '2.25.1', series => '2.25.9')),
    '404 series-not-found', 'no such series');
is(problem(post(study => '2.25.2', series => '2.25.1.1')),
    '404 series-not-found', 'the series of another study');
is(problem(post(study => '2.25.1', series => '2.25.1.1',
    instance => '2.25.1.1.9')), '404 series-not-found', 'no such instance');
for my $bad ({ study => '../../x', series => '2.25.1.1' }, { study => 1,
    series => 2 }, { study => '2.25.1' }, {}, { study => '2.25.1',
    series => '2.25.1.1', layer => -1 }, { study => '2.25.1',
    series => '2.25.1.1', part => -1 }, { study => '2.25.1',
    series => '2.25.1.1', more => 1 })
{
    is(problem(post(%$bad)), '422 validation-failed', 'a body that is none');
}
for my $bad ('{', '[]', 'null', '{"study":"2.25.1","study":"2.25.1"}') {
    $res = $t->http('node', POST => '/api/v1/stacks', token => $token,
        body => $bad, headers => { 'Content-Type' => 'application/json' });
    like($res->{status}, qr/^4(00|22)\z/, "not JSON enough: $bad");
}
my $s = $t->connection('node');
print $s "POST /api/v1/stacks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
    . "$token\r\nContent-Type: application/json\r\nContent-Length: 1000000000"
    . "\r\n\r\n";
like(scalar <$s>, qr/ 413 /, 'a body of 1 GB');
close $s;

$t->http('node', PUT => '/api/v1/instances', token => $up,
    body => $t->dicom_file(%base, SeriesInstanceUID => '2.25.1.2',
        Modality => 'SR', Rows => undef));
my ($none) = $t->psql('facility', "SELECT series_uid FROM instances
    WHERE frames = 0");
is(problem(post(study => '2.25.1', series => $none)), '422 no-pixels',
    'a series without pixels');

# one instance, as thumbnails do

$res = post(study => '2.25.1', series => '2.25.1.1', instance => '2.25.1.1.2');
is("$res->{status} $res->{json}{layers}", '202 1', 'one instance');
is(get("/api/v1/stacks/$res->{json}{id}/layers/0")->{headers}
    {'dicom-instance'}, '2.25.1.1.2', 'that one');
is($t->http('node', DELETE => "/api/v1/stacks/$res->{json}{id}",
    token => $token)->{status}, 204, 'released');
is(get("/api/v1/stacks/$res->{json}{id}")->{status}, 404, 'and gone');

# another part of it, once a coronal image is there

$t->http('node', PUT => '/api/v1/instances', token => $up,
    body => $t->dicom_file(%base, SOPInstanceUID => '2.25.1.1.9',
        InstanceNumber => 9, ImagePositionPatient => [0, 0, 0],
        ImageOrientationPatient => [1, 0, 0, 0, 0, -1]))->{status} == 201
    or die 'upload';
$res = post(study => '2.25.1', series => '2.25.1.1');
is("$res->{json}{part} $res->{json}{layers}", '0 3', 'the main part');
is(join('; ', map { "$_->{part} $_->{layers} $_->{first_instance}" }
    @{$res->{json}{parts}}), '0 3 2.25.1.1.1; 1 1 2.25.1.1.9', 'both parts');
$res = post(study => '2.25.1', series => '2.25.1.1', part => 1);
is(get("/api/v1/stacks/$res->{json}{id}/layers/0")->{headers}
    {'dicom-instance'}, '2.25.1.1.9', 'the other part');
is(problem(post(study => '2.25.1', series => '2.25.1.1', part => 2)),
    '404 part-not-found', 'there is no third');

# a series deleted while it is open

$res = $t->http('facility', DELETE => '/api/v1/series/2.25.1.1',
    token => $admin, headers => { 'If-Match' => '*' });
is($res->{status}, 204, 'the series is deleted');
is(get("$path/layers/1")->{status}, 200, 'what is open can be looked at');
is(problem(post(study => '2.25.1', series => '2.25.1.1')),
    '404 series-not-found', 'but not opened again');
for my $z (1 .. 3) {
    $t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $t->dicom_file(%base, SOPInstanceUID => "2.25.1.1.$z",
            InstanceNumber => $z));
}

# the worker dies

my $worker = $t->pid('worker');
kill 'KILL', $worker;
$t->stop_worker();
$t->allow_alerts(qr/connect\(\) to unix:.* failed/);
$res = get("$path/layers/0");
is(problem($res), '503 renderer-unavailable', 'a killed worker');
ok($res->{headers}{'retry-after'}, 'is soon back');
is(problem(post(study => '2.25.1', series => '2.25.1.1')),
    '503 renderer-unavailable', 'nothing can be opened');
$t->start_worker();
like(problem(get("$path/layers/0")), qr/^4(04 stack-not-found|10 stack-expired)/,
    'its stacks are gone');
$res = post(study => '2.25.1', series => '2.25.1.1');
is($res->{status}, 202, 'opened again');
$path = "/api/v1/stacks/$res->{json}{id}";
is(get("$path/layers/0")->{status}, 200, 'and looked at');

# the database dies

$t->stop_postgres();
is(problem(post(study => '2.25.1', series => '2.25.1.1')),
    '503 database-unavailable', 'a killed database');
is(get("$path/layers/1")->{status}, 200, 'what is open needs none');
$t->start_postgres(keep => 1);
for (1 .. 240) {
    $res = post(study => '2.25.1', series => '2.25.1.1');
    last if $res->{status} != 503;
    sleep(0.25);
}
is($res->{status}, 202, 'it comes back by itself');


sub post {
    return $t->http('node', POST => '/api/v1/stacks', token => $token,
        json => {@_});
}


# What a picture says of itself.
sub shown_headers {
    return [map { "dicom-$_" } qw(instance frame layer view lossy pixel-hash)];
}


# The parts of a multipart answer by their names.
sub parts {
    my ($res) = @_;
    my ($boundary) = ($res->{headers}{'content-type'} // '')
        =~ m{^multipart/form-data; boundary=(\S+)\z} or return {};
    my (%parts, $body);

    ($body = "\r\n$res->{body}") =~ s/\r\n--\Q$boundary\E--\r\n\z//
        or return {};
    for (split /\r\n--\Q$boundary\E\r\n/, $body) {
        my ($name, $type, $content) = /^Content-Disposition:\ form-data;
            \ name="(\w+)".*?\r\nContent-Type:\ (\S+)\r\n\r\n(.*)\z/sx
            or next;
        $parts{$name} = { type => $type, body => $content };
    }
    return \%parts;
}


sub get {
    my ($path, $as) = @_;
    return $t->http('node', GET => $path, token => $as // $token);
}


sub problem {
    my ($res) = @_;
    return "$res->{status} "
        . (($res->{json}{type} // '') =~ s/^urn:dicom:problem://r);
}


sub ready {
    my ($path) = @_;
    for (1 .. 1200) {
        return 1 if (get($path)->{json}{state} // '') eq 'ready';
        sleep(0.05);
    }
    return 0;
}
