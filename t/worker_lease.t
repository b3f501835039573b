#!/usr/bin/perl

# Leases end when they are idle or when room is needed, and say so.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();

# A series of 4 slices of 128 x 128 x 16 bit: 128 KB of texels.
sub series {
    my ($w, $n) = @_;

    return [map { $w->store($t, $t->dicom_file(Rows => 128, Columns => 128,
        SOPInstanceUID => "1.2.4.$n.$_", SeriesInstanceUID => "1.2.3.$n",
        StudyInstanceUID => '1.2', InstanceNumber => $_)) } 1 .. 4];
}

# --- idle

$t->start_worker(args => ['--idle', 2]);
my $w = Test::Wire->new($t->socket_path('worker'), user => 'alice');
my $series = series($w, 1);
my $used = $w->open($series);
my $idle = $w->open($series);
is($idle->{json}{idle_seconds}, 2, 'told how long it lives');
# at every moment pictures of the same series are in progress for the other
my @lines = map { Test::Wire->new($t->socket_path('worker'), user => 'alice') }
    1 .. 6;
my $large = Test::Wire::render_body($used->{id}, 0, width => 1500,
    height => 1500, interpolation => 'cubic');
my ($drawn, $refused) = (0, 0);
my ($from, $expired) = (time, 0);
$_->send(render => $large) for @lines;
while (time - $from < 5 || !$expired && time - $from < 60) {
    my $line = shift @lines;
    $line->receive()->{status} == 200 ? $drawn++ : $refused++;
    $line->send(render => $large);
    push @lines, $line;
    $expired = $w->metric('dicom_render_leases_expired_total');
}
$_->close for @lines;
cmp_ok($drawn, '>', 0, 'a lease is in use');
is($refused, 0, 'and stays');
my $res = $w->render($idle->{id}, 0);
is($res->{status}, 410, 'an idle one is gone');
is($res->{slug}, 'stack-expired', 'and was there');
is($w->request(status => $idle->{id})->{status}, 410, 'for its status too');
is($w->request(release => $idle->{id})->{status}, 410, 'and its release');
my $mallory = Test::Wire->new($t->socket_path('worker'), user => 'mallory');
is($mallory->render($idle->{id}, 0)->{slug}, 'stack-not-found',
    'of which nobody else hears');
is($w->render(Test::Wire::random_id(), 0)->{slug}, 'stack-not-found',
    'unlike one that never was');
is($expired, 1, 'counted');
$w->close;
$t->stop_worker();

# --- budgets: what one series costs, from the worker itself

$t->start_worker();
$w = Test::Wire->new($t->socket_path('worker'), user => 'alice');
my @all = map { series($w, $_) } 1 .. 4;
$w->open($all[0]);
my $cost = $w->metric('dicom_render_stack_bytes');
cmp_ok($cost, '>=', 4 * 128 * 128 * 2, 'the cost of a series');
$w->close;
$t->stop_worker();

# room for three series, and for two of one user
$t->start_worker(args => ['--budget', int($cost * 3.5),
    '--user-budget', int($cost * 2.5)]);
$w = Test::Wire->new($t->socket_path('worker'), user => 'alice');
my $bob = Test::Wire->new($t->socket_path('worker'), user => 'bob');

my $first = $w->open($all[0], series => '1');
my $second = $w->open($all[1], series => '2');
$w->ready($second->{id});
is($w->render($first->{id}, 0)->{status}, 200, 'two series fit');
my $third = $w->open($all[2], series => '3');
is($third->{status}, 202, 'a third one is opened');
is($w->render($second->{id}, 0)->{slug}, 'stack-expired',
    'in place of the one used longest ago');
is($w->render($first->{id}, 0)->{status}, 200, 'and of no other');

my $other = $bob->open($all[3], series => '4');
is($bob->render($other->{id}, 0)->{status}, 200, 'another user has room');
is($w->render($first->{id}, 0)->{status}, 200, 'not at the cost of the first');
is($w->render($third->{id}, 0)->{status}, 200, 'nor of the third');
my $more = $bob->open($all[1], series => '2');
is($more->{status}, 202, 'but when all is full');
is($bob->render($other->{id}, 0)->{status}, 410,
    'what was used longest ago makes room');
is($w->render($first->{id}, 0)->{status}, 200, 'only that');
cmp_ok($w->metric('dicom_render_stack_bytes'), '<=', $cost * 3.5,
    'the budget holds');

# many users of one series cost one
my @crowd = map { Test::Wire->new($t->socket_path('worker'), user => "u$_") }
    1 .. 20;
my $before = $w->metric('dicom_render_stack_bytes');
my @leases = map { $_->open($all[0], series => '1') } @crowd;
is(scalar(grep { $_->{status} == 202 } @leases), 20, 'twenty users');
is($w->metric('dicom_render_stack_bytes'), $before, 'of one series cost one');

# larger than all
my $huge = $w->store($t, $t->dicom_file(Rows => 1024, Columns => 1024));
$res = $w->open([$huge]);
is($res->{status}, 507, 'what can never fit');
is($res->{slug}, 'out-of-texture-memory', 'is refused');
is($w->render($first->{id}, 0)->{status}, 200, 'and evicts nothing');

$t->finish();
