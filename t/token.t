#!/usr/bin/perl

# Bearer tokens: what is in one, and every way in which one is refused.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(hmac_sha256 sha256_hex);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64url);
use Test::More;
use Test::Dicom;

my $t = Test::Dicom->new();

my $SECRET = 'the secret of these tests, of more than 32 bytes';
my $KID = substr(sha256_hex("kid:$SECRET"), 0, 8);

$t->start_postgres();
$t->yaml($_, JWTPassword => $SECRET, tokenLife => undef)
    for qw(toplevel facility node);
$t->start_nginx();
$t->seed_demo();

my $json = JSON::PP->new->canonical->allow_nonref;

# A token of any header and claims, signed with $key.
sub forge {
    my ($header, $claims, $key, $sign) = @_;
    my $text = join '.', map { encode_base64url(ref $_ ? $json->encode($_)
        : $_) } $header, $claims;
    return "$text." . encode_base64url(($sign // \&hmac_sha256)->($text, $key));
}

sub header { return { alg => 'HS256', typ => 'JWT', kid => $KID, @_ } }

sub claims {
    my %change = @_;
    my %c = (iss => 'dicom', sub => $t->user_id('physician'), name => 'Petra',
        roles => ['physician'], physician => JSON::PP::true,
        facility => $t->facility_id, iat => time, exp => time + 300,
        auth_time => time, jti => '00000000-0000-4000-8000-000000000001',
        %change);
    delete $c{$_} for grep { !defined $c{$_} } keys %c;
    return \%c;
}

sub me { $t->http('toplevel', GET => '/api/v1/me', token => $_[0]) }

sub accepted {
    my ($token, $name) = @_;
    is(me($token)->{status}, 200, $name);
}

sub refused {
    my ($token, $name, $why) = @_;
    my $res = me($token);
    is($res->{status}, 401, $name);
    is($res->{json}{type}, 'urn:dicom:problem:unauthorized', "$name: type");
    like($res->{headers}{'www-authenticate'}, qr/^Bearer\ realm="dicom",
        \ error="invalid_token",\ error_description="[^"]*(?-x:$why)/x,
        "$name: why");
}

# What is in one

my $login = $t->http('toplevel', POST => '/api/v1/login', json => {
    username => 'physician', password => $Test::Dicom::PASSWORD });
is($login->{status}, 200, 'login');
is($login->{json}{expires_in}, 300, 'it lives 5 minutes');

my $token = $login->{json}{token};
my ($h, $c) = map { $json->decode(decode_base64url($_)) }
    (split /\./, $token)[0, 1];

is_deeply($h, { alg => 'HS256', typ => 'JWT', kid => $KID }, 'header');
is_deeply([sort keys %$c], [sort qw(iss aud sub name roles physician facility iat
    exp auth_time jti)], 'claims');
is($c->{aud}, 'dicom', 'aud');
is($c->{sub}, $t->user_id('physician'), 'sub');
is_deeply($c->{roles}, ['physician'], 'roles');
is($c->{facility}, $t->facility_id, 'facility');
is($c->{exp} - $c->{iat}, 300, 'exp');
cmp_ok(abs($c->{auth_time} - time), '<', 5, 'auth_time');

accepted($token, 'our own');
accepted(forge(header(), claims(), $SECRET), 'one that we make ourselves');

# No token

for my $headers ({}, { Authorization => '' }, { Authorization => 'Bearer' },
    { Authorization => 'Bearer ' }, { Authorization => "Basic $token" },
    { Authorization => $token })
{
    my $res = $t->http('toplevel', GET => '/api/v1/me', headers => $headers);
    my $name = "Authorization: '" . ($headers->{Authorization} // '(none)');
    is($res->{status}, 401, $name);
    is($res->{headers}{'www-authenticate'}, 'Bearer realm="dicom"', $name);
}

is($t->http('toplevel', GET => '/api/v1/me', headers => {
    Authorization => "bEARER  $token" })->{status}, 200, 'any case of Bearer');
is($t->http('toplevel', GET => "/api/v1/me?access_token=$token")->{status},
    401, 'not in the URL');

# Altered

my @parts = split /\./, $token;
refused("$parts[0].$parts[1]." . ('A' x 43), 'another signature', 'signature');
refused("$parts[0].$parts[1]." . substr($parts[2], 0, 20), 'half a signature',
    'signature');
refused(join('.', $parts[0], encode_base64url($json->encode(
    { %$c, roles => ['admin'] })), $parts[2]), 'altered claims', 'signature');
refused(forge(header(), claims(), 'another secret of more than 32 bytes'),
    'another secret', 'signature');
refused(forge(header(), claims(), ''), 'an empty secret', 'signature');

# Algorithm and key

refused("$_.$parts[1].", "no signature", 'malformed')
    for encode_base64url('{"alg":"none"}');
for my $alg (qw(none None NONE nOnE HS384 HS512 RS256 ES256 PS256 hs256), '') {
    refused(forge(header(alg => $alg), claims(), $SECRET), "alg '$alg'",
        'algorithm');
}
refused(forge(header(alg => 1), claims(), $SECRET), 'alg, a number', 'header');
refused(forge({ typ => 'JWT', kid => $KID }, claims(), $SECRET), 'no alg',
    'header');
refused(forge(header(kid => 'deadbeef'), claims(), $SECRET), 'an unknown kid',
    'key is not known');
refused(forge(header(kid => "../../../etc/passwd"), claims(), $SECRET),
    'kid, a path', 'key is not known');
refused(forge(header(kid => "' OR 1=1 --"), claims(), $SECRET), 'kid, SQL',
    'key is not known');
refused(forge(header(kid => ''), claims(), $SECRET), 'kid, empty',
    'key is not known');
refused(forge(header(kid => ["$KID"]), claims(), $SECRET), 'kid, a list',
    'header');
refused(forge(header(crit => ['x']), claims(), $SECRET), 'crit', 'header');
refused(forge('{"alg":"none","alg":"HS256","kid":"' . $KID . '"}', claims(),
    $SECRET), 'alg twice', 'malformed');
accepted(forge({ alg => 'HS256' }, claims(), $SECRET),
    'no kid, as there is one secret only');

# Claims

refused(forge(header(), claims(exp => undef), $SECRET), 'no exp', 'exp');
refused(forge(header(), claims(exp => "soon"), $SECRET), 'exp, text', 'exp');
refused(forge(header(), claims(exp => time + 0.5), $SECRET), 'exp, a fraction',
    'exp');
refused(forge(header(), claims(exp => -1), $SECRET), 'exp, negative', 'exp');
refused(forge(header(), '{"exp":1e400}', $SECRET), 'exp, infinite',
    '(malformed|signature)');
refused(forge(header(), claims(exp => time - 6), $SECRET), 'expired',
    'expired');
accepted(forge(header(), claims(exp => time - 2), $SECRET),
    'expired within the leeway');
refused(forge(header(), claims(iat => time + 60), $SECRET), 'from the future',
    'future');
refused(forge(header(), claims(iss => 'other'), $SECRET), 'another issuer',
    'issuer');
refused(forge(header(), claims(iss => undef), $SECRET), 'no issuer', 'issuer');
accepted(forge(header(), claims(aud => $_), $SECRET), 'for us')
    for 'dicom', ['dicom'], ['other', 'dicom'];
refused(forge(header(), claims(aud => $_), $SECRET), 'for another audience',
    'audience') for 'other', '', [], ['other', 'dicomm'], 1, ['dicom', 1],
    { dicom => 'dicom' }, JSON::PP::true;
accepted(forge(header(), claims(nbf => time - 1), $SECRET), 'nbf');
refused(forge(header(), claims(nbf => time + 60), $SECRET), 'not yet valid',
    'future');
refused(forge(header(), claims(nbf => $_), $SECRET), 'nbf, no number',
    'claims') for 'now', [], 1.5;
refused(forge(header(), claims($_ => undef), $SECRET), "no $_", 'claims')
    for qw(sub name roles physician iat auth_time jti);
refused(forge(header(), claims(sub => 'admin'), $SECRET), 'sub, no UUID',
    'claims');
refused(forge(header(), claims(facility => 'all'), $SECRET),
    'facility, no UUID', 'claims');
refused(forge(header(), claims(roles => 'physician'), $SECRET), 'roles, text',
    'claims');
refused(forge(header(), claims(roles => [1]), $SECRET), 'roles, numbers',
    'claims');
refused(forge(header(), claims(physician => 1), $SECRET), 'physician, 1',
    'claims');
refused(forge(header(), '[]', $SECRET), 'claims, a list', 'malformed');
refused(forge(header(), "\xff", $SECRET), 'claims, no JSON',
    '(malformed|signature)');
accepted(forge(header(), claims(roles => ['physician', 'wizard']), $SECRET),
    'a role of a newer server');

# Form

refused($_, "'$_'", 'malformed') for qw(a a.b a.b.c.d .. a..c .b.c a.b. **.b.c);
refused("$token=", 'padding', 'malformed');
refused("x" x 5000, 'a long one', 'malformed');

# Remembered: what was accepted once is looked at again all the same

my $short = forge(header(), claims(exp => time - 3, iat => time - 60), $SECRET);
accepted($short, 'within the leeway');
my $until = time + 20;
select undef, undef, undef, 0.2 while me($short)->{status} == 200
    && time < $until;
refused($short, 'and then no more', 'expired');
for my $end ('A' .. 'D') {
    refused(substr($token, 0, -1) . $end, "another last letter, $end",
        '(signature|malformed)') if substr($token, -1) ne $end;
}
is($t->http('facility', GET => '/api/v1/studies', token => $token)->{status},
    200, 'at another server too');

# Permissions: a role that the token lacks, a facility that is not its own

my $other = forge(header(),
    claims(facility => '0fac0000-0000-4000-8000-00000000ffff'), $SECRET);
my $res = $t->http('facility', GET => '/api/v1/studies', token => $other);
is($res->{status}, 403, 'another facility');
is($res->{json}{type}, 'urn:dicom:problem:other-facility', 'says so');

$res = $t->http('facility', GET => '/api/v1/studies',
    token => forge(header(), claims(facility => undef), $SECRET));
is($res->{status}, 403, 'no facility');

$res = $t->http('facility', GET => '/api/v1/studies',
    token => forge(header(), claims(roles => ['auditor']), $SECRET));
is($res->{status}, 403, 'another role');
is($res->{json}{type}, 'urn:dicom:problem:forbidden', 'says so');
unlike($res->{headers}{'www-authenticate'} // '', qr/./, 'and asks no login');

$res = $t->http('facility', GET => '/api/v1/studies',
    token => forge(header(), claims(), $SECRET));
is($res->{status}, 200, 'the right role and facility');

# Nothing of a token or secret in the log

unlike($t->read_file('error.log'), qr/\Q$parts[2]\E|\Q$SECRET\E/,
    'no token in the log');

# An asymmetric pair: who verifies cannot mint

my $dir = $t->dir;
system("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
    . "-out $dir/private.pem 2>/dev/null && openssl pkey -in $dir/private.pem "
    . "-pubout -out $dir/public.pem") == 0 or die "openssl failed\n";

$t->yaml('toplevel', JWTPassword => undef, jwtKeys => [{ kid => 'ec',
    alg => 'ES256', keyFile => "$dir/private.pem", use => 'sign' }]);
$t->yaml('facility', JWTPassword => undef, jwtKeys => [{ kid => 'ec',
    alg => 'ES256', keyFile => "$dir/public.pem" }]);
chmod 0600, "$dir/private.pem";
ok($t->sigusr1(), 'ES256 keys');

my $es = $t->login('physician', $Test::Dicom::PASSWORD);
is($json->decode(decode_base64url((split /\./, $es)[0]))->{alg}, 'ES256',
    'a token of ES256');
is(me($es)->{status}, 200, 'taken by who signs');
is($t->http('facility', GET => '/api/v1/studies', token => $es)->{status}, 200,
    'taken by who verifies');
refused($token, 'the old secret', 'key is not known');

my $public = $t->read_file('public.pem');
for my $key ($public, $public =~ s/\n\z//r) {
    refused(forge(header(kid => 'ec'), claims(), $key),
        'HS256 with the public key', 'algorithm');
    refused(forge({ alg => 'HS256' }, claims(), $key),
        'the same without kid', 'key is not known');
}
my @es = split /\./, $es;
refused("$es[0].$es[1]." . encode_base64url("\0" x 64), 'zeros as signature',
    'signature');

# Bound to an audience

$t->yaml('toplevel', JWTPassword => $SECRET, jwtKeys => undef,
    jwtAudience => 'Country of X');
$t->yaml('facility', JWTPassword => $SECRET, jwtKeys => undef,
    jwtAudience => 'Another');
ok($t->sigusr1(), 'audiences');
my $bound = $t->login('physician', $Test::Dicom::PASSWORD);
is($json->decode(decode_base64url((split /\./, $bound)[1]))->{aud},
    'Country of X', 'is in the token');
is(me($bound)->{status}, 200, 'taken where it was meant');
is($t->http('facility', GET => '/api/v1/studies', token => $bound)->{status},
    401, 'and nowhere else');
refused($token, 'a token of before', 'audience');
refused(forge(header(), claims(), $SECRET), 'one without aud', 'audience');

$t->finish();
