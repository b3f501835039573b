#!/usr/bin/perl

# How a worker ends: killed, told to, or because it lost its decoder.

use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
my $path = $t->socket_path('worker');
my $binary = $t->build . '/render-worker';
my %children;

END { kill KILL => keys %children if %children }

# A worker whose exit status this test sees.
sub worker {
    my (@args) = @_;

    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        $ENV{ASAN_OPTIONS} = 'detect_leaks=0:allocator_may_return_null=1';
        open STDERR, '>>', $t->path('logs/own-worker') or POSIX::_exit(9);
        exec $binary, '--socket', $path, '--store', $t->path('store'),
            '--renderer', 'cpu', @args or POSIX::_exit(9);
    }
    $children{$pid} = 1;
    for (1 .. 1800) {
        last if IO::Socket::UNIX->new(Peer => $path);
        sleep 0.05;
    }
    return $pid;
}

sub status_of {
    my ($pid) = @_;

    my $end = time + 90;
    while (time < $end) {
        if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
            delete $children{$pid};
            return $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
        }
        sleep 0.05;
    }
    return 'it lives';
}

# told to end
my $pid = worker();
ok(-S $path, 'it listens');
kill TERM => $pid;
is(status_of($pid), 0, 'SIGTERM: status 0');
ok(!-e $path, 'and no socket');
$pid = worker();
kill INT => $pid;
is(status_of($pid), 0, 'SIGINT: the same');

# told to end and asked in the same moment
$pid = worker();
my @late = map { Test::Wire->new($path) } 1 .. 8;
$_->request('health') for @late;
kill STOP => $pid;
kill TERM => $pid;
sleep 0.1;
$_->send('health') for @late;
kill CONT => $pid;
is(status_of($pid), 0, 'SIGTERM with requests behind it');
$_->close for @late;

# killed: the next one takes the socket over
$pid = worker();
kill KILL => $pid;
is(status_of($pid), 'signal 9', 'killed');
ok(-e $path, 'a socket stays behind');
$pid = worker();
my $w = Test::Wire->new($path);
is($w->request('health')->{json}{status}, 'ok', 'the next one answers on it');

# an idle client does not hold up the end, nor does half a request
my $half = Test::Wire->new($path);
syswrite $half->{socket}, $half->head(7, 168);
kill TERM => $pid;
is(status_of($pid), 0, 'the end, with clients connected');
is($w->receive(), undef, 'they are hung up on');

# without its zygote nothing can be decoded: a new worker is needed
$pid = worker();
my @zygotes = grep { $_ } map { split } `cat /proc/$pid/task/$pid/children`;
ok(@zygotes > 0, 'it has a zygote');
kill KILL => @zygotes;
$w = Test::Wire->new($path, user => 'new');
is($w->store($t, $t->dicom_file())->{answer}{slug}, 'decoder-unavailable',
    'killed: nothing is decoded');
is(status_of($pid), 75, 'and the worker ends with status 75');

# another's file is no socket of ours
$t->write_file('file.sock', 'data');
is(system("$binary --socket '" . $t->path('file.sock') . "' --store '"
    . $t->path('store') . "' --renderer cpu 2>/dev/null") >> 8, 1,
    'a file in its place: refused');
is($t->read_file('file.sock'), 'data', 'and left alone');

# arguments
for ([], ['--socket', 'x'], ['--idle', '0'], ['--idle', '1x'],
     ['--budget', '-1'], ['--egl', 'magic'], ['--renderer', 'x'],
     ['--log-level', 'loud'], ['--children', '100000'], ['--what'],
     ['--socket', 'x', '--store', 'y', 'z'])
{
    is(system("$binary @$_ >/dev/null 2>&1") >> 8, 2, "wrong: @$_");
}
is(system("$binary --help >/dev/null") >> 8, 0, '--help');

$t->finish();
