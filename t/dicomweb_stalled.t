#!/usr/bin/perl

# Readers of frames, values and metadata who take nothing: what they asked for
# does not fill nginx's memory meanwhile, others are served, and when they read
# on, they get all of it.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Memory qw(nginx_memory);
use Test::Dicom::Presentation qw(item);

my $SIDE = 2048;            # 8 MiB a frame
my $READERS = 6;            # the worker keeps 64 MiB for one user
my $ITEMS = 4000;           # of 2000 bytes of metadata each

my $t = Test::Dicom->new();
$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

my $up = $t->login('radiographer');
my $token = $t->login('physician');
my $octets = 'application/octet-stream';
my $native = pack('v*', map { $_ * 7 & 65535 } 0 .. $SIDE * 16 - 1)
    x ($SIDE / 16);

store('1.1.1', Rows => $SIDE, Columns => $SIDE, pixels => $native);
store('2.1.1', Rows => $SIDE, Columns => $SIDE,
    TransferSyntaxUID => '1.2.840.10008.1.2.5',
    '7fe00010' => [OB => ''], encapsulated => rle());
store('3.1.1', '00081140' => [SQ => join '', map {
    item('00081155' => [UI => "2.25.$_"], '00400280' => [ST => 'x' x 900],
        '00402400' => [LT => 'y' x 900]) } 1 .. $ITEMS]);

my %length = ('1.1.1/frames/1' => 2 * $SIDE * $SIDE,
    '2.1.1/frames/1' => 2 * $SIDE * $SIDE,
    '1.1.1/bulkdata/7FE00010' => 2 * $SIDE * $SIDE,
    '3.1.1/metadata' => undef);

for my $path (sort keys %length) {
    my $whole = $t->http('node', GET => path($path), token => $token,
        headers => { Accept => $path =~ /metadata/ ? '*/*' : $octets });
    is($whole->{status}, 200, $path);
    is(length $whole->{body}, $length{$path}, 'its length')
        if $length{$path};
    cmp_ok(length $whole->{body}, '>', 7 << 20, 'it is large');
    is($whole->{headers}{'content-length'}, length $whole->{body},
        'and said to be');

    my $before = nginx_memory($t);
    my @readers = map { ask($path) } 1 .. $READERS;
    my $most = 0;
    for my $until (time + 2) {
        while (time < $until) {
            my $now = nginx_memory($t);
            $most = $now if $now > $most;
            sleep(0.05);
        }
    }
    my $grown = ($most - $before) / $READERS;

    # the sanitizers keep what was freed
    cmp_ok($grown, '<', 1024, sprintf '%d KB for each who does not read',
        $grown) unless $t->asan;
    is($t->http('node', GET => '/api/v1/health')->{status}, 200,
        'others are served');
    is(join(' ', map { rest($_) } @readers), join(' ',
        ('200 ' . md5_hex($whole->{body})) x $READERS), 'all of it, later');
}

# and those who go away

my @readers = map { ask('2.1.1/frames/1') } 1 .. $READERS;
sleep(1);
close $_ for @readers;
is($t->http('node', GET => path('2.1.1/frames/1'), token => $token,
    headers => { Accept => $octets })->{status}, 200, 'others left');

$t->finish();


sub store {
    my ($instance, %a) = @_;

    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    my $frame = delete $a{encapsulated};
    my $file = $t->dicom_file(StudyInstanceUID => "2.25.$study",
        SeriesInstanceUID => "2.25.$series",
        SOPInstanceUID => "2.25.$instance", PatientID => 'P-1', %a);
    if ($frame) {
        $file =~ s/\xe0\x7f\x10\x00OB.*//s;
        $file .= "\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" . fragment('')
            . fragment($frame) . "\xfe\xff\xdd\xe0\0\0\0\0";
    }
    my $res = $t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $file);
    is($res->{status}, 201, "instance $instance") or diag $res->{body};
}


sub fragment { return pack('vvV', 0xfffe, 0xe000, length $_[0]) . $_[0] }


# PS3.5 G: rows of one value, that is their number.
sub rle {
    my @segments = ('', '');
    my $runs = $SIDE / 128;
    for my $row (0 .. $SIDE - 1) {
        $segments[0] .= pack('cC', -127, $row >> 8) x $runs;
        $segments[1] .= pack('cC', -127, $row & 255) x $runs;
    }
    return pack('V16', 2, 64, 64 + length $segments[0], (0) x 13)
        . join '', @segments;
}


sub path {
    my ($series, $study, $rest) = $_[0] =~ m{^((\d+)\.\d+)(.*)};
    return "/dicom-web/studies/2.25.$study/series/2.25.$series"
        . "/instances/2.25.$series$rest";
}


# A connection that asked, and takes as little as the system lets it.
sub ask {
    my ($path) = @_;

    my $s = IO::Socket::INET->new(Proto => 'tcp');
    setsockopt $s, SOL_SOCKET, SO_RCVBUF, pack 'i', 8192;
    connect $s, Socket::pack_sockaddr_in($t->port('node'),
        Socket::inet_aton('127.0.0.1')) or die "connect: $!\n";
    my $accept = $path =~ /metadata/ ? '*/*' : $octets;
    $s->autoflush(1);
    print $s 'GET ' . path($path) . " HTTP/1.1\r\nHost: a\r\nAccept: $accept"
        . "\r\nConnection: close\r\nAuthorization: Bearer $token\r\n\r\n";
    return $s;
}


# The status and the hash of what comes.
sub rest {
    my ($s) = @_;

    setsockopt $s, SOL_SOCKET, SO_RCVBUF, pack 'i', 1 << 20;
    my $answer = '';
    while (sysread $s, $answer, 1 << 20, length $answer) { }
    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
    return "$status " . md5_hex($body // '');
}
