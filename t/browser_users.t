#!/usr/bin/perl

# Those who manage people, in a real browser: users, their roles and passwords,
# and who looked at a patient: t/browser/users.js.

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

my $physician = $t->login('physician');
my $patient = $t->http('toplevel', POST => '/api/v1/patients',
    token => $physician, json => { name => { family => 'Horvat',
        given => 'Ivan' }, birth_date => '1951-02-03', sex => 'M',
        identifiers => [{ issuer => 'TEST', value => 'P-7' }] })->{json}{id};
is($t->http('node', PUT => '/api/v1/instances', token => $physician,
    body => $t->dicom_file(PatientID => 'P-7', StudyInstanceUID => '2.25.7',
        PatientName => 'HORVAT^IVAN'))->{status}, 201, 'a study');
$t->http('facility', GET => '/api/v1/studies/2.25.7', token => $physician);

my $status = Test::Dicom::Node::run(['users.js'],
    env => {
        CHROMIUM => $chromium,
        SYSTEM => JSON::PP->new->ascii->encode({
            web => $t->url('web') . '/', password => $Test::Dicom::PASSWORD,
            patient => $patient,
            out => $ENV{DICOM_TEST_OUT} || $t->top . '/.build/screenshots',
            profile => $t->dir . '/browser',
        }),
    },
    do => {
        # Somebody else changes the user meanwhile.
        rename => sub {
            $t->psql('toplevel', "UPDATE users SET name = 'Mara Married',
                version = version + 1 WHERE username = 'mara'");
        },
    });

is($status, 0, "the browser's way ends well");
is($t->psql('toplevel', "SELECT name || ' ' || roles || ' ' || active
    FROM users WHERE username = 'mara'"), 'Mara Horvat radiographer false',
    'what the screens left behind');
is($t->psql('toplevel', "SELECT string_agg(event, ' ' ORDER BY at) FROM audit
    WHERE object = (SELECT id::TEXT FROM users WHERE username = 'mara')
        AND event NOT IN ('user-read', 'login')"),
    'user-create user-reset user-change user-change user-change '
        . 'user-deactivate',
    'each stands in the trail');

$t->finish();
