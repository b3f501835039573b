#!/usr/bin/perl

# Reports are searched by words of final texts and addenda, author, patient,
# state and day; who is no physician finds final ones only.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->start_postgres();
$t->seed_demo();
$t->start_nginx();

$t->psql('toplevel', "INSERT INTO users (id, username, name, roles, physician,
    facility, password_hash) SELECT '0abc0000-0000-4000-8000-000000000013',
    'other', 'Dr. Other', roles, physician, facility, password_hash FROM users
    WHERE username = 'physician'");
$t->psql('facility', "INSERT INTO studies (uid, patient_id, patient_issuer,
    patient_name, study_date, description) VALUES
    ('1.1', 'P-1', 'TEST', 'Kova^Jan', '2026-11-20', 'CT Thorax'),
    ('1.2', 'P-1', 'OTHER', 'Kova^Ivo', NULL, ''),
    ('1.3', 'P-2', 'TEST', '', NULL, '')");

my $me = $t->login('physician');
my $other = $t->login('other');
my %id;

sub write_report {
    my ($name, $token, $study, $text, $final) = @_;
    my $res = $t->http('facility', POST => "/api/v1/studies/$study/reports",
        token => $token, json => { text => $text });
    $res->{status} == 201 or die "$name: $res->{status}\n";
    $id{$name} = $res->{json}{id};
    return if !$final;
    $t->http('facility', POST => "/api/v1/reports/$id{$name}/finalize",
        token => $token, headers => { 'If-Match' => '*' })->{status} == 200
        or die "$name is not final\n";
}

write_report(a => $me, '1.1', "Kein Rundherd.\nHerz: größer als 12.3 mm", 1);
write_report(b => $other, '1.2', 'Rundherd im linken Unterlappen.', 1);
write_report(c => $me, '1.3', 'Rundherd, vorläufig.');
write_report(d => $me, '1.3', 'Sýndróm. ' . 'x' x 300, 1);
$t->http('facility', POST => "/api/v1/reports/$id{d}/addenda", token => $other,
    json => { text => 'Nachtrag: Łuk.' })->{status} == 201 or die;

# Days apart, as if written then; only the owner of the tables can do that.
my $day = 1;
$t->psql('facility', join '', map {
    sprintf "UPDATE reports SET created_at = '2026-11-%02d 12:00+00'
        WHERE id = '%s';\n", $day++, $id{$_} } sort keys %id);

sub search {
    my ($query, $token) = @_;
    utf8::encode($query);
    $query =~ s/([^A-Za-z0-9_.=&-])/sprintf '%%%02X', ord $1/ge;
    return $t->http('facility', GET => "/api/v1/reports?$query",
        token => $token // $me);
}

my %name = reverse %id;

sub found {
    my $res = search(@_);
    return "status $res->{status}" if $res->{status} != 200;
    return join ' ', map { $name{$_->{id}} } @{$res->{json}{items}};
}

is(found(''), 'd c b a', 'all, newest first');
is(found('', $t->login('radiographer')), 'd b a', 'no drafts for others');
is(found('q=rundherd'), 'b a', 'a word of final texts');
is(found('q=RUND'), 'b a', 'its beginning, in capitals');
is(found('q=grosser'), 'a', 'without accents');
is(found('q=rundherd herz'), 'a', 'all words');
is(found('q=herz rundherd lappen'), '', 'not inside of words');
is(found('q=sindrom'), '', 'letters are letters');
is(found('q=syndrom'), 'd', 'accents are not');
is(found('q=12.3'), 'a', 'a number');
is(found('q=nachtrag'), 'd', 'a word of an addendum');
is(found('q=luk syn'), 'd', 'and one of the text');
is(found('q=  '), 'd c b a', 'blanks are no condition');
is(found('q=,;!'), '', 'of signs only nothing is found');
is(found("q=x' OR '1'='1"), '', 'no SQL');
is(found('author=' . $t->user_id('physician')), 'd c a', 'by its author');
is(found('author=0abc0000-0000-4000-8000-000000000013'), 'b', 'another');
is(found('q=rundherd&author=' . $t->user_id('physician')), 'a', 'both');
is(found('status=draft'), 'c', 'drafts');
is(found('status=final'), 'd b a', 'final ones');
is(found('status=draft', $t->login('radiographer')), '', 'not for others');
is(found('patient_id=P-1'), 'b a', 'of a patient');
is(found('patient_id=P-1&issuer=TEST'), 'a', 'by whose number');
is(found('q=rund&patient_id=P-1&issuer=OTHER'), 'b', 'with a word');
is(found('date_from=2026-11-02&date_to=2026-11-03'), 'c b', 'of some days');
is(found('date_to=2026-11-01'), 'a', 'up to a day');
is(found('date_from=2026-11-04'), 'd', 'from a day on');
is(found('date_from=2026-11-05'), '', 'none yet');

for my $bad ('author=x', 'status=gone', 'date_from=2026-02-30', 'foo=1',
    'issuer=TEST', 'patient_id=', 'q=1 2 3 4 5 6 7 8 9', 'limit=0',
    'cursor=QUJD')
{
    is(search($bad)->{status}, 400, "refused: $bad");
}

my $res = search('q=herz');
my $item = $res->{json}{items}[0];
is_deeply([map { $item->{$_} } qw(study status version study_date description)],
    ['1.1', 'final', 2, '2026-11-20', 'CT Thorax'], 'what it is');
is_deeply($item->{patient}, { id => 'P-1', issuer => 'TEST',
    name => 'Kova^Jan', birth_date => undef }, 'whose');
is_deeply($item->{author}, { id => $t->user_id('physician'),
    name => 'Dr. Petra Physician' }, 'by whom');
like($item->{excerpt}, qr/^Kein Rundherd\.\nHerz/, 'how it begins');
is(length search('q=syndrom')->{json}{items}[0]{excerpt}, 200, 'cut off');
is(search('q=syndrom')->{json}{items}[0]{version}, 3, 'its ETag');

sub walk {
    my ($query) = @_;
    my @seen;
    my $cursor = '';
    for (1 .. 10) {
        my $res = search("limit=1$query$cursor");
        push @seen, map { $name{$_->{id}} } @{$res->{json}{items}};
        defined $res->{json}{next} or last;
        $cursor = "&cursor=$res->{json}{next}";
    }
    return "@seen";
}

is(walk(''), 'd c b a', 'in pages');
is(walk('&q=rundherd'), 'b a', 'of a search');
is(walk('&author=' . $t->user_id('physician')), 'd c a', 'of an author');
is(walk('&date_to=2026-11-03'), 'c b a', 'up to a day');

is($t->http('facility', GET => '/api/v1/reports', token => $t->login($_))
    ->{status}, 403, "$_ finds none") for qw(facadmin auditor admin);
is($t->psql('facility', "SELECT count(*) FROM audit WHERE event = 'report-list'
    AND detail = 'q=herz' AND user_name = 'Dr. Petra Physician'"), 1,
    'the search is recorded');



# final reports of before there was a search get their words when a server starts

$t->psql('facility', 'DELETE FROM report_words');
$t->psql('facility', "INSERT INTO report_words (word, report)
    VALUES ('nachtrag', '$id{d}'), ('luk', '$id{d}')");
$t->psql('facility', join '', map { sprintf "INSERT INTO reports (id,
        study_uid, author, author_name, created_as, created_at) VALUES (
        '0000%04d-0000-4000-8000-000000000000', '1.3', '%s', '', '',
        '2026-10-01');
    INSERT INTO report_versions (report, version, text, author, author_name)
        SELECT id, 1, 'Alt %d', author, '' FROM reports
        WHERE id = '0000%04d-0000-4000-8000-000000000000';
    INSERT INTO report_finals (report, version)
        VALUES ('0000%04d-0000-4000-8000-000000000000', 1);\n",
    $_, $t->user_id('physician'), $_, $_, $_ } 1 .. 45);
is(found('q=rundherd'), '', 'their words are not there');
$t->stop_nginx();
$t->start_nginx();
for (1 .. 1200) {
    last if $t->psql('facility', "SELECT count(*) FROM report_words
        WHERE word = ''") == 48;
    select undef, undef, undef, 0.1;
}
is(found('q=rundherd', $t->login('physician')), 'b a', 'now they are');
is(found('q=nachtrag syndrom', $t->login('physician')), 'd',
    'of text and addenda');
is(scalar @{search('q=alt', $t->login('physician'))->{json}{items}}, 45,
    'of more than a batch');

$t->finish();
