#!/usr/bin/perl

# HTTP/2 over TLS: an upload without a length, and a picture nobody waits for.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 7);
$t->skip_all('curl cannot speak HTTP/2')
    unless `curl --version 2>/dev/null` =~ /HTTP2/;

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx(tls => 1);

my $token = $t->login('physician');
my $file = $t->write_file('a.dcm', $t->dicom_file(
    StudyInstanceUID => '2.25.1', SeriesInstanceUID => '2.25.1.1',
    SOPInstanceUID => '2.25.1.1.1', Rows => 256, Columns => 256));
my $url = $t->url('node') . '/api/v1';
my $curl = "curl -s --http2 --cacert @{[$t->dir]}/tls.crt -m 120 "
    . "-H 'Authorization: Bearer $token' -w '\n%{http_code} %{http_version}'";

# a pipe has no length
my $answer = `cat '$file' | $curl -T - $url/instances`;
like($answer, qr/"instance":"2\.25\.1\.1\.1".*\n201 2\z/s, 'an upload');
like(`$curl -T '$file' $url/instances`, qr/\n200 2\z/, 'again, with a length');
like(`head -c 5000 '$file' | $curl -T - $url/instances`,
    qr/invalid-dicom.*\n422 2\z/s, 'a part of it');

$answer = `$curl -d '{"study":"2.25.1","series":"2.25.1.1"}' \\
    -H 'Content-Type: application/json' $url/stacks`;
my ($id) = $answer =~ /"id":"([0-9a-f]{32})"/;
like($answer, qr/\n202 2\z/, 'a stack');
like(`$curl -o /dev/null '$url/stacks/$id/layers/0'`, qr/\n200 2\z/,
    'a picture');
like(`$curl '$url/stacks/$id/layers/7'`, qr/layer-out-of-range.*\n404 2\z/s,
    'a problem of the worker');

# many pictures at once on one connection, given up halfway
my $config = join "\n", map { qq(url = "$url/stacks/$id/layers/0?width=2000)
    . qq(&height=2000&rotate=$_"\noutput = "/dev/null") } 1 .. 30;
$t->write_file('curl.conf', $config);
system("timeout 1 $curl --parallel -K @{[$t->dir]}/curl.conf >/dev/null 2>&1");
like(`$curl -o /dev/null '$url/stacks/$id/layers/0'`, qr/\n200 2\z/,
    'served after many that were given up');
