#!/usr/bin/perl

# Pictures that fill all the memory there is for pictures in work keep nobody
# from being served: a small one, which is made at once, waits for room too.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
$t->start_worker(args => ['--renderer', 'cpu']);
my $path = $t->socket_path('worker');

my $bob = Test::Wire->new($path, user => 'bob');
my $file = $bob->store($t, $t->dicom_file(Rows => 64, Columns => 64,
    BitsAllocated => 8, BitsStored => 8, SamplesPerPixel => 3,
    PhotometricInterpretation => 'RGB', '00280006' => [US => 0],
    pixels => join '', map { chr $_ % 251 } 1 .. 3 * 64 * 64));
my $stack = $bob->open([$file])->{id};
$bob->ready($stack);

# Two of these have all but 60 KB of 256 MB.
my @large = map { Test::Wire->new($path, user => 'alice') } 1 .. 2;
my $hers = $large[0]->open([$file])->{id};
my @size = (width => 6688, height => 6688, format => 'jpeg', quality => 90);
$_->send(render => Test::Wire::render_body($hers, 0, @size)) for @large;
sleep 0.3;

alarm 500;
local $SIG{ALRM} = sub { die "nobody is served\n" };
is($bob->render($stack, 0, width => 256, height => 256)->{status}, 200,
    'a small picture beside those that take all room');
is(join(' ', map { $_->receive()->{status} } @large), '200 200',
    'and these are made');
is($bob->render($stack, 0, width => 256, height => 256)->{status}, 200,
    'as is the next one');
alarm 0;

$t->finish();
