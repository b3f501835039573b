#!/usr/bin/perl

# The README's table of who may do what, cell by cell against the servers, with
# tokens of the servers' facility and of another one; and no route but those in
# the table.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Routes 'routes';

my $t = Test::Dicom->new();

my @columns = qw(admin facility_admin physician radiographer auditor emergency);
my %username = (facility_admin => 'facadmin');
my $other = '0fac0000-0000-4000-8000-000000000002';

my %table;
for my $line (split /\n/, $t->read_file($t->top . '/README.md')) {
    next unless $line =~ /^\| `(?:GET|POST|PUT|PATCH|DELETE) /;
    my ($routes, @cells) = map { s/^\s+|\s+\z//gr } split /\|/,
        $line =~ s/^\|//r, -1;
    while ($routes =~ /`([A-Z]+) ([^`]+)`/g) {
        my ($method, $path) = ($1, $2);
        $path = "/api/v1$path" unless $path =~ m{^/dicom-web/};
        $table{"$method $path"} = { map { $columns[$_] => $cells[$_] eq 'yes' }
            0 .. $#columns };
    }
}

# The code's own list of routes.
my %routes = map { ("$_->{method} $_->{path}" => $_) }
    grep { !$_->{anyone} } routes($t->top);
cmp_ok(scalar keys %routes, '>', 70, 'routes are found in the code');
is_deeply([grep { !$table{$_} } sort keys %routes], [],
    'each is in the README');
is_deeply([grep { !$routes{$_} } sort keys %table], [],
    'and the README has no others');

$t->start_postgres();
$t->start_worker();
$t->start_nginx();
$t->seed_demo();
$t->psql('toplevel', "INSERT INTO facilities (id, code, name)
    VALUES ('$other', 'OTHER', 'Other hospital');
    INSERT INTO users (id, username, name, roles, physician, facility,
        password_hash)
    SELECT gen_random_uuid(), 'other_' || username, name, roles, physician,
        '$other', password_hash FROM users");

my %token;
for my $role (grep { $_ ne 'emergency' } @columns) {
    my $name = $username{$role} || $role;
    $token{own}{$role} = $t->login($name);
    $token{other}{$role} = $t->login("other_$name");
}
$token{own}{emergency} = glass($token{other}{physician}, $t->facility_id);
$token{other}{emergency} = glass($token{own}{physician}, $other);

for my $route (sort keys %table) {
    walk($_, $route) for @{$routes{$route}{levels}};
}

$t->finish();


sub glass {
    my ($token, $facility) = @_;

    my $res = $t->http('toplevel', POST => '/api/v1/break-glass',
        token => $token, json => { facility => $facility, issuer => 'TEST',
            patient_id => 'P-404', study => '2.25.404',
            reason => 'Unconscious, prior images needed' });
    is($res->{status}, 200, 'the glass is broken') or diag($res->{body});
    return $res->{json}{token};
}


sub walk {
    my ($level, $route) = @_;
    my ($method, $path) = split / /, $route;

    # Things that do not exist: whoever may ask is told so.
    $path =~ s/\{uid\}/2.25.404/g;
    $path =~ s/\{id\}/$path =~ m{stacks} ? '0' x 32
        : '00000000-0000-4000-8000-000000000404'/e;
    $path =~ s/\{(?:n|list)\}/1/;
    $path =~ s/\{path\}/00091010/;
    # of a broken glass the patient must be named
    $path .= '?issuer=TEST&patient_id=P-404' if $path eq '/api/v1/studies';

    my %request = (headers => { 'If-Match' => '"1"' },
        $method =~ /^(?:POST|PUT|PATCH)\z/ && $path !~ /finalize|instances/
            ? (json => {}) : ());
    my @wrong;
    for my $facility (qw(own other)) {
        for my $role (@columns) {
            my $may = $table{$route}{$role} && ($facility eq 'own'
                || $level eq 'toplevel' || !$routes{$route}{own});
            my $status = $t->http($level, $method => $path, %request,
                token => $token{$facility}{$role})->{status};
            push @wrong, "$facility $role: $status"
                if $status == 401 || $status >= 500
                    || ($status == 403) == !!$may;
        }
    }
    is("@wrong", '', "$level: $route");

    is($t->http($level, $method => $path)->{status}, 401,
        "$level: $route without a token");
}
