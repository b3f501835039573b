#!/usr/bin/perl

# Login, renewal, the user of a session, password change, and what they leave
# in the audit trail.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(hmac_sha256 sha256_hex);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64url);
use Test::More;
use Time::HiRes qw(time sleep);
use Test::Dicom;

my $t = Test::Dicom->new();

my $SECRET = 'the secret of these tests, of more than 32 bytes';
my $PASSWORD = $Test::Dicom::PASSWORD;

$t->start_postgres();
$t->yaml('toplevel', JWTPassword => $SECRET);
$t->start_nginx();
$t->seed_demo();

sub login {
    my ($username, $password, %more) = @_;
    return $t->http('toplevel', POST => '/api/v1/login',
        json => { username => $username, password => $password, %more });
}

sub problem {
    my ($res, $status, $slug, $name) = @_;
    is($res->{status}, $status, "$name: $status");
    is($res->{json}{type}, "urn:dicom:problem:$slug", "$name: $slug");
    is($res->{headers}{'content-type'}, 'application/problem+json',
        "$name: problem+json");
}

# The good case

my $res = login('physician', $PASSWORD);
is($res->{status}, 200, 'login');
is($res->{headers}{'cache-control'}, 'private, no-store', 'not to be kept');

my $user = $res->{json}{user};
is($user->{id}, $t->user_id('physician'), 'user: id');
is($user->{username}, 'physician', 'user: username');
is_deeply($user->{roles}, ['physician'], 'user: roles');
ok($user->{physician}, 'user: physician');
is_deeply($user->{facility}, { id => $t->facility_id,
    name => 'Test hospital' }, 'user: facility');
ok(!exists $user->{password_hash}, 'user: no hash');

my $token = $res->{json}{token};

is(login('PhysiciaN', $PASSWORD)->{status}, 200, 'any case of the name');

$res = $t->http('toplevel', GET => '/api/v1/me', token => $token);
is($res->{status}, 200, 'me');
is($res->{headers}{etag}, '"1"', 'me: ETag');
is_deeply($res->{json}, $user, 'me: the same user');

is($t->http('toplevel', GET => '/api/v1/me', token => $token,
    headers => { 'If-None-Match' => '"1"' })->{status}, 304, 'me: unchanged');

# The bad cases look the same

problem(login('physician', 'wrong'), 401, 'invalid-credentials',
    'wrong password');
problem(login('nobody', $PASSWORD), 401, 'invalid-credentials', 'unknown user');

$t->psql('toplevel', "UPDATE users SET active = false "
    . "WHERE username = 'auditor'");
problem(login('auditor', $PASSWORD), 401, 'invalid-credentials',
    'disabled user');

is_deeply(login('nobody', 'x')->{json}, login('physician', 'x')->{json},
    'nothing tells whether a user is known');

sub seconds {
    my ($username) = @_;
    my $best = 1e9;
    for (1 .. 3) {
        my $start = time;
        login($username, 'wrong');
        my $took = time - $start;
        $best = $took if $took < $best;
    }
    return $best;
}

my ($known, $unknown) = (seconds('physician'), seconds('nobody'));
cmp_ok($unknown, '>', $known / 2, 'nor does the time it takes')
    or diag("known $known s, unknown $unknown s");

$t->psql('toplevel', "UPDATE users SET password_hash = 'x' "
    . "WHERE username = 'radiographer'");
problem(login('radiographer', 'x'), 401, 'invalid-credentials',
    'a hash of no known form');

# What is not a login

sub post {
    my ($body, %headers) = @_;
    return $t->http('toplevel', POST => '/api/v1/login', body => $body,
        headers => { 'Content-Type' => 'application/json', %headers });
}

problem(post(''), 400, 'malformed-json', 'no body');
problem(post('{'), 400, 'malformed-json', 'half a body');
problem(post('[]'), 400, 'malformed-json', 'a list');
problem(post('"x"'), 400, 'malformed-json', 'a string');
problem(post('{} {}'), 400, 'malformed-json', 'two values');
problem(post("{\"username\":\"\xff\"}"), 400, 'malformed-json', 'no UTF-8');
problem(post('{"username":"a\u0000b","password":"x"}'), 400, 'malformed-json',
    'a null character');
problem(post('{"username":"\ud800","password":"x"}'), 400, 'malformed-json',
    'half a surrogate pair');
problem(post('{"username":"a","username":"b","password":"x"}'), 400,
    'malformed-json', 'a member twice');
problem(post('[' x 1000), 400, 'malformed-json', 'deep nesting');
problem(post('{"x":[' . '0,' x 70000 . '0]}'), 400, 'malformed-json',
    'many values');
problem(post('{}', 'Content-Type' => 'text/plain'), 415,
    'unsupported-media-type', 'another type');
problem(post('{}', 'Content-Type' => 'application/jsonx'), 415,
    'unsupported-media-type', 'nearly the type');
is(post('{"username":"physician","password":"' . $PASSWORD . '"}',
    'Content-Type' => 'Application/JSON; charset=utf-8')->{status}, 200,
    'the type with a parameter');
problem(post('x' x 1_100_000), 413, 'too-large', 'a large body');

$res = post('{"username":5,"colour":"red"}');
problem($res, 422, 'validation-failed', 'wrong fields');
is_deeply([map { $_->{field} } @{$res->{json}{errors}}],
    [qw(username colour password)], 'each is named');

problem(login('', 'x'), 422, 'validation-failed', 'an empty name');
problem(login('a' x 129, 'x'), 422, 'validation-failed', 'a long name');
problem(login('physician', 'x' x 1025), 422, 'validation-failed',
    'a long password');
problem(login("x'; DROP TABLE users; --", 'x'), 401, 'invalid-credentials',
    'SQL');

# A body in pieces, chunked, larger than nginx's buffer

my $body = '{"username":"physician",' . ' ' x 40000
    . "\"password\":\"$PASSWORD\"}";
my $s = $t->connection('toplevel');
$s->print("POST /api/v1/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
for (my $i = 0; $i < length $body; $i += 7000) {
    my $piece = substr $body, $i, 7000;
    $s->print(sprintf("%x\r\n%s\r\n", length $piece, $piece));
    sleep(0.01);
}
$s->print("0\r\n\r\n");
like(join('', <$s>), qr{^HTTP/1.1 200 .*"token"}s, 'a body in pieces');

# Clients that go away meanwhile

for my $wait (0, 0.005, 0.02, 0.05, 0.1) {
    my $s = $t->connection('toplevel');
    $s->print("POST /api/v1/login HTTP/1.1\r\nHost: a\r\n"
        . "Content-Type: application/json\r\nContent-Length: 47\r\n\r\n"
        . '{"username":"physician","password":"wrong-one"}');
    sleep($wait);
    close $s;
}
sleep(0.5);
is(login('physician', $PASSWORD)->{status}, 200, 'clients that went away');

# Renewal

$res = $t->http('toplevel', POST => '/api/v1/token', token => $token);
is($res->{status}, 200, 'renewal');
is_deeply($res->{json}{user}, $user, 'with the user');

sub claims { JSON::PP::decode_json(decode_base64url((split /\./, $_[0])[1])) }

my ($before, $after) = (claims($token), claims($res->{json}{token}));
is($after->{auth_time}, $before->{auth_time}, 'auth_time stays');
isnt($after->{jti}, $before->{jti}, 'jti does not');

problem($t->http('toplevel', POST => '/api/v1/token'), 401, 'unauthorized',
    'renewal without a token');
problem($t->http('toplevel', POST => '/api/v1/token', token => $token,
    body => 'x'), 400, 'unexpected-body', 'renewal with a body');

sub forge {
    my (%change) = @_;
    my $text = join '.', map { encode_base64url(JSON::PP::encode_json($_)) }
        { alg => 'HS256', kid => substr(sha256_hex("kid:$SECRET"), 0, 8) },
        { %$before, physician => JSON::PP::true, %change };
    return "$text." . encode_base64url(hmac_sha256($text, $SECRET));
}

problem($t->http('toplevel', POST => '/api/v1/token',
    token => forge(auth_time => int(time) - 12 * 3600 - 1)), 401,
    'unauthorized', 'renewal 12 hours after the login');

$res = $t->http('toplevel', POST => '/api/v1/token',
    token => forge(auth_time => int(time) - 12 * 3600 + 100));
is($res->{status}, 200, 'renewal shortly before');
cmp_ok($res->{json}{expires_in}, '<=', 100, 'it does not outlive the session');

# It reads the user again

$t->psql('toplevel', "UPDATE users SET roles = 'physician auditor', "
    . "version = version + 1 WHERE username = 'physician'");
$res = $t->http('toplevel', POST => '/api/v1/token', token => $token);
is_deeply(claims($res->{json}{token})->{roles}, ['physician', 'auditor'],
    'new roles come with it');

my $radiographer = forge(sub => $t->user_id('radiographer'));
my $disabled = forge(sub => $t->user_id('auditor'));
my $gone = forge(sub => '0abc0000-0000-4000-8000-00000000ffff');

problem($t->http('toplevel', POST => '/api/v1/token', token => $disabled), 401,
    'unauthorized', 'a disabled user');
problem($t->http('toplevel', GET => '/api/v1/me', token => $disabled), 401,
    'unauthorized', 'a disabled user asks me');
problem($t->http('toplevel', POST => '/api/v1/token', token => $gone), 401,
    'unauthorized', 'a user that is not there');

# Password change

sub change {
    my ($current, $new, $as) = @_;
    return $t->http('toplevel', PUT => '/api/v1/me/password',
        token => $as // $token, json => { current => $current, new => $new });
}

problem(change('wrong', 'another-password'), 403, 'invalid-credentials',
    'a wrong current password');
problem(change($PASSWORD, 'short'), 422, 'validation-failed',
    'a short new password');
problem(change($PASSWORD, 'another-password', ''), 401, 'unauthorized',
    'without a token');
problem(change($PASSWORD, 'another-password', $disabled), 401, 'unauthorized',
    'of a disabled user');

$res = change($PASSWORD, "another-p\x{e4}\x{df}word");
is($res->{status}, 204, 'change');
is($res->{body} // '', '', 'no body');
problem(login('physician', $PASSWORD), 401, 'invalid-credentials',
    'the old password');
is(login('physician', "another-p\x{e4}\x{df}word")->{status}, 200,
    'the new password');

my $hash = $t->psql('toplevel', "SELECT password_hash FROM users "
    . "WHERE username = 'physician'");
like($hash, qr{\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}},
    'the form of a hash');

# The audit trail

my $audit = $t->psql('toplevel', "SELECT event, outcome, user_name, user_id, "
    . "address FROM audit ORDER BY at, id");
like($audit, qr/login.*success.*physician.*\Q@{[$t->user_id('physician')]}\E.*127\.0\.0\.1/,
    'audit: a login');
like($audit, qr/login.*failure.*physician/, 'audit: a wrong password');
like($audit, qr/login.*failure.*nobody/, 'audit: an unknown user');
like($audit, qr/password.*success.*physician/, 'audit: a change');
like($audit, qr/password.*failure.*physician/, 'audit: a refused change');
unlike($audit, qr/\Q$PASSWORD\E|wrong-one/, 'audit: no password');

# No database

$t->stop_postgres();
$res = login('physician', $PASSWORD);
problem($res, 503, 'database-unavailable', 'no database');
ok($res->{headers}{'retry-after'}, 'no database: Retry-After');
is($t->http('toplevel', GET => '/api/v1/health')->{json}{status}, 'degraded',
    'health says so');

unlike($t->read_file('error.log'), qr/\Q$PASSWORD\E|another-p|wrong-one/,
    'no password in the log');

$t->finish();
