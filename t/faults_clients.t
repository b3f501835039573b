#!/usr/bin/perl

# Clients that take connections and give nothing back: ten thousand idle ones,
# requests that come byte by byte, bodies that never end.  Others are served as
# ever, and who is too slow is shown out.

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_SNDBUF);
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Memory qw(nginx_memory);

my $IDLE = 10_000;

# The connections' other ends are this process's.
chomp(my $limit = `sh -c 'ulimit -Hn'`);
if ($limit ne 'unlimited' && $limit < $IDLE + 2000) {
    plan(skip_all => "SKIPPED: at most $limit files may be open here");
}
if (!$ENV{DICOM_TEST_FILES}) {
    $ENV{DICOM_TEST_FILES} = 1;
    exec 'sh', '-c', 'ulimit -n ' . ($IDLE + 2000) . '; exec "$@"', 'sh', $^X,
        $0 or die "sh: $!\n";
}

my $t = Test::Dicom->new();
$t->start_postgres();
my $globals = $t->expand('%%GLOBALS%%');
$t->start_nginx(conf => $globals . <<'CONF');
events { worker_connections 11500; }
http {
%%HTTP%%
client_header_timeout 3s;
client_body_timeout 3s;
keepalive_timeout 600s;
%%SERVERS%%}
CONF
$t->seed_demo();

my $token = $t->login('physician');
is(studies(), 200, 'a list is read');
my $before = nginx_memory($t);

# idle

my @idle;
for (1 .. $IDLE) {
    my $s = connection() or last;
    answered($s) or last;
    push @idle, $s;
}
is(scalar @idle, $IDLE, "$IDLE connections");
is(answered($idle[$_]), 1, "connection $_ is served")
    for 0, $IDLE / 2, $IDLE - 1;
is(studies(), 200, 'and so are others beside them');
my $each = (nginx_memory($t) - $before) / $IDLE;
cmp_ok($each, '<', 4, sprintf 'each costs %.1f KB', $each);
close $_ for @idle;

# requests that never end

my @slow = map { connection() } 1 .. 200;
my %sent;
my $from = time;
my $gone = 0;
my $worst = 0;
while (time - $from < 180 && $gone < @slow) {
    for my $s (grep { fileno $_ } @slow) {
        my $byte = substr "GET /api/v1/health HTTP/1.1\r\nHost: a\r\nX: "
            . 'x' x 1000, $sent{$s}++ % 1000, 1;
        local $SIG{PIPE} = 'IGNORE';
        if (!syswrite $s, $byte or closed($s)) {
            close $s;
            $gone++;
        }
    }
    my $asked = time;
    is(studies(), 200, 'others are served') if $gone == 0 || $gone == @slow;
    $worst = time - $asked if time - $asked > $worst;
    sleep(0.2);
}
is($gone, scalar @slow, 'requests byte by byte are ended');
diag(sprintf 'others waited %.0f ms at most', 1000 * $worst);

# bodies that never come

my @bodies = map { connection() } 1 .. 100;
print $_ "PUT /api/v1/instances HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
    . "$token\r\nContent-Length: 1000000\r\n\r\nDICM" for @bodies;
is(studies(), 200, 'others are served beside bodies that never come');
my $ended = 0;
$from = time;
while (time - $from < 180 && $ended < @bodies) {
    for my $s (grep { fileno $_ } @bodies) {
        next unless closed($s);
        close $s;
        $ended++;
    }
    sleep(0.1);
}
is($ended, scalar @bodies, 'they are ended');
is($t->incoming(), 0, 'and leave no file');
is(`find @{[$t->dir]}/store -type f | wc -l` + 0, 0, 'anywhere');

$t->finish();


sub connection {
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port('node'), Proto => 'tcp', Timeout => 60);
}


sub answered {
    my ($s) = @_;
    print $s "HEAD /api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n";
    my $line = <$s> // '';
    while (defined(my $field = <$s>)) {
        last if $field eq "\r\n";
    }
    return $line =~ m{^HTTP/1.1 200 } ? 1 : 0;
}


sub closed {
    my ($s) = @_;
    my $bits = '';
    vec($bits, fileno $s, 1) = 1;
    return 0 unless select $bits, undef, undef, 0;
    my $n = sysread $s, my $data, 4096;
    return !$n;
}


sub studies {
    return $t->http('facility', GET => '/api/v1/studies', token => $token)
        ->{status};
}
