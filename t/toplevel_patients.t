#!/usr/bin/perl

# Patients: names in any script, identifiers qualified by issuer, search
# without regard to case and accents, access log.

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

my $physician = $t->login('physician');

sub api {
    my ($method, $path, %opt) = @_;
    return $t->http('toplevel', $method => "/api/v1$path",
        token => $physician, %opt);
}

sub fields {
    my ($res) = @_;
    return join ' ', sort map { $_->{field} } @{$res->{json}{errors} || []};
}

sub slug { ($_[0]{json}{type} // '') =~ s/^urn:dicom:problem://r }

sub patch {
    my ($path, $json, $etag) = @_;
    return api(PATCH => $path, json => $json,
        headers => { 'If-Match' => $etag // '*' });
}

sub uri {
    my ($text) = @_;
    utf8::encode($text);
    return $text =~ s/([^A-Za-z0-9_.-])/sprintf '%%%02X', ord $1/ger;
}

sub find {
    my ($q, $more) = @_;
    my $res = api(GET => '/patients?q=' . uri($q) . ($more // ''));
    return "status $res->{status}" if $res->{status} != 200;
    return join ' | ', map { $_->{name}{family} // $_->{name}{given} }
        @{$res->{json}{items}};
}


# create, read

my $res = api(POST => '/patients', json => {
    name => { family => 'Müller-Lüdenscheidt', given => 'Zoë Anna',
        prefix => 'Dr.' },
    birth_date => '1960-02-29', sex => 'F',
    identifiers => [{ issuer => 'A', value => '0012-34' },
        { issuer => 'B', value => '77' }] });
is($res->{status}, 201, 'patient created');
my $p = $res->{json};
is($p->{name}{family}, 'Müller-Lüdenscheidt', 'family name');
is($p->{name}{middle}, undef, 'no middle name');
is($p->{birth_date}, '1960-02-29', 'birth date');
is_deeply($p->{identifiers}, [{ issuer => 'A', value => '0012-34' },
    { issuer => 'B', value => '77' }], 'identifiers in their order');
my $at = "/patients/$p->{id}";
is_deeply(api(GET => $at)->{json}, $p, 'read');

my @others = (
    ['Мюллер', 'Анна'], ['Łukasiewicz', 'Ján'], ['Muller', 'Hans'],
    ['Mulder', 'Anna Annika'], ["O'Brien", 'Seán'], ['山田', '太郎'],
    ['Đurić', 'Søren'], ['Strauß', 'Æthel'], ['ΣΊΣΥΦΟΣ', 'Άννα'],
    ['İnci', 'Işık'], ['Nguyễn', 'Văn'], ['محمد', 'أحمد'], ['김', '철수'],
);
for my $n (@others) {
    api(POST => '/patients', json => { name => { family => $n->[0],
        given => $n->[1] } })->{status} == 201 or die "$n->[0]\n";
}


# search

is(find('müller'), 'Muller | Müller-Lüdenscheidt', 'accents');
is(find('MULLER'), 'Muller | Müller-Lüdenscheidt', 'case');
is(find('Mul'), 'Mulder | Muller | Müller-Lüdenscheidt', 'prefix');
is(find('anna mul'), 'Mulder | Müller-Lüdenscheidt', 'all words');
is(find('zoe anna ludensch'), 'Müller-Lüdenscheidt', 'any part');
is(find('müller-lüdenscheidt'), 'Müller-Lüdenscheidt', 'hyphens');
is(find('denscheidt'), '', 'not inside of words');
is(find('dr'), 'Müller-Lüdenscheidt', 'prefix of the name');
is(find('ann'), 'Mulder | Müller-Lüdenscheidt', 'each patient once');
is(find('lukasiewicz jan'), 'Łukasiewicz', 'l with stroke');
is(find('djuric'), '', 'd with stroke is d');
is(find('duric soren'), 'Đurić', 'o with stroke');
is(find('STRAUSS aethel'), 'Strauß', 'sharp s, ae');
is(find('obrien'), "O'Brien", 'apostrophe left out');
is(find('o’brien'), "O'Brien", 'another apostrophe');
is(find('мюллер'), 'Мюллер', 'Cyrillic');
is(find('σίσυφος'), 'ΣΊΣΥΦΟΣ', 'Greek, final sigma');
is(find('山'), '山田', 'Han');
is(find('nguyen van'), 'Nguyễn', 'two marks on a letter');
is(find('inci isik'), 'İnci', 'Turkish');
is(find('احمد'), 'محمد', 'Arabic with and without hamza');
is(find('김'), '김', 'Hangul');
is(find('001234'), 'Müller-Lüdenscheidt', 'number without punctuation');
is(find('0012-3'), 'Müller-Lüdenscheidt', 'begin of a number');
is(find('mül 77'), 'Müller-Lüdenscheidt', 'name and number');
is(find('mul%'), 'Mulder | Muller | Müller-Lüdenscheidt', 'no wildcards');
is(find("x' OR '1'='1"), '', 'no SQL');
is(find('mul', '&birth_date=1960-02-29'), 'Müller-Lüdenscheidt',
    'with birth date');
is(find('mul', '&birth_date=1960-02-30'), 'status 400', 'no such day');
is(find(join ' ', 1 .. 9), 'status 400', 'too many words');
is(find('', '&identifier=' . uri('A|0012-34')), 'Müller-Lüdenscheidt',
    'identifier');
is(find('', '&identifier=' . uri('B|0012-34')), '', 'of another issuer');
is(find('', '&identifier=A'), 'status 400', 'identifier without issuer');
is(find('x', '&identifier=' . uri('A|1')), 'status 400', 'both');
is(scalar @{api(GET => '/patients?birth_date=1960-02-29')->{json}{items}}, 1,
    'birth date alone');
is(scalar @{api(GET => '/patients')->{json}{items}}, 14, 'all');

sub walk {
    my ($query) = @_;
    my (@seen, $res);
    my $cursor = '';
    do {
        $res = api(GET => "/patients?limit=1$query$cursor");
        push @seen, map { $_->{name}{family} } @{$res->{json}{items}};
        $cursor = '&cursor=' . ($res->{json}{next} // '');
    } while (defined $res->{json}{next} && @seen < 50);
    return join ' | ', @seen;
}

is(walk('&q=mul'), 'Mulder | Muller | Müller-Lüdenscheidt', 'pages of a word');
is(walk('&q=ann%20mul'), 'Mulder | Müller-Lüdenscheidt', 'of two words');
is(walk('&q=%2C%3B%21'), '', 'of signs only: nobody');
is(scalar(() = walk('') =~ /\|/g), 13, 'of all');


# identifiers

$res = api(POST => '/patients', json => { name => { family => 'Same' },
    identifiers => [{ issuer => 'C', value => '77' }] });
is($res->{status}, 201, 'the same number of another issuer');
my $same = "/patients/$res->{json}{id}";
$res = api(POST => '/patients', json => { name => { family => 'Taken' },
    identifiers => [{ issuer => 'C', value => '1' },
        { issuer => 'B', value => '77' }] });
is($res->{status}, 409, 'an identifier taken');
is(slug($res), 'conflict', 'conflict');
is(fields($res), 'identifiers', 'identifiers');
is(find('taken'), '', 'nothing half written');
$res = patch($same, { identifiers => [{ issuer => 'B', value => '77' }] });
is($res->{status}, 409, 'taken, when changed');
is(find('', '&identifier=' . uri('C|77')), 'Same', 'the old one is still there');
is(fields(api(POST => '/patients', json => { name => { family => 'x' },
    identifiers => [{ issuer => 'D', value => '1' },
        { issuer => 'D', value => '1' }] })), 'identifiers', 'twice');
is(fields(api(POST => '/patients', json => { name => { family => 'x' },
    identifiers => [{ issuer => 'D' }, 5, { issuer => '', value => '1',
        x => 1 }] })),
    'identifiers[0].value identifiers[1] identifiers[2].issuer '
    . 'identifiers[2].x', 'each wrong one is named');

my $id = '33333333-2222-4333-8444-555555555555';
my $body = { id => $id, name => { family => 'Id' },
    identifiers => [{ issuer => 'E', value => '5' }] };
is(api(POST => '/patients', json => $body)->{status}, 201, 'own id');
is(api(POST => '/patients', json => $body)->{status}, 200, 'again');
is(api(POST => '/patients', json => { %$body, sex => 'M' })->{status}, 409,
    'another body');


# wrong input

is(fields(api(POST => '/patients', json => { name => {} })), 'name',
    'no name');
is(fields(api(POST => '/patients', json => { name => { given => ' ' } })),
    'name', 'a blank name');
is(fields(api(POST => '/patients', json => {})), 'name', 'none at all');
is(fields(api(POST => '/patients', json => { name => 'x' })), 'name',
    'not an object');
is(fields(api(POST => '/patients', json => { name => { family => 'x',
    nick => 'y' }, sex => 'X', birth_date => '1900-02-29' })),
    'birth_date', 'wrong date');
is(fields(api(POST => '/patients', json => { name => { family => 'x',
    nick => 'y' }, sex => 'X' })), 'name.nick sex', 'wrong members');


# change

$res = patch($at, { name => { given => 'Chloé', prefix => undef },
    identifiers => [{ issuer => 'B', value => '78' }] }, '"1"');
is($res->{status}, 200, 'changed');
is($res->{json}{name}{family}, 'Müller-Lüdenscheidt', 'family as it was');
is($res->{json}{name}{given}, 'Chloé', 'given name');
is($res->{json}{name}{prefix}, undef, 'prefix removed');
is_deeply($res->{json}{identifiers}, [{ issuer => 'B', value => '78' }],
    'identifiers replaced');
is(find('chloe mul'), 'Müller-Lüdenscheidt', 'found by the new name');
is(find('zoe'), '', 'not by the old');
is(find('001234'), '', 'nor the old number');
is(find('78'), 'Müller-Lüdenscheidt', 'but the new');
is(fields(patch($at, { name => { family => undef, given => undef } })), 'name',
    'a name must stay');
is(fields(patch($at, { name => undef })), 'name', 'must be');
is(patch($at, { sex => 'O' }, '"1"')->{status}, 412, 'stale');

is(api(DELETE => $at, headers => { 'If-Match' => '"2"' })->{status}, 204,
    'deactivated');
is(find('chloe'), '', 'not found any more');
is(find('chloe', '&active=all'), 'Müller-Lüdenscheidt', 'but when asked');


# who may, and who did

for my $who (qw(admin auditor)) {
    my $token = $t->login($who);
    is($t->http('toplevel', GET => "/api/v1$at", token => $token)->{status},
        403, "$who reads no patient");
    is($t->http('toplevel', GET => '/api/v1/patients?q=x', token => $token)
        ->{status}, 403, "$who finds none");
}

is(api(GET => "$at/accesses")->{status}, 403, 'physicians see no access log');
api(GET => "/patients/00000000-0000-4000-8000-00000000dead")->{status} == 404
    or die;

my $auditor = $t->login('auditor');
$res = $t->http('toplevel', GET => "/api/v1$at/accesses", token => $auditor);
is($res->{status}, 200, 'auditors do');
is(join(' ', map { $_->{event} } reverse @{$res->{json}{items}}),
    'patient-create patient-read patient-change patient-deactivate',
    'what happened to the patient');
is($res->{json}{items}[0]{user}{id}, $t->user_id('physician'), 'by whom');
$res = $t->http('toplevel', GET => '/api/v1/patients/' . uc($p->{id})
    . '/accesses?limit=1', token => $auditor);
is(scalar @{$res->{json}{items}}, 1, 'a page of it');
$res = $t->http('toplevel', GET => "/api/v1$at/accesses?limit=500&cursor="
    . $res->{json}{next}, token => $auditor);
is(scalar @{$res->{json}{items}}, 3, 'the rest');
is($t->psql('toplevel', "SELECT count(*) FROM audit WHERE patient LIKE '%dead'"),
    0, 'a patient that is not there was not read');

$t->finish();
