#!/usr/bin/perl

# scripts/verify finds what is damaged, missing or strange in the store;
# scripts/reindex makes the rows again from the store alone, and they equal
# those that the uploads made.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 31);

$t->start_postgres();
$t->start_worker();
$t->start_nginx();
$t->seed_demo();

my $store = $t->dir . '/store';
my $token = $t->login('radiographer');

# studies of several series, a file without UIDs, one without a picture, and a
# second file that says otherwise what its study is called
my @files = ((map { my $n = $_; $t->dicom_file(StudyInstanceUID => '2.25.10',
        SeriesInstanceUID => '2.25.10.' . $n % 2, InstanceNumber => $n,
        SOPInstanceUID => "2.25.10.1.$n", PatientName => "\xc5\xa0imi\xc4\x87",
        SpecificCharacterSet => 'ISO_IR 192',
        StudyDescription => "Head $n") } 1 .. 4),
    $t->dicom_file(SOPInstanceUID => 'x', SeriesInstanceUID => undef,
        StudyInstanceUID => undef),
    $t->dicom_file(Rows => undef, Modality => 'SR'));
is(put($_), 201, 'stored') for @files;

my ($status, $report) = verify();
is("$status $report->{objects} $report->{rows}", '0 6 6', 'all is well');
is($report->{bytes}, length join('', @files), 'each byte was read');

# the index from the store alone

my $before = dump_rows();
my $audit = $t->psql('facility', "SELECT count(*) FROM audit
    WHERE event <> 'instance-store'");
is((run('reindex', '--check'))[0], 0, '--check: store and index agree');
$t->psql('facility', 'DELETE FROM studies WHERE uid <> \'2.25.10\'');
my ($code, $said) = run('reindex', '--check');
is($code, 1, 'rows are missing');
like($said, qr/^objects without row  2$/m, 'which is said');
is($t->psql('facility', 'SELECT count(*) FROM instances'), 4,
    '--check changes nothing');
$t->psql('facility', 'DELETE FROM studies');
($code, $said) = run('reindex');
is($code, 0, 'reindex') or diag($said);
like($said, qr/^rows made            6$/m, 'made all rows');
is(dump_rows(), $before, 'they equal those of the uploads');
is((run('reindex'))[0], 0, 'and again: nothing to do');
is(dump_rows(), $before, 'nothing changed');
is($t->psql('facility', "SELECT count(*) FROM audit
    WHERE event <> 'instance-store'"), $audit, 'the audit was not touched');

# an index that another version of the worker made

$t->psql('facility', "UPDATE instances SET header = '\\x44495831'
    WHERE number = 2");
is((run('reindex', '--headers'))[0], 0, '--headers');
is(dump_rows(), $before, 'the index is renewed');

# damage of each kind

my @locations = split /\n/, $t->psql('facility',
    'SELECT location FROM instances ORDER BY location');
flip("$store/$locations[0]");
($status, $report) = verify();
is($status, 1, 'a byte flipped');
is($report->{damaged}[0]{location}, $locations[0], 'is found');
like($report->{damaged}[0]{why}, qr/SHA-256/, 'and named');
flip("$store/$locations[0]");

rename "$store/$locations[1]", $t->dir . '/taken' or die $!;
($status, $report) = verify();
is("$status $report->{rows_without_object}[0]{location}",
    "1 $locations[1]", 'an object is missing');
($code, $said) = run('reindex', '--check');
is($code, 1, 'reindex --check');
like($said, qr/\Q$locations[1]\E: instance/, 'says which');
rename $t->dir . '/taken', "$store/$locations[1]" or die $!;

$t->write_file("store/objects/stray.txt", 'who wrote this?');
($status, $report) = verify();
is("$status @{$report->{other_files}}", '1 objects/stray.txt',
    'a file that is no object');
unlink "$store/objects/stray.txt";

$t->psql('facility', "DELETE FROM instances WHERE location = '$locations[2]'");
($status, $report) = verify();
is("$status @{$report->{objects_without_row}}", "1 $locations[2]",
    'an object without a row');
($status) = verify('--clean', '--rate', 1000);
is("$status " . $t->psql('facility', 'SELECT location FROM discarded'),
    "0 $locations[2]", '--clean hands it to the node');
is((run('verify', '--store', '/nonexistent'))[0], 2, 'no store');
is((run('reindex', '--database', 'postgresql://127.0.0.1:1/none'))[0], 2,
    'no database');


sub put {
    return $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $_[0], headers => { 'Content-Type' => 'application/dicom' })
        ->{status};
}


# (exit status, output) of a script beside the store.
sub run {
    my ($script, @args) = @_;

    my @servers = $script eq 'verify' ? () : ('--toplevel',
        $t->url('toplevel'), '--node', $t->url('node'), '--user',
        'radiographer');
    local $ENV{DICOM_PASSWORD} = $Test::Dicom::PASSWORD;
    my $command = join ' ', map { "'$_'" } $t->top . "/scripts/$script",
        '--store', $store, '--database', $t->database_url('facility'),
        @servers, @args;
    my $text = `$command 2>&1`;
    return ($? >> 8, $text);
}


sub verify {
    my ($code, $text) = run('verify', '--json', @_);
    return ($code, eval { JSON::PP::decode_json($text) } // diag($text));
}


sub flip {
    my ($path) = @_;
    open my $fh, '+<:raw', $path or die "$path: $!\n";
    seek $fh, -1, 2;
    read $fh, my $byte, 1;
    seek $fh, -1, 2;
    print $fh chr(ord($byte) ^ 1);
    close $fh or die $!;
    return;
}


# All that the store can know, row by row.
sub dump_rows {
    return join "\n--\n", map { $t->psql('facility', $_) }
        'SELECT uid, sort_key, study_date, study_time, study_id, description,
            accession, referring_physician, patient_id, patient_issuer,
            patient_name, patient_birth_date, patient_sex FROM studies
            ORDER BY 1',
        'SELECT uid, study_uid, number, modality, description, body_part
            FROM series ORDER BY 1',
        'SELECT uid, series_uid, study_uid, sop_class, transfer_syntax, number,
            height, width, frames, size, md5, location, header, assigned
            FROM instances ORDER BY 1',
        'SELECT token, study_uid FROM study_tokens ORDER BY 1, 2';
}
