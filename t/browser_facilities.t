#!/usr/bin/perl

# Two hospitals and a browser that asks each of them itself: lists that are
# merged, one that does not answer, and a study that is opened in an emergency:
# t/browser/facilities.js.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Node;

my $chromium = Test::Dicom::Node::browser();

my $t = Test::Dicom->new();
my $other = Test::Dicom->new(part => 1);

my %id = (
    other  => '0fac0000-0000-4000-8000-000000000002',
    clinic => '0fac0000-0000-4000-8000-000000000003',
    bare   => '0fac0000-0000-4000-8000-000000000004',
);

# From here on both speak TLS, and their URLs say so.
$_->write_conf(tls => 1) for $t, $other;
my $web = $t->url('web');

# The second hospital has a database, a store and servers of its own.  A clinic
# in its cellar takes everybody of the country: its server names no facility.
$other->start_postgres();
$other->psql('template1', 'CREATE DATABASE clinic TEMPLATE facility');
$other->start_worker();
$other->yaml($_, facility => $id{other}, patientIssuer => 'OTHER',
    corsOrigins => [$web]) for qw(facility node);
my $clinic_yaml = $other->read_file('facility.yaml');
$clinic_yaml =~ s/^(?:facility|port|nodeUrl): .*\n//mg;
$clinic_yaml =~ s{^(databaseUrl: .*)/facility}{$1/clinic}m or die;
$other->write_file('clinic.yaml',
    $clinic_yaml . 'port: ' . $other->port('clinic') . "\n");
my @other = (tls => 1, conf => "%%GLOBALS%%\n%%EVENTS%%\nhttp {\n"
    . "%%HTTP%%\n%%SERVERS%%    server {\n"
    . "        listen 127.0.0.1:%%PORT_clinic%% ssl http2;\n"
    . "        client_body_temp_path %%DIR%%/temp/body;\n"
    . "        dicom_config %%DIR%%/clinic.yaml;\n    }\n}\n");
$other->start_nginx(@other);

my $clinic = 'https://127.0.0.1:' . $other->port('clinic');
$t->start_postgres();
$t->start_worker();
$t->yaml('web', connect => [map({ $t->url($_) } qw(toplevel facility node)),
    map({ $other->url($_) } qw(facility node)), $clinic]);
$t->start_nginx(tls => 1);
$t->seed_demo();
$_->allow_alerts(qr/render|upstream/) for $t, $other;

$t->psql('toplevel', "INSERT INTO facilities (id, code, name, patient_issuer)
    VALUES ('$id{other}', 'OTHER', 'Other hospital', 'OTHER'),
        ('$id{clinic}', 'CLINIC', 'Open clinic', 'CLINIC'),
        ('$id{bare}', 'BARE', 'Village practice', '');
    INSERT INTO servers (id, facility, type, name, url) VALUES
        ('05e70000-0000-4000-8000-000000000011', '$id{other}', 'facility',
            'Other facility', '@{[$other->url('facility')]}'),
        ('05e70000-0000-4000-8000-000000000012', '$id{other}', 'node',
            'Other node', '@{[$other->url('node')]}'),
        ('05e70000-0000-4000-8000-000000000013', '$id{clinic}', 'facility',
            'Clinic', '$clinic')");

# The same woman under three numbers.
is($t->http('toplevel', POST => '/api/v1/users', token => $t->login('admin'),
    json => { username => 'rita2', name => 'Rita Two', password => 'long-enough',
        roles => ['radiographer'], facility => $id{other} })->{status}, 201,
    'somebody of the other hospital');
my $rita = $t->login('rita2', 'long-enough');
upload($t, $t->login('radiographer'), PatientID => 'P-1', StudyDate => '20260301',
    StudyDescription => 'Head here');
my $elsewhere = upload($other, $rita, PatientID => 'O-9',
    StudyDate => '20260401', StudyDescription => 'Head there');
upload($other, $rita, PatientID => 'O-9',
    StudyDate => '20260402', StudyDescription => 'Second there');
my @ids = ([TEST => 'P-1'], [OTHER => 'O-9'], [CLINIC => 'C-3']);
my $made = $t->http('toplevel', POST => '/api/v1/patients',
    token => $t->login('radiographer'), json => {
        name => { family => "Kova\x{10d}", given => 'Ana' },
        birth_date => '1968-07-22', sex => 'F', identifiers =>
            [map { { issuer => $_->[0], value => $_->[1] } } @ids] });
is($made->{status}, 201, 'the patient is registered') or diag($made->{body});

# Days that alternate between the two that are open to everybody.
insert_studies($t, facility => 1, 140);
insert_studies($other, clinic => 2, 150);
insert_studies($other, clinic => 3, 1, 'C-3', '2026-02-01', 'Foot');

my $out = $ENV{DICOM_TEST_OUT} || $t->top . '/.build/screenshots';
my $status = Test::Dicom::Node::run(['facilities.js'],
    env => {
        CHROMIUM => $chromium,
        SYSTEM => JSON::PP->new->ascii->encode({
            web => $t->url('web') . '/', password => $Test::Dicom::PASSWORD,
            patient => $made->{json}{id}, study => $elsewhere,
            other => $id{other}, out => $out,
            facility => $t->url('facility'),
            clinic => $clinic, profile => $t->dir . '/browser',
        }),
    },
    do => {
        'stop-other' => sub { $other->stop_nginx() },
        'start-other' => sub { $other->start_nginx(@other) },
    });

is($status, 0, "the browser's way ends well");

# What it left behind.

my $log = $t->psql('toplevel', "SELECT object || ' ' || detail FROM audit
    WHERE event = 'break-glass' ORDER BY at");
is($log, "OTHER|O-9 facility $id{other}: Unconscious, came without papers\n"
    . "$elsewhere facility $id{other}: Unconscious, came without papers",
    'both accesses stand in the trail, with their reason');
is($t->psql('toplevel', "SELECT count(*) FROM audit WHERE event = 'break-glass'
    AND patient = '$made->{json}{id}'"), '2', 'and in the patient\'s log');
is($other->psql('facility', "SELECT count(*) FROM audit
    WHERE event = 'refused' AND detail LIKE '%other-facility%'"), '2',
    'a facility that is closed was asked in vain once by each of the two');

$other->finish();
$t->finish();


# Studies without images, one on every second day back from a date.
sub insert_studies {
    my ($system, $database, $first, $count, $patient, $date, $text) = @_;
    my @rows;
    for my $n (0 .. $count - 1) {
        my $day = $date ? "date '$date'"
            : 'date \'2026-01-31\' - ' . (2 * $n + $first);
        push @rows, sprintf "('2.25.%d%04d', to_char(%s, 'YYYY-MM-DD'), %s, "
            . "'%s', '%s', 'CLINIC', 'MANY^ONE')", $first, $n + 1, $day, $day,
            $text // "Study of $database", $patient // "N-$n";
    }
    $system->psql($database, 'INSERT INTO studies (uid, sort_key, study_date, '
        . 'description, patient_id, patient_issuer, patient_name) VALUES '
        . join ",\n", @rows);
}


# One small CT of a facility's own; returns its Study Instance UID.
sub upload {
    my ($system, $token, %more) = @_;

    my %uid = map { $_ => Test::Dicom::File::uid() } qw(study series frame);
    for my $n (1 .. 6) {
        my $pixels = pack 's<*', map { my $row = $_;
            map { ($_ - 32) ** 2 + ($row - 32) ** 2 < 600
                ? $_ * 8 - 100 : -1000 } 0 .. 63 } 0 .. 63;
        my $res = $system->http('node', PUT => '/api/v1/instances',
            token => $token,
            headers => { 'Content-Type' => 'application/dicom' },
            body => $system->dicom_file(
                SOPClassUID => '1.2.840.10008.5.1.4.1.1.2', Modality => 'CT',
                PatientName => 'KOVAC^ANA', PatientSex => 'F',
                StudyInstanceUID => $uid{study},
                SeriesInstanceUID => $uid{series},
                FrameOfReferenceUID => $uid{frame}, StudyTime => '101500',
                InstanceNumber => $n, Rows => 64, Columns => 64,
                PixelSpacing => '1.5\1.5', SliceThickness => 2,
                ImageOrientationPatient => '1\0\0\0\1\0',
                ImagePositionPatient => "-48\\-48\\" . 2 * $n,
                PixelRepresentation => 1, RescaleSlope => 1,
                RescaleIntercept => 0, RescaleType => 'HU',
                WindowCenter => 100, WindowWidth => 800, %more,
                pixels => $pixels));
        is($res->{status}, 201, "image $n") or diag($res->{body});
    }
    return $uid{study};
}
