#!/usr/bin/perl

# A series of many instances, whose indexes are decoded by several threads at
# once, is opened as a whole or not at all; and it is loaded even while others
# look at pictures, or open series, without a pause.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
$t->start_worker(args => ['--renderer', 'cpu']);
my $w = Test::Wire->new($t->socket_path('worker'), user => 'alice');

sub store {
    my ($series, $n, %more) = @_;
    return $w->store($t, $t->dicom_file(Rows => 8, Columns => 8,
        SOPInstanceUID => "1.2.4.$series.$n",
        SeriesInstanceUID => "1.2.3.$series", StudyInstanceUID => '1.2',
        InstanceNumber => $n, %more));
}

my @many = map { store(1, $_) } 1 .. 100;
my $stack = $w->open([reverse @many]);
is($stack->{status}, 202, 'a hundred instances');
is($w->ready($stack->{id})->{loaded}, 100, 'are loaded');
my $layers = $w->request(layers => $stack->{id})->{json}{items};
is_deeply([map { $_->{instance} } @$layers], [map { "1.2.4.1.$_" } 1 .. 100],
    'in their order');

# one that is damaged, wherever it stands
for my $at (0, 15, 16, 57, 99) {
    my @damaged = map { { %$_ } } @many;
    substr($damaged[$at]{index}, 30, 1) ^= "\x55";
    my $answer = $w->open(\@damaged);
    is("$answer->{status} $answer->{slug}", '422 invalid-index',
        "the index of instance $at is damaged");
}

# together more frames than a stack can hold, though none is large
my $long = store(2, 1, Rows => 1, Columns => 1, NumberOfFrames => 40000,
    BitsAllocated => 8, BitsStored => 8, HighBit => 7,
    pixels => "\1" x 40000);
is($w->open([$long, $long])->{status}, 202, 'two of 40000 frames');
my $answer = $w->open([$long, $long, $long]);
is("$answer->{status} $answer->{slug}", '422 too-many-layers',
    'three are too many');

# at every moment pictures are on their way, more than there are processors
my @lines = map { Test::Wire->new($t->socket_path('worker'), user => 'bob') }
    1 .. 8;
my $open = $lines[0]->open([@many[0 .. 3]]);
my $large = Test::Wire::render_body($open->{id}, 0, width => 1000,
    height => 1000, interpolation => 'cubic');
my @wide = map { store(3, $_, Rows => 512, Columns => 512) } 1 .. 40;
my $until = time + 300;
my ($state, $pictures) = ('', 0);
$_->send(render => $large) for @lines;
my $behind = $w->open(\@wide);
while ($state ne 'ready' && time < $until) {
    my $line = shift @lines;
    $pictures += $line->receive()->{status} == 200;
    $line->send(render => $large);
    push @lines, $line;
    $state = $w->request(status => $behind->{id})->{json}{state};
}
$_->receive() for @lines;
is($state, 'ready', 'a series is loaded beside pictures without end');
cmp_ok($pictures, '>', 0, 'which came');

$w->request(release => $behind->{id});

# each of these holds up those who read ahead, for the sake of its picture
my $line = $lines[0];
$behind = $w->open(\@wide);
$until = time + 300;
for ($state = ''; $state ne 'ready' && time < $until; ) {
    my $more = $line->open([$many[rand @many], $many[rand @many]]);
    $line->request(release => $more->{id});
    $state = $w->request(status => $behind->{id})->{json}{state};
}
is($state, 'ready', 'and beside series that are opened without end');

# who does what can wait lets the others go first
my %nice;
for my $stat (glob '/proc/' . $t->pid('worker') . '/task/*/stat') {
    open my $in, '<', $stat or next;
    my ($name, $fields) = <$in> =~ /\((.*)\) (.*)/ or next;
    $nice{$name} = (split ' ', $fields)[16];
}
is_deeply([map { $nice{$_} - $nice{reader} } 'read ahead', 'patient',
    'encoder'], [10, 5, 0], 'the niceness of threads');

$t->finish();
