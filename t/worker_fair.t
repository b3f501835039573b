#!/usr/bin/perl

# A picture whose client has gone is not drawn; a user with one request does
# not wait for all of another's; too many requests are refused, not kept; the
# thread that takes requests makes no picture while others wait for it.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
my $path = $t->socket_path('worker');
my $file;

for my $renderer (qw(gl cpu)) {
    $t->start_worker(args => ['--renderer', $renderer]);
    subtest $renderer => \&check;
    check_threads() if $renderer eq 'cpu';
    $t->stop('worker');
}
$t->finish();


# $count requests of one user, each on its own connection, not yet answered
sub flood {
    my ($user, $count, %p) = @_;

    my @crowd = map { Test::Wire->new($path, user => $user) } 1 .. $count;
    my $stack = $crowd[0]->open([$file])->{id};
    $_->send(render => Test::Wire::render_body($stack, 0, %p)) for @crowd;
    return @crowd;
}


sub check {
    my $w = Test::Wire->new($path, user => 'watch');
    $file = $w->store($t, $t->dicom_file(Rows => 512, Columns => 512));
    my $id = $w->open([$file])->{id};
    $w->ready($id);

    my @big = (width => 1600, height => 1600, rotate => 5);

    # --- a client that goes away

    my $before = $w->metric('dicom_render_pictures_total');
    my @crowd = flood(alice => 40, width => 3200, height => 3200, rotate => 5);
    $_->close for @crowd;
    for (1 .. 600) {
        my $now = $w->request('health')->{json};
        last if !$now->{queue} && $now->{connections} == 1;
        sleep 0.1;
    }
    my $cancelled = $w->metric('dicom_render_cancelled_total');
    cmp_ok($cancelled, '>=', 30, 'clients have gone: most pictures are not drawn');
    cmp_ok($w->metric('dicom_render_pictures_total') - $before, '<=', 10,
        'and none is answered');
    is($w->request('health')->{json}{connections}, 1, 'connections are closed');

    # --- users in turn

    @crowd = flood(alice => 40, width => 2400, height => 2400, rotate => 5);
    my $bob = Test::Wire->new($path, user => 'bob');
    my $stack = $bob->open([$file])->{id};
    is($bob->render($stack, 0, width => 64, height => 64)->{status}, 200,
        'another user is served');
    my $queue = $w->request('health')->{json}{queue};
    cmp_ok($queue, '>=', 10, 'while much of the first one waits')
        or diag("only $queue wait");
    is(scalar(grep { $_->receive()->{status} == 200 } @crowd), 40,
        'who is served as well');

    # --- a bounded queue

    @crowd = flood(alice => 100, @big);
    my %count;
    $count{$_->receive()->{status}}++ for @crowd;
    cmp_ok($count{503} // 0, '>=', 20, 'too many at once: some are refused');
    cmp_ok($count{200} // 0, '>=', 60, 'the others are served');
    is(($count{200} // 0) + ($count{503} // 0), 100, 'all are answered');
    my $res = $w->render($id, 0);
    is($res->{status}, 200, 'and the next one is served');
}


# Nanoseconds that the encoders' threads have run.
sub encoders {
    my $sum = 0;
    for my $task (glob '/proc/' . $t->pid('worker') . '/task/*') {
        next if slurp("$task/comm") ne "encoder\n";
        $sum += (split ' ', slurp("$task/schedstat"))[0];
    }
    return $sum;
}


sub slurp {
    open my $in, '<', $_[0] or return '';
    local $/;
    return scalar <$in> // '';
}


sub check_threads {
    my @crowd = map { Test::Wire->new($path, user => 'carol') } 1 .. 40;
    my $id = $crowd[0]->open([$file])->{id};
    $crowd[0]->ready($id);

    my $before = encoders();
    $crowd[0]->render($id, 0, width => 64, height => 64);
    is(encoders(), $before, 'a small picture alone is made at once');

    # while one is made the next ones come
    $_->send(render => Test::Wire::render_body($id, 0)) for @crowd;
    is(scalar(grep { $_->receive()->{status} == 200 } @crowd), 40,
        'small pictures of many at once');
    cmp_ok(encoders(), '>', $before, 'other threads make them, too');
}
