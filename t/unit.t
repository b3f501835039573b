#!/usr/bin/perl

# The unit tests of t/unit, built by scripts/build, one subtest each.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(basename dirname);
use Test::More;

my $top = Cwd::realpath(dirname(__FILE__) . '/..');
my $kind = $ENV{DICOM_TEST_BUILD} || 'release';
my $build = ($ENV{DICOM_BUILD} || "$top/.build") . "/$kind";

$ENV{CMOCKA_MESSAGE_OUTPUT} = 'TAP';
$ENV{ASAN_OPTIONS} = 'detect_leaks=1:allocator_may_return_null=1';
$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1:halt_on_error=1';

my @tests = map { basename($_, '.c') } sort glob "$top/t/unit/test_*.c";
plan skip_all => 'there are no unit tests' unless @tests;

for my $test (@tests) {
    subtest $test => sub {
        my $binary = "$build/unit/$test";
        ok(-x $binary, "$test is built") or do {
            diag("run: scripts/build" . ($kind eq 'asan' ? ' --asan' : '')
                . ' unit');
            return;
        };

        my $output = `cd '$top' && '$binary' 2>&1`;
        my $status = $?;
        for (split /\n/, $output) {
            if (/^(not )?ok \d+ - (.*?)( # SKIP.*)?$/i) {
                $1 && !$3 ? fail($2) : pass($2 . ($3 // ''));
            } elsif (!/^(?:1\.\.\d+|TAP version|# (?:ok|not ok) - )/) {
                diag($_);
            }
        }
        is($status, 0, "$test ends well");
    };
}

done_testing();
