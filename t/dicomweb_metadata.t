#!/usr/bin/perl

# WADO-RS metadata: the data set in the DICOM JSON model, from files of every
# encoding; and the bulk data that it refers to.

use strict;
use warnings;

use Compress::Zlib ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::File;
use Test::Dicom::Multipart qw(parts);

my $t = Test::Dicom->new();

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

my $up = $t->login('radiographer');
my $token = $t->login('physician');
my %file;

sub item {
    my $set = join '', map { Test::Dicom::File::element(@$_) } @_;
    return pack('vvV', 0xfffe, 0xe000, length $set) . $set;
}

my $long = join '', map { pack 'v', $_ } 1 .. 3000;
my %every = (
    SpecificCharacterSet => 'ISO_IR 100',
    PatientName => "M\xfcller^J\xf6rg=\xb5=x", PatientSex => '',
    ImageType => ['DERIVED', '', 'AXIAL '],
    '00081140' => [SQ => item(['00081150', 'UI', '1.2.3'],
            ['00081155', 'UI', '2.25.9']) . item(['00081155', 'UI', '2.25.10'],
            ['00420011', 'OB', 'y' x 1500], ['00104000', 'LT', "a\\b\r\nc "])],
    '00082112' => [SQ => ''],
    '00089459' => [FL => pack 'f<*', 0.1, -3],
    '00101010' => [AS => '042Y'],
    '00104000' => [LT => " two\r\nlines\\here  "],
    '00181160' => [DS => ['+1.50', '.5', '007', 'x', '', '-2e3', '1.']],
    '00189305' => [FD => [1 / 3, 9**9**9, -9**9**9]],
    InstanceNumber => ' 7',
    '00280009' => [AT => pack 'v*', 0x0054, 0x0080, 0x3004, 0x000c],
    '00280106' => [SS => pack 's<*', -5],
    '00280120' => [US => [65535]],
    '00186020' => [SL => pack 'l<*', -70000],
    '00090010' => [LO => 'ACME'],
    '00091001' => [UN => "\1\2\3\4"],
    '00091002' => [OW => $long],
    '00080016' => [UI => '1.2.840.10008.5.1.4.1.1.7'],
);

store('1.1.1', %every);
my ($md) = metadata('1.1.1');
my $url = $t->url('node') . path('1.1.1') . '/bulkdata/';

for my $case (
    ['00080005', CS => ['ISO_IR 192']],
    ['00080008', CS => ['DERIVED', undef, 'AXIAL']],
    ['00080016', UI => ['1.2.840.10008.5.1.4.1.1.7']],
    ['00080020', DA => ['20260102']], ['00080030', TM => ['101112']],
    ['00080050', SH => undef],
    ['00089459', FL => [0.1, -3]],
    ['00100010', PN => [{ Alphabetic => "M\x{fc}ller^J\x{f6}rg",
        Ideographic => "\x{b5}", Phonetic => 'x' }]],
    ['00101010', AS => ['042Y']],
    ['00104000', LT => [" two\r\nlines\\here"]],
    ['00181160', DS => [1.5, 0.5, 7, 'x', undef, -2000, 1]],
    ['00186020', SL => [-70000]],
    ['00189305', FD => [1 / 3, 'inf', '-inf']],
    ['00200013', IS => [7]],
    ['00280009', AT => ['00540080', '3004000C']],
    ['00280010', US => [16]], ['00280106', SS => [-5]],
    ['00280120', US => [65535]],
    ['00090010', LO => ['ACME']])
{
    my ($tag, $vr, $value) = @$case;
    is_deeply($md->{$tag}, { vr => $vr, $value ? (Value => $value) : () },
        "$tag $vr");
}
like($md->{raw}, qr/"00181160":\{"vr":"DS","Value":\[1\.50,0\.5,7,"x",null,/,
    'decimals keep their digits');
is(decode_base64($md->{'00091001'}{InlineBinary}), "\1\2\3\4", 'few bytes');
is_deeply($md->{'00091002'}, { vr => 'OW', BulkDataURI => "${url}00091002" },
    'many bytes');
is_deeply($md->{'00082112'}, { vr => 'SQ' }, 'a sequence without items');
my $items = $md->{'00081140'}{Value};
is_deeply($items->[0], { '00081150' => { vr => 'UI', Value => ['1.2.3'] },
    '00081155' => { vr => 'UI', Value => ['2.25.9'] } }, 'an item');
is($items->[1]{'00420011'}{BulkDataURI}, "${url}00081140.2.00420011",
    'bulk data in one');
is_deeply($items->[1]{'00104000'}{Value}, ["a\\b\r\nc"], 'text in one');
is($md->{'7FE00010'}{BulkDataURI}, "${url}7FE00010", 'the pixel data');
is_deeply([grep { /^0002/ || /0000\z/ } keys %$md], [],
    'neither File Meta Information nor group lengths');
is_deeply([grep { /^[0-9A-F]{8}\z/ ? 0 : $_ ne 'raw' } keys %$md], [], 'tags');

# text in other sets

for my $case (
    ['ISO_IR 192', "\xe5\xb1\xb1\xe7\x94\xb0^\xe5\xa4\xaa\xe9\x83\x8e",
        "\x{5c71}\x{7530}^\x{592a}\x{90ce}"],
    ['ISO_IR 144', "\xbb\xde\xda", "\x{41b}\x{43e}\x{43a}"],
    ['GB18030', "\xcd\xf5^\xd0\xa1\xb6\xab", "\x{738b}^\x{5c0f}\x{4e1c}"])
{
    my ($set, $bytes, $text) = @$case;
    my $uid = '3.1.' . ++$every{n};
    store($uid, SpecificCharacterSet => $set, PatientName => $bytes);
    is(metadata($uid)->{'00100010'}{Value}[0]{Alphabetic}, $text, $set);
}
delete $every{n};

# the same data set in the other encodings

for my $case (['4.1.1', '1.2.840.10008.1.2', \&implicit],
    ['5.1.1', '1.2.840.10008.1.2.2', \&big_endian],
    ['6.1.1', '1.2.840.10008.1.2.1.99', \&deflated])
{
    my ($uid, $syntax, $convert) = @$case;
    my %a = (%every, PatientName => "M\xfcller", '00091002' => undef,
        '00091001' => undef, '00081140' => [SQ =>
        item(['00081155', 'UI', '2.25.10'], ['00420011', 'OB', 'y' x 1500])]);
    my $plain = make($uid, %a, TransferSyntaxUID => $syntax);
    store_file($uid, $convert->($plain, $syntax));
    my $got = metadata($uid);
    is_deeply($got->{'00189305'}{Value}, [1 / 3, 'inf', '-inf'],
        "$syntax: doubles");
    is($got->{'00100010'}{Value}[0]{Alphabetic}, "M\x{fc}ller", 'a name');
    is_deeply([map { $got->{$_}{Value}[0] } qw(00280106 00280010 00186020)],
        [$syntax eq '1.2.840.10008.1.2' ? 65531 : -5, 16, -70000], 'numbers');
    is_deeply($got->{'00280009'}{Value}, ['00540080', '3004000C'], 'tags');
    is($got->{'00081140'}{Value}[0]{'00081155'}{Value}[0], '2.25.10',
        'an item');
    is_deeply({ map { $_ => $got->{$_}{vr} } qw(00280106 00280010 00080008
        00090010) }, { '00280106' => $syntax eq '1.2.840.10008.1.2' ? 'US'
        : 'SS', '00280010' => 'US', '00080008' => 'CS', '00090010' => 'LO' },
        'VRs') if $syntax ne '1.2.840.10008.1.2';
    is(bulk($uid, '00081140.1.00420011')->{body}, 'y' x 1500, 'bulk data');
    is(bulk($uid, '7FE00010')->{body}, pack('v*', 0 .. 255), 'pixel data');
}

# bulk data

my $res = bulk('1.1.1', '00091002');
is("$res->{status} $res->{headers}{'content-type'}",
    '200 application/octet-stream', 'a value alone');
is($res->{body}, $long, 'its bytes');
is($res->{headers}{'content-length'}, length $long, 'their number');
is_deeply([parts(bulk('1.1.1', '00091002', 'multipart/related; '
    . 'type="application/octet-stream"'))],
    [['application/octet-stream', $long]], 'as multipart/related');
is(bulk('1.1.1', '00081140.2.00420011')->{body}, 'y' x 1500, 'in an item');
is(bulk('1.1.1', '00280010')->{body}, pack('v', 16), 'a short one');
is(bulk('1.1.1', '7fe00010')->{body}, pack('v*', 0 .. 255), 'pixel data');
for my $none ('00100011', '00081140.3.00420011', '00081140', '00081140.1',
    '00081140.0.00081155', 'x', '0008114', '00081140.1.00081140.1.00081155',
    '99999999999999999999', '00081140.4294967296.00081155', 'A' x 1400)
{
    is(bulk('1.1.1', $none)->{status}, 404, 'no value: ' . substr $none, 0, 40);
}
is(bulk('1.1.1', '00091002', 'image/jpeg')->{status}, 406, 'another type');

# series and studies

store("7.1.$_", InstanceNumber => $_) for 1 .. 12;
store('7.2.1', SeriesNumber => 2);
$res = get('/2.25.7/series/2.25.7.1/metadata');
is("$res->{status} $res->{headers}{'content-type'}",
    '200 application/dicom+json', 'a series');
is(join(' ', map { $_->{'00200013'}{Value}[0] } @{$res->{json}}),
    join(' ', 1 .. 12), 'in order');
is($res->{json}[3]{'7FE00010'}{BulkDataURI}, $t->url('node')
    . path('7.1.4') . '/bulkdata/7FE00010', 'each with its URL');
is(scalar @{get('/2.25.7/metadata')->{json}}, 13, 'a study');
for my $accept ('application/dicom+json', 'application/json', '*/*',
    'application/*', 'application/dicom+xml;q=0.9, application/dicom+json;q=.5')
{
    is(get(path('7.2.1', 1) . '/metadata', $accept)->{status}, 200, $accept);
}
is(get(path('7.2.1', 1) . '/metadata', 'application/json')
    ->{headers}{'content-type'}, 'application/json', 'by the name asked for');
is(get(path('7.2.1', 1) . '/metadata', $_)->{status}, 406, $_)
    for 'multipart/related; type="application/dicom+xml"', 'image/jpeg';
is(get($_)->{status}, 404, "nothing at $_") for '/2.25.404/metadata',
    '/2.25.7/series/2.25.404/metadata', path('7.2.404', 1) . '/metadata',
    path('7.2.404', 1) . '/bulkdata/7FE00010';

# files that are gone, and a worker that is

unlink $t->dir . '/store/' . $t->psql('facility', "SELECT location FROM
    instances WHERE uid = '2.25.7.2.1'") or die $!;
is(get(path('7.2.1', 1) . '/metadata')->{status}, 404, 'a file that is gone');
$t->stop_worker();
is(get(path('7.1.1', 1) . '/metadata')->{status}, 503, 'no worker');
$t->start_worker();
is(get(path('7.1.1', 1) . '/metadata')->{status}, 200, 'it is back');

for my $path ('/2.25.7/series/2.25.7.1/metadata', path('7.1.1', 1)
    . '/bulkdata/7FE00010')
{
    is($t->http('node', GET => "/dicom-web/studies$path", token =>
        $t->login($_))->{status}, 403, "$_: none of $path")
        for qw(admin auditor);
    is($t->http('node', GET => "/dicom-web/studies$path")->{status}, 401,
        'nobody');
}
cmp_ok($t->psql('facility', "SELECT count(*) FROM audit WHERE
    event = 'series-read' AND patient = 'TEST|P-1'"), '>', 0, 'it is noted');

$t->finish();


sub make {
    my ($instance, %a) = @_;
    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    return $t->dicom_file(StudyInstanceUID => "2.25.$study",
        SeriesInstanceUID => "2.25.$series", PatientID => 'P-1',
        SOPInstanceUID => "2.25.$instance", %a);
}


sub store_file {
    my ($instance, $file) = @_;
    my $res = $t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $file);
    is($res->{status}, 201, "instance $instance") or diag $res->{body};
}


sub store { store_file($_[0], make(@_)) }


sub path {
    my ($instance, $short) = @_;
    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    return ($short ? '' : '/dicom-web/studies')
        . "/2.25.$study/series/2.25.$series/instances/2.25.$instance";
}


sub get {
    my ($path, $accept) = @_;
    return $t->http('node', GET => "/dicom-web/studies$path", token => $token,
        headers => { defined $accept ? (Accept => $accept) : () });
}


sub metadata {
    my ($instance) = @_;
    my $res = get(path($instance, 1) . '/metadata');
    is($res->{status}, 200, "metadata of $instance") or diag $res->{body};
    my $list = JSON::PP->new->utf8->decode($res->{body});
    return { %{$list->[0]}, raw => $res->{body} };
}


sub bulk {
    my ($instance, $path, $accept) = @_;
    return get(path($instance, 1) . "/bulkdata/$path",
        $accept // 'application/octet-stream');
}


# The data set of an explicit little-endian file, element by element.
sub walk {
    my ($set, $write) = @_;
    my $out = '';
    while (length $set) {
        my ($group, $element, $vr) = unpack 'vva2', $set;
        my $wide = $vr =~ /^(?:OB|OW|OF|SQ|UN|UT)\z/;
        my $length = unpack $wide ? 'x8V' : 'x6v', $set;
        my $value = substr $set, $wide ? 12 : 8, $length;
        substr($set, 0, ($wide ? 12 : 8) + $length) = '';
        if ($vr eq 'SQ' && $length) {
            my $items = '';
            while (length $value) {
                my $n = unpack 'x4V', $value;
                my $inner = walk(substr($value, 8, $n), $write);
                $items .= $write->(0xfffe, 0xe000, '', $inner);
                substr($value, 0, 8 + $n) = '';
            }
            $value = $items;
        }
        $out .= $write->($group, $element, $vr, $value);
    }
    return $out;
}


sub divide {
    my ($file) = @_;
    my $end = 132 + 12 + unpack 'x140V', $file;
    return (substr($file, 0, $end), substr $file, $end);
}


sub implicit {
    my ($meta, $set) = divide($_[0]);
    return $meta . walk($set, sub { pack('vvV', @_[0, 1], length $_[3])
        . $_[3] });
}


sub big_endian {
    my ($meta, $set) = divide($_[0]);
    my %word = (OW => 2, US => 2, SS => 2, AT => 2, UL => 4, SL => 4, FL => 4,
        FD => 8);
    return $meta . walk($set, sub {
        my ($group, $element, $vr, $value) = @_;
        my $n = $word{$vr} || 1;
        $value =~ s/(.{$n})/reverse $1/gse if $n > 1;
        return pack('nnN', $group, $element, length $value) . $value
            if $vr eq '';
        return pack('nna2', $group, $element, $vr)
            . ($vr =~ /^(?:OB|OW|OF|SQ|UN|UT)\z/ ? pack 'nN', 0, length $value
            : pack 'n', length $value) . $value;
    });
}


sub deflated {
    my ($meta, $set) = divide($_[0]);
    my ($z) = Compress::Zlib::deflateInit(-WindowBits =>
        -Compress::Zlib::MAX_WBITS());
    my ($begin) = $z->deflate($set);
    my ($end) = $z->flush;
    my $out = $begin . $end;
    return $meta . $out . (length($out) % 2 ? "\0" : '');
}
