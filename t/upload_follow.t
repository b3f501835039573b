#!/usr/bin/perl

# A large upload is hashed while it arrives; that changes nothing of what is
# stored, whatever happens to the upload or to the worker on the way.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

use constant { MB => 1 << 20, CLIENTS => 10 };

my $t = Test::Dicom->new(plan => 15);

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

my $token = $t->login('radiographer');
my $count = 0;

# 6 MB that are nowhere the same
sub file {
    my $n = ++$count;
    my $value = $n;
    my $pixels = '';
    for my $i (1 .. 96) {
        $pixels .= pack('n', $value = ($value * 75 + 74) % 65537 % 65536)
            x 32 x 1024;
    }
    return $t->dicom_file(SOPInstanceUID => "2.25.7.$n",
        SeriesInstanceUID => '2.25.7', StudyInstanceUID => '2.25.8',
        PatientID => 'P-1', Rows => 1024, Columns => 1024,
        NumberOfFrames => 3, pixels => $pixels);
}

sub begin {
    my ($body, $length, $head) = @_;
    my $s = $t->connection('node');
    print $s "PUT /api/v1/instances HTTP/1.1\r\nHost: x\r\nAuthorization: "
        . "Bearer $token\r\nConnection: close\r\n"
        . ($head // 'Content-Length: ' . length $body) . "\r\n\r\n"
        . substr $body, 0, $length;
    return $s;
}

sub end {
    my ($s, $rest) = @_;
    local $/;
    print $s $rest;
    my $answer = <$s> // '';
    my ($status) = $answer =~ m{^HTTP/1.1 (\d+) };
    my ($md5) = $answer =~ /"md5":"(\w+)"/;
    return join ' ', $status // 'nothing', $md5 // '';
}

# Bytes hashed in advance since the last worker began; its threads.
sub followed {
    return Test::Wire->new($t->socket_path('worker'))
        ->metric('dicom_render_followed_bytes_total');
}

sub threads {
    my $pid = $t->pid('worker');
    return scalar grep { slurp($_) eq "follow\n" }
        glob "/proc/$pid/task/*/comm";
}

sub comes_true {
    my ($what) = @_;
    for (1 .. 2400) {
        return 1 if $what->();
        sleep(0.05);
    }
    return 0;
}

my $body = file();
my $s = begin($body, 4 * MB);
ok(comes_true(sub { followed() > 3 * MB }), 'hashed while it arrives');
is(end($s, substr $body, 4 * MB), '201 ' . md5_hex($body), 'and stored');
is(md5_hex(slurp(objects())), md5_hex($body), 'as it is');
ok(comes_true(sub { threads() == 0 }), 'nobody follows it any more');

# without a length
$body = file();
my $before = followed();
$s = begin(sprintf("%x\r\n", length $body) . $body, 4 * MB,
    'Transfer-Encoding: chunked');
ok(comes_true(sub { followed() > $before + 3 * MB }), 'a chunked one, too');
is(end($s, substr($body, 4 * MB - length sprintf "%x\r\n", length $body)
    . "\r\n0\r\n\r\n"), '201 ' . md5_hex($body), 'is stored');

# the same once more is the same
is(end(begin($body, length $body), ''), '200 ' . md5_hex($body), 'again');

# more at a time than are followed
my @bodies = map { file() } 1 .. CLIENTS;
my @lines = map { begin($_, 4 * MB) } @bodies;
ok(comes_true(sub { threads() >= 8 }), 'many at a time');
my @wrong = grep { end($lines[$_], substr $bodies[$_], 4 * MB)
    ne '201 ' . md5_hex($bodies[$_]) } 0 .. $#bodies;
is("@wrong", '', 'are all stored');

# cut off
$before = followed();
$s = begin(file(), 4 * MB);
ok(comes_true(sub { followed() > $before + 3 * MB }), 'one is begun');
close $s;
ok(comes_true(sub { threads() == 0 }), 'cut off, it is given up');
is(scalar(my @stored = objects()), 2 + CLIENTS, 'and not stored');

# the worker goes while it follows, and comes back, or is not there at first
$body = file();
$s = begin($body, 4 * MB);
ok(comes_true(sub { followed() > $before + 6 * MB }), 'one more');
$t->stop_worker();
$t->start_worker();
is(end($s, substr $body, 4 * MB), '201 ' . md5_hex($body),
    'the worker ended meanwhile');

$t->allow_alerts(qr/connect\(\) to unix:.* failed/);
$t->stop_worker();
$body = file();
$s = begin($body, 4 * MB);
sleep(0.5);
$t->start_worker();
is(end($s, substr $body, 4 * MB), '201 ' . md5_hex($body),
    'the worker was not there at first');

$t->finish();


sub objects {
    return glob $t->path('store/objects/*/*/*.dcm');
}


sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or return '';
    local $/;
    return scalar(<$in>) // '';
}
