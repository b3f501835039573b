#!/usr/bin/perl

# Users: created with a password that then logs in, changed, deactivated; what
# a facility administrator may and may not.

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

my $own = $Test::Dicom::FACILITY;
my $admin = $t->login('admin');
my $facadmin = $t->login('facadmin');

sub api {
    my ($token, $method, $path, %opt) = @_;
    return $t->http('toplevel', $method => "/api/v1$path", token => $token,
        %opt);
}

sub fields {
    my ($res) = @_;
    return join ' ', sort map { $_->{field} } @{$res->{json}{errors} || []};
}

sub slug { ($_[0]{json}{type} // '') =~ s/^urn:dicom:problem://r }

sub login {
    my ($name, $password) = @_;
    return $t->http('toplevel', POST => '/api/v1/login', json => {
        username => $name, password => $password });
}

sub patch {
    my ($token, $path, $json, $etag) = @_;
    return api($token, PATCH => $path, json => $json,
        headers => { 'If-Match' => $etag // '*' });
}


# create

my $other = api($admin, POST => '/facilities', json => { name => 'Other',
    code => 'OTHER' })->{json}{id};

my %mara = (username => 'Mara', password => 'correct horse', name => 'Mara Ø.',
    email => 'mara@example.org', roles => ['physician', 'radiographer'],
    facility => $own);
my $res = api($admin, POST => '/users', json => \%mara);
is($res->{status}, 201, 'user created');
my $u = $res->{json};
is($u->{username}, 'mara', 'user names are lower case');
is_deeply($u->{roles}, ['physician', 'radiographer'], 'roles');
ok($u->{physician}, 'a physician is a physician');
is($u->{facility}, $own, 'facility');
unlike($res->{body}, qr/password|scrypt|horse/, 'no password in the answer');
is(login('mara', 'correct horse')->{status}, 200, 'logs in');
is(login('mara', 'wrong horse!')->{status}, 401, 'with that password only');

$res = api($admin, POST => '/users', json => { %mara, username => 'MARA' });
is($res->{status}, 409, 'name taken');
is(fields($res), 'username', 'username');

my $id = '22222222-2222-4333-8444-555555555555';
my %twice = (%mara, username => 'twice', name => 'Twice', id => $id);
is(api($admin, POST => '/users', json => \%twice)->{status}, 201, 'own id');
is(api($admin, POST => '/users', json => \%twice)->{status}, 200, 'again');
is(api($admin, POST => '/users', json => { %twice,
    password => 'another horse' })->{status}, 409, 'with another password');
is(api($admin, POST => '/users', json => { %twice, name => 'x' })->{status},
    409, 'with another name');
is(login('twice', 'correct horse')->{status}, 200, 'the first one counts');

is(fields(api($admin, POST => '/users', json => { username => 'a b',
    password => 'long enough', name => '', roles => ['king', 'admin', 7],
    email => 'nobody', physician => 1, facility => 'x' })),
    'email facility name physician', 'wrong types');
is(fields(api($admin, POST => '/users', json => { username => 'a b',
    password => 'long enough', name => 'x', roles => ['king', 'admin', 7] })),
    'roles[0] roles[2] username', 'wrong values');
is(fields(api($admin, POST => '/users', json => { %mara,
    username => 'short', password => 'short' })), 'password', 'short password');
is(fields(api($admin, POST => '/users', json => { username => 'n',
    name => 'x', roles => [] })), 'password', 'no password');
is(fields(api($admin, POST => '/users', json => { %mara, username => 'lost',
    facility => '00000000-0000-4000-8000-00000000dead' })), 'facility',
    'no such facility');


# change

my $at = "/users/$u->{id}";
$res = patch($admin, $at, { email => undef, roles => ['auditor'] }, '"1"');
is($res->{status}, 200, 'changed');
is($res->{json}{email}, undef, 'email removed');
is_deeply($res->{json}{roles}, ['auditor'], 'roles replaced');
is($res->{headers}{etag}, '"2"', 'version');
is(login('mara', 'correct horse')->{status}, 200, 'password as it was');
$res = patch($admin, $at, { password => 'a new one, longer' });
is($res->{status}, 200, 'password reset');
is(login('mara', 'correct horse')->{status}, 401, 'the old one is gone');
is(login('mara', 'a new one, longer')->{status}, 200, 'the new one is good');
is(fields(patch($admin, $at, { password => 'short' })), 'password', 'short');
is(fields(patch($admin, $at, { username => 'twice' })), 'username', 'taken');
is(api($admin, DELETE => $at, headers => { 'If-Match' => '*' })->{status}, 204,
    'deactivated');
is(login('mara', 'a new one, longer')->{status}, 401, 'and out');
is(patch($admin, $at, { active => JSON::PP::true() })->{status}, 200,
    'activated');
is(login('mara', 'a new one, longer')->{status}, 200, 'and in');


# lists

sub names { join ',', map { $_->{username} } @{$_[0]{json}{items}} }

is(names(api($admin, GET => '/users?q=petra')), 'physician', 'by name');
is(names(api($admin, GET => '/users?q=mara%20o')), 'mara', 'by folded name');
is(names(api($admin, GET => '/users?q=RADIO')), 'radiographer', 'by user name');
like(names(api($admin, GET => '/users')), qr/^admin,.*auditor.*mara.*physician/,
    'in the order of user names');
$res = api($admin, GET => '/users?limit=2');
is(names(api($admin, GET => "/users?limit=1&cursor=$res->{json}{next}")),
    'facadmin', 'third');
is(names(api($admin, GET => "/users?facility=$other")), '', 'by facility');


# facility administrators

unlike(names(api($facadmin, GET => '/users')), qr/\badmin\b|auditor/,
    'see their own facility');
is(api($facadmin, GET => "/users?facility=$other")->{status}, 403,
    'not another');
is(api($facadmin, GET => '/users/' . $t->user_id('admin'))->{status}, 403,
    'nor its users');
is(api($facadmin, GET => '/users/' . $t->user_id('physician'))->{status}, 200,
    'but their own');

my %new = (username => 'new1', password => 'long enough', name => 'New',
    roles => ['radiographer'], facility => $own);
$res = api($facadmin, POST => '/users', json => \%new);
is($res->{status}, 201, 'create users of their own');
my $new = "/users/$res->{json}{id}";

for my $wrong ({ facility => $other }, { facility => undef },
    { roles => ['admin'] }, { roles => ['radiographer', 'auditor'] },
    { roles => ['facility_admin'] })
{
    my ($what) = map { "$_ " . (ref $wrong->{$_} ? "@{$wrong->{$_}}"
        : $wrong->{$_} // 'null') } keys %$wrong;
    is(api($facadmin, POST => '/users', json => { %new, username => 'new2',
        %$wrong })->{status}, 403, "not with $what");
    is(patch($facadmin, $new, $wrong)->{status}, 403, "nor change to $what");
}

is(patch($facadmin, $new, { name => 'Newer' })->{status}, 200, 'change them');
is(patch($facadmin, '/users/' . $t->user_id('admin'), { name => 'x' })
    ->{status}, 403, 'not an administrator');
is(patch($facadmin, '/users/' . $t->user_id('facadmin'), { name => 'x' })
    ->{status}, 403, 'nor themselves');
is(api($facadmin, DELETE => $new, headers => { 'If-Match' => '*' })->{status},
    204, 'deactivate them');
is(api($t->login('physician'), GET => '/users')->{status}, 403,
    'physicians see no users');
is($t->psql('toplevel', "SELECT count(*) FROM users WHERE password_hash NOT "
    . "LIKE '\$scrypt\$ln=15%'"), 0, 'all passwords are hashed');
unlike($t->read_file('error.log'), qr/correct horse|long enough/,
    'no password in the log');

$t->finish();
