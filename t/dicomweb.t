#!/usr/bin/perl

# DICOMweb: QIDO-RS on facility and node, WADO-RS of instances on the node.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

my $up = $t->login('radiographer');
my $token = $t->login('physician');
my %file;

# study, series, instance, attributes
for my $s (
    [1, '1.1', '1.1.1', PatientID => 'P-1', PatientName => 'Kova^Jan',
        StudyDate => '20260101', StudyTime => '080910', Modality => 'CT',
        AccessionNumber => 'A1', InstanceNumber => 1],
    [1, '1.1', '1.1.2', PatientID => 'P-1', StudyDate => '20260101',
        Modality => 'CT', InstanceNumber => 2],
    [1, '1.2', '1.2.1', PatientID => 'P-1', StudyDate => '20260101',
        Modality => 'MR', SeriesNumber => 2],
    [2, '2.1', '2.1.1', PatientID => 'P-2', PatientName => 'Kovacs_%^Eva',
        StudyDate => '20260102', Modality => 'US', AccessionNumber => 'A2'],
    [3, '3.1', '3.1.1', PatientID => 'P-3', PatientName => 'Smith^John',
        StudyDate => '', StudyTime => '', Modality => 'CT',
        StudyDescription => ''])
{
    my ($study, $series, $instance, %a) = @$s;
    $file{$instance} = $t->dicom_file(StudyInstanceUID => "2.25.$study",
        SeriesInstanceUID => "2.25.$series",
        SOPInstanceUID => "2.25.$instance", %a);
    is($t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $file{$instance})->{status}, 201, "instance $instance");
}

# studies

for my $server (qw(facility node)) {
    my $res = qido('', $server);
    is($res->{status}, 200, "$server: studies");
    is($res->{headers}{'content-type'}, 'application/dicom+json', 'as JSON');
    is(uids($res), '2 1 3', 'newest first');
}

for my $case (
    ['PatientID=P-1', '1'], ['00100020=P-2', '2'], ['PatientID=P-9', ''],
    ['PatientID=', '2 1 3'], ['PatientID=*', '2 1 3'],
    ['PatientName=Kova*', '2 1'], ['PatientName=kova*', '2 1'],
    ['00100010=Kova%5E*', '1'], ['PatientName=Kova', ''],
    ['PatientName=*jo?n', '3'], ['PatientName=Kovacs_%25*', '2'],
    ['PatientName=%25', ''], ['PatientName=Kova_*', ''],
    ['StudyDate=20260101', '1'], ['StudyDate=20260101-20260102', '2 1'],
    ['StudyDate=20260102-', '2'], ['00080020=-20260101', '1'],
    ['StudyTime=080910', '1'], ['StudyTime=080910.123456', '1'],
    ['00080030=0809', '1'], ['StudyTime=08', '1'], ['StudyTime=0810', ''],
    ['StudyTime=080911-', '2'], ['StudyTime=-080910', '1'],
    ['StudyTime=-080909', ''], ['StudyTime=08-10', '2 1'],
    ['StudyTime=0809-1011', '2 1'], ['StudyTime=10-08', ''],
    ['StudyTime=080860', ''], ['StudyTime=', '2 1 3'],
    ['StudyTime=0809&StudyDate=20260101', '1'],
    ['StudyTime=0809&StudyDate=20260102', ''],
    ['StudyDate=20260101-20260102&StudyTime=09-11', '2'],
    ['AccessionNumber=A2', '2'], ['00080050=A1', '1'],
    ['PatientID=P-*', '2 1 3'], ['PatientID=p-*', ''], ['PatientID=P_1', ''],
    ['PatientID=?-2', '2'], ['AccessionNumber=A?', '2 1'], ['StudyID=1*', '2 1 3'],
    ['0020000d=2.25.3', '3'],
    ['ModalitiesInStudy=CT', '1 3'], ['ModalitiesInStudy=MR', '1'],
    ['StudyInstanceUID=2.25.3', '3'], ['0020000D=2.25.1,2.25.2', '2 1'],
    ['ModalitiesInStudy=CT&StudyDate=20260101', '1'],
    ['limit=1', '2'], ['limit=1&offset=1', '1'], ['offset=3', ''],
    ['limit=100000', '2 1 3'], ['limit=0', ''],
    ['includefield=all&includefield=00081030&PatientID=P-1', '1'])
{
    my $res = qido("?$case->[0]");
    is("$res->{status} " . uids($res), "200 $case->[1]", $case->[0]);
}
is(qido('?PatientID=P-9')->{body}, '[]', 'nothing is an empty array');
like(qido('?limit=1')->{headers}{warning}, qr/^299 /, 'there is more');
is(qido('?limit=3')->{headers}{warning}, undef, 'there is not');

for my $bad ('StudyDate=20260230', 'StudyDate=-',
    'StudyTime=8', 'StudyTime=24', 'StudyTime=0860', 'StudyTime=080961',
    'StudyTime=080910.', 'StudyTime=080910.1234567', 'StudyTime=-',
    'StudyTime=0809.1', 'StudyTime=08:09', 'StudyTime=08-09-10',
    'StudyDate=today', 'StudyDate=20260101-20260102-20260103', 'limit=x',
    'limit=-1', 'offset=10001', 'StudyInstanceUID=x',
    'StudyInstanceUID=2.25.1,', 'PatientID=a&00100020=b', 'PatientID=%ff',
    'PatientID=' . 'x' x 65,
    'StudyInstanceUID=' . join(',', ('1.2') x 101))
{
    is(qido("?$bad")->{status}, 400, 'refused: ' . substr($bad, 0, 40));
}

my $study = qido('?StudyInstanceUID=2.25.1')->{json}[0];
is_deeply($study->{'00100010'},
    { vr => 'PN', Value => [{ Alphabetic => 'Kova^Jan' }] }, 'a name');
is_deeply([map { $study->{$_}{Value}[0] } qw(00080020 0020000D 00201206
    00201208)], ['20260101', '2.25.1', 2, 3], 'values');
like($study->{'00080030'}{Value}[0], qr/^080910/, 'a time');
is_deeply([sort @{$study->{'00080061'}{Value}}], ['CT', 'MR'], 'modalities');
is_deeply(qido('?StudyInstanceUID=2.25.3')->{json}[0]{'00080020'},
    { vr => 'DA' }, 'an attribute without value');

# series and instances

my $res = qido('/2.25.1/series');
is_deeply([map { $_->{'0020000E'}{Value}[0] } @{$res->{json}}],
    ['2.25.1.1', '2.25.1.2'], 'series');
is_deeply([map { $res->{json}[0]{$_}{Value}[0] } qw(00080060 0020000D 00201209
    00200011)], ['CT', '2.25.1', 2, 1], 'values');
is(qido('/2.25.1/series?Modality=MR')->{json}[0]{'0020000E'}{Value}[0],
    '2.25.1.2', 'by modality');
is(@{qido('/2.25.1/series?SeriesInstanceUID=2.25.1.1')->{json}}, 1, 'by UID');
is(qido('/2.25.404/series')->{body}, '[]', 'no such study');
is(qido('/x/series')->{status}, 400, 'no UID');

$res = qido('/2.25.1/series/2.25.1.1/instances');
is_deeply([map { $_->{'00080018'}{Value}[0] } @{$res->{json}}],
    ['2.25.1.1.1', '2.25.1.1.2'], 'instances');
is_deeply([map { $res->{json}[0]{$_}{Value}[0] } qw(0020000D 0020000E 00200013
    00280010 00280011)], ['2.25.1', '2.25.1.1', 1, 16, 16], 'values');
my $url = $res->{json}[0]{'00081190'}{Value}[0];
is($url, $t->url('node') . path('1.1.1'), 'where to retrieve it');
is(qido('/2.25.2/series/2.25.1.1/instances')->{body}, '[]',
    'of another study');
is(@{qido('/2.25.1/series/2.25.1.1/instances?00080018=2.25.1.1.2')->{json}},
    1, 'by UID');
$res = qido('/2.25.1/series/2.25.1.1/instances?foo=1&%22%0d=2&0010%3C=3&'
    . 'InstanceNumber=2&' . ('x' x 2000));
is("$res->{status} " . @{$res->{json}}, '200 1',
    'what is not known is ignored (PS3.18 8.3)');
like($res->{headers}{warning}, qr/ignored:\ foo,\ %22%0d,\ 0010%3C,\ x{64}\."$/x,
    'which a Warning says');
like(qido('?' . join '&', map { "$_$_" . 'y' x 60 } 1 .. 99)->{headers}{warning},
    qr/^299 dicom "These[^"]*y\."$/, 'as many as there is room for');
is(uids(qido('?patientid=P-1&limit=2')), uids(qido('?limit=2')),
    'keywords are of the case that they have');

# more keys, and searches of all levels

for my $case (
    ['studies?StudyDescription=none', ''], ['studies?StudyID=1', '2 1 3'],
    ['studies?StudyID=9', ''], ['studies?ReferringPhysicianName=x*', ''],
    ['studies?fuzzymatching=true&PatientID=P-1', '1'],
    ['series', '2 1 1 3'], ['series?Modality=CT', '1 3'],
    ['series?PatientID=P-2', '2'], ['series?StudyDate=20260101', '1 1'],
    ['series?StudyTime=0809', '1 1'], ['instances?StudyTime=09-', '2'],
    ['instances?StudyTime=0809&Modality=MR', '1'],
    ['series?SeriesNumber=2', '1'], ['series?StudyInstanceUID=2.25.1', '1 1'],
    ['series?SeriesInstanceUID=2.25.1.2,2.25.2.1', '2 1'],
    ['series?limit=1&offset=1', '1'], ['series?PatientName=smith*', '3'],
    ['instances', '2 1 1 1 3'], ['instances?Modality=CT', '1 1 3'],
    ['instances?SOPInstanceUID=2.25.1.1.2', '1'],
    ['instances?SeriesInstanceUID=2.25.1.1', '1 1'],
    ['instances?InstanceNumber=2', '1'], ['instances?AccessionNumber=A2', '2'],
    ['instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.7', '2 1 1 1 3'],
    ['instances?SOPClassUID=1.2.3', ''],
    ['studies/2.25.1/instances', '1 1 1'],
    ['studies/2.25.1/instances?InstanceNumber=2', '1'],
    ['studies/2.25.1/series?SeriesNumber=2', '1'],
    ['studies/2.25.1/series?SeriesDescription=x', ''],
    ['studies/2.25.404/instances', ''])
{
    my ($path, $found) = @$case;
    for my $server (qw(facility node)) {
        my $res = $t->http($server, GET => "/dicom-web/$path",
            token => $token);
        is("$res->{status} " . uids($res), "200 $found", "$server: $path");
    }
}
like(qido('?fuzzymatching=true&limit=3')->{headers}{warning}, qr/literal/,
    'names are matched as they are');
like(qido('?fuzzymatching=true&limit=1')->{headers}{warning},
    qr/^299 .*literal.*, 299 .*additional/, 'and there is more');
for my $path ('series', 'instances', 'studies/2.25.1/series') {
    my $res = $t->http('facility', GET => "/dicom-web/$path?limit=1"
        . '&PerformedProcedureStepStartDate=20260101&00400245=1011'
        . '&RequestAttributesSequence.RequestedProcedureID=R1'
        . '&00400275.00400009=S1', token => $token);
    is("$res->{status} " . scalar @{$res->{json} || []}, '200 1',
        "$path: what is not known is not matched");
    like($res->{headers}{warning}, qr/^299\ dicom\ "There\ are[^"]*",\ 299\ dicom\ "[^"]*ignored:
        \ PerformedProcedureStepStartDate,\ 00400245,
        \ RequestAttributesSequence\.RequestedProcedureID,
        \ 00400275\.00400009\."$/x, 'which is said');
}
is($t->http('facility', GET => '/dicom-web/series', token => $token)
    ->{headers}{warning}, undef, 'nothing to warn of');
for my $bad ('series?SeriesNumber=x', 'instances?limit=-1',
    'instances?SOPInstanceUID=x', 'series?SeriesNumber=99999999999999999999',
    'studies/x/instances', 'series?StudyDate=x')
{
    is($t->http('node', GET => "/dicom-web/$bad", token => $token)->{status},
        400, "refused: $bad");
}
$res = $t->http('node', GET => '/dicom-web/instances?SOPInstanceUID=2.25.1.1.1',
    token => $token)->{json}[0];
is_deeply([map { $res->{$_}{Value}[0] } qw(00080060 00100020 0020000D 0020000E
    00080018 00080050)], ['CT', 'P-1', '2.25.1', '2.25.1.1', '2.25.1.1.1',
    'A1'], 'an instance with its series and study');
is_deeply([map { $t->http('facility', GET => "/dicom-web/$_->[0]",
    token => $token)->{json}[0]{'00081190'}{Value}[0] =~ s{.*/dicom-web/}{}r }
    ['studies'], ['series?SeriesInstanceUID=2.25.1.2']],
    ['studies/2.25.2', 'studies/2.25.1/series/2.25.1.2'],
    'where to retrieve studies and series');
for my $path (qw(series instances)) {
    is($t->http('node', GET => "/dicom-web/$path", token => $t->login($_))
        ->{status}, 403, "$_: no $path") for qw(admin auditor);
    is($t->http('node', GET => "/dicom-web/$path")->{status}, 401,
        "nobody: no $path");
}

# WADO-RS

$res = wado('1.1.1');
is($res->{status}, 200, 'an instance');
my ($boundary) = ($res->{headers}{'content-type'} // '') =~ m{^multipart/related;
    \ type="application/dicom";\ transfer-syntax=[0-9.]+;
    \ boundary=([-0-9a-f]{36})\z}x;
ok($boundary, 'as multipart/related');
like($res->{body}, qr/^--$boundary\r\nContent-Type: application\/dicom;/,
    'with a header');
ok($res->{body} =~ /\r\n\r\n(.*)\r\n--$boundary--\r\n\z/s
    && $1 eq $file{'1.1.1'}, 'and the file as it was stored');
is($res->{headers}{'content-length'}, length $res->{body}, 'its length');

$res = wado('1.1.1', 'application/dicom');
is("$res->{status} $res->{headers}{'content-type'}", '200 application/dicom',
    'alone');
ok($res->{body} eq $file{'1.1.1'}, 'the file as it was stored');

my $syntax = qido('/2.25.1/series/2.25.1.1/instances')
    ->{json}[0]{'00083002'}{Value}[0];
for my $case (['*/*', 'multipart'], ['multipart/related', 'multipart'],
    ['multipart/related; type="application/dicom"', 'multipart'],
    ['multipart/related; type=application/dicom; transfer-syntax=*',
        'multipart'],
    ["multipart/related; type=\"application/dicom\"; transfer-syntax=$syntax",
        'multipart'],
    ['application/dicom;q=0.5, multipart/related', 'multipart'],
    ['image/png, application/dicom, multipart/related;q=0.9', 'application'],
    ["application/dicom; transfer-syntax=$syntax", 'application'],
    ['application/dicom;q=0, */*;q=0.1', 'multipart'],
    ['*/*, multipart/related;q=0', 'application'],
    ['multipart/*;q=0, */*;q=0.1', 'application'])
{
    my $res = wado('1.1.1', $case->[0]);
    my ($type) = $res->{headers}{'content-type'} =~ m{^(\w+)/};
    is("$res->{status} $type", "200 $case->[1]", $case->[0]);
}

for my $case ([200, '?accept=application/dicom%2Bjson', 'text/html'],
    [200, '?accept=application/json'], [200, '', 'text/html, */*;q=0.8'],
    [200, '', 'application/dicom+json;q=0, */*', 'application/json'],
    [200, '', '*/*;q=0, application/json;q=0.1', 'application/json'],
    [200, '', 'application/json;q=0, application/*', 'application/dicom+json'],
    [200, '', 'application/json, application/dicom+json;q=0.9',
        'application/json'],
    [406, '', 'application/dicom+json;q=0, application/json;q=0, */*'],
    [406, '?accept=application/dicom%2Bxml', '*/*'],
    [406, '', 'multipart/related; type="application/dicom+xml"'])
{
    my ($status, $query, $accept, $type) = @$case;
    for my $path ('studies', 'series', 'studies/2.25.1/instances') {
        my $res = $t->http('facility', GET => "/dicom-web/$path$query",
            token => $token, headers => { $accept ? (Accept => $accept) : () });
        is($res->{status}, $status, "$path$query " . ($accept // ''));
        is($res->{headers}{'content-type'}, $type, "as $type") if $type;
    }
}

my $audited = audited();
for my $accept ('image/png', 'application/dicom+json', 'application/dicom;q=0',
    'multipart/related; type="application/octet-stream"', '"', ',;=,',
    'application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50', '')
{
    $res = wado('1.1.1', $accept);
    is("$res->{status} $res->{json}{type}",
        '406 urn:dicom:problem:not-acceptable', "refused: '$accept'");
}
is(audited(), $audited, 'what is refused was not read');
cmp_ok($audited, '>', 5, 'reading is noted');
is($t->psql('facility', "SELECT DISTINCT patient FROM audit
    WHERE event = 'instance-read'"), 'TEST|P-1', 'with the patient');

for my $wrong ('/2.25.2/series/2.25.1.1/instances/2.25.1.1.1',
    '/2.25.1/series/2.25.1.2/instances/2.25.1.1.1',
    '/2.25.1/series/2.25.1.1/instances/2.25.404')
{
    is(qido($wrong, 'node')->{status}, 404, "nothing at $wrong");
}
is(qido('/2.25.1/series/2.25.1.1/instances/..', 'node')->{status}, 404, '..');
is(qido('/2.25.1/series/2.25.1.1/instances/x', 'node')->{status}, 400, 'x');
is($t->http('node', HEAD => path('1.1.1'), token => $token)
    ->{headers}{'content-length'} > length $file{'1.1.1'}, 1, 'HEAD');

# a large file, in more than one buffer

my $large = $t->dicom_file(StudyInstanceUID => '2.25.4', PatientID => 'P-1',
    SeriesInstanceUID => '2.25.4.1', SOPInstanceUID => '2.25.4.1.1',
    Rows => 1024, Columns => 1024, NumberOfFrames => 3);
is($t->http('node', PUT => '/api/v1/instances', token => $up, body => $large)
    ->{status}, 201, length($large) . ' bytes');
is(sha256_hex(wado('4.1.1', 'application/dicom')->{body}),
    sha256_hex($large), 'come back');

my $s = $t->connection('node');
$s->print('GET ' . path('4.1.1') . " HTTP/1.1\r\nHost: node\r\n"
    . "Authorization: Bearer $token\r\n\r\n");
$s->flush;
sysread $s, my $begin, 4096;
like($begin, qr{^HTTP/1.1 200 }, 'a client that reads the beginning only');
close $s;
is(wado('4.1.1')->{status}, 200, 'leaves the others alone');

# what is wrong in the store

$t->psql('facility', "UPDATE instances SET size = size + 1
    WHERE uid = '2.25.1.2.1'");
is(wado('1.2.1')->{status}, 500, 'a file of another size');
my $outside = 'objects/ab/cd/../../../../conf/facility.yaml';
$t->psql('facility', "UPDATE instances SET location = '$outside'
    WHERE uid = '2.25.1.2.1'");
is(wado('1.2.1')->{status}, 500, 'a path out of the store');
my $location = 'objects/ab/cd/abcd' . '0' x 60 . '.dcm';
$t->psql('facility', "UPDATE instances SET location = '$location'
    WHERE uid = '2.25.1.2.1'");
$res = wado('1.2.1');
is("$res->{status} $res->{json}{type}", '500 urn:dicom:problem:store-error',
    'a file that is not there');

# who may

for my $path ('', '/2.25.1/series', '/2.25.1/series/2.25.1.1/instances',
    '/2.25.1/series/2.25.1.1/instances/2.25.1.1.1')
{
    for my $role (qw(admin auditor)) {
        is(qido($path, 'node', $t->login($role))->{status}, 403,
            "$role: none of '$path'");
    }
    for my $role (qw(facadmin radiographer)) {
        is(qido($path, 'node', $t->login($role))->{status}, 200,
            "$role: '$path'");
    }
    is($t->http('node', GET => "/dicom-web/studies$path")->{status}, 401,
        "nobody: '$path'");
}

$t->finish();


sub qido {
    my ($path, $server, $as) = @_;
    return $t->http($server // 'facility', GET => "/dicom-web/studies$path",
        token => $as // $token);
}


sub uids {
    return join ' ', map { $_->{'0020000D'}{Value}[0] =~ s/^2\.25\.//r }
        @{$_[0]{json} || []};
}


sub path {
    my ($study, $series) = $_[0] =~ /^((\d+)\.\d+)\./ ? ($2, $1) : die;
    return "/dicom-web/studies/2.25.$study/series/2.25.$series"
        . "/instances/2.25.$_[0]";
}


sub wado {
    my ($instance, $accept) = @_;
    return $t->http('node', GET => path($instance), token => $token,
        headers => { defined $accept ? (Accept => $accept) : () });
}


sub audited {
    return $t->psql('facility', "SELECT count(*) FROM audit
        WHERE event = 'instance-read' AND outcome = 'success'");
}
