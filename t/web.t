#!/usr/bin/perl

# The web role: files with the right types and headers, and nothing else.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Test::Dicom;

my $t = Test::Dicom->new();

mkdir $t->path($_) for qw(html html/js html/css);
$t->write_file('html/index.html', "<!doctype html>\n<title>x</title>\n");
$t->write_file('html/js/main.js', "export const x = 1;\n" x 200);
$t->write_file('html/css/main.css', "body { color: red }\n");
$t->write_file('html/icon.svg', "<svg xmlns='http://www.w3.org/2000/svg'/>\n");
$t->write_file('secret', "not below the root\n");

$t->yaml('web', root => 'html', demo => \1, name => "Web \"\x{17d}\"",
    toplevelUrl => 'https://top.example:8444/',
    connect => ['https://a.example', 'https://b.example:8446']);
$t->start_nginx();

sub get { my ($path, %opt) = @_; return $t->http('web', GET => $path, %opt) }

my %types = (
    '/' => 'text/html', '/index.html' => 'text/html',
    '/js/main.js' => 'application/javascript', '/css/main.css' => 'text/css',
    '/icon.svg' => 'image/svg+xml',
);

for my $path (sort keys %types) {
    my $res = get($path);
    my $h = $res->{headers};

    is($res->{status}, 200, $path);
    is($h->{'content-type'}, $types{$path}, "$path: type");
    is($h->{'cache-control'}, 'no-cache', "$path: asked about each time");
    like($h->{etag}, qr/^"[^"]+"$/, "$path: ETag");
    is($h->{'x-content-type-options'}, 'nosniff', "$path: nosniff");
    is($h->{'referrer-policy'}, 'no-referrer', "$path: no referrer");
    like($h->{'content-security-policy'}, qr/^default-src 'self';/,
        "$path: policy");
    is($h->{server}, 'nginx', "$path: no version");
    ok(!exists $h->{'strict-transport-security'}, "$path: no TLS, no HSTS");

    $res = get($path, headers => { 'If-None-Match' => $h->{etag} });
    is($res->{status}, 304, "$path: unchanged");
    is($res->{headers}{'cache-control'}, 'no-cache', "$path: also then");
}

my $policy = get('/')->{headers}{'content-security-policy'};
like($policy, qr/frame-ancestors 'none'/, 'policy: no frames');
like($policy, qr/object-src 'none'/, 'policy: no objects');
like($policy, qr{connect-src 'self' https://top\.example:8444 https://a\.example wss://a\.example https://b\.example:8446 wss://b\.example:8446\z},
    'policy: servers of the YAML');
unlike($policy, qr/unsafe/, 'policy: nothing unsafe');

# What the viewer must know

my $res = get('/config.json');
is($res->{status}, 200, 'config.json');
is_deeply($res->{json}, { name => "Web \"\x{17d}\"", demo => JSON::PP::true,
    toplevel => 'https://top.example:8444' }, 'config.json: from the YAML');

$res = get('/api/v1/health');
is_deeply($res->{json}, { status => 'ok', type => 'web',
    name => "Web \"\x{17d}\"" }, 'health');

# Whether the line is there: the handshake of RFC 6455, 1.3, and its end

my $asked = "GET /api/v1/line HTTP/1.1\r\nHost: a\r\n";
my $upgrade = "Upgrade: WebSocket\r\nConnection: Upgrade\r\n"
    . "Sec-WebSocket-Version: 13\r\n";
my $key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
my $close = "Connection: close\r\n";

my $answer = $t->raw('web', "$asked$upgrade$key\r\n");
like($answer, qr{^HTTP/1\.1 101 Switching Protocols\r\n}, 'WebSocket: open');
like($answer, qr{^Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$}m,
    'WebSocket: accepted');
like($answer, qr{^Upgrade: websocket\r$}m, 'WebSocket: upgrade');
like($answer, qr{^Connection: upgrade\r$}m, 'WebSocket: connection');
unlike($answer, qr{^(?:Content-Length|Transfer-Encoding)}m,
    'WebSocket: no length');
like($answer, qr{\r\n\r\n\x88\x02\x03\xe8\z}, 'WebSocket: and closed');

for ($asked, "$asked$upgrade", "$asked$key", "${asked}Upgrade: h2c\r\n$key",
    "$asked${upgrade}Sec-WebSocket-Key: c2hvcnQ=\r\n",
    $asked =~ s/GET/HEAD/r . "$upgrade$key")
{
    like($t->raw('web', "$_$close\r\n"), qr{^HTTP/1\.1 204 }, 'no WebSocket');
}

# What is not there

for my $path ('/nothing', '/js/', '/js/nothing.js', '/api/v1/me',
    '/api/v1/login', '/../secret', '/%2e%2e/secret', '/js/../../secret',
    '/.dicom-problem', "/js/main.js/", '/js%2f..%2f..%2fsecret')
{
    $res = get($path);
    like($res->{status}, qr/^(404|403|400)$/, "$path: $res->{status}");
    is($res->{headers}{'content-type'}, 'application/problem+json',
        "$path: problem+json");
    is($res->{headers}{'cache-control'}, 'private, no-store',
        "$path: not kept");
    unlike($res->{body}, qr/below/, "$path: not the file");
}

for my $method (qw(POST PUT DELETE PATCH)) {
    my $res = $t->http('web', $method => '/index.html');
    is($res->{status}, 405, "$method of a file");
    is($res->{headers}{allow}, 'GET, HEAD', "$method of a file: Allow");
}

$res = $t->http('web', HEAD => '/js/main.js');
is($res->{status}, 200, 'HEAD');
is($res->{headers}{'content-length'}, 4000, 'HEAD: length');

# TLS and HTTP/2

$t->stop_nginx();
$t->start_nginx(tls => 1);

$res = get('/');
is($res->{status}, 200, 'TLS');
is($res->{headers}{'strict-transport-security'}, 'max-age=31536000',
    'TLS: HSTS');

SKIP: {
    skip 'no curl with HTTP/2', 4
        unless `curl --version 2>/dev/null` =~ /HTTP2/;
    my $ca = $t->path('tls.crt');
    my $curl = "curl -s -i --cacert $ca --http2 -m 20";
    my $out = `$curl @{[$t->url('web')]}/js/main.js`;
    like($out, qr{^HTTP/2 200 .*strict-transport-security: max-age}s,
        'HTTP/2: HSTS too');
    like(`$curl @{[$t->url('web')]}/nothing`,
        qr{^HTTP/2 404 .*content-type: application/problem\+json}s,
        'HTTP/2: a problem');
    like(`$curl -d x @{[$t->url('web')]}/config.json`,
        qr{^HTTP/2 405 .*allow: GET, HEAD}s, 'HTTP/2: 405');
    $t->write_file("x", "x");
    like(`$curl -T - -X GET @{[$t->url('toplevel')]}/api/v1/health \\
        < @{[$t->path('x')]}`,
        qr{^HTTP/2 400 .*unexpected-body}s, 'HTTP/2: a body without length');
}

my $plain = $t->raw('web', "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
like($plain, qr{^HTTP/1.1 400 .*urn:dicom:problem:https-required}s,
    'HTTP to an HTTPS port');

$t->finish();
