#!/usr/bin/perl

# Facilities, servers and modalities of the top level: create, read, list,
# change, deactivate; versions, repeated creates, pages, wrong input.

use strict;
use warnings;
use utf8;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->start_postgres();
$t->start_nginx();
$t->seed_demo();

my $admin = $t->login('admin');
my $none = '00000000-0000-4000-8000-00000000dead';

sub api {
    my ($method, $path, %opt) = @_;
    return $t->http('toplevel', $method => "/api/v1$path", token => $admin,
        %opt);
}

sub fields {
    my ($res) = @_;
    return join ' ', sort map { $_->{field} } @{$res->{json}{errors} || []};
}

sub slug { ($_[0]{json}{type} // '') =~ s/^urn:dicom:problem://r }


# create, read

my $res = api(POST => '/facilities', json => { name => 'Müller-Klinik',
    code => 'MK1', city => 'Köln', country => undef });
is($res->{status}, 201, 'facility created');
my $f = $res->{json};
is($f->{name}, "M\x{fc}ller-Klinik", 'name in UTF-8');
is($f->{country}, undef, 'empty text is null');
is($f->{version}, 1, 'first version');
ok($f->{active}, 'active');
like($f->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/, 'RFC 3339');
is($res->{headers}{etag}, '"1"', 'ETag');
is($res->{headers}{location}, "/api/v1/facilities/$f->{id}", 'Location');

$res = api(GET => "/facilities/$f->{id}");
is($res->{status}, 200, 'facility read');
is_deeply($res->{json}, $f, 'as it was created');
is($res->{headers}{etag}, '"1"', 'ETag');

is(api(GET => '/facilities/' . uc $f->{id})->{status}, 200,
    'an id in upper case is the same');
is(api(GET => "/facilities/$_")->{status}, 404, "no facility $_")
    for $none, 'x', '1;drop', '%27%20or%201=1', "$f->{id}x";


# the same create again

my $id = '11111111-2222-4333-8444-555555555555';
my $body = { id => $id, name => 'Again', code => 'AG', city => 'Bonn' };
is(api(POST => '/facilities', json => $body)->{status}, 201, 'with own id');
$res = api(POST => '/facilities', body =>
    qq({"city":"Bonn","code":"AG", "id":"$id","name":"Again"}),
    headers => { 'Content-Type' => 'application/json' });
is($res->{status}, 200, 'the same again');
is($res->{json}{id}, $id, 'is the same row');
$res = api(POST => '/facilities', json => { %$body, city => 'Berlin' });
is($res->{status}, 409, 'another body');
is(slug($res), 'id-conflict', 'is a conflict of ids');

$res = api(POST => '/facilities', json => { name => 'B', code => 'MK1' });
is($res->{status}, 409, 'code taken');
is(slug($res), 'conflict', 'conflict');
is(fields($res), 'code', 'names the field');


# wrong input

$res = api(POST => '/facilities', json => { code => 5, nmae => 'x',
    city => 'y' x 1000, active => 'yes' });
is($res->{status}, 422, 'invalid facility');
is(slug($res), 'validation-failed', 'validation-failed');
is(fields($res), 'active city code name nmae', 'each field is named');
is(fields(api(POST => '/facilities', json => { id => 7, name => 'x',
    code => 'y' })), 'id', 'an id that is none');
is(api(POST => '/facilities', body => '{"name":',
    headers => { 'Content-Type' => 'application/json' })->{status}, 400,
    'malformed JSON');
is(api(POST => '/facilities', json => [1])->{status}, 400, 'not an object');
is(api(POST => '/facilities', body => 'x')->{status}, 415, 'not JSON');
is(api(POST => '/facilities', json => { name => "a\0b", code => 'z' })
    ->{status}, 400, 'NUL');


# change

sub patch {
    my ($path, $etag, $json, $type) = @_;
    return api(PATCH => $path, json => $json, headers => {
        defined $etag ? ('If-Match' => $etag) : (),
        'Content-Type' => $type // 'application/merge-patch+json' });
}

my $at = "/facilities/$f->{id}";
$res = patch($at, undef, { city => 'Bonn' });
is($res->{status}, 428, 'change without If-Match');
$res = patch($at, '"7"', { city => 'Bonn' });
is($res->{status}, 412, 'change of a version that is none');
$res = patch($at, '"1"', { city => 'Bonn', address => 'Am Ring 1' });
is($res->{status}, 200, 'changed');
is($res->{json}{city}, 'Bonn', 'city');
is($res->{json}{name}, $f->{name}, 'name is as it was');
is($res->{headers}{etag}, '"2"', 'new version');
is(patch($at, '"1"', { city => 'Aachen' })->{status}, 412, 'stale version');
$res = patch($at, '*', { city => undef }, 'application/json');
is($res->{status}, 200, 'any version');
is($res->{json}{city}, undef, 'null removes');
is($res->{json}{address}, 'Am Ring 1', 'and only that');

is(fields(patch($at, '*', { name => undef })), 'name', 'a required member');
is(fields(patch($at, '*', { id => $none })), 'id', 'the id stays');
is(fields(patch($at, '*', { version => 9 })), 'version', 'the version too');
is(fields(patch($at, '*', { code => 'AG' })), 'code', 'a code taken');
is(patch("/facilities/$none", '*', {})->{status}, 404, 'no such facility');
is(api(GET => $at)->{headers}{etag}, '"3"', 'refused changes changed nothing');


# deactivate

is(api(DELETE => $at)->{status}, 428, 'DELETE without If-Match');
is(api(DELETE => $at, headers => { 'If-Match' => '"1"' })->{status}, 412,
    'DELETE of a stale version');
$res = api(DELETE => $at, headers => { 'If-Match' => '"1", W/"3"' });
is($res->{status}, 204, 'deactivated');
is($res->{body} // '', '', 'nothing to say');
ok(!api(GET => $at)->{json}{active}, 'inactive, but there');
is(api(DELETE => $at, headers => { 'If-Match' => '"4"' })->{status}, 204,
    'again');
is(api(GET => $at)->{headers}{etag}, '"4"', 'changes nothing');

sub names {
    my ($res) = @_;
    return join ',', map { $_->{code} } @{$res->{json}{items}};
}

unlike(names(api(GET => '/facilities')), qr/MK1/, 'not listed');
like(names(api(GET => '/facilities?active=false')), qr/MK1/, 'among inactive');
like(names(api(GET => '/facilities?active=all')), qr/AG.*MK1/, 'among all');
is(patch($at, '*', { active => JSON::PP::true() })->{status}, 200,
    'activated again');


# search and pages

is(names(api(GET => '/facilities?q=muller')), 'MK1', 'without accents');
is(names(api(GET => '/facilities?q=KLINIK%20M%C3%9CL')), 'MK1', 'words');
is(names(api(GET => '/facilities?q=mk1')), 'MK1', 'code');
is(names(api(GET => '/facilities?q=linik')), '', 'not inside of words');
is(names(api(GET => "/facilities?q=%27%25_")), '', 'signs only: nothing');
is(names(api(GET => "/facilities?q=%20")), names(api(GET => '/facilities')),
    'no words, all');

# an id is the same however it is written

my %upper = (id => 'ABCDEF00-0000-4000-8000-00000000ABCD', name => 'Upper',
    code => 'UP');
my @ids;
for my $id ($upper{id}, $upper{id}, lc $upper{id}) {
    $res = api(POST => '/facilities', json => { %upper, id => $id });
    push @ids, "$res->{status} $res->{json}{id}";
}
is("@ids", join(' ', map { "$_ " . lc $upper{id} } 201, 200, 200),
    'a client\'s id in capitals, twice, and in small letters');

for my $n (1 .. 23) {
    api(POST => '/facilities', json => { name => "Page " . $n % 5,
        code => sprintf('P%02d', $n) })->{status} == 201 or die;
}

my ($cursor, @seen, $pages) = ('');
do {
    $res = api(GET => "/facilities?q=page&limit=4$cursor");
    push @seen, map { $_->{code} } @{$res->{json}{items}};
    $cursor = '&cursor=' . ($res->{json}{next} // '');
    $pages++;
} while (defined $res->{json}{next} && $pages < 20);

is($pages, 6, 'six pages');
is(scalar @seen, 23, 'all rows');
my %once = map { $_ => 1 } @seen;
is(scalar keys %once, 23, 'each once');

is(api(GET => "/facilities?$_")->{status}, 400, "refused: $_")
    for 'limit=0', 'limit=501', 'limit=x', 'cursor=', 'cursor=abc',
        'cursor=YR9i', 'cursor=%00', 'active=maybe', 'nonsense=1',
        'q=%ff', 'limit=1&limit=2', 'q=' . 'a' x 201;


# servers

$res = api(POST => '/servers', json => { type => 'node', name => 'Node 1',
    url => 'https://node.example:8446', facility => $f->{id} });
is($res->{status}, 201, 'server created');
my $s = $res->{json};
is($s->{facility}, $f->{id}, 'of the facility');
$res = api(POST => '/servers', json => { type => 'web', name => 'Web',
    url => 'https://web.example' });
is($res->{status}, 201, 'server without facility');
is($res->{json}{facility}, undef, 'null');

$res = api(POST => '/servers', json => { type => 'x', name => 'N',
    url => 'https://a' });
is(fields($res), 'type', 'type');
$res = api(POST => '/servers', json => { type => 'node', name => 'N',
    url => 'javascript:alert(1)' });
is(fields($res), 'url', 'url');
$res = api(POST => '/servers', json => { type => 'node', name => 'N',
    url => 'https://a', facility => $none });
is($res->{status}, 422, 'no such facility');
is(fields($res), 'facility', 'facility');
$res = patch("/servers/$s->{id}", '"1"', { facility => $none });
is(fields($res), 'facility', 'the same when changed');
$res = patch("/servers/$s->{id}", '"1"', { facility => undef });
is($res->{json}{facility}, undef, 'taken from the facility');

is(join(' ', map { $_->{type} } @{api(GET => '/servers?type=web')->{json}{items}})
    =~ s{ web}{}gr, 'web', 'by type');
is(scalar @{api(GET => "/servers?facility=$f->{id}")->{json}{items}}, 0,
    'by facility');
is(api(GET => '/servers?facility=x')->{status}, 400, 'not a facility');


# modalities

$res = api(GET => '/modalities?limit=500');
is(scalar(grep { $_->{code} eq 'CT' && $_->{name} && $_->{active} }
    @{$res->{json}{items}}), 1, 'CT is a modality');
$res = api(GET => '/modalities?limit=3');
is(scalar @{$res->{json}{items}}, 3, 'three of them');
$res = api(GET => "/modalities?limit=1&cursor=$res->{json}{next}");
is($res->{json}{items}[0]{code}, 'CT', 'the fourth');
is(join(' ', map { $_->{code} } @{api(GET => '/modalities?q=comp')
    ->{json}{items}}), 'CR CT', 'by word');

my $own = '0abc0000-0000-4000-8000-0000000000aa';
my %optical = (id => $own, code => 'OPV', name => 'Perimètre');
$res = api(POST => '/modalities', json => \%optical);
is("$res->{status} $res->{headers}{etag} $res->{headers}{location}",
    "201 \"1\" /api/v1/modalities/$own", 'a new one');
is(api(POST => '/modalities', json => \%optical)->{status}, 200, 'again');
is(api(POST => '/modalities', json => { %optical, name => 'x' })->{status},
    409, 'another body');
$res = api(POST => '/modalities', json => { code => 'CT', name => 'x' });
is("$res->{status} $res->{json}{errors}[0]{field}", '409 code',
    'a code that is taken');
for my $code ('X' x 17, '', 'ct', ' CT', 'CT ', 'C-T', "C\x{c4}", "C\tT") {
    $res = api(POST => '/modalities', json => { code => $code, name => 'x' });
    is("$res->{status} " . fields($res), '422 code', "no CS: '$code'");
}
is(api(POST => '/modalities', json => { code => 'X_2 A' . 'B' x 11,
    name => 'x' })->{status}, 201, 'a CS of all that it may have');
is(api(GET => '/modalities?q=perimetre')->{json}{items}[0]{id}, $own, 'found');
is(api(PATCH => "/modalities/$own", json => { name => 'x' })->{status}, 428,
    'no change of the unseen');
$res = api(PATCH => "/modalities/$own", json => { name => 'Perimetry' },
    headers => { 'If-Match' => '"1"' });
is("$res->{status} $res->{json}{name} $res->{json}{code}",
    '200 Perimetry OPV', 'changed');
is(api(DELETE => "/modalities/$own", headers => { 'If-Match' => '"2"' })
    ->{status}, 204, 'deactivated');
is(api(GET => "/modalities/$own")->{json}{active}, JSON::PP::false,
    'but there');
is(scalar @{api(GET => '/modalities?q=perim')->{json}{items}}, 0,
    'not in the list');


# who may what

for my $who (qw(facadmin physician radiographer auditor)) {
    my $token = $t->login($who);
    is($t->http('toplevel', GET => '/api/v1/facilities', token => $token)
        ->{status}, 200, "$who reads facilities");
    is($t->http('toplevel', POST => '/api/v1/facilities', token => $token,
        json => { name => 'x', code => "by $who" })->{status}, 403,
        "$who creates none");
    is($t->http('toplevel', DELETE => $at =~ s{^}{/api/v1}r, token => $token,
        headers => { 'If-Match' => '*' })->{status}, 403, "nor ends one");
}

is($t->http('toplevel', GET => '/api/v1/facilities')->{status}, 401,
    'nobody without a token');


# the audit trail

is($t->http('toplevel', GET => '/api/v1/audit', token => $admin)->{status},
    403, 'the audit trail is not for administrators');

my $auditor = $t->login('auditor');
($cursor, @seen, $pages) = ('');
do {
    $res = $t->http('toplevel', GET => "/api/v1/audit?limit=9$cursor",
        token => $auditor);
    push @seen, @{$res->{json}{items} || []};
    $cursor = '&cursor=' . ($res->{json}{next} // '');
    $pages++;
} while (defined $res->{json}{next} && $pages < 40);

my @of = grep { ($_->{object} // '') eq $f->{id} } @seen;
is(join(' ', map { $_->{event} } reverse @of), 'facility-create '
    . 'facility-change facility-change facility-deactivate facility-change',
    'what was done to the facility, and no more');
is($of[0]{user}{name}, 'Ada Admin', 'by whom');
is($of[0]{user}{id}, $t->user_id('admin'), 'with id');
is($of[0]{address}, '127.0.0.1', 'from where');
%once = map { $_->{id} => 1 } @seen;
is(scalar keys %once, scalar @seen, 'each event once');
is($t->http('toplevel', GET => '/api/v1/audit?cursor=' . $_,
    token => $auditor)->{status}, 400, "forged cursor $_")
    for 'MjAyNi0wMi0zMSAwMDowMDowMCswMB9mZmZmZmZmZi1mZmZmLWZmZmYtZmZmZi1mZmZm'
        . 'ZmZmZmZmZmY', 'eB95';

$t->finish();
