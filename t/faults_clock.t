#!/usr/bin/perl

# nginx's clock is ten minutes ahead of the others', then right again: tokens of
# other clocks are refused and say why, who logs in is served, and the audit
# trail stays a chain.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->skip_all('the sanitizer wants to be loaded first') if $t->asan;
my $key = $t->write_file('audit.key', "a-key-of-the-audit-trail\n");
chmod 0600, $key;

my $shift = $t->path('shift.so');
$t->write_file('shift.c', <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

#define AHEAD  600

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    static int (*real)(struct timeval *, void *);
    if (real == NULL) real = dlsym(RTLD_NEXT, "gettimeofday");
    int rc = real(tv, tz);
    tv->tv_sec += AHEAD;
    return rc;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL) real = dlsym(RTLD_NEXT, "clock_gettime");
    int rc = real(id, ts);
    if (id == CLOCK_REALTIME) ts->tv_sec += AHEAD;
    return rc;
}

time_t time(time_t *at)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (at) *at = ts.tv_sec;
    return ts.tv_sec;
}
C
system('cc', '-shared', '-fPIC', '-O2', '-o', $shift, $t->path('shift.c'),
    '-ldl') == 0 or die "shift.c cannot be built\n";

$t->start_postgres();
$t->yaml($_, auditKeyFile => $key, databaseTimeout => 5, tokenLife => undef)
    for qw(toplevel facility node);
nginx();
$t->seed_demo();
my $right = login();
is(me($right)->{status}, 200, 'clocks agree');
is(read_patients($right), 200, 'and reads are recorded');

nginx(LD_PRELOAD => $shift);
refused($right, 'ten minutes ahead: a token of another clock', 'expired');
my $ahead = login();
is(me($ahead)->{status}, 200, 'a token of its own is taken');
is($t->http('facility', GET => '/api/v1/studies', token => $ahead)->{status},
    200, 'by a facility with the same clock too');
is(read_patients($ahead), 200, 'reads are recorded');
cmp_ok($t->psql('toplevel', "SELECT count(*) FROM audit
    WHERE at > now() + interval '9 minutes'"), '>=', 2, 'ten minutes late');
is($t->http('toplevel', POST => '/api/v1/login', json => { username => 'auditor',
    password => 'wrong' })->{status}, 401, 'a wrong password') for 1 .. 6;
is($t->http('toplevel', POST => '/api/v1/login', json => { username => 'auditor',
    password => 'wrong' })->{status}, 429, 'too many: by the database\'s clock');

nginx();
refused($ahead, 'right again: a token of that clock', 'future');
my $again = login();
is(me($again)->{status}, 200, 'a new one is taken');
is(read_patients($again), 200, 'reads are recorded');
my $wait = $t->http('toplevel', POST => '/api/v1/login', json => {
    username => 'auditor', password => $Test::Dicom::PASSWORD });
cmp_ok($wait->{status} == 200 ? 0 : $wait->{headers}{'retry-after'}, '<=', 300,
    'and nobody waits ten minutes for his account');

my $open;
for (1 .. 600) {
    $open = $t->psql('toplevel', "SELECT count(*) FROM audit a WHERE
        NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.event = a.id)");
    last if $open eq '0';
    sleep(0.1);
}
is($open, '0', 'everything is sealed');
my $output = `@{[$t->top]}/scripts/verify-audit '@{[$t->database_url('toplevel')]}' \\
    --key '$key' 2>&1`;
is($?, 0, 'the chains hold') or diag($output);

$t->finish();


sub nginx {
    my (%env) = @_;
    $t->stop_nginx() if $t->pid('nginx');
    unlink $t->path('nginx.pid');
    local @ENV{keys %env} = values %env;
    $t->start_nginx();
}

sub login { $t->login('physician', $Test::Dicom::PASSWORD) }

sub me { $t->http('toplevel', GET => '/api/v1/me', token => $_[0]) }

sub read_patients {
    my ($token) = @_;
    return $t->http('toplevel', GET => '/api/v1/patients?q=clock',
        token => $token)->{status};
}

sub refused {
    my ($token, $name, $why) = @_;
    my $res = me($token);
    is($res->{status}, 401, "$name: refused");
    like($res->{headers}{'www-authenticate'}, qr/$why/, "$name: says why");
}
