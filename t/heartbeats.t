#!/usr/bin/perl

# Each facility server and node writes that it lives, and a node whether it can
# draw; one that does not write any more is silent.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->start_postgres();
$t->seed_demo();
$t->psql('facility', "INSERT INTO heartbeats VALUES
    ('Gone', 'node', 'n-7:1', 'ok', now(), now() - interval '8 days'),
    ('Late', 'node', 'n-8:1', 'degraded', now(), now() - interval '36 seconds'),
    ('Other', 'node', 'n-9:1', 'degraded', now(), now() + interval '1 hour')");
$t->start_worker();
$t->start_nginx();

my $token = $t->login('radiographer');

sub beats {
    my ($query) = @_;
    return $t->http('facility', GET => '/api/v1/heartbeats' . ($query // ''),
        token => $token);
}

sub state {
    return join ' ', map { "$_->{name}=$_->{status}" =~ s/^Test //r }
        @{beats()->{json}{items}};
}

# until it is so, at most a minute and the time that asking takes
sub becomes {
    my ($expected, $name) = @_;
    for (1 .. 600) {
        last if state() eq $expected;
        sleep(0.1);
    }
    is(state(), $expected, $name);
}

becomes('Late=silent Other=degraded facility=ok node=ok',
    'both write; the others have not; what is long gone is forgotten');
my ($node) = grep { $_->{name} eq 'Test node' } @{beats()->{json}{items}};
is($node->{type}, 'node', 'a node');
like($node->{host}, qr/:\Q@{[$t->port('node')]}\E\z/, 'where');
like($node->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/, $_)
    for qw(started_at seen_at);

my $page = beats('?limit=3');
is(join(' ', map { $_->{name} } @{beats("?limit=3&cursor=$page->{json}{next}")
    ->{json}{items}}), 'Test node', 'in pages');
is(beats('?limit=0')->{status}, 400, 'of at least one');

$t->stop_worker();
becomes('Late=silent Other=degraded facility=ok node=degraded',
    'a node without its render worker is degraded');
$t->start_worker();
becomes('Late=silent Other=degraded facility=ok node=ok', 'and well again');

is($t->http('facility', GET => '/api/v1/heartbeats', token =>
    $t->login('admin'))->{status}, 200,
    'an administrator of no facility looks at the servers of each');
is($t->http('facility', GET => '/api/v1/studies', token =>
    $t->login('admin'))->{status}, 403, 'and at nothing else');

$t->finish();
