#!/usr/bin/perl

# scripts/bench --short: it measures all it prints, and no ratio is more than
# three times what it should be.

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET ();
use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $temp = File::Temp->newdir('dicom-bench-XXXXXXXX', TMPDIR => 1);
chmod 0755, $temp->dirname;       # the services run as other users
my $json = $temp->dirname . '/bench.json';
my $top = $t->top;

local $ENV{DICOM_BENCH_HOME} = $temp->dirname . '/home';
local $ENV{DICOM_PORT_BASE} = free_ports();
delete $ENV{DICOM_DATABASE_URL};

my $output = `$top/scripts/bench --short --json $json 2>&1`;
is($?, 0, 'no ratio is far off') or diag($output);
unlike($output, qr/far off/, 'and it says so');

my $result = eval { JSON::PP->new->decode(slurp($json)) } || {};
my $cpu = $result->{cpu} || {};
for my $name (qw(C D)) {
    my $x = $cpu->{$name} || {};
    my @missing = grep { !($x->{$_} // 0) }
        qw(bytes pread_ms fresh_ms pooled_ms first_ms shown_ms open_ms
            above_bytes write_s sync_s upload_s);
    is("@missing", '', "$name is loaded");

    my $p = $x->{pictures} || {};
    my @bad = grep { !$p->{$_} || !$p->{$_}{count} || $p->{$_}{errors} }
        map { ("png_$_", "jpeg_$_") } 1, 8, 64;
    is("@bad", '', "all pictures of $name arrive");
}
is($cpu->{fair}{beside}{errors}, 0, 'beside a heavy load, too');
is($cpu->{users}{errors}, 0, 'and those of many users');
like($output, qr/^\| 512x512, PNG, lossless \|/m, 'the tables are printed');

$t->finish();


sub slurp {
    my ($file) = @_;

    open my $in, '<:raw', $file or return '';
    local $/;
    return scalar <$in>;
}


# The first of four ports that nobody listens on.
sub free_ports {
    for (1 .. 100) {
        my $base = 20000 + 10 * int rand 3000;
        return $base unless grep {
            IO::Socket::INET->new(PeerAddr => "127.0.0.1:$_")
        } $base .. $base + 4;
    }
    die "no free ports\n";
}
