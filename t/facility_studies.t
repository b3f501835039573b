#!/usr/bin/perl

# The list of studies, the search, one in detail, removal.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 70);

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

my $up = $t->login('radiographer');
my $token = $t->login('physician');
my $admin = $t->login('facadmin');
my $n = 0;

# study, patient, name, date, time, modality, accession, description
my @studies = (
    [1, 'P-1', "\xc5\x81ukasz^Jan", '20260101', '080000', 'CT', 'A1', 'Head'],
    [2, 'P-2', "M\xc3\xbcller^Eva", '20260102', '090000', 'MR', 'A2', 'Knee'],
    [3, 'P-1', "\xc5\x81ukasz^Jan", '20260102', '100000', 'CT', 'A3',
        'Head again'],
    [4, 'P-4', 'Smith^John', '', '', 'US', 'A4', 'Abdomen'],
);
for my $s (@studies) {
    my ($k, $id, $name, $date, $time, $modality, $accession, $text) = @$s;
    is(put(study => $k, series => "$k.1", PatientID => $id,
        PatientName => $name, StudyDate => $date, StudyTime => $time,
        Modality => $modality, AccessionNumber => $accession,
        StudyDescription => $text)->{status}, 201, "study $k");
}
put(study => 3, series => '3.2', PatientID => 'P-1', StudyDate => '20260102',
    Modality => 'SR', Rows => undef, SeriesNumber => 2);
put(study => 3, series => '3.1', PatientID => 'P-1', StudyDate => '20260102',
    Modality => 'CT', NumberOfFrames => 3);

# lists

is(found(''), '3 2 1 4', 'newest first, those without a date last');
is(found('patient_id=P-1'), '3 1', 'of a patient');
is(found('patient_id=P-1&issuer=TEST'), '3 1', 'with the issuer');
is(found('patient_id=P-1&issuer=OTHER'), '', 'of another issuer');
is(found('date_from=2026-01-02'), '3 2', 'from a day');
is(found('date_to=2026-01-01'), '1', 'to a day');
is(found('date_from=2026-01-02&date_to=2026-01-02'), '3 2', 'one day');
is(found('modality=CT'), '3 1', 'by modality');
is(found('modality=SR'), '3', 'by any of the modalities');
is(found('accession=A2'), '2', 'by accession number');
is(found('patient_id=P-1&accession=A3'), '3', 'and patient');
is(found('q=lukasz'), '3 1', 'a name without its accents');
is(found('q=muller'), '2', 'another');
is(found('q=M%C3%9CLL'), '2', 'the beginning of it, in capitals');
is(found('q=jan+lukasz'), '3 1', 'all words');
is(found('q=lukasz+knee'), '', 'all of them');
is(found('q=lukasz+again'), '3', 'words of the description');
is(found('q=p-4'), '4', 'the patient id');
is(found('q=+'), found(''), 'blanks are no condition');
is(found('q=%2C%3B%21'), '', 'of signs only nothing is found');
is(found('q=lukasz&date_to=2026-01-01'), '1', 'with a date');

my $page = list('limit=2');
is(uids($page), '3 2', 'first page');
$page = list("limit=2&cursor=$page->{json}{next}");
is(uids($page), '1 4', 'second page');
is($page->{json}{next}, undef, 'there is no third');

for my $bad ('limit=0', 'limit=501', 'limit=x', 'cursor=%%%', 'cursor=eA',
    'date_from=2026-02-30', 'date_from=yesterday', 'issuer=X',
    'q=a+b+c+d+e+f+g+h+i', 'modality=', 'foo=1', 'patient_id=a&patient_id=b',
    'q=%ff', 'accession=%00')
{
    is(list($bad)->{status}, 400, "refused: $bad");
}

# one of them

my $res = get('/api/v1/studies/2.25.3');
is($res->{status}, 200, 'a study');
my $study = $res->{json};
is_deeply($study->{patient}, { id => 'P-1', issuer => 'TEST',
    name => "\x{141}ukasz^Jan", birth_date => '1970-01-01', sex => 'O' },
    'its patient');
is("$study->{date} $study->{time}", '2026-01-02 10:00:00', 'its time');
is_deeply([sort @{$study->{modalities}}], ['CT', 'SR'], 'its modalities');
is("$study->{series_count} $study->{instance_count}", '2 3', 'its counts');
is_deeply($study->{reports}, { draft => 0, final => 0 }, 'its reports');
is($study->{node}, $t->url('node'), 'where its images are');
my $series = $study->{series}[0];
is("$series->{uid} $series->{instance_count} $series->{frame_count} "
    . "$series->{rows} $series->{columns}", '2.25.3.1 2 4 16 16', 'a series');
is($study->{series}[1]{frame_count}, 0, 'one without pixels');
ok(!exists $series->{instances}[0]{md5}, 'no MD5 for a physician');
like(get('/api/v1/studies/2.25.3', $admin)->{json}{series}[0]{instances}[0]
    {location}, qr{^objects/..?/}, 'location for an administrator');

for my $path ('studies/2.25.99', 'studies/..%2f..%2fetc', 'studies/1;drop',
    'series/2.25.99', 'series/x')
{
    is(get("/api/v1/$path")->{status}, 404, "nothing at $path");
}
is(get('/api/v1/studies', $t->login('auditor'))->{status}, 403,
    'nothing for an auditor');
is($t->psql('facility', "SELECT count(*) FROM audit
    WHERE event = 'study-read' AND object = '2.25.3' AND patient = 'TEST|P-1'
    AND user_id = '" . $t->user_id('physician') . "'"), 1, 'reading is noted');

# removal

my $etag = get('/api/v1/series/2.25.3.1')->{headers}{etag};
is(remove('series/2.25.3.1', $token, '*')->{status}, 403, 'not by physicians');
is(remove('series/2.25.3.1', $admin, undef)->{status}, 428, 'not unseen');
is(remove('series/2.25.3.1', $admin, '"1"')->{status}, 412, 'not when stale');
is(remove('series/2.25.3.1', $admin, qq{"1", $etag})->{status}, 204,
    'a series');
is(get('/api/v1/studies/2.25.3')->{json}{instance_count}, 1, 'it is gone');

$etag = get('/api/v1/studies/2.25.3')->{headers}{etag};
is(remove('studies/2.25.3', $admin, $etag)->{status}, 204, 'a study');
is(get('/api/v1/studies/2.25.3')->{status}, 404, 'it is gone');
is($t->psql('facility', "SELECT count(*) FROM study_tokens
    WHERE study_uid = '2.25.3'"), 0, 'with its words');
is($t->psql('facility', "SELECT string_agg(event || ' ' || patient, ', '
    ORDER BY at) FROM audit WHERE event LIKE '%-delete'"),
    'series-delete TEST|P-1, study-delete TEST|P-1', 'which is noted');

$t->http('facility', POST => '/api/v1/studies/2.25.1/reports', token => $token,
    json => { text => 'Normal.' });
$res = remove('studies/2.25.1', $admin, '*');
is("$res->{status} $res->{json}{type}",
    '409 urn:dicom:problem:study-has-reports', 'not with a report');


sub put {
    my (%a) = @_;
    my ($study, $series) = (delete $a{study}, delete $a{series});
    return $t->http('node', PUT => '/api/v1/instances', token => $up,
        body => $t->dicom_file(StudyInstanceUID => "2.25.$study",
            SeriesInstanceUID => "2.25.$series",
            SpecificCharacterSet => 'ISO_IR 192',
            SOPInstanceUID => '2.25.1000.' . ++$n, %a));
}


sub list { get("/api/v1/studies?$_[0]") }
sub uids { join ' ', map { $_->{uid} =~ s/^2\.25\.//r } @{$_[0]{json}{items}} }
sub found { uids(list($_[0])) }


sub get {
    my ($path, $as) = @_;
    return $t->http('facility', GET => $path, token => $as // $token);
}


sub remove {
    my ($path, $as, $match) = @_;
    return $t->http('facility', DELETE => "/api/v1/$path", token => $as,
        headers => { defined $match ? ('If-Match' => $match) : () });
}
