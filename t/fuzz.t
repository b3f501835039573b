#!/usr/bin/perl

# The fuzz targets of t/fuzz over their seeds and over what once found a
# mistake; with the sanitizers also, for a second each, over damaged copies of
# these.  scripts/test --fuzz lets libFuzzer search for more.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(basename dirname);
use File::Temp ();
use Test::More;

my $top = Cwd::realpath(dirname(__FILE__) . '/..');
my $kind = $ENV{DICOM_TEST_BUILD} || 'release';
my $build = ($ENV{DICOM_BUILD} || "$top/.build") . "/$kind";
my $seconds = $kind eq 'asan' ? 1 : 0;

$ENV{ASAN_OPTIONS} = 'detect_leaks=1:allocator_may_return_null=1';
$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1:halt_on_error=1';

my $seeds = File::Temp->newdir();
is(system("$top/t/fuzz/seeds", "$seeds"), 0, 'seeds are made');

for my $target (map { basename($_, '.c') } sort glob "$top/t/fuzz/fuzz_*.c") {
    my $binary = "$build/fuzz/$target";
    my $name = $target =~ s/^fuzz_//r;

    unless (-x $binary) {
        fail("$target is built");
        diag('run: scripts/build' . ($kind eq 'asan' ? ' --asan' : '')
            . ' fuzz');
        next;
    }
    my @folders = grep { -d } "$seeds/$name", "$top/t/fuzz/regressions/$name";
    ok(scalar @folders, "$name has seeds");

    local $ENV{FUZZ_KEEP} = "$build/fuzz/$name.found";
    my $output = `'$binary' $seconds @folders 2>&1`;
    is($?, 0, "$name: nothing found")
        or diag("$output\nthe input: $ENV{FUZZ_KEEP}");
    note($output);
}

done_testing();
