#!/usr/bin/perl

# The systemd units parse, and leave as little to a service as systemd's own
# judgement allows for.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(dirname);
use Test::More;

my $conf = Cwd::realpath(dirname(__FILE__) . '/../conf');

# What systemd-analyze calls exposure, times ten; below 50 it says OK.  nginx's
# master is root, to bind to its ports and to read keys.
my %threshold = ('dicom-render-worker' => 15, 'dicom-nginx' => 35);

my $version = `systemd-analyze --version 2>/dev/null`;
plan(skip_all => 'SKIPPED: no systemd-analyze of version 250 or later')
    unless $version =~ /^systemd (\d+)/ && $1 >= 250;

for my $unit (sort keys %threshold) {
    my $file = "$conf/$unit.service";

    # the programs are not installed here
    my @wrong = grep { !/is not executable|man:.*not found/ }
        `systemd-analyze verify '$file' 2>&1` =~ /^(.*\Q$unit\E.*)$/mg;
    is(join("\n", @wrong), '', "$unit: nothing to complain about");

    my $answer = `systemd-analyze security --no-pager --offline=true \\
        --threshold=$threshold{$unit} '$file' 2>&1`;
    is($? >> 8, 0, "$unit: not more exposed than it was");
    like($answer, qr/Overall exposure level/, "$unit: was judged")
        or diag($answer);
}

done_testing();
