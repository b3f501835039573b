#!/usr/bin/perl

# Reports: drafts, versions, finalisation, addenda, and who may do what.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 57);

$t->start_postgres();
$t->seed_demo();
$t->start_nginx();

# a second physician, with the password of all
$t->psql('toplevel', "INSERT INTO users (id, username, name, roles, physician,
    facility, password_hash) SELECT '0abc0000-0000-4000-8000-000000000013',
    'other', 'Dr. Other', roles, physician, facility, password_hash FROM users
    WHERE username = 'physician'");
$t->psql('facility', "INSERT INTO studies (uid, patient_id, patient_issuer)
    VALUES ('1.2.3', 'P-1', 'TEST')");

my $me = $t->login('physician');
my $other = $t->login('other');
my $radiographer = $t->login('radiographer');
my $list = '/api/v1/studies/1.2.3/reports';

# a draft

my $res = $t->http('facility', POST => $list, token => $me,
    json => { text => "Sch\x{e4}del: normal." });
is($res->{status}, 201, 'a draft');
my $report = $res->{json};
my $path = "/api/v1/reports/$report->{id}";
is($res->{headers}{location}, $path, 'where it is');
is($report->{text}, "Sch\x{e4}del: normal.", 'its text');
is("$report->{status} $report->{version} $report->{study}", 'draft 1 1.2.3',
    'its state');
is_deeply($report->{author}, { id => $t->user_id('physician'),
    name => 'Dr. Petra Physician' }, 'its author, from the token');
like($report->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/, 'its time');
is($report->{finalized_at}, undef, 'not final');
is(scalar @{$report->{versions}}, 1, 'one version');
is($t->http('facility', GET => $path, token => $me)->{headers}{etag}, '"1"',
    'its ETag');

is($t->http('facility', GET => $path, token => $other)->{status}, 200,
    'other physicians see it');
is($t->http('facility', GET => $path, token => $radiographer)->{status}, 404,
    'radiographers do not');
is(scalar @{$t->http('facility', GET => $list, token => $radiographer)
    ->{json}{items}}, 0, 'not in the list either');

# changes

is(put($me, undef, 'x')->{status}, 428, 'no change of the unseen');
is(put($me, '"7"', 'x')->{status}, 412, 'nor of another version');
is(put($other, '"1"', 'x')->{json}{type}, 'urn:dicom:problem:not-author',
    'nor by another');
is(put($radiographer, '"1"', 'x')->{status}, 403, 'nor by a radiographer');
$res = put($me, '"1"', 'Second.');
is("$res->{status} $res->{json}{text} $res->{json}{version}", '200 Second. 2',
    'a change');
is($res->{headers}{etag}, '"2"', 'has another ETag');
is(put($me, '"1"', 'Lost.')->{status}, 412, 'the old one is stale');
is(put($me, 'W/"2"', 'Third.')->{status}, 200,
    'an ETag that compression made weak');
is_deeply([map { $_->{version} } @{get($path)->{json}{versions}}], [1, 2, 3],
    'all versions are kept');
is($t->psql('facility', 'SELECT text FROM report_versions WHERE version = 2'),
    'Second.', 'with their texts');

# what is no report

for my $bad ({}, { text => '' }, { text => 5 }, { text => 'x', status =>
    'final' }, { text => 'x', id => 'y' }, { text => 'x' x 100_001 })
{
    is($t->http('facility', POST => $list, token => $me, json => $bad)
        ->{status}, 422, 'refused');
}
is($t->http('facility', POST => $list, token => $me, body => '{"text":',
    headers => { 'Content-Type' => 'application/json' })->{status}, 400,
    'JSON cut off');
is($t->http('facility', POST => '/api/v1/studies/9.9/reports', token => $me,
    json => { text => 'x' })->{status}, 404, 'no such study');
is($t->http('facility', GET => '/api/v1/studies/9.9/reports', token => $me)
    ->{status}, 404, 'nor its list');
is($t->http('facility', GET => '/api/v1/reports/x', token => $me)->{status},
    404, 'an id that is none');
is($t->http('facility', POST => $list, token => $radiographer,
    json => { text => 'x' })->{status}, 403, 'radiographers write none');

# an id of the client's

my $id = 'ABCDEF00-0000-4000-8000-00000000000A';
my %mine = (text => 'Once.', id => $id);
is($t->http('facility', POST => $list, token => $me, json => \%mine)->{status},
    201, 'created');
$res = $t->http('facility', POST => $list, token => $me, json => \%mine);
is("$res->{status} $res->{json}{id}", '200 ' . lc $id, 'the same again');
is($t->http('facility', POST => $list, token => $me,
    json => { %mine, text => 'Other.' })->{json}{type},
    'urn:dicom:problem:id-conflict', 'another one');
is($t->psql('facility', 'SELECT count(*) FROM reports'), 2, 'two reports');

# final

is($t->http('facility', POST => "$path/addenda", token => $me,
    json => { text => 'x' })->{json}{type}, 'urn:dicom:problem:report-draft',
    'a draft takes no addenda');
is(finalize($other, '*')->{status}, 403, 'another does not finalise it');
is(finalize($me, undef)->{status}, 428, 'nor does one unseen');
is(finalize($me, '"2"')->{status}, 412, 'nor a stale one');
$res = finalize($me, '"3"');
is("$res->{status} $res->{json}{status} $res->{json}{text}",
    '200 final Third.', 'final');
like($res->{json}{finalized_at}, qr/Z\z/, 'since when');
is(put($me, '*', 'Changed.')->{json}{type}, 'urn:dicom:problem:report-final',
    'no change any more');
is(finalize($me, '*')->{status}, 409, 'nor final twice');
is($t->http('facility', GET => $path, token => $radiographer)->{json}{text},
    'Third.', 'radiographers see it now');

# addenda

$res = $t->http('facility', POST => "$path/addenda", token => $other,
    json => { text => 'Also.', id => $id });
is("$res->{status} $res->{json}{addenda}[0]{text} "
    . "$res->{json}{addenda}[0]{author}{name}", '201 Also. Dr. Other',
    'an addendum');
is($res->{json}{text}, 'Third.', 'beside the text');
$res = $t->http('facility', POST => "$path/addenda", token => $other,
    json => { text => 'Also.', id => $id });
is("$res->{status} " . @{$res->{json}{addenda}}, '200 1', 'the same again');
is($t->http('facility', POST => "$path/addenda", token => $other,
    json => { text => 'Other.', id => $id })->{status}, 409, 'another one');
$t->http('facility', POST => "$path/addenda", token => $me,
    json => { text => 'More.' });

# the list, the study, the audit

$res = $t->http('facility', GET => $list, token => $me);
is(join(' ', map { $_->{text} } @{$res->{json}{items}}), 'Once. Third.',
    'newest first');
is(join(' ', map { $_->{text} } @{$res->{json}{items}[1]{addenda}}),
    'Also. More.', 'with addenda');
$res = $t->http('facility', GET => "$list?limit=1", token => $me);
my $next = $res->{json}{next};
$res = $t->http('facility', GET => "$list?limit=1&cursor=$next", token => $me);
is("$res->{json}{items}[0]{text} " . ($res->{json}{next} // 'end'),
    'Third. end', 'in pages');
is($t->http('facility', GET => "$list?cursor=QUJD", token => $me)->{status},
    400, 'a cursor that is none');
is_deeply($t->http('facility', GET => '/api/v1/studies/1.2.3', token => $me)
    ->{json}{reports}, { draft => 1, final => 1 }, 'counted');
is($t->psql('facility', "SELECT string_agg(DISTINCT event, ' ') FROM audit
    WHERE patient = 'TEST|P-1' AND event LIKE 'report-%'"), 'report-addendum '
    . 'report-change report-create report-final report-read', 'audit');
is($t->psql('facility', "SELECT v.version, v.text FROM report_versions v
    JOIN report_finals f ON f.report = v.report AND f.version = v.version"),
    '4|Third.', 'the final text is in the history');


sub get { $t->http('facility', GET => $_[0], token => $me) }


sub put {
    my ($token, $match, $text) = @_;
    return $t->http('facility', PUT => $path, token => $token,
        json => { text => $text },
        headers => { defined $match ? ('If-Match' => $match) : () });
}


sub finalize {
    my ($token, $match) = @_;
    return $t->http('facility', POST => "$path/finalize", token => $token,
        headers => { defined $match ? ('If-Match' => $match) : () });
}
