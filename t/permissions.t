#!/usr/bin/perl

# The README's table of who may do what, cell by cell against the servers; and
# no route but those in the table.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();

my @columns = qw(admin facility_admin physician radiographer auditor);
my %username = (facility_admin => 'facadmin');
my %server_of = map { $_->[0] => $_->[1] } (
    map({ [$_, 'toplevel'] } qw(facilities servers modalities users token me
        patients audit break-glass)),
    map({ [$_, 'facility'] } qw(studies series reports accesses
        heartbeats)),
    map({ [$_, 'node'] } qw(instances stacks)));

my %table;
for my $line (split /\n/, $t->read_file($t->top . '/README.md')) {
    next unless $line =~ /^\| `(?:GET|POST|PUT|PATCH|DELETE) /;
    my ($routes, @cells) = map { s/^\s+|\s+\z//gr } split /\|/,
        $line =~ s/^\|//r, -1;
    while ($routes =~ /`([A-Z]+ [^`]+)`/g) {
        my $route = $1;
        $table{$route} = { map { $columns[$_] => $cells[$_] eq 'yes' }
            0 .. $#columns };
    }
}

# The code's own list of routes.
my $code = $t->read_file($t->top
    . '/ngx_dicom_module/ngx_http_dicom_route.c');
my %open = map { $_ => 1 } ('GET /health', 'POST /login');
my @routes;
while ($code =~ m{\{ [\w|]+, (GET|POST|PUT|PATCH|DELETE), "/api/v1(/[^"]*)"}g) {
    push @routes, "$1 $2" unless $open{"$1 $2"};
}
ok(@routes > 30, 'routes are found in the code');
is_deeply([grep { !$table{$_} } @routes], [], 'each is in the README');
my %exists = map { $_ => 1 } @routes;
is_deeply([grep { !$exists{$_} } sort keys %table], [],
    'and the README has no others');

$t->start_postgres();
$t->start_worker();
$t->start_nginx();
$t->seed_demo();

my %token = map { $_ => $t->login($username{$_} || $_) } @columns;

for my $route (sort keys %table) {
    my ($method, $path) = split / /, $route;
    my $server = $server_of{($path =~ m{^/([\w-]+)})[0]};

    # Things that do not exist: whoever may ask is told so.
    $path =~ s/\{uid\}/2.25.404/;
    $path =~ s/\{id\}/$path =~ m{stacks} ? '0' x 32
        : '00000000-0000-4000-8000-000000000404'/e;
    $path =~ s/\{n\}/0/;

    my @wrong;
    for my $role (@columns) {
        my $res = $t->http($server, $method => "/api/v1$path",
            token => $token{$role},
            headers => { 'If-Match' => '"1"' },
            $method =~ /^(?:POST|PUT|PATCH)\z/ && $path !~ /finalize|instances/
                ? (json => {}) : ());
        my $forbidden = $res->{status} == 403;
        push @wrong, "$role: $res->{status}"
            if $forbidden == $table{$route}{$role}
                || $res->{status} == 401 || $res->{status} >= 500;
    }
    is("@wrong", '', $route);

    is($t->http($server, $method => "/api/v1$path")->{status}, 401,
        "$route without a token");
}

$t->finish();
