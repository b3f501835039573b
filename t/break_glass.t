#!/usr/bin/perl

# In an emergency a physician opens a study of another facility: with a reason,
# that study only, for reading only, and on record at both levels.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->start_postgres();
$t->start_worker();
$t->start_nginx();
$t->seed_demo();

my $other = '0fac0000-0000-4000-8000-000000000002';
my $facility = $t->facility_id;
$t->psql('toplevel', "INSERT INTO facilities (id, code, name)
    VALUES ('$other', 'OTHER', 'Other hospital');
    UPDATE users SET facility = '$other' WHERE username = 'physician'");

my $local = $t->login('facadmin');
for my $n (1, 2) {
    is($t->http('node', PUT => '/api/v1/instances', token => $local,
        body => $t->dicom_file(StudyInstanceUID => "2.25.$n",
            SeriesInstanceUID => "2.25.$n.1",
            SOPInstanceUID => "2.25.$n.1.1", PatientID => "P-$n"))->{status},
        201, "study $n");
}
my $physician = $t->login('physician');
my $p = $t->http('toplevel', POST => '/api/v1/patients', token => $physician,
    json => { name => { family => 'Ana' }, identifiers =>
        [{ issuer => 'TEST', value => 'P-1' }] })->{json};

my %reason = (facility => $facility, issuer => 'TEST', patient_id => 'P-1',
    reason => 'Unconscious, prior images needed');

sub glass {
    my ($token, %body) = @_;
    return $t->http('toplevel', POST => '/api/v1/break-glass',
        token => $token, json => { %reason, %body });
}

sub see {
    my ($role, $method, $path, %opt) = @_;
    return $t->http($role, $method => $path, %opt);
}


is(see('facility', GET => '/api/v1/studies/2.25.1', token => $physician)
    ->{json}{type}, 'urn:dicom:problem:other-facility',
    'another facility\'s study');

is(glass($physician, %$_)->{status}, 422, 'refused: ' . join ' ', %$_)
    for { reason => 'short' }, { facility => $other }, { study => 'x' },
        { facility => '0fac0000-0000-4000-8000-000000000404' },
        { issuer => 'A|B' };
is(glass($t->login($_))->{status}, 403, "not by $_")
    for qw(radiographer facadmin admin auditor);

my $res = glass($physician, study => '2.25.1');
is($res->{status}, 200, 'the glass is broken') or diag($res->{body});
cmp_ok($res->{json}{expires_in}, '<=', 900, 'for a quarter of an hour');
my $token = $res->{json}{token};

# What it opens

my $of = '?issuer=TEST&patient_id=';
is(see('facility', GET => "/api/v1/studies${of}P-1", token => $token)
    ->{json}{items}[0]{uid}, '2.25.1', 'the patient\'s studies');
is(see('facility', GET => '/api/v1/studies/2.25.1', token => $token)
    ->{status}, 200, 'the study');
is(see('facility', GET => '/api/v1/studies/2.25.1/reports', token => $token)
    ->{status}, 200, 'its reports');
is(see('node', GET => '/dicom-web/studies/2.25.1/series/2.25.1.1/instances',
    token => $token)->{status}, 200, 'its instances');
$res = see('node', POST => '/api/v1/stacks', token => $token,
    json => { study => '2.25.1', series => '2.25.1.1' });
is($res->{status}, 202, 'a stack of it');
my $stack = $res->{json}{id};
for (1 .. 600) {
    last if (see('node', GET => "/api/v1/stacks/$stack", token => $token)
        ->{json}{state} // '') eq 'ready';
    select undef, undef, undef, 0.1;
}
is(see('node', GET => "/api/v1/stacks/$stack/layers/0", token => $token)
    ->{status}, 200, 'its picture');

# What it does not

my @beyond = (
    [facility => GET => '/api/v1/studies'],
    [facility => GET => "/api/v1/studies${of}P-2"],
    [facility => GET => '/api/v1/studies?issuer=TEST&patient_id=P-10'],
    [facility => GET => '/api/v1/studies?patient_id=P-1'],
    [facility => GET => '/api/v1/studies/2.25.2'],
    [facility => GET => '/api/v1/studies/2.25.2/reports'],
    [facility => POST => '/api/v1/studies/2.25.1/reports', { text => 'x' }],
    [facility => DELETE => '/api/v1/studies/2.25.1'],
    [facility => GET => '/api/v1/series/2.25.2.1'],
    [facility => GET => '/dicom-web/studies'],
    [node => GET => '/dicom-web/studies/2.25.2/series/2.25.2.1/instances'],
    [node => POST => '/api/v1/stacks',
        { study => '2.25.2', series => '2.25.2.1' }],
    [node => PUT => '/api/v1/instances', undef],
    [toplevel => POST => '/api/v1/token'],
    [toplevel => GET => '/api/v1/me'],
    [toplevel => GET => "/api/v1/patients/$p->{id}"],
    [toplevel => POST => '/api/v1/break-glass', { %reason }]);
for my $case (@beyond) {
    my ($role, $method, $path, $json) = @$case;
    is(see($role, $method => $path, token => $token,
        $json ? (json => $json) : ())->{status}, 403, "not $method $path");
}
$res = see('node', POST => '/api/v1/stacks', token => $token,
    json => { study => '2.25.1', series => '2.25.2.1' });
is($res->{status}, 404, 'nor a series of another study');

# A study that is not the patient's: the top level cannot know, the facility does

$res = glass($physician, study => '2.25.2');
is($res->{status}, 200, 'a study of somebody else is asked for');
my $wrong = $res->{json}{token};
for my $case ([facility => GET => '/api/v1/studies/2.25.2'],
    [facility => GET => '/api/v1/studies/2.25.2/reports'],
    [facility => GET => '/dicom-web/studies/2.25.2/series'],
    [node => GET => '/dicom-web/studies/2.25.2/series/2.25.2.1/instances'],
    [node => GET => '/dicom-web/studies/2.25.2/series/2.25.2.1/instances/'
        . '2.25.2.1.1'],
    [node => POST => '/api/v1/stacks',
        { study => '2.25.2', series => '2.25.2.1' }])
{
    my ($role, $method, $path, $json) = @$case;
    $res = see($role, $method => $path, token => $wrong,
        headers => { Accept => 'application/json, application/dicom' },
        $json ? (json => $json) : ());
    is("$res->{status} " . ($res->{json}{detail} // ''),
        "403 The study is another patient's.", "not $method $path");
}
is(see('facility', GET => "/api/v1/studies${of}P-1", token => $wrong)
    ->{status}, 200, 'the patient\'s own are listed');
is(see('facility', GET => '/api/v1/studies/2.25.404', token =>
    glass($physician, study => '2.25.404')->{json}{token})->{status}, 404,
    'a study that is not there is not there');

$token = glass($physician)->{json}{token};
is(see('facility', GET => "/api/v1/studies${of}P-1", token => $token)
    ->{status}, 200, 'without a study: the list');
is(see('facility', GET => '/api/v1/studies/2.25.1', token => $token)
    ->{status}, 403, 'and no study');

# The record

$res = $t->http('toplevel', GET => "/api/v1/patients/$p->{id}/accesses",
    token => $t->login('auditor'));
my ($event) = grep { $_->{event} eq 'break-glass' && $_->{object} eq '2.25.1' }
    @{$res->{json}{items}};
is($event->{user}{id}, $t->user_id('physician'), 'the access log: who');
is($event->{detail}, "facility $facility: $reason{reason}", 'and why');

$res = $t->http('facility', GET => '/api/v1/accesses?identifier=TEST|P-1',
    token => $t->login('auditor'));
my @reads = grep { join(' ', @{$_->{user}{roles}}) eq 'emergency' }
    @{$res->{json}{items}};
my %read = map { $_->{event} => 1 } grep { $_->{outcome} eq 'success' } @reads;
is(join(' ', sort keys %read), 'report-read series-open '
    . 'series-read study-read', 'the facility\'s: what was read');
is($reads[0]{user}{name}, 'Dr. Petra Physician', 'by whom');

# An account that ended

$t->psql('toplevel', "UPDATE users SET active = false
    WHERE username = 'physician'");
is(glass($physician)->{status}, 401, 'nobody who is disabled');

is($t->http('toplevel', POST => '/api/v1/users', token => $t->login('admin'),
    json => { username => 'eve', name => 'Eve', password => 'long-enough-1',
        roles => ['emergency'] })->{status}, 422, 'nobody has the role');

$t->finish();
