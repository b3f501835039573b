#!/usr/bin/perl

# The demo's files: valid by an independent judge, the same every time.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $generator = $t->build . '/demo-dicom';
my $dir = $t->dir;

-x $generator or $t->skip_all("$generator is missing: run scripts/build");

my @series = (
    ['head', '--frames', 3],
    ['head', '--frames', 3, '--multi'],
    ['breast', '--frames', 2],
    ['breast', '--frames', 2, '--single'],
    ['heart', '--frames', 3],
    ['chest'],
);

for my $series (@series) {
    my $name = join ' ', @$series;
    my $folder = "$dir/" . $name =~ s/\W+/_/gr;

    is(system($generator, '--series', @$series, $folder), 0, "$name is made");
    my @files = glob "$folder/*.dcm";
    ok(@files > 0, "$name has files");

    # The validator knows no screening of lengths: only its errors count.
    my @errors = map { grep { /^Error/ } split /\n/, `dciodvfy '$_' 2>&1` }
        @files;
    is(join("\n", @errors), '', "$name: dciodvfy finds no error");
}

my $first = `cd $dir/head_frames_3 && md5sum *`;
system($generator, '--series', 'head', '--frames', 3, "$dir/head_frames_3");
is(`cd $dir/head_frames_3 && md5sum *`, $first, 'made again, the same bytes');

isnt(system("$generator --series nothing $dir/x 2>/dev/null"), 0,
    'an unknown series is refused');
isnt(system("$generator --series chest /proc/none 2>/dev/null"), 0,
    'a folder that cannot be written is an error');

$t->finish();
