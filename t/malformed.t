#!/usr/bin/perl

# Files that are wrong on purpose, and damaged good ones, go the whole way:
# upload, opening, pictures.  Each gets a picture or a problem that says what
# is wrong; the worker neither dies nor grows, and the next user is served.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
$t->start_worker(args => ['--children', '2', '--frame-timeout', '10000']);
my $w = Test::Wire->new($t->socket_path('worker'), user => 'mallory');
my $pid = $t->pid('worker');
my $good = $t->dicom_file(SOPInstanceUID => '1.2.3.4.5', Rows => 32,
    Columns => 32, StudyInstanceUID => '1.2', SeriesInstanceUID => '1.2.3');
my $share = $t->asan ? 3 : 1;      # sanitizers are slow: a third of it all
my (%count, @strange);

sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or return;
    local $/;
    return scalar <$fh>;
}

sub memory {
    my ($kb) = (slurp("/proc/$pid/status") // '') =~ /^VmRSS:\s+(\d+)/m;
    return $kb // 0;
}

# Whether an answer is one that a client can act on.
sub is_clear {
    my ($answer) = @_;

    return 0 unless $answer;
    return 1 if $answer->{status} < 300;
    return $answer->{status} =~ /^(?:400|404|413|422)$/
        && length($answer->{slug} // '') && length($answer->{detail} // '');
}

# One file from upload to its first, middle and last picture.
sub try_file {
    my ($name, $bytes) = @_;

    my $fields = $w->store($t, $bytes);
    my $answer = $fields->{answer};
    is_clear($answer) or push @strange, "$name: upload "
        . ($answer ? "$answer->{status} $answer->{detail}" : 'lost');
    $count{$answer ? $answer->{status} : 'lost'}++;
    return unless $fields->{index} && $fields->{frames};

    my $stack = $w->open([$fields]);
    is_clear($stack) or push @strange, "$name: opening";
    return unless $stack && $stack->{status} == 202;

    my $layers = $stack->{json}{layers};
    my %layers = map { $_ => 1 } 0, int($layers / 2), $layers - 1;
    for my $layer (sort keys %layers) {
        my $picture = $w->render($stack->{id}, $layer, width => 64,
            height => 64);
        is_clear($picture) or push @strange, "$name: layer $layer "
            . ($picture ? "$picture->{status} $picture->{detail}" : 'lost');
        $count{'picture ' . ($picture ? $picture->{status} : 'lost')}++;
    }
    $w->request(release => $stack->{id});
}

# A damaged copy, the same one for the same number.
sub damage {
    my ($bytes, $n) = @_;

    srand($n);
    if ($n % 4 == 0) {
        return substr $bytes, 0, int rand length $bytes;
    }
    for (1 .. 1 + $n % 5) {
        my $where = $n % 4 == 1 ? length $bytes : 1200;
        $where = length $bytes if $where > length $bytes;
        substr($bytes, 132 + int rand($where - 132), 1) = chr int rand 256;
    }
    return $bytes;
}

sub run {
    my ($what, @tries) = @_;

    %count = @strange = ();
    $_->() for @tries;
    is(scalar @strange, 0, "$what: " . @tries . ' files, each with a picture '
        . 'or a problem') or diag(join "\n", @strange[0 .. 9]);
    note("$_: $count{$_}") for sort keys %count;
    ok(kill(0, $pid), "$what: the worker lives");
}

run('damaged native files',
    map { my $n = $_; sub { try_file("native $n", damage($good, $n)) } }
        1 .. 150 / $share);

my $folder = $t->data('malformed');
my @malformed = $folder ? grep { -f && !/\.csv$/ }
    map { glob } "$folder/*", "$folder/*/*", "$folder/*/*/*" : ();
@malformed = @malformed[grep { $_ % (4 * $share) == 0 } 0 .. $#malformed];

SKIP: {
    skip 'no test data', 4 unless @malformed;

    run('malformed files', map { my $file = $_;
        sub { try_file($file, slurp($file)) } } @malformed);

    my @files = grep { defined } map { $t->data($_) } qw(
        jpeg/SC_rgb_jpeg_dcmd.dcm rle/SC_rgb_rle_2frame.dcm
        jpeg-ls/JPEGLSNearLossless_08.dcm jpeg2000/JPEG2000.dcm
        palette/examples_palette.dcm jpeg-lossless/JPEG-LL.dcm);
    my @bytes = grep { length $_ < 600_000 } map { slurp($_) } @files;
    run('damaged compressed files', map { my $n = $_;
        sub { try_file("compressed $n", damage($bytes[$n % @bytes], $n)) } }
        1 .. 20 * @bytes / $share);
}

# the same again must not cost memory again
my $before = memory();
run('once more', map { my $n = $_;
    sub { try_file("again $n", damage($good, $n % 150)) } } 1 .. 300 / $share);
SKIP: {
    skip 'a sanitizer keeps freed memory', 1 if $t->asan;
    cmp_ok(memory() - $before, '<', 20_000, 'memory stays (kB)');
}

my $bob = Test::Wire->new($t->socket_path('worker'), user => 'bob');
my $fields = $bob->store($t, $good);
is($fields->{answer}{status}, 200, 'a good file is stored afterwards');
my $stack = $bob->open([$fields]);
is($bob->render($stack->{id}, 0)->{status}, 200, 'and shown');

$t->finish();
