#!/usr/bin/perl

# Keys change under load.  A routine change, step by step as the README has it,
# is not noticed by anybody who renews the token; after a theft every old token
# is refused within a second, by every server, and who logs in again is served.

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;

my $CLIENTS = 6;
my $ROUTINES = 3;

my $t = Test::Dicom->new();
my $dir = $t->dir;
key($_) for 0 .. $ROUTINES + 1;

$t->start_postgres();
keys_are([0]);
$t->start_nginx();
$t->seed_demo();
my $token = $t->login('physician', $Test::Dicom::PASSWORD);

# --- routine

my @clients = map { client(renew => 0.4) } 1 .. $CLIENTS;
asked(300);
for my $n (1 .. $ROUTINES) {
    keys_are([$n - 1], [$n]);       # known everywhere
    asked(100);
    keys_are([$n], [$n - 1]);       # signs
    sleep(1);
    asked(400);                     # tokens end or are renewed
    keys_are([$n]);                 # the old one is gone
    asked(100);
}
my $sum = stop(@clients);
my $all = delete $sum->{200};
cmp_ok($all, '>=', 2000, "$all requests during $ROUTINES changes of the key");
is_deeply($sum, {}, 'and all were served') or diag(explain($sum));
is($t->http('toplevel', GET => '/api/v1/me', token => $token)->{status}, 401,
    'while a token of the first key has long ended');

# --- compromise

$token = $t->login('physician', $Test::Dicom::PASSWORD);
@clients = map { client() } 1 .. $CLIENTS;
my $health = client(path => '/api/v1/health');
asked(500);
keys_are([$ROUTINES + 1]);
my $removed = time;                 # all processes know it
my $new = $t->login('physician', $Test::Dicom::PASSWORD);
is($t->http($_, GET => $_ eq 'toplevel' ? '/api/v1/me' : '/api/v1/studies',
    token => $new)->{status}, 200, "$_ serves who logged in again")
    for qw(toplevel facility);
sleep(1);
asked(500);
$sum = stop(@clients);
cmp_ok($sum->{200}, '>=', 200, "$sum->{200} requests before");
cmp_ok($sum->{401}, '>=', 200, "$sum->{401} refused after");
is_deeply([grep { !/^(?:200|401|last)$/ } keys %$sum], [], 'nothing else');
cmp_ok($sum->{last}, '<', $removed, sprintf 'the last request that an old token '
    . 'let in was sent %.0f ms before', 1000 * ($removed - $sum->{last}));
$sum = stop($health);
$all = delete $sum->{200};
is_deeply($sum, {}, "all $all requests without a token were served");
for my $role (qw(toplevel facility)) {
    my $path = $role eq 'toplevel' ? '/api/v1/me' : '/api/v1/studies';
    is((grep { $t->http($role, GET => $path, token => $token)->{status} != 401 }
        1 .. 20), 0, "$role: no worker remembers the old one");
}

$t->finish();


sub key {
    my ($n) = @_;
    system("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
        . "-out $dir/$n.pem 2>/dev/null && chmod 600 $dir/$n.pem && "
        . "openssl pkey -in $dir/$n.pem -pubout -out $dir/$n.pub.pem") == 0
        or die "openssl failed\n";
}


# The first one signs, the others are still, or already, known.  The servers
# take it over when they run.
sub keys_are {
    my ($sign, @known) = @_;

    my $change = sub {
        my ($half) = @_;
        return (JWTPassword => undef, jwtKeys => [
            { kid => "k$sign->[0]", alg => 'ES256', $half
                ? (keyFile => "$dir/$sign->[0].pem", use => 'sign')
                : (keyFile => "$dir/$sign->[0].pub.pem", use => 'verify') },
            map { { kid => "k$_->[0]", alg => 'ES256', use => 'verify',
                keyFile => "$dir/$_->[0].pub.pem" } } @known ]);
    };
    $t->yaml('toplevel', $change->(1));
    $t->yaml($_, $change->(0)) for qw(facility node);
    $t->sigusr1() or die "no signal\n" if $t->pid('nginx');
}


# A client that asks both servers over kept connections until it is told to end;
# renew: the token, after so many seconds each.
sub client {
    my (%opt) = @_;

    pipe my $reader, my $writer or die "pipe: $!\n";
    my $pid = fork() // die "fork: $!\n";
    if ($pid) {
        close $writer;
        return { pid => $pid, reader => $reader };
    }

    close $reader;
    $t->{pid} = 0;                  # the daemons are not this process's
    my %seen;
    my $own = $token;
    my $renewed = time;
    my %path = (toplevel => $opt{path} // "/api/v1/me",
        facility => $opt{path} // "/api/v1/studies");
    my %connection;
    my $stop;
    local $SIG{TERM} = sub { $stop = 1 };
    open my $count, '>>', $t->path('asked') or POSIX::_exit(1);
    for (my $n = 1; !$stop; $n++) {
        syswrite $count, '.' if $n % 10 == 0 && !$opt{path};
        my $role = (qw(toplevel facility))[$n % 2];
        my ($method, $path) = (GET => $path{$role});
        if ($opt{renew} && time - $renewed > $opt{renew} && $role eq 'toplevel') {
            ($method, $path) = (POST => '/api/v1/token');
        }
        my $sent = time;
        my ($status, $body) = ask(\%connection, $role, $method, $path,
            $opt{path} ? undef : $own);
        $seen{$status}++;
        $seen{last} = $sent if $status eq '200' && !$opt{renew} && !$opt{path};
        if ($method eq 'POST' && $status eq '200') {
            $own = JSON::PP::decode_json($body)->{token};
            $renewed = time;
        }
    }
    print $writer JSON::PP::encode_json(\%seen);
    close $writer;
    POSIX::_exit(0);
}


# Until the clients have asked so often again.
sub asked {
    my ($n) = @_;

    my $from = -s $t->path('asked') // 0;
    my $until = time + 300;
    sleep(0.05) while (-s $t->path('asked') // 0) < $from + $n / 10
        && time < $until;
}


# (status, body) of one request; 'dropped' when the connection ended instead.
sub ask {
    my ($connection, $role, $method, $path, $own) = @_;

    my $s = $connection->{$role} //= $t->connection($role);
    print $s "$method $path HTTP/1.1\r\nHost: a\r\n"
        . (defined $own ? "Authorization: Bearer $own\r\n" : '')
        . ($method eq 'POST' ? "Content-Length: 0\r\n" : '') . "\r\n";
    my ($status) = (<$s> // '') =~ m{^HTTP/1.1 (\d+)};
    my ($length, $body) = (0, '');
    while (defined(my $line = <$s>)) {
        $length = $1 if $line =~ /^Content-Length: (\d+)/i;
        delete $connection->{$role} if $line =~ /^Connection: close/i;
        last if $line eq "\r\n";
    }
    return ('dropped', '') unless defined $status
        && read($s, $body, $length) == $length;
    return ($status, $body);
}


# Ends clients; the sums of what they saw, and when the last request was sent
# that was answered with 200.
sub stop {
    my (@clients) = @_;

    kill 'TERM', map { $_->{pid} } @clients;
    my %sum;
    for my $client (@clients) {
        my $fh = $client->{reader};
        my $seen = JSON::PP::decode_json(join '', <$fh>);
        waitpid $client->{pid}, 0;
        my $last = delete $seen->{last};
        $sum{last} = $last if defined $last && $last > ($sum{last} // 0);
        $sum{$_} += $seen->{$_} for keys %$seen;
    }
    return \%sum;
}
