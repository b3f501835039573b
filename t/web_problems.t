#!/usr/bin/perl

# What nginx itself refuses is problem+json too, with CORS headers; preflights;
# unknown paths and methods; metrics.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Test::Dicom;

my $t = Test::Dicom->new();

my $ORIGIN = 'https://viewer.example';

$t->start_postgres();
$t->yaml('toplevel', corsOrigins => [$ORIGIN, 'http://other.example:81']);
$t->yaml('node', maxInstanceSize => '8m', corsOrigins => '*');
$t->start_nginx();

# The status, slug and headers of an answer to bytes.
sub raw {
    my ($bytes, $role) = @_;
    my $answer = $t->raw($role // 'toplevel', $bytes, timeout => 3);
    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};
    my %h = map { lc $_->[0], $_->[1] } map { [split /: /, $_, 2] }
        grep { /: / } split /\r\n/, $head // '';
    my ($slug) = ($body // '') =~ /"type":"urn:dicom:problem:([^"]+)"/;
    return { status => $status // 0, slug => $slug // '', headers => \%h,
        body => $body };
}

sub refused {
    my ($res, $status, $slug, $name) = @_;
    is($res->{status}, $status, "$name: $status");
    is($res->{slug}, $slug, "$name: $slug");
    is($res->{headers}{'content-type'}, 'application/problem+json',
        "$name: problem+json");
    is($res->{headers}{server}, 'nginx', "$name: no version");
    like($res->{body}, qr/"detail":"[^"]/, "$name: a detail");
}

my $END = "Host: a\r\nConnection: close\r\n\r\n";

# Not HTTP

refused(raw("\x16\x03\x01\0\0\r\n\r\n"), 400, 'bad-request', 'TLS');
refused(raw("GET / HTTP/9.9\r\n$END"), 505, 'version-not-supported',
    'HTTP/9.9');
refused(raw("GET  /\x01 HTTP/1.1\r\n$END"), 400, 'bad-request', 'a bad line');
refused(raw("GET /%zz HTTP/1.1\r\n$END"), 400, 'bad-request', 'a bad escape');
refused(raw("GET /%00 HTTP/1.1\r\n$END"), 400, 'bad-request', 'a null');
refused(raw("GET /../x HTTP/1.1\r\n$END"), 400, 'bad-request', 'above the root');
refused(raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), 400, 'bad-request',
    'no Host');
refused(raw("GET / HTTP/1.1\r\nContent-Length: x\r\n$END"), 400, 'bad-request',
    'a bad length');
refused(raw("GET /" . 'x' x 40000 . " HTTP/1.1\r\n$END"), 414, 'uri-too-long',
    'a long line');
refused(raw("GET / HTTP/1.1\r\nX: " . 'x' x 40000 . "\r\n$END"), 431,
    'header-too-large', 'a long header');
refused(raw("POST /api/v1/login HTTP/1.1\r\nTransfer-Encoding: x\r\n$END"), 501,
    'not-implemented', 'an unknown coding');

# Bodies

refused(raw("POST /api/v1/login HTTP/1.1\r\nContent-Type: application/json\r\n"
    . "Content-Length: 1073741824\r\n$END"), 413, 'too-large', '1 GB');
refused(raw("GET /api/v1/health HTTP/1.1\r\nContent-Length: 1073741824\r\n"
    . "Expect: 100-continue\r\n$END"), 413, 'too-large', '1 GB, expected');
refused(raw("POST /api/v1/login HTTP/1.1\r\nContent-Type: application/json\r\n"
    . "Transfer-Encoding: chunked\r\n$END" . "x\r\n"), 400, 'bad-request',
    'a bad chunk');
refused(raw("POST /api/v1/login HTTP/1.1\r\nContent-Type: application/json\r\n"
    . "Transfer-Encoding: chunked\r\n$END"
    . ("8000\r\n" . 'x' x 32768 . "\r\n") x 40 . "0\r\n\r\n"), 413, 'too-large',
    'chunks of more than 1 MiB');
refused(raw("GET /api/v1/health HTTP/1.1\r\nContent-Length: 1\r\n$END" . 'x'),
    400, 'unexpected-body', 'a body that nobody wants');
refused(raw("POST /api/v1/login HTTP/1.1\r\nContent-Type: application/json\r\n"
    . "Content-Length: 2\r\n$END\{}"), 422, 'validation-failed', 'no members');
my $coded = "POST /api/v1/login HTTP/1.1\r\nContent-Type: application/json\r\n"
    . "Content-Length: 2\r\nContent-Encoding";
refused(raw("$coded: gzip\r\n$END\{}"), 415, 'unsupported-media-type', 'gzip');
is(raw("$coded: gzip\r\n$END\{}")->{headers}{'accept-encoding'}, 'identity',
    'gzip: what is taken instead');
is(raw("$coded: Identity\r\n$END\{}")->{status}, 422, 'no coding');

# Paths and methods

refused(raw("GET $_ HTTP/1.1\r\n$END"), 404, 'not-found', $_)
    for '/', '/api', '/api/v1/', '/api/v1/health/', '/api/v2/health', '/apix',
    '/.dicom-problem', '/API/v1/health', '/api/v1/health/x';

my $res = raw("DELETE /api/v1/me HTTP/1.1\r\n$END");
refused($res, 405, 'method-not-allowed', 'DELETE /me');
is($res->{headers}{allow}, 'GET, HEAD', 'DELETE /me: Allow');

$res = raw("$_ /api/v1/login HTTP/1.1\r\n$END"),
    refused($res, 405, 'method-not-allowed', $_)
    for qw(GET PUT PROPFIND MKCOL COPY BREW);
like(raw("TRACE / HTTP/1.1\r\n$END")->{status}, qr/^405$/, 'TRACE');
like(raw("CONNECT a:1 HTTP/1.1\r\n$END")->{status}, qr/^40[05]$/, 'CONNECT');

$res = raw("OPTIONS /api/v1/me HTTP/1.1\r\n$END");
is($res->{status}, 204, 'OPTIONS');
is($res->{headers}{allow}, 'GET, HEAD', 'OPTIONS: Allow');

$res = raw("HEAD /api/v1/health HTTP/1.1\r\n$END");
is($res->{status}, 200, 'HEAD');
cmp_ok($res->{headers}{'content-length'}, '>', 10, 'HEAD: length');
is($res->{body}, '', 'HEAD: no body');

$res = raw("HEAD /nothing HTTP/1.1\r\n$END");
is($res->{status}, 404, 'HEAD of nothing');
is($res->{body}, '', 'HEAD of nothing: no body');

is(raw("GET //api//v1/./x/../health HTTP/1.1\r\n$END")->{status}, 200,
    'a path that nginx normalises');

# A connection goes on after a refusal

my $two = $t->raw('toplevel', "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
    . "GET /api/v1/health HTTP/1.1\r\n$END");
like($two, qr{^HTTP/1.1 404 .*HTTP/1.1 200 .*"status":"ok"}s,
    'two requests on a connection');

# CORS

my $from = "Origin: $ORIGIN\r\n$END";

$res = raw("GET /api/v1/me HTTP/1.1\r\n$from");
is($res->{status}, 401, '401 to another origin');
is($res->{headers}{'access-control-allow-origin'}, $ORIGIN, 'may be read');
like($res->{headers}{'access-control-expose-headers'}, qr/ETag.*Dicom-View/,
    'with its headers');
like($res->{headers}{'access-control-expose-headers'}, qr/\bWarning\b/,
    'and that a search left something out');
is($res->{headers}{vary}, 'Origin', 'Vary');
ok(!exists $res->{headers}{'access-control-allow-credentials'},
    'no credentials');

# a request line that is refused hides the Origin behind it

for my $request ("GET /x", "GET /%zz", "GET /" . 'x' x 40000,
    "GET /api/v1/health HTTP/1.1\r\nContent-Length: 1073741824\r\nX: x")
{
    my $line = $request =~ /HTTP/ ? $request : "$request HTTP/1.1";
    $res = raw("$line\r\n$from");
    is($res->{headers}{'access-control-allow-origin'},
        $res->{status} == 414 || $res->{status} == 400 ? undef : $ORIGIN,
        "CORS with $res->{status}");
}

$res = raw("GET /api/v1/health HTTP/1.1\r\nOrigin: https://evil.example\r\n"
    . $END);
is($res->{status}, 200, 'an origin that is not on the list');
ok(!exists $res->{headers}{'access-control-allow-origin'}, 'may not read it');
is($res->{headers}{vary}, 'Origin', 'Vary');

$res = raw("GET /api/v1/health HTTP/1.1\r\nOrigin: $ORIGIN.evil\r\n$END");
ok(!exists $res->{headers}{'access-control-allow-origin'},
    'nor one that begins like it');

$res = raw("GET /api/v1/health HTTP/1.1\r\nOrigin: https://any.example\r\n"
    . $END, 'node');
is($res->{headers}{'access-control-allow-origin'}, '*', 'any origin, by "*"');
ok(!exists $res->{headers}{'access-control-allow-credentials'},
    'without credentials');

# Preflight

$res = raw("OPTIONS /api/v1/me HTTP/1.1\r\nOrigin: $ORIGIN\r\n"
    . "Access-Control-Request-Method: PUT\r\n"
    . "Access-Control-Request-Headers: authorization\r\n$END");
is($res->{status}, 204, 'preflight');
is($res->{headers}{'access-control-allow-origin'}, $ORIGIN,
    'preflight: origin');
like($res->{headers}{'access-control-allow-methods'}, qr/\bPUT\b/,
    'preflight: methods');
like($res->{headers}{'access-control-allow-headers'}, qr/Authorization/,
    'preflight: headers');
is($res->{headers}{'access-control-max-age'}, 7200, 'preflight: for 2 hours');

$res = raw("OPTIONS /api/v1/me HTTP/1.1\r\nOrigin: https://evil.example\r\n"
    . "Access-Control-Request-Method: PUT\r\n$END");
refused($res, 403, 'origin-not-allowed', 'preflight of another origin');

# Any GET by one URL, so that a browser asks for permission once

my $stack = '0' x 32;
for my $case (["$stack/layers/0?width=9", 401], ["$stack", 401],
    ["$stack/../x", 400], ["/$stack", 400], ['%2e', 400], ["$stack//layers", 400],
    ["$stack/layers/0/nothing", 404], ["$stack\xff", 400])
{
    my ($target, $status) = @$case;
    $res = raw("POST /api/v1/stacks HTTP/1.1\r\nDicom-Target: $target\r\n"
        . "Content-Length: 0\r\n$END", 'node');
    is($res->{status}, $status, "Dicom-Target: " . ($target =~ s/\xff/(ff)/r));
}
$res = raw("POST /api/v1/stacks?x=1 HTTP/1.1\r\nDicom-Target: $stack\r\n$END",
    'node');
is($res->{status}, 400, 'Dicom-Target beside a query');
like(raw("OPTIONS /api/v1/stacks HTTP/1.1\r\nOrigin: https://a.example\r\n"
    . "Access-Control-Request-Method: POST\r\n$END", 'node')
    ->{headers}{'access-control-allow-headers'}, qr/Dicom-Target/,
    'preflight: Dicom-Target');

# Uploads are bounded by the YAML

refused(raw("PUT /api/v1/instances HTTP/1.1\r\nContent-Length: 8388609\r\n$END",
    'node'), 413, 'too-large', 'more than maxInstanceSize');

$t->seed_demo();
my $token = $t->login('physician');
for my $target ("$stack/layers/0", "$stack/layers/0?width=x", '?limit=1',
    $stack)
{
    my $by_target = raw("POST /api/v1/stacks HTTP/1.1\r\n"
        . "Authorization: Bearer $token\r\nDicom-Target: $target\r\n"
        . "Content-Length: 0\r\n$END", 'node');
    my $by_url = raw('GET /api/v1/stacks' . ($target =~ /^\?/ ? '' : '/')
        . "$target HTTP/1.1\r\nAuthorization: Bearer $token\r\n$END", 'node');
    is($by_target->{body}, $by_url->{body}, "Dicom-Target is its GET: $target");
}

refused(raw("POST /api/v1/stacks HTTP/1.1\r\nAuthorization: Bearer $token\r\n"
    . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n$END"
    . ("8000\r\n" . ' ' x 32768 . "\r\n") x 40 . "0\r\n\r\n", 'node'), 413,
    'too-large', 'JSON is bounded there too');

# Metrics

$res = $t->http('toplevel', GET => '/metrics');
is($res->{status}, 200, 'metrics');
like($res->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4},
    'metrics: type');
like($res->{body}, qr/^dicom_responses_total\{server="toplevel",status="404"\} \d+$/m,
    'metrics: responses');
like($res->{body}, qr/^dicom_db_connections\{server="toplevel",worker="\d+",state="all"\} \d+$/m,
    'metrics: connections');

$t->stop_nginx();
$t->start_nginx(conf => <<'END');
%%GLOBALS%%
%%EVENTS%%
http {
%%HTTP%%
    dicom_metrics_allow 10.0.0.0/8 fe80::/10;

    server {
        client_max_body_size 10;
        dicom_config %%DIR%%/toplevel.yaml;
    }

    server {
        dicom_config %%DIR%%/web.yaml;
        dicom_metrics_allow 127.0.0.0/8;
    }
}
END

is($t->http('toplevel', GET => '/metrics')->{status}, 403,
    'metrics: only from addresses of the conf');
is($t->http('web', GET => '/metrics')->{status}, 200,
    'metrics: a server may say others');
is($t->http('toplevel', POST => '/api/v1/login', json => { username => 'physician',
    password => 'x' })->{status}, 413, 'a directive before dicom_config wins');

$t->finish();
