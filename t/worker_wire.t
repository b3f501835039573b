#!/usr/bin/perl

# What is wrong on the wire costs its own connection or request, no more; the
# socket's file is the worker's from start to end.

use strict;
use warnings;

use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
my $path = $t->socket_path('worker');

# a socket that a dead worker left behind is no obstacle
IO::Socket::UNIX->new(Local => $path, Listen => 1)->close;
ok(-S $path, 'a stale socket');
$t->start_worker();
is(sprintf('%o', (stat $path)[2] & 07777), '660', 'mode of the socket');

sub wire { Test::Wire->new($path, user => 'alice') }

my $w = wire();
is($w->request('health')->{json}{status}, 'ok', 'the worker answers');

my $binary = $t->build . '/render-worker';
isnt(system("$binary --socket '$path' --store '" . $t->dir
    . "/store' --renderer cpu 2>/dev/null"), 0, 'no second worker there');
ok(-S $path, 'and the socket stays');

# frames that are none
for (['magic', pack('VvvVVa16', 1, 1, 1, 0, 0, '')],
     ['version', pack('VvvVVa16', 0x51574444, 1, 1, 0, 0, '')],
     ['type 0', pack('VvvVVa16', 0x51574444, 2, 0, 0, 0, '')],
     ['type 99', pack('VvvVVa16', 0x51574444, 2, 99, 0, 0, '')],
     ['a body too long', pack('VvvVVa16', 0x51574444, 2, 4, 0xffffffff, 0, '')],
     ['a body too short', pack('VvvVVa16', 0x51574444, 2, 7, 20, 0, '')],
     ['a body where none is', pack('VvvVVa16', 0x51574444, 2, 1, 4, 0, '')],
     ['noise', join '', map { chr int rand 256 } 1 .. 4096])
{
    my ($name, $bytes) = @$_;
    my $c = wire();
    syswrite $c->{socket}, $bytes;
    is($c->receive(), undef, "$name: hung up");
}

# half a frame, then nothing
my $half = wire();
syswrite $half->{socket}, substr $half->head(7, 168), 0, 10;
my $cut = wire();
syswrite $cut->{socket}, $cut->head(4, 100000) . 'x' x 1000;
$cut->close;

# byte by byte is fine, and two requests at once are answered in turn
my $slow = wire();
for my $byte (split //, $slow->head(1, 0)) {
    syswrite $slow->{socket}, $byte;
    sleep 0.002;
}
is($slow->receive()->{status}, 200, 'byte by byte');
syswrite $slow->{socket}, $slow->head(1, 0) . $slow->head(2, 0);
is($slow->receive()->{json}{status}, 'ok', 'the first of two');
like($slow->receive()->{body}, qr/^# HELP/, 'the second');

# contradictions within a frame
my $file = $w->store($t, $t->dicom_file(Rows => 8, Columns => 8));
my $id = Test::Wire::random_id();
my $body = Test::Wire::open_body($id, [$file]);
for (['no instance', pack('a16V4a72a72', $id, 0, 0, 0, 0, '1', '2')],
     ['more instances than bytes', pack('a16V4a72a72', $id, 60000, 0, 0, 0, '1', '2')],
     ['a UID without end', pack('a16V4a72a72', $id, 1, 0, 0, 0, '1' x 72, '2')
         . substr $body, 176],
     ['cut short', substr $body, 0, -1],
     ['longer than it says', $body . 'x'],
     ['a huge location', substr($body, 0, 176 + 72) . pack('VV', 2 ** 31, 0)
         . substr $body, 176 + 80],
     ['a NUL in the location', Test::Wire::open_body($id,
         [{ %$file, location => "objects/\0x" }])])
{
    my $res = $w->request(open => $_->[1]);
    is($res->{slug}, 'malformed-request', "open: $_->[0]");
}
is($w->open([{ %$file, index => 'DIX1garbage' }])->{slug}, 'invalid-index',
    'open: a damaged index');
my $fuzzed = 0;
srand 42;
for (1 .. 300) {
    my $index = $file->{index};
    substr $index, int rand length $index, 1, chr int rand 256 for 1 .. 2;
    my $res = $w->open([{ %$file, index => $index }]) or last;
    $w->request(release => $res->{id}) if $res->{status} == 202;
    $fuzzed++;
}
is($fuzzed, 300, 'open: 300 damaged indexes');

# a location outside of the store
my $outside = $w->open([{ %$file, location => '../../../etc/passwd' }]);
is($w->ready($outside->{id})->{error}{slug}, 'frame-not-decodable',
    'nothing outside of the store');

# paths of ingest
for ('../x', '/etc/passwd', 'incoming/../../x', 'objects/x', "incoming/a\0b",
     'x' x 4096)
{
    my $res = $w->request(ingest => pack('VV', length, 0) . $_);
    cmp_ok($res->{status}, '>=', 400, 'ingest of ' . substr($_, 0, 16)
        =~ s/\0/?/r);
}
is($w->request(ingest => pack('VV', 100, 0) . 'incoming/x')->{slug},
    'malformed-request', 'ingest: a length that lies');

# parameters of pictures
my $stack = $w->open([$file])->{id};
my $nan = 'nan' + 0;
my $inf = 9 ** 9 ** 9;
for ([width => 0, height => 8], [width => 100000, height => 8],
     [width => 16384, height => 16384], [center => $nan, window => 1],
     [center => 0, window => $nan], [center => 0, window => 0],
     [center => 0, window => -5], [center => $inf, window => 1],
     [center => 0, window => $inf], [zoom => 0], [zoom => -1],
     [zoom => $nan], [zoom => $inf], [zoom => 1e300], [pan_x => $nan],
     [pan_y => $inf], [rotate => $nan], [rotate => $inf], [voi => 5],
     [voi => 'lut'], [voi => 'lut', voi_index => 255], [flip => 4],
     [interpolation => 3], [format => 2], [format => 'jpeg', quality => 0],
     [format => 'jpeg', quality => 101], [set => 512], [window_index => 3])
{
    my $res = $w->render($stack, 0, @$_);
    is($res->{slug} // $res->{status}, 'invalid-parameter',
        "render: @$_");
}
is($w->render($stack, 1)->{slug}, 'layer-out-of-range', 'render: layer 1');
is($w->render($stack, 2 ** 32 - 1)->{slug}, 'layer-out-of-range',
    'render: layer 2^32 - 1');
is($w->render($stack, 0, zoom => 1e4, rotate => 359, pan_x => -1e6,
    width => 1, height => 1)->{status}, 200, 'render: odd, but right');
is($w->request('health')->{json}{status}, 'ok', 'the worker lives');

# no pixels
my $text = $w->store($t, $t->dicom_file(Rows => undef));
is($w->open([$text])->{slug}, 'no-pixels', 'a file without a picture')
    if $text->{index};

# the end: requests in progress are answered, the socket's file goes
my @busy = map { wire() } 1 .. 8;
my @stacks = map { $_->open([$file])->{id} } @busy;
$busy[$_]->send(render => Test::Wire::render_body($stacks[$_], 0,
    width => 1500, height => 1500)) for 0 .. 7;
$w->request('health');              # what came before it has been read
my $status = $t->stop_worker();
is(scalar(grep { my $r = $_->receive(); $r && $r->{status} == 200 } @busy), 8,
    'SIGTERM: what was in progress was answered');
is($status, 0, 'and it ended by itself');
ok(!-e $path, 'the socket is gone');

$t->finish();
