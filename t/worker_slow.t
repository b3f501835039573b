#!/usr/bin/perl

# One user's frames take for ever to decode, as many as are decoded at once:
# nobody else waits for them.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $FRAMES = 50;
my $t = Test::Dicom->new();

# That the calls were under way before the other user's is likely, not sure.
my $stuck;
for (1 .. 10) {
    $t->start_worker(args => ['--renderer', 'cpu', '--children', 2,
        '--frame-timeout', 120000]);
    $stuck = check();
    $t->stop('worker');
    last if $stuck;
}
ok($stuck, 'while the first one\'s frames were not done');
$t->finish();


sub check {
    my $path = $t->socket_path('worker');
    my $alice = Test::Wire->new($path, user => 'alice');
    my $bob = Test::Wire->new($path, user => 'bob');
    my $slow = $alice->store($t, rle_file($FRAMES));
    my $other = $alice->store($t, rle_file(1));

    # Decoders that work for ever: they are stopped.
    while (decoders() < 2) {
        my $file = $alice->store($t, rle_file($FRAMES));
        $alice->ready($alice->open([$file])->{id});
    }
    kill STOP => decoders();
    my $stack = $alice->open([$slow])->{id};
    select undef, undef, undef, 0.2;

    my $opened = $bob->open([$other])->{id};
    is($bob->render($opened, 0)->{status}, 200, 'another user sees a picture');
    is($bob->ready($opened)->{loaded}, 1, 'whose stack is complete');
    my $state = $alice->request(status => $stack)->{json}{state};

    kill CONT => decoders();
    is($alice->ready($stack)->{loaded}, $FRAMES, 'both end when they can');
    return $state eq 'loading';
}


# Processes whose parent is the worker's child.
sub decoders {
    my %parent;
    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $file, '<', $stat or next;
        $parent{$1} = $2 if (<$file> // '') =~ /^(\d+) \(.*\) \S (\d+) /;
    }
    my $worker = $t->pid('worker');
    return grep { ($parent{$parent{$_}} // 0) == $worker } keys %parent;
}


# Black frames of 16 x 16 pixels, run-length encoded.
sub rle_file {
    my ($frames) = @_;

    my $file = $t->dicom_file(TransferSyntaxUID => '1.2.840.10008.1.2.5',
        BitsAllocated => 8, BitsStored => 8, NumberOfFrames => $frames,
        '7fe00010' => [OB => '']);
    my $frame = pack 'V16', 1, 64, (0) x 14;
    $frame .= "\x81\0" x 2;
    my $item = pack 'vvV', 0xfffe, 0xe000, 0;

    return substr($file, 0, -4) . "\xff" x 4 . $item
        . (pack('vvV', 0xfffe, 0xe000, length $frame) . $frame) x $frames
        . pack 'vvV', 0xfffe, 0xe0dd, 0;
}
