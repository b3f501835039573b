#!/usr/bin/perl

# The test library itself: a database, files that other tools accept.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 8);

isnt($t->port('a'), $t->port('b'), 'two names, two ports');
is($t->port('a'), $t->port('a'), 'a name keeps its port');

$t->start_postgres();
is($t->psql('toplevel', 'SELECT count(*) FROM users'), '0', 'empty database');
$t->seed_demo();
is($t->psql('toplevel', 'SELECT count(*) FROM users'), '5', 'seeded');
is($t->psql('facility', 'SELECT datcollate FROM pg_database'
    . ' WHERE datname = current_database()'), 'C', 'sorts by code point');

my $file = $t->write_file('a.dcm', $t->dicom_file(PatientName => "M\x{fc}ller",
    SpecificCharacterSet => 'ISO_IR 192'));
my $dump = `dcmdump +P PatientName +P PixelData '$file' 2>&1`;
like($dump, qr/PatientName/, 'dcmtk reads a file of ours');
like($dump, qr/0000\\0001\\0002/, 'with its ramp');

is($t->data('no/such/file'), undef, 'missing data');
