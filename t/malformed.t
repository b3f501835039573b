#!/usr/bin/perl

# Files that are wrong on purpose, and damaged good ones, go the whole way:
# upload, opening, every layer, values, release.  Each gets a picture or a
# problem that says what is wrong.  The worker neither dies nor hangs nor grows,
# and another user, who looks at a healthy series all the while, gets each of his
# pictures in time.
#
# DICOM_TEST_MUTANTS=2000: all malformed files and so many mutants by
# mutate.py of the test data, instead of a sample; the numbers are printed.

use strict;
use warnings;

use Encode ();
use File::Temp ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

use constant {
    FRAME_LIMIT => 10,      # seconds that a decoder may take for one frame
    LAYERS => 32,           # of one file, at most
    HANG => 120,            # seconds until an answer is given up
};

my $t = Test::Dicom->new();
my $mutants = $ENV{DICOM_TEST_MUTANTS} // 0;
my $share = $mutants ? 1 : $t->asan ? 12 : 4;    # of the malformed files
# Mesa keeps memory of its own, which would count as leaks
$t->start_worker(args => ['--children', '2', '--frame-timeout',
    FRAME_LIMIT * 1000, '--renderer', 'cpu'], leaks => 1);
my $path = $t->socket_path('worker');
my $w = Test::Wire->new($path, user => 'mallory');
my $pid = $t->pid('worker');
my $good = $t->dicom_file(SOPInstanceUID => '1.2.3.4.5', Rows => 32,
    Columns => 32, StudyInstanceUID => '1.2', SeriesInstanceUID => '1.2.3');
my (%count, @strange);

$SIG{ALRM} = sub { die "no answer within " . HANG . " s\n" };

sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or return;
    local $/;
    return scalar <$fh>;
}

# --- what the worker holds

sub memory {
    my ($kb) = (slurp("/proc/$pid/status") // '') =~ /^VmRSS:\s+(\d+)/m;
    return $kb // 0;
}

sub descriptors { return scalar(() = glob "/proc/$pid/fd/*") }

# Processes below this one: the zygote and its children.
sub processes {
    my @todo = ($pid);
    my $found = -1;
    while (defined(my $parent = shift @todo)) {
        $found++;
        push @todo, map { split ' ', slurp($_) // '' }
            glob "/proc/$parent/task/*/children";
    }
    return $found;
}

# --- the other user: a picture after another, compressed ones too

sub healthy_series {
    my ($bob) = @_;

    my @files = map { $t->dicom_file(SOPInstanceUID => "1.2.9.$_",
        Rows => 128, Columns => 128, InstanceNumber => $_,
        StudyInstanceUID => '1.2.9', SeriesInstanceUID => '1.2.9.0') } 1 .. 4;
    my $rle = $t->data('files/rle/SC_rgb_rle_2frame.dcm');
    push @files, slurp($rle) if $rle;
    return map { $bob->store($t, $_) } @files;
}

# Opens the series anew each time, so that its frames are decoded anew, until
# the pipe is closed; then says how many pictures there were, how many were
# wrong and how long the slowest took.
sub watch {
    my ($stop, $say) = @_;

    my $bob = Test::Wire->new($path, user => 'bob');
    my @series = healthy_series($bob);
    my ($pictures, $wrong, $worst) = (0, 0, 0);
    my $ready = '';
    vec($ready, fileno $stop, 1) = 1;
    syswrite $say, "ready\n";
    until (select(my $read = $ready, undef, undef, 0.1)) {
        for my $stack (map { $bob->open([$_]) } @series) {
            for my $layer (0 .. $stack->{json}{layers} - 1) {
                my $began = time;
                my $picture = $bob->render($stack->{id}, $layer, width => 256,
                    height => 256);
                my $took = time - $began;
                $worst = $took if $took > $worst;
                $pictures++;
                $wrong++ if !$picture || $picture->{status} != 200;
            }
            $bob->request(release => $stack->{id});
        }
    }
    syswrite $say, "$pictures $wrong $worst\n";
    return;
}

pipe my $stop, my $stopper or die "pipe: $!\n";
pipe my $hear, my $say or die "pipe: $!\n";
my $watcher = fork // die "fork: $!\n";
if ($watcher == 0) {
    close $stopper;
    close $hear;
    eval { watch($stop, $say); 1 } or syswrite $say, "0 1 0 $@\n";
    POSIX::_exit(0);
}
close $stop;
close $say;
is(scalar <$hear>, "ready\n", 'another user looks at a healthy series');

# --- one file from upload to release

# Whether an answer is one that a client can act on.
sub is_clear {
    my ($answer) = @_;

    return 0 unless $answer;
    return 1 if $answer->{status} < 300;
    return $answer->{status} =~ /^(?:400|404|413|422|507)$/
        && length($answer->{slug} // '') && length($answer->{detail} // '');
}

sub said {
    my ($answer) = @_;
    return $answer ? "$answer->{status} " . ($answer->{detail} // '') : 'lost';
}

# What the database is given to search by must be text.
sub is_searchable {
    my ($fields) = @_;

    for (grep { !/^(?:answer|bytes|index)$/ } keys %$fields) {
        my $value = $fields->{$_};
        return 0 if length $value > 1024 || $value =~ /[\x00-\x1f\x7f]/
            || !eval { Encode::decode('UTF-8', $value, Encode::FB_CROAK); 1 };
    }
    return 1;
}

sub try_layers {
    my ($name, $id, $layers) = @_;

    my $step = $layers > LAYERS ? $layers / LAYERS : 1;
    my %layers = map { $_ => 1 } $layers - 1,
        map { int($_ * $step) } 0 .. ($layers > LAYERS ? LAYERS : $layers) - 1;
    for my $layer (sort { $a <=> $b } keys %layers) {
        my $picture = $w->render($id, $layer, width => 64, height => 64,
            overlays => $layer % 2);
        is_clear($picture) or push @strange, "$name: layer $layer "
            . said($picture);
        $count{!$picture ? 'lost' : $picture->{status} == 200 ? 'pictures'
            : 'layers refused'}++;
    }
    is_clear($w->pixel($id, 0, 0, 0)) or push @strange, "$name: pixel";
    is_clear($w->roi($id, 0, 'ellipse', 0, 0, 9, 9))
        or push @strange, "$name: roi";
    is_clear($w->request(layers => $id)) or push @strange, "$name: list";
    return;
}

sub try_file {
    my ($name, $bytes) = @_;

    my $fields = $w->store($t, $bytes);
    my $answer = $fields->{answer};
    is_clear($answer) or push @strange, "$name: upload " . said($answer);
    $count{!$answer ? 'lost' : $answer->{status} < 300 ? 'stored'
        : 'refused'}++;
    return unless $fields->{index};
    is_searchable($fields) or push @strange, "$name: a field is no text";
    unless ($fields->{frames}) {
        $count{'no picture in it'}++;
        return;
    }

    my $stack = $w->open([$fields]);
    is_clear($stack) or push @strange, "$name: opening " . said($stack);
    return unless $stack && $stack->{status} == 202;
    try_layers($name, $stack->{id}, $stack->{json}{layers});
    $w->request(release => $stack->{id});
    return;
}

# Each of tries is a name and how to get the bytes.
sub run {
    my ($what, @tries) = @_;

    (%count, @strange) = ();
    my $began = time;
    for (@tries) {
        my ($name, $get) = @$_;
        alarm HANG;
        next if eval { try_file($name, $get->()); 1 };
        push @strange, "$name: $@";
        last;       # the connection is of no use any more
    }
    alarm 0;
    is(scalar @strange, 0, "$what: " . @tries . ' files, each with a picture '
        . 'or a problem') or diag(join "\n", grep { defined } @strange[0 .. 9]);
    ok(kill(0, $pid), "$what: the worker lives");
    my $line = sprintf '%s: %d files in %.0f s: %s', $what, scalar @tries,
        time - $began, join ', ', map { "$count{$_} $_" } sort keys %count;
    $mutants ? diag($line) : note($line);
    return;
}

# --- the files

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

sub damaged_native {
    my ($first, $last) = @_;
    return map { my $n = $_; ["native $n", sub { damage($good, $n) }] }
        $first .. $last;
}

my %before = (descriptors => descriptors());
run('damaged native files', damaged_native(1, $t->asan ? 50 : 150));

my $folder = $t->data('malformed');
my @malformed = $folder ? grep { -f && !/\.csv$/ }
    map { glob } "$folder/*", "$folder/*/*", "$folder/*/*/*" : ();
@malformed = @malformed[grep { $_ % $share == 0 } 0 .. $#malformed];

SKIP: {
    skip 'no test data', 2 unless @malformed;
    run('malformed files', map { my $file = $_;
        [$file, sub { slurp($file) }] } @malformed);
}

# mutate.py is part of the test data and wants Python
my $mutate = $t->data('mutate.py');
SKIP: {
    skip 'no test data', 4 unless $mutate;
    skip 'no python3', 4 if system('python3 -c "" 2>/dev/null') != 0;

    my @bases = grep { -f && -s _ < 300_000 }
        sort glob $t->data('files') . '/*/*';
    my $number = $mutants || ($t->asan ? 25 : 120);
    my $out = File::Temp->newdir(DIR => $t->path(''));
    open my $python, '-|', 'python3', $mutate, '--seed', '7', '--count',
        $number, '--out', "$out", @bases or die "python3: $!\n";
    1 while <$python>;
    close $python or die "mutate.py failed\n";
    my @mutants = map { my $file = $_;
        [$file =~ s{.*/}{}r, sub { slurp($file) }] }
        grep { !/\.tsv$/ } sort glob "$out/*";
    run('mutants', splice @mutants, 0, @mutants / 2);
    $before{memory} = memory();
    run('as many again', @mutants);
}

# memory that was needed once is kept for the next time, but not ever more
$before{memory} //= memory();
run('once more', damaged_native(1, $t->asan ? 50 : 150));

# --- what is left of it

my %after = (memory => memory(), descriptors => descriptors(),
    processes => processes());
my $growth = $after{memory} - $before{memory};
SKIP: {
    skip 'a sanitizer keeps freed memory', 1 if $t->asan;
    cmp_ok($growth, '<', 40_000, 'memory stays (kB)');
}
cmp_ok($after{descriptors} - $before{descriptors}, '<=', 70,
    'descriptors stay: 64 files may be kept open');
cmp_ok($after{processes}, '<=', 1 + 2, 'a zygote and two children');

close $stopper;
my ($pictures, $wrong, $worst) = split ' ', <$hear> // '0 1 0';
waitpid $watcher, 0;
cmp_ok($pictures, '>', 10, 'the other user got pictures');
is($wrong, 0, 'all of them');
# the delay is at most the limit; his own part of it is the machine's load
cmp_ok($worst, '<', FRAME_LIMIT * 5,
    'none kept waiting for longer than a frame may take');
my $left = sprintf 'memory %d kB, %+d, descriptors %+d, %d processes; other user: '
    . '%d pictures, slowest after %.2f s', $after{memory},
    $growth, $after{descriptors} - $before{descriptors}, $after{processes}, $pictures,
    $worst;
$mutants ? diag($left) : note($left);

my $fields = $w->store($t, $good);
is($fields->{answer}{status}, 200, 'a good file is stored afterwards');
my $stack = $w->open([$fields]);
is($w->render($stack->{id}, 0)->{status}, 200, 'and shown');

$t->finish();
