#!/usr/bin/perl

# Those who watch the system, in a real browser: servers and their health, the
# audit trail, who looked at a patient anywhere: t/browser/audit.js.

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
$t->write_conf(tls => 1);
my $silent = 'https://127.0.0.1:' . $t->port('silent');
$t->yaml('web', connect => [map({ $t->url($_) } qw(toplevel facility node)),
    $silent]);
$t->start_nginx(tls => 1);
$t->seed_demo();

my $physician = $t->login('physician');
is($t->http('node', PUT => '/api/v1/instances', token => $physician,
    body => $t->dicom_file(PatientID => 'P-7', StudyInstanceUID => '2.25.7',
        PatientName => 'HORVAT^IVAN'))->{status}, 201, 'a study');
$t->http('facility', GET => $_, token => $physician)
    for '/api/v1/studies/2.25.7', '/api/v1/studies/2.25.8';
$t->http('toplevel', GET => '/api/v1/users', token => $physician);
is($t->http('toplevel', POST => '/api/v1/users/'
    . $t->user_id('radiographer') . '/reset', token => $t->login('admin'))
    ->{status}, 200, 'a password is reset');

# More than two pages of records.
$t->psql('toplevel', "INSERT INTO audit (id, at, server, event, outcome,
    user_id, user_name, roles, address, object)
    SELECT gen_random_uuid(), now() - n * interval '1 minute', 'Old server',
        'patient-read', 'success', '@{[$t->user_id('radiographer')]}',
        'Rita Radiographer', 'radiographer', '10.0.0.1', 'old ' || n
    FROM generate_series(60, 310) AS n");

my $status = Test::Dicom::Node::run(['audit.js'],
    env => {
        CHROMIUM => $chromium,
        SYSTEM => JSON::PP->new->ascii->encode({
            web => $t->url('web') . '/', password => $Test::Dicom::PASSWORD,
            silent => $silent, node => $t->url('node'),
            out => $ENV{DICOM_TEST_OUT} || $t->top . '/.build/screenshots',
            profile => $t->dir . '/browser',
        }),
    });

is($status, 0, "the browser's way ends well");
$t->finish();
