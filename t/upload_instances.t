#!/usr/bin/perl

# PUT /api/v1/instances: what gets in, what does not, and what is left behind.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use File::Find;
use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 75);

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->yaml('node', databaseTimeout => 8, discardDelay => 9);
$t->start_nginx();

my $token = $t->login('radiographer');
my @uid = map { "2.25.7000.$_" } 0 .. 20;
my $name = "\xc5\xa0imi\xc4\x87^Ana";    # UTF-8
my %base = (StudyInstanceUID => $uid[0], SeriesInstanceUID => $uid[1],
    SOPInstanceUID => $uid[2], PatientName => $name,
    SpecificCharacterSet => 'ISO_IR 192', PatientID => 'P-1',
    AccessionNumber => 'ACC7', StudyDescription => 'Head CT', Modality => 'CT',
    InstanceNumber => 3, SeriesNumber => -2);

# a file enters

my $file = $t->dicom_file(%base);
my $res = put($file);
is($res->{status}, 201, 'a file');
is_deeply($res->{json}, { study => $uid[0], series => $uid[1],
    instance => $uid[2], sop_class => '1.2.840.10008.5.1.4.1.1.7',
    md5 => md5_hex($file), size => length $file }, 'what it is');

is($t->psql('facility', "SELECT uid, study_date, study_time, sort_key,
    patient_id, patient_issuer, patient_name, patient_birth_date, patient_sex,
    accession, description FROM studies"),
    "$uid[0]|2026-01-02|10:11:12|2026-01-02T10:11:12|P-1|TEST|"
    . "$name|1970-01-01|O|ACC7|Head CT", 'its study');
is($t->psql('facility', 'SELECT uid, study_uid, number, modality FROM series'),
    "$uid[1]|$uid[0]|-2|CT", 'its series');
is($t->psql('facility', "SELECT uid, series_uid, study_uid, number, height,
    width, frames, size, md5, stored_by, length(header) > 50 FROM instances"),
    "$uid[2]|$uid[1]|$uid[0]|3|16|16|1|" . length($file) . '|'
    . md5_hex($file) . '|' . $t->user_id('radiographer') . '|t', 'itself');
is($t->psql('facility', 'SELECT token FROM study_tokens ORDER BY 1'),
    join("\n", '#1', '#acc7', '#p1', 'ana', 'ct', 'head', 'simic'),
    'is found by');
is($t->psql('facility', 'SELECT event, outcome, object, patient FROM audit
    WHERE event = \'instance-store\''),
    "instance-store|success|$uid[2]|TEST|P-1", 'audit');
is(objects(), 1, 'one object');
is(incoming(), 0, 'nothing left in incoming');

# again

$res = put($file);
is("$res->{status} $res->{json}{md5}", '200 ' . md5_hex($file), 'again');
$res = put($t->dicom_file(%base, pixels => 'x' x 512));
is("$res->{status} $res->{json}{type}",
    '409 urn:dicom:problem:instance-conflict', 'other content');
is($t->psql('facility', 'SELECT md5 FROM instances'), md5_hex($file),
    'the stored one is untouched');
is(put($file)->{status}, 200, 'and still the same');

# more of the study, and what contradicts it

is(put($t->dicom_file(%base, SOPInstanceUID => $uid[3]))->{status}, 201,
    'a second instance');
is(put($t->dicom_file(%base, SOPInstanceUID => $uid[4],
    SeriesInstanceUID => $uid[5], Modality => 'SR', Rows => undef))->{status},
    201, 'one without pixels');
is($t->psql('facility', "SELECT frames, height FROM instances
    WHERE uid = '$uid[4]'"), '0|0', 'is stored so');

my $before = counts();
$res = put($t->dicom_file(%base, SOPInstanceUID => $uid[6],
    PatientID => 'P-2'));
is("$res->{status} $res->{json}{type}", '409 urn:dicom:problem:study-conflict',
    'another patient in the study');
$res = put($t->dicom_file(%base, SOPInstanceUID => $uid[6],
    StudyInstanceUID => $uid[7]));
is("$res->{status} $res->{json}{type}", '409 urn:dicom:problem:study-conflict',
    'the series in another study');
$res = put($t->dicom_file(%base, SOPInstanceUID => $uid[6], Modality => 'MR'));
is("$res->{status} $res->{json}{type}", '409 urn:dicom:problem:study-conflict',
    'another modality in the series');
is(counts(), $before, 'no row of it is left');

# what is none

for my $bad (['text', 'This is no DICOM file. ' x 100], ['zeros', "\0" x 4096],
    ['a byte', 'x'])
{
    $res = put($bad->[1]);
    is("$res->{status} $res->{json}{type}",
        '400 urn:dicom:problem:not-dicom', $bad->[0]);
}
is(put('')->{status}, 400, 'an empty body');
is(put(("\0" x 128) . 'DICM')->{status}, 422, 'a preamble and nothing more');

$res = put($t->dicom_file(%base, SOPClassUID => '', Rows => undef));
is("$res->{status} $res->{json}{type}", '422 urn:dicom:problem:invalid-dicom',
    'no class, no picture');
$res = put(substr($t->dicom_file(%base, SOPInstanceUID => $uid[6]), 0, -100));
is($res->{status}, 422, 'pixels cut off');
is(counts(), $before, 'none of them has rows');
is(incoming(), 0, 'nor is it in incoming');
my ($there, $known);
for (1 .. 400) {
    # they join the list a moment after the answer, and leave it at their time
    $there = objects();
    $known = $t->psql('facility', 'SELECT (SELECT count(*) FROM instances)
        + (SELECT count(*) FROM discarded)');
    last if $there == $known;
    sleep(0.05);
}
is($there, $known, 'objects without a row are known');

# UIDs that a file does not have are assigned

my $keep = $t->psql('facility', 'SELECT count(*) FROM instances');
for my $bad (['instance', SOPInstanceUID => '1.2.3/../4'],
    ['series', SeriesInstanceUID => '1..3'],
    ['series study', StudyInstanceUID => '../../etc/passwd',
        SeriesInstanceUID => undef],
    ['sop_class instance series study', map { $_ => '' }
        qw(SOPClassUID SOPInstanceUID SeriesInstanceUID StudyInstanceUID)])
{
    my ($names, %change) = @$bad;
    my $odd = $t->dicom_file(%base, SOPInstanceUID => "$uid[6].$keep",
        PatientID => 'P-1', %change);
    $res = put($odd);
    is("$res->{status} @{$res->{json}{assigned} // []}", "201 $names",
        "assigned: $names");
    my %first = %{$res->{json}};
    $res = put($odd);
    is("$res->{status} $res->{json}{instance}", "200 $first{instance}",
        'the same again');
    is($t->psql('facility', "SELECT assigned, study_uid, series_uid, md5
        FROM instances WHERE uid = '$first{instance}'"),
        join('|', $names, @first{qw(study series)}, md5_hex($odd)),
        'the row says so');
    my ($shown) = grep { $_->{uid} eq $first{instance} } map { @{$_->{instances}} }
        @{$t->http('facility', GET => "/api/v1/studies/$first{study}",
            token => $token)->{json}{series}};
    is("@{$shown->{assigned}}", $names, 'and the study');
    is($t->http('node', GET => "/dicom-web/studies/$first{study}/series/"
        . "$first{series}/instances/$first{instance}", token => $token,
        headers => { Accept => 'application/dicom' })->{body}, $odd,
        'the bytes stay as they came');
    $keep++;
}

# bodies

my $chunked = $t->dicom_file(%base, SOPInstanceUID => $uid[8]);
my $answer = $t->raw('node', "PUT /api/v1/instances HTTP/1.1\r\nHost: x\r\n"
    . "Authorization: Bearer $token\r\nTransfer-Encoding: chunked\r\n"
    . "Connection: close\r\n\r\n"
    . join('', map { sprintf("%x\r\n%s\r\n", length, $_) }
        unpack('(a100)*', $chunked)) . "0\r\n\r\n");
like($answer, qr{^HTTP/1.1 201 }, 'chunked');
like($answer, qr/"md5":"@{[md5_hex($chunked)]}"/, 'and whole');

my $body = $t->dicom_file(%base, SOPInstanceUID => $uid[9]);
my $s = $t->connection('node');
print $s "PUT /api/v1/instances HTTP/1.1\r\nHost: x\r\n"
    . "Authorization: Bearer $token\r\nContent-Length: " . length($body)
    . "\r\n\r\n" . substr($body, 0, 300);
sleep(0.3);
close $s;
is(incoming(), 0, 'an upload cut off leaves nothing');
is($t->psql('facility', "SELECT count(*) FROM instances WHERE uid = '$uid[9]'"),
    0, 'and no row');

$s = $t->connection('node');
print $s "PUT /api/v1/instances HTTP/1.1\r\nHost: x\r\n"
    . "Content-Length: 1000000000\r\n\r\n";
like(scalar <$s>, qr/ 401 /, 'no token: refused before the body');
close $s;

for my $who ('admin', 'auditor') {
    is($t->http('node', PUT => '/api/v1/instances', body => $file,
        token => $t->login($who))->{status}, 403, "$who may not");
}

# too large

$t->stop_nginx();
$t->yaml('node', maxInstanceSize => '4k');
$t->start_nginx();
$token = $t->login('radiographer');
$res = put($t->dicom_file(%base, SOPInstanceUID => $uid[10], Rows => 64,
    Columns => 64));
is("$res->{status} $res->{json}{type}", '413 urn:dicom:problem:too-large',
    'more than maxInstanceSize');

$s = $t->connection('node');
print $s "PUT /api/v1/instances HTTP/1.1\r\nHost: x\r\n"
    . "Authorization: Bearer $token\r\nContent-Length: 1000000000\r\n\r\n";
like(scalar <$s>, qr/ 413 /, '1 GB is refused at once');
close $s;

$answer = $t->raw('node', "PUT /api/v1/instances HTTP/1.1\r\nHost: x\r\n"
    . "Authorization: Bearer $token\r\nTransfer-Encoding: chunked\r\n\r\n"
    . sprintf("%x\r\n%s\r\n", 1 << 16, 'x' x (1 << 16)) x 4);
like($answer, qr/ 413 /, 'also without a length');
is(incoming(), 0, 'nothing of it stays');

# the database and the worker die

$t->stop_nginx();
$t->yaml('node', databaseTimeout => 8, discardDelay => 9);
$t->start_nginx();
$token = $t->login('radiographer');

my $late = $t->dicom_file(%base, SOPInstanceUID => $uid[11]);
$t->stop_worker();
$t->allow_alerts(qr/connect\(\) to unix:.* failed/);
$res = put($late);
is("$res->{status} $res->{json}{type}",
    '503 urn:dicom:problem:renderer-unavailable', 'no worker');
ok($res->{headers}{'retry-after'}, 'try again');
is(incoming(), 0, 'nothing is left');
$t->start_worker();
is(put($late)->{status}, 201, 'then it works');

$late = $t->dicom_file(%base, SOPInstanceUID => $uid[12]);
$t->stop_postgres();
$res = put($late);
is("$res->{status} $res->{json}{type}",
    '503 urn:dicom:problem:database-unavailable', 'no database');
ok($res->{headers}{'retry-after'}, 'try again');
my $stored = objects();
is(incoming(), 0, 'nothing is left');
$t->start_postgres(keep => 1);
my $status;
for (1 .. 240) {
    $status = put($late)->{status};
    last if $status != 503;
    sleep(0.25);
}
is($status, 201, 'then it works');
is(objects(), $stored + 1, 'and the object was not there before');
$t->database_back();

# the database is there, and then the rows cannot be made

$late = $t->dicom_file(%base, SOPInstanceUID => $uid[13]);
$t->psql('facility', 'ALTER TABLE instances RENAME TO away');
is(put($late)->{status}, 500, 'rows that cannot be made');
for (1 .. 400) {
    last if files($t->dir . '/store/incoming') == 1;
    sleep(0.05);
}
is(files($t->dir . '/store/incoming'), 1, 'the object is held');
$t->psql('facility', 'ALTER TABLE away RENAME TO instances');
is(put($late)->{status}, 201, 'then it works, though its object was there');

# what has no row goes in the end

for (1 .. 1200) {
    last if objects() == rows() && !files($t->dir . "/store/incoming");
    sleep(0.1);
}
is(objects(), rows(), 'objects without rows are gone');
is(incoming(), 0, 'and names of uploads that did not end');


sub put {
    return $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $_[0], headers => { 'Content-Type' => 'application/dicom' });
}


sub files {
    my ($below) = @_;
    my $n = 0;
    find(sub { $n++ if -f }, $below) if -d $below;
    return $n;
}


sub rows { $t->psql('facility', 'SELECT count(*) FROM instances') }


sub objects { files($t->dir . '/store/objects') }


sub incoming { $t->incoming() }


sub counts {
    return $t->psql('facility', 'SELECT (SELECT count(*) FROM studies),
        (SELECT count(*) FROM series), (SELECT count(*) FROM instances),
        (SELECT count(*) FROM study_tokens), (SELECT count(*) FROM audit)');
}
