#!/usr/bin/perl

# What conf/conf.d/dicom.conf says before the module does: how often one address
# may log in, which TLS is spoken, how long a request's head may be.

use strict;
use warnings;

use IO::Socket::SSL ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->start_postgres();
$t->start_nginx(tls => 1, conf => "%%GLOBALS%%\n%%EVENTS%%\nhttp {\n"
    . "include /etc/nginx/mime.types;\n" . temp_paths() . conf() . "}\n");
$t->seed_demo();

# --- logins of one address

sub login {
    my ($body) = @_;
    return $t->http('toplevel', POST => '/api/v1/login', json => $body);
}

# Logins over one connection, sent all at once: a place becomes free every half
# second, however slow the machine is.
sub logins {
    my (@bodies) = @_;

    my $s = IO::Socket::SSL->new(PeerAddr => address(),
        SSL_ca_file => $t->path('tls.crt'), SSL_verifycn_scheme => 'http')
        or die "no connection: $IO::Socket::SSL::SSL_ERROR\n";
    print $s map { my $json = JSON::PP::encode_json($_);
        "POST /api/v1/login HTTP/1.1\r\nHost: a\r\n"
        . "Content-Type: application/json\r\n"
        . 'Content-Length: ' . length($json) . "\r\n\r\n$json" } @bodies;

    return map { answer($s) } @bodies;
}

sub answer {
    my ($s) = @_;

    my ($status) = (<$s> // '') =~ m{^HTTP/1\.1 (\d+)} or die "no answer\n";
    my %headers;
    while (defined(my $line = <$s>)) {
        my ($name, $value) = $line =~ /^([^:]+):\s*(.*?)\r\n/ or last;
        $headers{lc $name} = $value;
    }
    read $s, my $body, $headers{'content-length'};
    return { status => $status, headers => \%headers,
        json => JSON::PP::decode_json($body) };
}

my %good = (username => 'physician', password => $Test::Dicom::PASSWORD);
is(login(\%good)->{status}, 200, 'a login');

my %seen;
my $refused;
for my $res (logins(({}) x 90)) {   # costs nothing: refused by its fields
    $seen{$res->{status}}++;
    $refused = $res if $res->{status} == 429;
}
cmp_ok($seen{422} // 0, '>=', 40, 'a crowd behind one address is let in');
cmp_ok($seen{429} // 0, '>=', 20, 'but no flood');
is(($seen{422} // 0) + ($seen{429} // 0), 90, 'nothing else happens')
    or diag(explain(\%seen));
is($refused->{headers}{'content-type'}, 'application/problem+json',
    'a refusal is a problem');
is($refused->{json}{type}, 'urn:dicom:problem:too-many-requests', 'of its type');
like($refused->{headers}{'retry-after'} // '', qr/^\d+\z/, 'with Retry-After');
# others take the place that becomes free
my $right;
for (1 .. 20) {
    $right = (logins(({}) x 60, \%good))[-1]{status};
    last if $right != 200;
}
is($right, 429, 'the right password does not help');

my %others;
$others{$t->http('toplevel', GET => '/api/v1/health')->{status}}++ for 1 .. 60;
$others{$t->http('toplevel', OPTIONS => '/api/v1/login', headers => {
    Origin => $t->url('web'), 'Access-Control-Request-Method' => 'POST' })
    ->{status}}++ for 1 .. 60;
is_deeply(\%others, { 200 => 60, 204 => 60 },
    'no other request is counted or held up');

my $status;
for (1 .. 150) {
    sleep(0.2);
    $status = login(\%good)->{status};
    last if $status == 200;
}
is($status, 200, 'a moment later one gets in');

# --- TLS

# What is agreed upon when only this is offered: "protocol cipher", or ''.
sub agreed {
    my (@options) = @_;
    my $output = join '', `openssl s_client -connect @{[address()]} @options \\
        </dev/null 2>&1`;
    my ($protocol, $cipher) = $output =~ /^New, (\S+), Cipher is (\S+)/m;
    return ($cipher // '(NONE)') eq '(NONE)' ? '' : "$protocol $cipher";
}

sub address { '127.0.0.1:' . $t->port('toplevel') }

like(agreed('-tls1_3'), qr/^TLSv1\.3 TLS_/, 'TLS 1.3');
like(agreed('-tls1_2'), qr/^TLSv1\.2 ECDHE-/, 'TLS 1.2');
is(agreed($_, '-cipher', "'ALL:\@SECLEVEL=0'"), '', "no $_")
    for grep { `openssl s_client -help 2>&1` =~ /\s\Q$_\E\s/ }
        qw(-ssl3 -tls1 -tls1_1);

my $modern = 'ECDHE+AESGCM:ECDHE+CHACHA20';
like(agreed('-tls1_2', '-cipher', $_), qr/^TLSv1\.2 ECDHE-/, "TLS 1.2 with $_")
    for split /:/, $modern;
my @others = split /[:\n]/, `openssl ciphers -tls1_2 \\
    'ALL:COMPLEMENTOFALL:!ECDHE+AESGCM:!ECDHE+CHACHA20:\@SECLEVEL=0'`;
cmp_ok(scalar @others, '>', 20, 'of ' . @others . ' other ciphers');
is(agreed('-tls1_2', '-cipher', "'" . join(':', @others) . ":\@SECLEVEL=0'"), '',
    'without forward secrecy or authentication none is taken');

# --- long heads

is($t->http('toplevel', GET => '/api/v1/health', headers => { X =>
    'x' x 9000 })->{status}, 431, 'a long field');
is($t->http('toplevel', GET => '/api/v1/health', headers => {
    map { ("X-$_" => 'x' x 4000) } 1 .. 20 })->{status}, 431, 'many of them');
is($t->http('toplevel', GET => '/api/v1/health?' . 'x' x 9000)->{status}, 414,
    'a long line');
is($t->http('toplevel', POST => '/api/v1/login', body => 'x' x 2_000_000,
    headers => { 'Content-Type' => 'application/json' })->{status}, 413,
    'a long body');

$t->finish();


# The folders and ports of this test in the file as it stands.
sub conf {
    open my $fh, '<', $t->top . '/conf/conf.d/dicom.conf' or die "conf: $!\n";
    my $text = join '', <$fh>;
    my $port = 8443;
    for my $role (qw(web toplevel facility node)) {
        $text =~ s/127\.0\.0\.1:$port\b/127.0.0.1:%%PORT_$role%%/g;
        $port++;
    }
    $text =~ s{/etc/dicom/certs/server}{%%DIR%%/tls}g;
    $text =~ s{/etc/dicom/}{%%DIR%%/}g;
    $text =~ s{/var/log/dicom/}{%%DIR%%/logs/}g;
    return $text;
}


sub temp_paths {
    return join '', map { "${_}_temp_path %%DIR%%/temp/$_;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);
}
