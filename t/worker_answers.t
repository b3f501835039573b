#!/usr/bin/perl

# Answers that nobody takes do not fill the memory: a user has a share of what
# there is for them, and what does not fit is refused.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my ($columns, $rows) = (4096, 2048);
my ($count, $share) = (9, 64 << 20);

my $t = Test::Dicom->new();
$t->start_worker(args => ['--renderer', 'cpu']);
my $path = $t->socket_path('worker');

# Nothing makes these smaller: no PNG of them has less than 8 MB.
srand 5;
my $noise = join '', map { pack 'N*', map { rand 2 ** 32 } 1 .. 1024 }
    1 .. $columns * $rows / 4096;
my $watch = Test::Wire->new($path, user => 'watch');
my $file = $watch->store($t, $t->dicom_file(Rows => $rows,
    Columns => $columns, BitsAllocated => 8, BitsStored => 8, HighBit => 7,
    pixels => $noise));

my @crowd = map { Test::Wire->new($path, user => 'alice') } 1 .. $count;
my $stack = $crowd[0]->open([$file])->{id};
$crowd[0]->ready($stack);
$_->send(render => Test::Wire::render_body($stack, 0, format => 'png',
    voi => 'linear', center => 128, window => 256)) for @crowd;

my $made = 0;
for (1 .. 1200) {
    $made = $watch->metric('dicom_render_pictures_total');
    last if $made >= $count;
    sleep 0.1;
}
is($made, $count, 'pictures are made that nobody takes');
my $kept = $watch->metric('dicom_render_answer_bytes');
cmp_ok($kept, '<=', $share, 'what is kept of them has a limit');
cmp_ok($kept, '>=', $share / 2, 'and that much is kept');

my %got;
$got{$_->{status}}++ for map { $_->receive() } @crowd;
cmp_ok($got{503} // 0, '>=', 2, 'what does not fit is refused');
is(($got{200} // 0) + ($got{503} // 0), $count, 'and all are answered');

is($watch->metric('dicom_render_answer_bytes'), 0,
    'who has taken the answers has given back the memory');
is($crowd[0]->render($stack, 0)->{status}, 200, 'and is served again');

# --- slow clients of several users

my %opened;
sub client {
    my $wire = Test::Wire->new($path, user => $_[0]);
    $opened{$wire->{user}} //= $wire->open([$file])->{id};
    return $wire;
}

sub ask {
    my ($wires, %size) = @_;
    my $before = $watch->metric('dicom_render_pictures_total');

    $_->send(render => Test::Wire::render_body($opened{$_->{user}}, 0,
        format => 'png', voi => 'linear', center => 128, window => 256,
        interpolation => 'nearest', %size)) for @$wires;
    for (1 .. 1200) {
        last if $watch->metric('dicom_render_pictures_total')
            >= $before + @$wires;
        sleep 0.1;
    }
}

# Thirty-one fit, and one that is a little smaller.
my @slow = map { my $user = "slow $_"; map { client($user) } 1 .. 7 } 1 .. 5;
ask(\@slow);
push @slow, client('last');
ask([$slow[-1]], width => $columns, height => $rows - 48);
$kept = $watch->metric('dicom_render_answer_bytes');
cmp_ok($kept, '>', 4 * $share - (1 << 19), 'slow clients take what there is');
cmp_ok($kept, '<=', 4 * $share, 'and no more');

my @others = map { client("other $_") } 1 .. 4;
ask(\@others, width => 1400, height => 700);
is_deeply([map { $_->receive()->{status} } @others], [(200) x @others],
    'a small answer of others has room all the same');
$_->close for @slow, @others;

# --- a client that goes away

$_->send(render => Test::Wire::render_body($stack, 0)) for @crowd;
sleep 0.1 until $watch->metric('dicom_render_pictures_total') > $made + 1;
$_->close for @crowd;
for (1 .. 600) {
    last if $watch->request('health')->{json}{connections} <= 1;
    sleep 0.1;
}
sleep 0.1 while $watch->request('health')->{json}{queue};
is($watch->metric('dicom_render_answer_bytes'), 0,
    'as has one that went away');

$t->finish();
