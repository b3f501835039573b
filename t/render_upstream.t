#!/usr/bin/perl

# The render worker as an upstream: a worker that splits, lies, stalls and dies.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::FakeWorker;

*give = \&Test::Dicom::FakeWorker::give;
*head = \&Test::Dicom::FakeWorker::head;
*picture = \&Test::Dicom::FakeWorker::picture;

use constant { RENDER => 7, STATUS => 5, RELEASE => 6, PIXEL => 8, ROI => 9,
    LAYERS => 11 };

my $t = Test::Dicom->new(plan => 95);
my $fake = Test::Dicom::FakeWorker->new($t, serve => \&serve)->start();

$t->start_postgres();
$t->seed_demo();
$t->yaml('node', renderWorker => 'unix:' . $fake->socket, renderTimeout => 3);
$t->start_nginx();

my $token = $t->login('physician');
my $id = '00112233445566778899aabbccddeeff';

# the answer as it should be

my $res = layer(1);
is($res->{status}, 200, 'a picture');
is($res->{body}, 'PICTURE', 'its bytes');
is($res->{headers}{'content-type'}, 'image/png', 'its type');
is($res->{headers}{'content-length'}, 7, 'its length');
is($res->{headers}{'dicom-instance'}, '1.2.3.4', 'its instance');
is($res->{headers}{'dicom-frame'}, 5, 'its frame');
is($res->{headers}{'dicom-lossy'}, '01', 'lossy');
is($res->{headers}{'dicom-pixel-hash'}, '41' x 32, 'hash');
is($res->{headers}{'dicom-view'}, 'center=40;window=400.5;voi=linear;invert=0;'
    . 'zoom=1;pan=0,-2.25;rotate=90;flip=hv;interpolation=linear;size=512x256;'
    . 'format=png;overlays=1', 'view');
is($res->{headers}{'server-timing'},
    'queue;dur=0.001, draw;dur=2.345, read;dur=0.010, encode;dur=1234.567',
    'timing');
like($res->{headers}{'cache-control'}, qr/private/, 'not for shared caches');

$res = layer(20);
unlike($res->{headers}{'dicom-view'}, qr/center|window/, 'colour, no window');
like($res->{headers}{'dicom-view'}, qr/voi=none/, 'colour, no VOI');

# the request as it arrives

$res = $t->http('node', GET => "/api/v1/stacks/$id/layers/3?width=1&height=77"
    . '&center=-1.5e2&window=.5&voi=lut:2&invert=1&zoom=2&pan=1,-2&rotate=45'
    . '&flip=h&interpolation=cubic&format=png&quality=7&overlays=1',
    token => $token);
is($res->{status}, 200, 'all parameters');
my ($line) = grep { /^render/ } reverse split /\n/, $t->read_file('fake.log');
is($line, "render $id layer 3 set 251 size 1x77 voi 4:2 invert 1 flip 1 "
    . 'interpolation 2 format 0 quality 7 overlays 1 center -150 window 0.5 '
    . 'zoom 2 pan 1,-2 rotate 45', 'arrive');

for my $bad ('width=0&height=1', 'width=1&height=100000', 'width=1',
    'width=abc&height=1', 'width=1.5&height=2', 'width=-1&height=1',
    'center=nan&window=1', 'center=inf&window=1', 'center=1&window=0',
    'center=1', 'window=5', 'voi=lut:', 'voi=lut:256', 'voi=lut:-1',
    'voi=magic', 'zoom=0', 'zoom=0.0009', 'zoom=10001',
    'center=1&window=0.9', 'center=1e13&window=5', 'center=1&window=1e13',
    'pan=1e8,0', 'center=1&window=1e-10&voi=sigmoid', 'zoom=0x10', 'zoom=1e9',
    'pan=1', 'pan=1,2,3', 'pan=,', 'rotate=1e400', 'flip=x', 'interpolation=best', 'format=gif',
    'quality=0', 'quality=101', 'invert=2', 'overlays=yes', 'center=&window=',
    'zoom=1&zoom=2', 'unknown=1', 'zoom=%00', 'zoom=1%zz')
{
    $res = $t->http('node', GET => "/api/v1/stacks/$id/layers/0?$bad",
        token => $token);
    is("$res->{status} $res->{json}{type}",
        '400 urn:dicom:problem:invalid-parameter', "refused: $bad");
}

$res = $t->http('node', GET => "/api/v1/stacks/$id/layers/0?zoom=0&flip=x",
    token => $token);
is(join(' ', map { $_->{field} } @{$res->{json}{errors}}), 'zoom flip',
    'all errors at once');

is(get("layers/4294967296")->{status}, 404, 'layer too large');
is(get("layers/-1")->{status}, 404, 'negative layer');
is(get("layers/one")->{status}, 404, 'layer that is none');
is($t->http('node', GET => '/api/v1/stacks/xyz', token => $token)
    ->{json}{type}, 'urn:dicom:problem:stack-not-found', 'id that is none');

is(get('layers/0/pixels?x=1&y=2')->{json}{type_sent}, PIXEL, 'pixel');
is(get('layers/0/pixels?x=1')->{status}, 400, 'pixel without y');
is(get('layers/0/roi?shape=ellipse:1,2,3.5,4')->{json}{type_sent}, ROI, 'roi');
is(get('layers/0/roi?shape=polygon:1,2,3,4')->{status}, 400, 'half a polygon');
is(get('layers/0/roi?shape=circle:1,2,3')->{status}, 400, 'unknown shape');
is(get('layers')->{json}{type_sent}, LAYERS, 'layers');
is(get('')->{json}{type_sent}, STATUS, 'status');
is($t->http('node', DELETE => "/api/v1/stacks/$id", token => $token)->{status},
    204, 'release');

# pieces

$res = layer(2);
is("$res->{status} $res->{body}", '200 PICTURE', 'byte by byte');
$res = layer(14);
is(length $res->{body}, 3_000_000, 'a large picture');

# lies

is(outcome(3), '503 renderer-unavailable', 'wrong magic');
is(outcome(17), '503 renderer-unavailable', 'unknown version');
is(outcome(15), '503 renderer-unavailable', 'answer to something else');
is(outcome(4), '503 renderer-unavailable', 'meta too long');
is(outcome(13), '503 renderer-unavailable', 'body too long');
is(outcome(11), '503 renderer-unavailable', 'another layer');
is(outcome(5), '503 renderer-unavailable', 'closed within the header');
$res = layer(6);
isnt($res->{status}, 200, 'closed within the body');
$res = layer(7);
is("$res->{status} $res->{body}", '200 PICTURE', 'more than was announced');
is(layer(3)->{headers}{'retry-after'} // '', '1', 'to be tried again');

# problems of the worker

$res = layer(9);
is("$res->{status} $res->{json}{type} $res->{json}{detail}",
    '410 urn:dicom:problem:stack-expired The stack was idle.', 'a problem');
is($res->{headers}{'content-type'}, 'application/problem+json', 'its type');
is(outcome(16), '410 stack-expired', 'a problem byte by byte');
is(outcome(10), '503 renderer-unavailable', 'a malformed problem');
$res = layer(12);
is("$res->{status} $res->{headers}{'retry-after'}", '503 7', 'busy');

# connections

my $before = accepts();
layer(1) for 1 .. 6;
cmp_ok(accepts() - $before, '<=', 2, 'connections are kept');
layer(18) for 1 .. 3;
is(layer(1)->{status}, 200, 'a connection closed while idle');

my $client = $t->connection('node');
print $client "GET /api/v1/stacks/$id/layers/0?width=8&height=1 HTTP/1.1\r\n"
    . "Host: x\r\nAuthorization: Bearer $token\r\n\r\n";
wait_for(qr/stalling/);
close $client;
ok(wait_for(qr/client gone/), 'a client that goes away cancels');

my $asked = time;
my $hung = layer(8);
is($hung->{status}, 503, 'a worker that hangs is given up');
is($hung->{json}{type}, 'urn:dicom:problem:renderer-unavailable', 'and said so');
like($hung->{headers}{'retry-after'} // '', qr/^\d+\z/, 'with Retry-After');
cmp_ok(time - $asked, '>', 2.5, 'after renderTimeout');

$fake->stop();
$t->allow_alerts(qr/connect\(\) to unix:.* failed/);
is(outcome(1), '503 renderer-unavailable', 'no worker');
$fake->start();
is(outcome(1), '200 ', 'worker is back');

$fake->stop();
exit 0;


sub get {
    my ($path) = @_;
    return $t->http('node', GET => "/api/v1/stacks/$id/$path" =~ s{/$}{}r,
        token => $token);
}


# The width tells the fake worker what to do.
sub layer {
    my ($mode) = @_;
    return get("layers/0?width=$mode&height=1");
}


sub outcome {
    my ($mode) = @_;
    my $res = layer($mode);
    return "$res->{status} "
        . (($res->{json}{type} // '') =~ s/^urn:dicom:problem://r);
}


sub accepts {
    my $n = () = $t->read_file('fake.log') =~ /^accept/mg;
    return $n;
}


sub wait_for {
    my ($re) = @_;
    for (1 .. 1200) {
        return 1 if $t->read_file('fake.log') =~ $re;
        sleep(0.05);
    }
    return 0;
}


# --- the worker

sub serve {
    my ($worker, $c, $type, $body) = @_;

    return give($c, head(type => $type, status => 204)) if $type == RELEASE;
    return render($worker, $c, $body) if $type == RENDER;

    my $json = qq({"type_sent":$type});
    return give($c, head(type => $type, body => length $json) . $json);
}


sub render {
    my ($worker, $c, $body) = @_;

    my ($stack, $layer, $set, $mode, $height, $voi, $index, $invert, $flip,
        $interpolation, $format, $quality, $overlays, @d)
        = unpack 'H32VVVVC8d<6', $body;
    $worker->note("render $stack layer $layer set $set size ${mode}x$height voi "
        . "$voi:$index invert $invert flip $flip interpolation $interpolation "
        . "format $format quality $quality overlays $overlays center $d[0] "
        . "window $d[1] zoom $d[2] pan $d[3],$d[4] rotate $d[5]");

    my %h = (type => RENDER, meta => 256, body => 7);
    my $meta = picture(layer => $layer);
    my $data = 'PICTURE';
    my $problem = "stack-expired\0The stack was idle.";

    my %answers = (
        3 => sub { head(%h, magic => 1) . $meta . $data },
        4 => sub { head(%h, meta => 2 << 20) },
        5 => sub { substr head(%h), 0, 20 },
        6 => sub { head(%h, body => 1000) . $meta . $data },
        7 => sub { head(%h) . $meta . $data . 'AND MORE' },
        9 => sub { head(%h, status => 410, meta => length $problem, body => 0)
            . $problem },
        10 => sub { head(%h, status => 410, meta => 8, body => 0)
            . "a/../b\0x" },
        11 => sub { head(%h) . picture(layer => $layer + 1) . $data },
        12 => sub { head(%h, status => 503, retry => 7, meta => 5, body => 0)
            . "busy\0" },
        13 => sub { head(%h, body => 1 << 50) . $meta . $data },
        14 => sub { head(%h, body => 3_000_000) . $meta . 'x' x 3_000_000 },
        15 => sub { head(%h, type => STATUS) . $meta . $data },
        16 => sub { head(%h, status => 410, meta => length $problem,
            body => 0) . $problem },
        17 => sub { head(%h, version => 9) . $meta . $data },
        20 => sub { head(%h) . picture(layer => $layer, voi => 0,
            samples => 3, center => 9**9**9 / 9**9**9) . $data },
    );

    if ($mode == 8) {
        $worker->note('stalling');
        sysread $c, my $rest, 1;
        $worker->note('client gone');
        return 0;
    }

    my $answer = $answers{$mode} ? $answers{$mode}->()
        : head(%h) . $meta . $data;

    return give($c, $answer, $mode == 2 || $mode == 16 ? 0.0005 : 0)
        && $mode != 5 && $mode != 6 && $mode != 18;
}
