#!/usr/bin/perl

# The viewer on a thin line (4/3 Mbit/s, 20 ms each way): t/browser/line.js in a
# network namespace of its own.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Line;
use Test::Dicom::Node;

my $chromium = Test::Dicom::Node::browser(\&Test::Dicom::Line::missing);

my $line = Test::Dicom::Line->new(($ENV{DICOM_BUILD} || '.build') . '/release');
my $t = Test::Dicom->new(address => $line->server);
my ($study) = $line->system_with($t, ['--series', 'head', '--frames', 40]);

$line->shape(down => 4, up => 3, delay => 20, loss => 0);

my $status = Test::Dicom::Node::run(['line.js'],
    in => [$line->client],
    env => {
        CHROMIUM => $chromium,
        SYSTEM => JSON::PP->new->ascii->encode({
            web => $t->url('web') . '/', username => 'physician',
            password => $Test::Dicom::PASSWORD, study => $study,
            profile => $t->dir . '/browser',
        }),
    },
    do => {
        cut => sub { $line->cut() },
        mend => sub { $line->mend() },
    });

is($status, 0, "the browser's way ends well");

$t->finish();
