#!/usr/bin/perl

# WADO-RS: the instances of a study, of a series, one; as they were stored.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
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
my $syntax = '1.2.840.10008.1.2.1';
my $type = 'multipart/related; type="application/dicom"';
my %file;

for my $n (1 .. 3) {
    store("1.1.$n", InstanceNumber => $n);
}
store('1.2.1', SeriesNumber => 2, Rows => 512, Columns => 512,
    NumberOfFrames => 12, pixels => join '', map { pack 'v*', $_ .. $_ + 65535 }
        1 .. 48);
store('2.1.1');

my $res = get('/2.25.1/series/2.25.1.1', $type);
is($res->{status}, 200, 'a series');
like($res->{headers}{'content-type'},
    qr{^multipart/related; type="application/dicom"; boundary=[-0-9a-f]{36}\z},
    'as multipart/related');
is($res->{headers}{'content-length'}, length $res->{body}, 'its length');
is_deeply([parts($res)], [map { ["application/dicom; transfer-syntax=$syntax",
    $file{"1.1.$_"}] } 1 .. 3], 'its files in order, as they were stored');

$res = get('/2.25.1', $type);
is_deeply([map { sha256_hex($_->[1]) } parts($res)],
    [map { sha256_hex($file{$_}) } '1.1.1', '1.1.2', '1.1.3', '1.2.1'],
    'a study');
is($res->{headers}{'content-length'}, length $res->{body}, 'its length');
is(scalar(parts(get('/2.25.2', $type))), 1, 'of one instance');
is(get('/2.25.2', 'application/dicom')->{body} eq $file{'2.1.1'}, 1,
    'which may come alone');

for my $accept ('*/*', 'multipart/related', "$type; transfer-syntax=*",
    "$type; transfer-syntax=$syntax", 'application/dicom, */*;q=0.1', undef)
{
    is(scalar(parts(get('/2.25.1', $accept))), 4, $accept // "no Accept");
}
my $audited = audited();
for my $accept ('application/dicom', "$type; transfer-syntax=1.2.840.10008.1.2",
    'image/jpeg', 'multipart/related; type="image/jpeg"', 'application/zip')
{
    $res = get('/2.25.1', $accept);
    is("$res->{status} " . ($res->{json}{type} // ''),
        '406 urn:dicom:problem:not-acceptable', "refused: " . $accept);
}
is(audited(), $audited, 'what is refused was not read');

# one that the client takes and one that it does not

my $other = '1.2.840.10008.1.2.4.90';
$t->psql('facility', "UPDATE instances SET transfer_syntax = '$other'
    WHERE uid = '2.25.1.1.2'");
is(get('/2.25.1', "$type; transfer-syntax=$syntax")->{status}, 406,
    'none is left out');
is_deeply([map { $_->[0] } parts(get('/2.25.1/series/2.25.1.1', "$type,"
    . "$type;transfer-syntax=*"))],
    [map { "application/dicom; transfer-syntax=$_" } $syntax, $other, $syntax],
    'each part has its own');

for my $missing ('/2.25.404', '/2.25.404/series/2.25.1.1',
    '/2.25.1/series/2.25.404')
{
    is(get($missing)->{status}, 404, "nothing at $missing");
}
is(get('/x')->{status}, 400, 'no UID');
is(get('/2.25.1/series/x')->{status}, 400, 'no UID');

my $head = $t->http('node', HEAD => '/dicom-web/studies/2.25.1',
    token => $token);
is("$head->{status} " . ($head->{body} // ""), "200 ", "HEAD");
cmp_ok($head->{headers}{'content-length'}, '>', length $file{'1.2.1'},
    'says how much it is');

# a client that reads slowly, one that goes away, others beside them

my @slow = map { begin('/2.25.1') } 1 .. 3;
close $slow[0];
is(scalar(parts(get('/2.25.1'))), 4, 'others are served meanwhile');
is(read_all($slow[$_]), read_all(begin('/2.25.1')), 'a slow client') for 1, 2;

# an object that is not there any more: before the first byte a problem, then
# a connection that breaks off

$t->psql('facility', "UPDATE instances SET size = size + 1
    WHERE uid = '2.25.2.1.1'");
is(get('/2.25.2')->{status}, 500, 'the only file is another');
$t->psql('facility', "UPDATE instances SET size = size + 1
    WHERE uid = '2.25.1.1.3'");
$res = get('/2.25.1/series/2.25.1.1');
ok($res->{status} == 599 || length($res->{body} // '')
    < ($res->{headers}{'content-length'} // 0), 'a later one: broken off');
is(get('/2.25.1/series/2.25.1.2')->{status}, 200, 'the next is served');

is($t->psql('facility', "SELECT DISTINCT event, patient FROM audit
    WHERE event IN ('study-read', 'series-read') AND outcome = 'success'
    ORDER BY event"), "series-read|TEST|P-1\nstudy-read|TEST|P-1",
    'each is noted');

$t->psql('facility', "UPDATE instances SET size = size - 1
    WHERE uid = '2.25.1.1.3'");
for my $path ('/2.25.1', '/2.25.1/series/2.25.1.2') {
    is(get($path, undef, $t->login($_))->{status}, 403, "$_: none of $path")
        for qw(admin auditor);
    is(get($path, undef, $t->login($_))->{status}, 200, "$_: $path")
        for qw(facadmin radiographer);
    is($t->http('node', GET => "/dicom-web/studies$path")->{status}, 401,
        "nobody: $path");
}

$t->finish();


sub store {
    my ($instance, %a) = @_;
    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    $file{$instance} = $t->dicom_file(StudyInstanceUID => "2.25.$study",
        SeriesInstanceUID => "2.25.$series", PatientID => 'P-1',
        SOPInstanceUID => "2.25.$instance", %a);
    is($t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $file{$instance})->{status}, 201, "instance $instance");
}


sub get {
    my ($path, $accept, $as) = @_;
    return $t->http('node', GET => "/dicom-web/studies$path",
        token => $as // $token,
        headers => { defined $accept ? (Accept => $accept) : () });
}


sub begin {
    my ($path) = @_;
    my $s = $t->connection('node');
    $s->print("GET /dicom-web/studies$path HTTP/1.1\r\nHost: node\r\n"
        . "Authorization: Bearer $token\r\nConnection: close\r\n\r\n");
    $s->flush;
    sysread $s, my $begin, 1024;
    like($begin, qr{^HTTP/1.1 200 }, 'a client begins');
    return $s;
}


sub read_all {
    my ($s) = @_;
    my ($n, $length) = (0, 0);
    while (($n = sysread $s, my $piece, 65536)) {
        $length += $n;
        select undef, undef, undef, 0.002;
    }
    return $length + 1024;
}


sub audited {
    return $t->psql('facility', "SELECT count(*) FROM audit
        WHERE event LIKE '%-read' AND outcome = 'success'");
}
