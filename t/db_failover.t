#!/usr/bin/perl

# Two hosts in the database URL (two relays before one PostgreSQL stand for two
# nodes of a cluster): connections spread over both, one may go at any time,
# and when it is back it gets its share again.  Meanwhile 16 clients add to
# counters, which are exact at the end.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->start_postgres();
my @relays;
END { local $?; stop_relay($_) for 0, 1 }

start_relay($_) for 0, 1;
$t->yaml('toplevel', databaseConnections => 4, databaseTimeout => 20,
    databaseUrl => sprintf 'postgresql://dicom@127.0.0.1:%d,127.0.0.1:%d'
        . '/toplevel', $t->port('relay0'), $t->port('relay1'));
$t->start_nginx();
$t->seed_demo();
my $admin = $t->login('admin');
my $n = 0;
my $CLIENTS = 16;

# Counters: the version is the count, and one; two clients to each.
my @counters = map { sprintf '0c000000-0000-4000-8000-%012d', $_ }
    1 .. $CLIENTS / 2;
$t->psql('toplevel', join '', map { "INSERT INTO facilities (id, code, name,
    city) VALUES ('$_', '$_', 'Counter', '0');" } @counters);
my (%acknowledged, $unknown);

# One more on a counter: the status, and what the counter is then.
sub add {
    my ($id) = @_;
    my $now = $t->http('toplevel', GET => "/api/v1/facilities/$id",
        token => $admin);
    return $now if $now->{status} != 200;
    return $t->http('toplevel', PATCH => "/api/v1/facilities/$id",
        token => $admin, json => { city => '' . ($now->{json}{city} + 1) },
        headers => { 'If-Match' => $now->{headers}{etag} });
}

# Some requests at once, so that the pools open their connections: for some
# seconds, and then until each client had $least answers and there is no $file.
sub load {
    my ($seconds, $least, $file) = @_;
    $least //= 0;
    my @pipes;
    for my $w (1 .. $CLIENTS) {
        pipe my $r, my $out or die;
        my $pid = fork() // die;
        if ($pid == 0) {
            my (%status, @added);
            my $id = $counters[$w % @counters];
            my $until = time + $seconds;
            my $served = 0;
            while (time < $until || $served < $least || $file && -e $file) {
                my $kind = (qw(read create add))[$n++ % 3];
                my $res = $kind eq 'add' ? add($id)
                    : $kind eq 'read'
                    ? $t->http('toplevel', GET => '/api/v1/servers',
                        token => $admin)
                    : $t->http('toplevel', POST => '/api/v1/facilities',
                        token => $admin, json => { name => 'Failover',
                            code => "F$$-$n" });
                $status{$res->{status}}++;
                $served++ if $res->{status} =~ /^20[01]$/;
                push @added, "$id=$res->{json}{city}"
                    if $kind eq 'add' && $res->{status} == 200;
                $status{unknown}++ if $kind eq 'add' && $res->{status} == 503;
            }
            print $out join ' ', %status, added => join ',', @added;
            close $out;
            POSIX::_exit(0);
        }
        close $out;
        push @pipes, [$pid, $r];
    }
    return sub {
        my %sum;
        for my $p (@pipes) {
            my $fh = $p->[1];
            local $/;
            my @words = split ' ', scalar <$fh>;
            push @words, '' if @words % 2;
            my %status = @words;
            $acknowledged{$_}++ for split /,/, delete $status{added};
            $sum{$_} += $status{$_} for keys %status;
            waitpid $p->[0], 0;
        }
        delete $sum{412};           # the other one was faster
        $unknown += delete $sum{unknown} // 0;
        return \%sum;
    };
}

sub good {
    my ($sum, $name) = @_;
    my %s = %$sum;
    my $all = (delete $s{200} // 0) + (delete $s{201} // 0);
    is(join(' ', %s), '', "$name: all of $all served");
    return $sum->{201} // 0;
}

# Connections of the nginx workers to a relay.
sub connections {
    my ($i) = @_;
    my $port = sprintf '%04X', $t->port("relay$i");
    open my $fh, '<', '/proc/net/tcp' or return -1;
    return scalar grep { /^\s*\d+: [0-9A-F]{8}:$port [0-9A-F]{8}:\w{4} 01 / }
        <$fh>;
}

sub spread {
    my ($name) = @_;
    my ($a, $b);
    for (1 .. 60) {
        ($a, $b) = map { connections($_) } 0, 1;
        last if $a && $b && $a + $b >= 4 && abs($a - $b) <= 2;
        load(0.3)->();
    }
    ok($a && $b && abs($a - $b) <= 2, "$name: spread ($a and $b)");
}

my $written = good(load(1)->(), 'both hosts');
spread('both hosts');

for my $i (0, 1) {
    my $load = load(3);
    sleep(1);
    stop_relay($i);
    $written += good($load->(), "host $i gone");
    is(connections($i), 0, "host $i gone: no connection");
    start_relay($i);
    $written += good(load(2)->(), "host $i back");
    spread("host $i back");
}

my $going = $t->write_file('going', '');
my $load = load(3, 50, $going);
sleep(0.5);
stop_relay(0);
sleep(0.5);
start_relay(0);
for (1 .. 600) {
    last if connections(0) >= 2;    # others may go there again
    sleep(0.05);
}
stop_relay(1);
sleep(0.5);
start_relay(1);
unlink $going;
my $sum = $load->();
is($sum->{500}, undef, 'both in turn: no error');
$written += $sum->{201} // 0;
ok(($sum->{200} // 0) > 10 * ($sum->{503} // 0), 'both in turn: hardly any '
    . 'request had to be refused (' . ($sum->{503} // 0) . ')');

stop_relay($_) for 0, 1;
is($t->http('toplevel', GET => '/api/v1/servers', token => $admin)->{status},
    503, 'both gone');
start_relay(1);

# Each nginx worker tries the host again at its own time, so one answer says
# nothing of the other worker.
for (1 .. 100) {
    my $back = load(0.2)->();
    $written += $back->{201} // 0;
    last if !$back->{503};
}
good(load(0.5)->(), 'one back');

my $there = $t->psql('toplevel',
    "SELECT count(*) FROM facilities WHERE name = 'Failover'");
ok($there >= $written, "all $written acknowledged writes are there ($there)");

my $added = keys %acknowledged;
cmp_ok($added, '>=', 50, "$added additions were acknowledged");
is((grep { $_ > 1 } values %acknowledged), 0, 'no two of them to the same count');
my @rows = map { [split /\|/] } split /\n/, $t->psql('toplevel', "SELECT city,
    version - 1, (SELECT count(*) FROM audit a WHERE a.object = f.id::TEXT
        AND a.event = 'facility-change')
    FROM facilities f WHERE name = 'Counter' ORDER BY id");
is((grep { $_->[0] != $_->[1] || $_->[0] != $_->[2] } @rows), 0,
    'each counter is as often as it was changed, and recorded')
    or diag(explain(\@rows));
my $total = 0;
$total += $_->[0] for @rows;
ok($total >= $added && $total <= $added + $unknown, "counted to $total: "
    . "$added acknowledged, $unknown answered with 503");

$t->finish();


sub start_relay {
    my ($i) = @_;

    my $listener = IO::Socket::INET->new(Listen => 64, ReuseAddr => 1,
        Proto => 'tcp', LocalAddr => '127.0.0.1:' . $t->port("relay$i"))
        or die "relay $i: $!\n";
    my $pid = fork() // die;
    if ($pid == 0) {
        $SIG{PIPE} = 'IGNORE';
        $SIG{TERM} = $SIG{INT} = 'DEFAULT';
        relay($listener);
        POSIX::_exit(0);
    }
    $relays[$i] = $pid;
    close $listener;
}

sub stop_relay {
    my ($i) = @_;
    my $pid = delete $relays[$i] or return;
    kill 'KILL', $pid;
    waitpid $pid, 0;
}

sub relay {
    my ($listener) = @_;

    my $select = IO::Select->new($listener);
    my %peer;
    while (1) {
        for my $s ($select->can_read) {
            if ($s == $listener) {
                my $client = $listener->accept or next;
                my $server = IO::Socket::INET->new(Proto => 'tcp',
                    PeerAddr => '127.0.0.1:' . $t->port('postgres')) or next;
                @peer{$client, $server} = ($server, $client);
                $select->add($client, $server);
                next;
            }
            my $p = $peer{$s} or next;
            my $data;
            my $got = sysread $s, $data, 65536;
            while ($got && length $data) {
                my $n = syswrite $p, $data;
                last unless $n;
                substr $data, 0, $n, '';
            }
            next if $got;
            $select->remove($s, $p);
            delete @peer{$s, $p};
            close $_ for $s, $p;
        }
    }
}
