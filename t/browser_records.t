#!/usr/bin/perl

# Records in a real browser: duplicates of a patient merged and the merge
# undone, reports found by their words: t/browser/records.js.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Node;

my $chromium = Test::Dicom::Node::browser();

my $t = Test::Dicom->new();

$t->start_postgres();
$t->start_worker();
$t->start_nginx(tls => 1);
$t->seed_demo();
# Two at once: a user who manages the records and reads the pictures.
$t->psql('toplevel', "UPDATE users SET roles = 'facility_admin physician'
    WHERE username = 'facadmin'");

my $token = $t->login('physician');
my %id;
for my $one ([ana => "Babi\x{107}", 'Ana', 'P-1'],
    [twin => 'Babic', 'Anna', 'P-2'], [other => 'Babin', 'Ante', 'P-3'])
{
    my ($name, $family, $given, $number) = @$one;
    my $res = $t->http('toplevel', POST => '/api/v1/patients',
        token => $token, json => { birth_date => '1970-05-06', sex => 'F',
            name => { family => $family, given => $given },
            identifiers => [{ issuer => 'TEST', value => $number }] });
    is($res->{status}, 201, "$given is registered") or diag($res->{body});
    $id{$name} = $res->{json}{id};
    my ($digit) = $number =~ /(\d)/;
    is($t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $t->dicom_file(PatientID => $number,
            StudyInstanceUID => "2.25.$digit",
            StudyDescription => "Study of $number",
            PatientName => "BABIC^\U$given"))->{status}, 201, 'a study');
}

report('2.25.1', 'Fracture of the left radius.', 1);
report('2.25.2', 'No fracture, a sprained wrist.', 1);
report('2.25.3', 'Not finished, fracture?', 0);

my $status = Test::Dicom::Node::run(['records.js'],
    env => {
        CHROMIUM => $chromium,
        SYSTEM => JSON::PP->new->ascii->encode({
            web => $t->url('web') . '/', password => $Test::Dicom::PASSWORD,
            %id, profile => $t->dir . '/browser',
            out => $ENV{DICOM_TEST_OUT} || $t->top . '/.build/screenshots',
        }),
    },
    do => {
        touch => sub {
            $t->http('toplevel', PATCH => "/api/v1/patients/$id{twin}",
                token => $token, headers => { 'If-Match' => '*' },
                json => { sex => 'O' });
        },
    });

is($status, 0, "the browser's way ends well");
is($t->psql('toplevel', "SELECT string_agg(event || ' ' || outcome, ', '
    ORDER BY at) FROM (SELECT DISTINCT event, outcome, at FROM audit
    WHERE event LIKE 'patient-%merge%') AS e"),
    'patient-merge success, patient-unmerge success',
    'what stands in the trail');

$t->finish();


sub report {
    my ($study, $text, $final) = @_;
    my $res = $t->http('facility',
        POST => "/api/v1/studies/$study/reports", token => $token,
        json => { text => $text });
    is($res->{status}, 201, "a report: $text") or diag($res->{body});
    is($t->http('facility',
        POST => "/api/v1/reports/$res->{json}{id}/finalize", token => $token,
        headers => { 'If-Match' => $res->{headers}{etag} })->{status}, 200,
        'final') if $final;
}
