#!/usr/bin/perl

# A server block without "listen" listens where its YAML says; with
# "listen", only there.

use strict;
use warnings;

use lib 't/lib';
use IO::Socket::INET;
use Test::More;
use Test::Dicom;

my $t = Test::Dicom->new();

my $yaml_port = $t->port('toplevel');
my $other_port = $t->port('other');

sub status {
    my ($port, $host) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => $host // '127.0.0.1',
        PeerPort => $port, Timeout => 60) or return 'refused';
    print $s "GET /api/v1/health HTTP/1.1\r\nHost: a\r\n"
        . "Connection: close\r\n\r\n";
    my ($status) = (join '', <$s>) =~ m{^HTTP/1.1 (\d+).*"status"}s;
    return $status // 'no answer';
}

sub start {
    my ($server, $more) = @_;
    $t->stop_nginx();
    unlink $t->path('error.log'), $t->path('nginx.pid');
    $t->start_nginx(conf => "%%GLOBALS%%\n%%EVENTS%%\nhttp {\n%%HTTP%%\n"
        . "    server {\n$server    }\n" . ($more // '') . "}\n");
}

# Where the YAML says

start("dicom_config %%DIR%%/toplevel.yaml;\n");
is(status($yaml_port), 200, 'the YAML\'s port');
is(status(80), 'refused', 'not nginx\'s default port') if $> == 0;

# Where listen says, before or after

for my $order (0, 1) {
    my @lines = ("listen 127.0.0.1:$other_port;\n",
        "dicom_config %%DIR%%/toplevel.yaml;\n");
    start(join '', $order ? reverse @lines : @lines);
    is(status($other_port), 200, 'listen wins');
    is(status($yaml_port), 'refused', 'only it');
}

# Other servers beside, ours or not

start("dicom_config %%DIR%%/toplevel.yaml;\n", <<"END");
    server {
        dicom_config %%DIR%%/web.yaml;
    }
    server {
        listen 127.0.0.1:$other_port;
        location / { return 418; }
        location = /missing { }
    }
END
is(status($yaml_port), 200, 'two without listen');
is(status($t->port('web')), 200, 'each at its own port');

my $foreign = $t->http('web', GET => "http://127.0.0.1:$other_port/missing");
is($foreign->{status}, 404, 'a server that is not ours');
like($foreign->{body}, qr/<html>/, 'keeps its errors');
like($foreign->{headers}{server}, qr{nginx/}, 'and its headers');

# Two of our servers at one address and port, told apart by name

$t->yaml('node', port => $yaml_port);
start("server_name a; dicom_config %%DIR%%/toplevel.yaml;\n", <<'END');
    server {
        server_name b;
        dicom_config %%DIR%%/node.yaml;
    }
END
for my $pair ([a => 'toplevel'], [b => 'node']) {
    my ($name, $type) = @$pair;
    my $answer = $t->raw('toplevel', "GET /api/v1/health HTTP/1.1\r\n"
        . "Host: $name\r\nConnection: close\r\n\r\n");
    like($answer, qr/"type":"$type"/, "server_name $name is the $type");
}

# TLS, when the server block has a certificate

$t->{tls} = 1;
$t->_make_certificate();
start("dicom_config %%DIR%%/toplevel.yaml;\n");
is($t->http('toplevel', GET => '/api/v1/health')->{status}, 200,
    'a certificate makes it TLS');
SKIP: {
    skip 'no curl with HTTP/2', 1
        unless `curl --version 2>/dev/null` =~ /HTTP2/;
    like(`curl -s -i --http2 -m 20 --cacert @{[$t->path('tls.crt')]} \\
        @{[$t->url('toplevel')]}/api/v1/health`, qr{^HTTP/2 200 },
        'and HTTP/2');
}
$t->{tls} = 0;

# IPv6

SKIP: {
    require IO::Socket::IP;
    skip 'no IPv6 here', 1 unless IO::Socket::IP->new(Listen => 1,
        LocalHost => '::1', LocalPort => 0);
    $t->yaml('toplevel', address => '::1');
    start("dicom_config %%DIR%%/toplevel.yaml;\n");
    my $s = IO::Socket::IP->new(PeerHost => '::1', PeerPort => $yaml_port);
    print $s "GET /api/v1/health HTTP/1.0\r\n\r\n" if $s;
    like($s ? join('', <$s>) : '', qr{^HTTP/1.1 200 }, 'an IPv6 address');
}

$t->finish();
