#!/usr/bin/perl

# scripts/run and scripts/stop: a whole system from nothing, found by its
# demo.json, and nothing left of it afterwards.

use strict;
use warnings;

use File::Temp ();
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $temp = File::Temp->newdir('dicom-run-XXXXXXXX', TMPDIR => 1);
my $home = $temp->dirname . '/home';
my $top = $t->top;

my $base = free_ports();
local $ENV{DICOM_HOME} = $home;
local $ENV{DICOM_PORT_BASE} = $base;
delete $ENV{DICOM_DATABASE_URL};

# As root the state may have moved to where the services can reach it.
END {
    local $?;
    system('rm', '-rf', grep { index(read_file("$_/home"), $temp->dirname) == 0 }
        glob '/var/lib/dicom-rendering/*') if $temp && $> == 0;
}

my $output = `cd / && $top/scripts/run --detach 2>&1`;
is($?, 0, 'a system starts') or diag($output);
like($output, qr{https://127\.0\.0\.1:$base\b}, 'and says its address');

my $demo = eval { JSON::PP->new->decode(read_file("$home/demo.json")) } || {};
is($demo->{web}, "https://127.0.0.1:$base", 'demo.json: web');
is($demo->{node}, 'https://127.0.0.1:' . ($base + 3), 'demo.json: node');
ok(-r ($demo->{ca} // ''), 'demo.json: the certificate authority');
my %role = map { my $u = $_; map { $_ => $u } @{$u->{roles}} }
    @{$demo->{users} || []};
ok($role{$_}, "demo.json: a user who is $_")
    for qw(admin facility_admin physician radiographer auditor);
is((stat "$home/demo.json")[2] & 077, 0, 'demo.json is private');
is((stat "$home/certs/server.key")[2] & 077, 0, 'and so is the key');

my $http = HTTP::Tiny->new(verify_SSL => 1, timeout => 30,
    SSL_options => { SSL_ca_file => $demo->{ca} });
my $page = $http->get("$demo->{web}/");
is($page->{status}, 200, 'the viewer is served, its certificate verified');
like($page->{headers}{'content-security-policy'} // '', qr/connect-src/,
    'with a policy of where it may connect');
is($http->get("$demo->{web}/openapi.yaml")->{headers}{'content-type'},
    'application/yaml', 'openapi.yaml has its type');
ok(-d state_folder() . "/temp/$_", "temp/$_ is below the state folder")
    for qw(body proxy fastcgi uwsgi scgi);
unlike(read_file(state_folder() . "/logs/error.log"),
    qr{\[(?:emerg|alert|crit|error)\]},
    'nothing fails while it starts');

my $token = login($role{physician});
ok($token, 'a physician logs in');
my $list = get("$demo->{facility}/api/v1/studies");
is(scalar @{$list->{items} || []}, 4, 'the four demo studies are listed');
is((grep { $_->{reports}{final} } @{$list->{items}}), 1, 'one report final');
is((grep { $_->{reports}{draft} } @{$list->{items}}), 1, 'one report draft');

my ($ct) = grep { $_->{patient}{id} eq 'DEMO-1001' } @{$list->{items}};
my $picture = picture($ct->{uid});
is($picture->{status}, 200, 'a slice of the head is rendered');
is(substr($picture->{content} // '', 1, 3), 'PNG', 'as a PNG');

# The tools find the state folder's store and database by themselves.
for my $tool ('verify', 'reindex --check') {
    $output = `cd / && $top/scripts/$tool </dev/null 2>&1`;
    is($?, 0, "scripts/$tool: all is well") or diag($output);
}

# A killed worker comes back by itself.
my $pid = read_file("$home/run/render-worker.pid");
kill 'KILL', $pid;
my $again;
for (1 .. 100) {
    sleep(0.2);
    $again = picture($ct->{uid});
    last if $again->{status} == 200;
}
is($again->{status}, 200, 'after a killed worker pictures come again');
isnt(read_file("$home/run/render-worker.pid"), $pid, 'from another process');

like(`$top/scripts/run --detach 2>&1`, qr/already running/,
    'a second start says that it runs');

# Somebody else's port.
{
    my $other = $temp->dirname . '/other';
    local $ENV{DICOM_HOME} = $other;
    my $refused = `$top/scripts/run --detach 2>&1`;
    isnt($?, 0, 'a port that is taken stops another system');
    like($refused, qr/port $base is taken.*DICOM_PORT_BASE=/s,
        'which says what to do');
}

$output = `$top/scripts/stop 2>&1`;
is($?, 0, 'it stops');
is(processes(), '', 'no process is left');
is(`find $home/ @{[state_folder()]}/ -type s`, '', 'no socket is left');

my $started = time;
$output = `$top/scripts/run --detach 2>&1`;
is($?, 0, 'it starts again') or diag($output);
cmp_ok(time - $started, '<', 60, 'in seconds');
$token = login($role{physician});
is(scalar @{get("$demo->{facility}/api/v1/studies")->{items} || []}, 4,
    'with the same studies');

system("$top/scripts/stop >/dev/null 2>&1");
is(processes(), '', 'nothing is left at the end');

$t->finish();


sub read_file {
    my ($name) = @_;
    open my $fh, '<', $name or return '';
    local $/;
    my $text = <$fh> // '';
    $text =~ s/\s+\z//;
    return $text;
}


sub login {
    my ($user) = @_;
    my $res = $http->post("$demo->{toplevel}/api/v1/login", {
        headers => { 'Content-Type' => 'application/json' },
        content => JSON::PP->new->encode({
            username => $user->{username}, password => $user->{password} }) });
    return eval { JSON::PP->new->decode($res->{content})->{token} };
}


sub request {
    my ($method, $url, $json) = @_;
    return $http->request($method, $url, {
        headers => { Authorization => "Bearer $token",
            $json ? ('Content-Type' => 'application/json') : () },
        $json ? (content => JSON::PP->new->encode($json)) : () });
}


sub get {
    return eval { JSON::PP->new->utf8->decode(request(GET => @_)->{content}) }
        || {};
}


sub picture {
    my ($study) = @_;
    my $whole = get("$demo->{facility}/api/v1/studies/$study");
    my $stack = request(POST => "$demo->{node}/api/v1/stacks",
        { study => $study, series => $whole->{series}[0]{uid} });
    return $stack if $stack->{status} != 202;
    my $id = JSON::PP->new->decode($stack->{content})->{id};
    return request(GET => "$demo->{node}/api/v1/stacks/$id/layers/60");
}


# Where the state really lies.
sub state_folder {
    my $link = readlink "$home/run";
    return $home unless defined $link;
    return $link =~ s{/run\z}{}r;
}


# Those that work in the home folder, zombies aside.
sub processes {
    my ($state, @found) = (state_folder());
    for my $dir (glob '/proc/[0-9]*') {
        my $command = read_file("$dir/cmdline") =~ tr/\0/ /r;
        push @found, "$dir $command" if index($command, $home) >= 0
            || index($command, $state) >= 0;
    }
    return join "\n", @found;
}


# The first of four free ports in a row.
sub free_ports {
    for (1 .. 200) {
        my $n = 10000 + 10 * int(rand(2000));
        my @sockets = map { IO::Socket::INET->new(Listen => 1,
            ReuseAddr => 1, LocalAddr => "127.0.0.1:$_") } $n .. $n + 3;
        return $n if @sockets == 4;
    }
    die "no four free ports\n";
}
