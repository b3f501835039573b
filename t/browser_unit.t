#!/usr/bin/perl

# The viewer without a browser: its types, its pure modules, its house rules.

use strict;
use warnings;

use File::Find ();
use Test::More;

use lib 't/lib';
use Test::Dicom::Node;

if (my $why = Test::Dicom::Node::missing()) {
    plan skip_all => $why;
}

is(Test::Dicom::Node::run([$_]), 0, "$_ ends well")
    for 'unit.js', 'unit_core.js', 'unit_panes.js', 'unit_hazards.js';

SKIP: {
    my $why = Test::Dicom::Node::missing('typescript');
    skip $why, 1 if $why;
    my $out = `node t/browser/node_modules/typescript/bin/tsc -p t/browser/tsconfig.json 2>&1`;
    is($out, '', 'the types fit');
}

# What the Content-Security-Policy forbids, and what we do.
my (@bad, @long);

File::Find::find({ no_chdir => 1, wanted => sub {
    my $path = $_;
    return unless $path =~ /\.(?:js|css|html|svg)$/;
    open my $fh, '<', $path or die "$path: $!\n";
    my $lines = 0;
    while (my $line = <$fh>) {
        $lines++;
        next if $line =~ m{xmlns="http://www\.w3\.org/}
            || $line =~ m{const SVG = "http://www\.w3\.org/2000/svg"};
        push @bad, "$path:$lines: $line" if $line =~ m{
            \b(?:inner|outer)HTML\b | insertAdjacentHTML | document\.write
            | \beval\b\( | new\ Function | \sstyle=" | \son\w+="
            | https?://\w | //cdn | \bTODO\b | \bFIXME\b }x;
    }
    push @long, "$path: $lines" if $lines > 800;
} }, 'html');

is(join('', @bad), '', 'no markup strings, inline styles or foreign hosts');
is(join("\n", @long), '', 'no file of more than 800 lines');

done_testing();
