#!/usr/bin/perl

# Wrong passwords make an account, and an address, wait longer and longer, be
# there such a user or not; an administrator gives out a password for one day
# that is only good to be changed.

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

my $PASSWORD = $Test::Dicom::PASSWORD;

sub login {
    my ($username, $password) = @_;
    return $t->http('toplevel', POST => '/api/v1/login',
        json => { username => $username, password => $password });
}

# The delay is over.
sub later {
    $t->psql('toplevel', "UPDATE login_failures SET until = updated_at");
}

# The delay that began just now, in seconds; it is made an hour, so that however
# slow this machine is, the next attempt comes within it.
sub delay {
    my $began = 'until > updated_at '
        . "AND until < updated_at + interval '1 hour'";
    my $seconds = $t->psql('toplevel', "SELECT extract(epoch FROM
        max(until - updated_at))::INT8 FROM login_failures WHERE $began;
        UPDATE login_failures SET until = updated_at + interval '1 hour'
        WHERE $began");
    return $seconds || 0;
}


# The same for a user and for nobody.

my %seen;
for my $username ('physician', 'nobody') {
    my @answers;
    for (1 .. 6) {
        my $res = login($username, 'a-wrong-one');
        push @answers, "$res->{status} $res->{body}";
    }
    my $delay = delay();
    cmp_ok($delay, '>=', 1, "$username: a delay");
    cmp_ok($delay, '<=', 2, 'a short one');
    for my $password ('a-wrong-one', $PASSWORD) {
        my $res = login($username, $password);
        push @answers, "$res->{status} $res->{body}";
        my $after = $res->{headers}{'retry-after'} // 0;
        ok($after > 1800 && $after <= 3600, "$username: when to come back");
    }
    $seen{$username} = \@answers;
}
is_deeply([map { (split / /)[0] } @{$seen{physician}}],
    [(401) x 6, 429, 429], 'six are looked at, then none, not the right one');
is_deeply($seen{nobody}, $seen{physician}, 'nobody is answered alike');

my @waits;
for (1 .. 3) {
    later();
    login('physician', 'a-wrong-one');
    push @waits, delay();
}
cmp_ok($waits[0], '<', $waits[1], 'the delay grows');
cmp_ok($waits[1], '<', $waits[2], 'and grows');

$t->psql('toplevel', 'UPDATE login_failures SET failures = 40');
later();
login('physician', 'a-wrong-one');
my $wait = delay();
is(login('physician', 'a-wrong-one')->{status}, 429, 'the delay is long');
cmp_ok($wait, '>', 60, 'far');
cmp_ok($wait, '<=', 300, 'but not for ever');

later();
is(login('physician', $PASSWORD)->{status}, 200, 'then the right one counts');
is(login('physician', 'a-wrong-one')->{status}, 401, 'and the count is new');
is(login('physician', $PASSWORD)->{status}, 200, 'so that one may err');

unlike($t->psql('toplevel', 'SELECT key FROM login_failures'),
    qr/physician|nobody|127/, 'no name is kept');


# A token is not good for trying passwords either.

{
    my $token = $t->login('radiographer');
    my $change = sub {
        return $t->http('toplevel', PUT => '/api/v1/me/password',
            token => $token,
            json => { current => $_[0], new => 'another-one-1' });
    };
    my @answers = map { $change->('a-wrong-one')->{status} } 1 .. 6;
    delay();
    is("@answers " . $change->('a-wrong-one')->{status},
        '403 403 403 403 403 403 429',
        'wrong ones at a change of the password are counted');
    my $res = $change->($PASSWORD);
    is($res->{status}, 429, 'the right one has to wait, too');
    cmp_ok($res->{headers}{'retry-after'} // 0, '>=', 1, 'for so long');
    is(login('radiographer', $PASSWORD)->{status}, 429, 'and so has a login');
    later();
    is($change->($PASSWORD)->{status}, 204, 'then it is changed');
    is(login('radiographer', 'a-wrong-one')->{status}, 401,
        'and the count is new');
    is(login('radiographer', 'another-one-1')->{status}, 200,
        'with the new one');
}


# An address

$t->psql('toplevel', 'UPDATE login_failures SET failures = 60');
later();
is(login('auditor', 'a-wrong-one')->{status}, 401, 'one failure more');
delay();
is(login('admin', $PASSWORD)->{status}, 429, 'and all from there wait');
later();

my $audit = $t->psql('toplevel', "SELECT count(*) FROM audit
    WHERE event = 'login' AND outcome = 'failure' AND user_name = 'nobody'");
is($audit, 8, 'each attempt is recorded');


# A password that is given out

$t->psql('toplevel', 'DELETE FROM login_failures');
my $admin = $t->login('facadmin');
my $id = $t->user_id('radiographer');
my $before = $t->login('radiographer');

is($t->http('toplevel', POST => '/api/v1/users/' . $t->user_id('admin')
    . '/reset', token => $admin)->{status}, 403,
    'not of the administrator, by a facility\'s');
is($t->http('toplevel', POST => "/api/v1/users/$id/reset",
    token => $t->login('physician'))->{status}, 403, 'not by a physician');
is($t->http('toplevel', POST =>
    '/api/v1/users/00000000-0000-4000-8000-000000000404/reset',
    token => $admin)->{status}, 404, 'not of nobody');

login('radiographer', 'a-wrong-one') for 1 .. 6;
my $res = $t->http('toplevel', POST => "/api/v1/users/$id/reset",
    token => $admin);
is($res->{status}, 200, 'a password') or diag($res->{body});
my $given = $res->{json}{password};
like($given, qr/^[a-z0-9]{16}\z/, 'like this');
is($res->{json}{expires_in}, 86400, 'for a day');

$res = login('radiographer', $given);
is($res->{status}, 200, 'it lets in, in spite of the failures');
is(login('radiographer', $PASSWORD)->{status}, 401, 'the old one does not');
ok($res->{json}{user}{must_change_password}, 'and must be changed');
is_deeply($res->{json}{user}{roles}, [], 'until when there are no roles');
my $token = $res->{json}{token};
is($t->http('toplevel', GET => '/api/v1/patients', token => $token)
    ->{status}, 403, 'no patients');
is($t->http('facility', GET => '/api/v1/studies', token => $token)
    ->{status}, 403, 'no studies');
$token = $t->http('toplevel', POST => '/api/v1/token', token => $token)
    ->{json}{token};
is($t->http('toplevel', GET => '/api/v1/patients', token => $token)
    ->{status}, 403, 'not after a renewal');
is($t->http('toplevel', PUT => '/api/v1/me/password', token => $token,
    json => { current => $given, new => 'my-own-password' })->{status}, 204,
    'it is changed');
$token = $t->http('toplevel', POST => '/api/v1/token', token => $token)
    ->{json}{token};
is($t->http('toplevel', GET => '/api/v1/patients', token => $token)
    ->{status}, 200, 'then all is as before');
ok(!login('radiographer', 'my-own-password')->{json}{user}
    {must_change_password}, 'with the own password');

$given = $t->http('toplevel', POST => "/api/v1/users/$id/reset",
    token => $admin)->{json}{password};
$t->psql('toplevel', "UPDATE users SET reset_expires = now()
    - interval '1 second' WHERE id = '$id'");
is(login('radiographer', $given)->{status}, 401, 'a day later it is nothing');

is($t->psql('toplevel', "SELECT count(*) FROM audit WHERE event = 'user-reset'
    AND object = '$id' AND user_id = '" . $t->user_id('facadmin') . "'"), 2,
    'recorded');
is($t->psql('toplevel', "SELECT count(*) FROM audit
    WHERE concat(detail, object, user_name) LIKE '%$given%'"), 0,
    'without the password');

$t->finish();
