#!/usr/bin/perl

# The database connection against a fake server that stalls, hangs up, answers
# in pieces, fails in CockroachDB's words, and talks garbage.

use strict;
use warnings;

use Fcntl qw(:flock SEEK_SET);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $id = '11111111-2222-4333-8444-555555555555';

# The fake's orders: one line each, "TIMES WHERE WHAT [ARGUMENT]"; WHERE is
# connect, idle, or a statement's name (BEGIN and COMMIT too).  An order is used
# up after TIMES.  What the fake has seen goes to the log.
my @COLUMNS = qw(id code name address city country patient_issuer active
    version created_at updated_at created_as);
my ($orders, $seen) = ($t->path('orders'), $t->path('seen'));
my $listener = IO::Socket::INET->new(Listen => 64, Proto => 'tcp',
    LocalAddr => '127.0.0.1:' . $t->port('fake'), ReuseAddr => 1)
    or die "fake: $!\n";
my $fake = fork() // die "fork: $!\n";
if ($fake == 0) {
    serve($listener);
    POSIX::_exit(0);
}

END { if ($fake) { kill 'TERM', -$fake; kill 'TERM', $fake;
    local $?; waitpid $fake, 0 } }

# Both servers share their secret: the first logs in, the second has the fake.
$t->start_postgres();
$t->write_conf();
my $timeout = $t->asan ? 8 : 4;
my $yaml = sub { $t->write_file('fake.yaml', <<"YAML") };
name: Fake
serverType: toplevel
address: 127.0.0.1
port: 1
databaseUrl: postgresql://dicom\@127.0.0.1:@{[$t->port('fake')]}/toplevel
databaseConnections: 1
databaseQueue: 2
databaseFollowerReads: true
databaseTimeout: $timeout
JWTPassword: test-secret-of-more-than-32-bytes-length
YAML
$yaml->();
orders();
my $CLOSED = qr/client (?:prematurely )?closed connection/;
my $one = $t->expand('%%GLOBALS%%') =~ s/(worker_processes) 2/$1 1/r;
$one =~ s/(worker_shutdown_timeout) 10s/$1 100s/;
$t->start_nginx(conf => $one . <<'CONF');
%%EVENTS%%
http {
%%HTTP%%
    server {
        client_body_temp_path %%DIR%%/temp/body;
        dicom_config %%DIR%%/toplevel.yaml;
        dicom_kdf_threads kdf;
    }
    server {
        listen 127.0.0.1:%%PORT_faked%%;
        client_body_temp_path %%DIR%%/temp/body;
        dicom_config %%DIR%%/fake.yaml;
        dicom_kdf_threads kdf;
    }
}
CONF
$t->seed_demo();
my $token = $t->login('admin');

sub get {
    return $t->http('faked', GET => $_[0] // "/api/v1/facilities/$id",
        token => $token);
}

sub create {
    return $t->http('faked', POST => '/api/v1/facilities', token => $token,
        json => { name => 'N', code => 'C' });
}

sub orders {
    open my $fh, '>', "$orders.new" or die;
    print $fh map { "$_\n" } @_;
    close $fh;
    open $fh, '>', $seen or die;
    rename "$orders.new", $orders or die;
}

# The connection is lost while it is idle; the orders are for those after it.
sub hang_up {
    orders('1 idle hangup', @_);
    until_seen('hung up');
}

# Until the fake has seen it.
sub until_seen {
    my ($what) = @_;
    for (1 .. 1200) {
        return if seen($what);
        sleep(0.05);
    }
}

sub seen {
    my ($what) = @_;
    return scalar(() = $t->read_file($seen) =~ /^\Q$what\E$/mg);
}

# A request served, and what an order left is gone.
sub fine {
    my ($name) = @_;
    my $res;
    orders();
    for (1 .. 300) {
        $res = get();
        last if $res->{status} == 200;
        sleep(0.1);
    }
    is($res->{status}, 200, "served after $name");
}

sub unavailable {
    my ($res, $name) = @_;
    is($res->{status}, 503, "$name: unavailable");
    ok($res->{headers}{'retry-after'}, "$name: Retry-After");
    unlike($res->{body}, qr/libpq|server closed|127\.0\.0\.1|SQL/i,
        "$name: no internals");
}


# as it should be

my $res = get();
is($res->{status}, 200, 'read');
is($res->{json}{name}, 'Fake', 'row');
is(seen('BEGIN'), 0, 'a read needs no transaction');
is(create()->{status}, 201, 'created');
is(seen('COMMIT'), 1, 'in a transaction');
is(seen('prepare FACILITY_GET'), 1, 'prepared once');
get() for 1 .. 3;
is(seen('prepare FACILITY_GET'), 1, 'and used again');
is(seen('connect'), 1, 'on one connection');

orders('1 FACILITY_GET slow');
is(get()->{status}, 200, 'an answer byte by byte');
orders('1 FACILITY_LIST big');
$res = get('/api/v1/facilities?limit=500');
is($res->{status}, 200, 'a large answer');
is(seen('BEGIN'), 0, 'a list neither');

# a CockroachDB, where lists may come from the nearest replica

my $follower = 'sql BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, '
    . 'AS OF SYSTEM TIME follower_read_timestamp()';
hang_up('1 connect cockroach');
for (1 .. 300) {
    last if get()->{status} == 200 && seen('connect');
    sleep(0.1);
}
is(seen('connect'), 1, 'connected anew');
is(get('/api/v1/facilities?limit=500')->{status}, 200, 'a list');
is(seen($follower), 1, 'of a moment ago');
is(seen('COMMIT'), 1, 'and ended');
is(get()->{status}, 200, 'a single resource');
is(seen('BEGIN'), 1, 'is of now');
is(create()->{status}, 201, 'a write');
is(seen($follower), 1, 'is too');
hang_up();
fine('CockroachDB');
is(scalar @{$res->{json}{items} || []}, 500, 'is whole');
ok(length $res->{body} > 4_000_000, 'and large');


# silence

orders('1 FACILITY_GET stall');
my $start = time;
unavailable(get(), 'stall');
my $took = time - $start;
ok($took > $timeout - 0.5, "after the timeout ($took s)");
until_seen('connect');
is(seen('connect'), 1, 'that connection is given up');
fine('stall');

orders('1 COMMIT stall');
$res = create();
is($res->{status}, 503, 'stall at COMMIT');
like($res->{body}, qr/look whether/, 'says that nobody knows');
fine('stall at COMMIT');

hang_up('99 connect mute');
$res = get();
unavailable($res, 'half-open connection');
fine('half-open connection');

hang_up('99 connect mute');
my @many = map { [ $_, request() ] } 1 .. 2;
unavailable(get(), 'queue full');
ok(!pending($_->[1]), 'at once, before one that waits') for @many;
answer($_->[1]) for @many;
fine('queue full');


# lost connections

orders('1 FACILITY_GET hangup');
is(get()->{status}, 200, 'lost while reading: again');
is(seen('FACILITY_GET'), 2, 'twice');
orders('1 FACILITY_INSERT hangup');
is(create()->{status}, 201, 'lost while writing: again');
orders('9 FACILITY_GET hangup');
unavailable(get(), 'lost again and again');
fine('losing connections');

orders('1 COMMIT hangup');
is(create()->{status}, 201, 'lost at COMMIT: again');
is(seen('COMMIT'), 2, 'once more');
orders('9 COMMIT hangup');
$res = create();
is($res->{status}, 503, 'lost at COMMIT twice');
like($res->{body}, qr/look whether/, 'says that nobody knows');
is(seen('COMMIT'), 2, 'no third time');
fine('lost COMMITs');

hang_up();
is(get()->{status}, 200, 'lost while idle');

orders('1 FACILITY_GET shutdown');
is(get()->{status}, 200, 'a server that goes down');
orders('1 BEGIN shutdown');
is(create()->{status}, 201, 'in a transaction');
fine('shutdown');


# errors in words

for my $at (qw(BEGIN FACILITY_INSERT AUDIT_TOPLEVEL COMMIT)) {
    orders("3 $at error 40001");
    is(create()->{status}, 201, "40001 three times at $at");
    is(seen($at), 4, 'four times there');
    is(seen('ROLLBACK'), $at eq 'BEGIN' || $at eq 'COMMIT' ? 0 : 3,
        'rolled back each time');
}

orders('99 COMMIT error 40001');
$res = create();
is($res->{status}, 503, '40001 for ever');
is($res->{json}{type}, 'urn:dicom:problem:busy', 'busy');
is(seen('COMMIT'), 8, 'eight times');
orders('2 FACILITY_INSERT error 40P01');
is(create()->{status}, 201, 'deadlock');
orders('1 FACILITY_GET error 40001');
is(get()->{status}, 200, 'a read, too');

orders('1 COMMIT error 40003');
is(create()->{status}, 201, '40003: again');
orders('9 COMMIT error 40003');
like(create()->{body}, qr/look whether/, '40003 twice: unknown');
fine('40003');

for my $state (qw(26000 0A000)) {
    orders("1 FACILITY_GET error $state");
    is(get()->{status}, 200, "$state: prepared anew");
    is(seen('connect'), 1, 'on a new connection');
    orders("9 FACILITY_GET error $state");
    is(get()->{status}, 500, "$state again: an error");
    is(seen('FACILITY_GET'), 2, 'no third time');
}

orders('1 FACILITY_GET error XX000');
$res = get();
is($res->{status}, 500, 'another error');
unlike($res->{body}, qr/XX000|fake|FACILITY/, 'kept from the client');
fine('another error');
orders('1 FACILITY_GET error 57014');
unavailable(get(), 'statement timeout');

hang_up('1 prepare error 42P01');
$res = get();
is($res->{status}, 500, 'a statement that cannot be prepared');
fine('that');

hang_up('99 connect error 53300');
unavailable(get(), 'too many connections');
fine('too many connections');


# garbage

for my $where (qw(connect FACILITY_GET idle)) {
    hang_up("1 $where garbage");
    get() for 1 .. 2;
    fine("garbage at $where");
}

orders('1 FACILITY_GET short');
get();
fine('a row without its columns');


# a client that does not wait

# the fake answers when the client is known to be gone
sub leave {
    my ($at, @request) = @_;
    my $gone = () = $t->read_file('error.log') =~ /$CLOSED/g;
    unlink "$orders.go";
    orders("1 $at wait");
    my $s = request(@request);
    until_seen($at);
    close $s;
    for (1 .. 200) {
        last if $gone < (() = $t->read_file('error.log') =~ /$CLOSED/g);
        sleep(0.05);
    }
    $t->write_file("$orders.go", '');
}

leave('FACILITY_GET');
is(get()->{status}, 200, 'the next request is served');
is(seen('connect'), 0, 'on the same connection');
leave('FACILITY_INSERT', 'POST', '{"name":"x","code":"y"}');
until_seen('ROLLBACK');
is(get()->{status}, 200, 'after half a transaction');
is(seen('ROLLBACK'), 1, 'which was rolled back');


# and away

orders();
$start = time;
ok($t->reload(), 'reload');
is(get()->{status}, 200, 'served by the new worker');
$t->stop_nginx();
ok(time - $start < 29, 'idle connections keep nobody from going');
is(scalar(() = $t->read_file('error.log') =~ /open socket/g), 0,
    'no socket is left');

$t->finish();


# A request whose answer is not waited for.
sub request {
    my ($method, $body) = @_;
    my $s = $t->connection('faked');
    $method //= 'GET';
    my $path = '/api/v1/facilities' . ($body ? '' : "/$id");
    $body //= '';
    print $s "$method $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        . "Authorization: Bearer $token\r\n" . ($body ? 'Content-Type: '
        . "application/json\r\nContent-Length: " . length($body) . "\r\n" : '')
        . "\r\n$body";
    sleep(0.1);
    return $s;
}

sub answer {
    my ($s) = @_;
    local $/;
    return scalar <$s>;
}


# --- the fake server: one process a connection, protocol 3.0

sub serve {
    my ($listener) = @_;

    setpgrp(0, 0);
    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';
    $SIG{INT} = 'DEFAULT';
    while (my $s = $listener->accept) {
        my $pid = fork();
        if (defined $pid && $pid == 0) {
            close $listener;
            $s->autoflush(1);
            eval { talk($s) };
            POSIX::_exit(0);
        }
        close $s;
    }
}

sub noted {
    my ($line) = @_;
    open my $log, '>>', $seen or die;
    print $log "$line\n";
    close $log;
}

# What to do at WHERE, and a line in the log.
sub order {
    my ($where, $silent) = @_;

    noted($where) if !$silent;

    open my $lock, '>>', "$orders.lock" or die;
    flock $lock, LOCK_EX;
    open my $fh, '<', $orders or return;
    my @lines = <$fh>;
    my $found;
    for my $line (@lines) {
        my ($times, $at, $what) = $line =~ /^(\d+) (\S+) (.*)$/ or next;
        next if $at ne $where || $times == 0 || defined $found;
        $found = $what;
        $line = $times - 1 . " $at $what\n";
    }
    return unless defined $found;
    open $fh, '>', "$orders.tmp" or die;
    print $fh @lines;
    close $fh;
    rename "$orders.tmp", $orders;
    return $found;
}

sub get_bytes {
    my ($s, $n) = @_;
    my $data = '';
    while (length $data < $n) {
        sysread($s, $data, $n - length $data, length $data) or POSIX::_exit(0);
    }
    return $data;
}

sub put { my ($s, $data) = @_;
    while (length $data) {
        my $n = syswrite($s, $data) or POSIX::_exit(0);
        substr($data, 0, $n) = '';
    }
}

sub message { $_[0] . pack('N', 4 + length $_[1]) . $_[1] }

sub error {
    my ($state, $fatal) = @_;
    return message('E', join '', map { "$_\0" } 'S' . ($fatal ? 'FATAL'
        : 'ERROR'), "C$state", 'Mfake error', '');
}

sub obey {
    my ($s, $what) = @_;

    return 0 unless defined $what;
    if ($what eq 'hangup') {
        close $s;
        noted('hung up');
        POSIX::_exit(0);
    }
    if ($what eq 'wait') {
        for (1 .. 1200) {
            last if -e "$orders.go";
            sleep(0.05);
        }
        return 0;
    }
    if ($what eq 'shutdown') {
        put($s, error('57P01', 1));
        POSIX::_exit(0);
    }
    if ($what eq 'stall' || $what eq 'mute') {
        sleep(60);
        POSIX::_exit(0);
    }
    if ($what eq 'garbage') {
        put($s, join '', map { chr int rand 256 } 1 .. 4000);
        sleep(60);
        POSIX::_exit(0);
    }
    return 1;
}

sub row {
    my ($n, $address) = @_;
    my @values = (sprintf('11111111-2222-4333-8444-%012d', $n), "C$n", 'Fake',
        $address, '', '', '', 't', 1, '2026-11-22 13:00:00.5+00',
        '2026-11-22 13:00:00+00', '');
    return @values;
}

sub data_row {
    return message('D', pack('n', scalar @_)
        . join '', map { pack('N/a*', $_) } @_);
}

sub description {
    return message('T', pack('n', scalar @_) . join '', map {
        "$_\0" . pack('NnNnNn', 0, 0, 25, 65535, 4294967295, 0) } @_);
}

# Answer to a statement: description and rows, tag.
sub answer_to {
    my ($name, $what) = @_;

    my ($describe, $rows, $tag) = (message('n', ''), '', $name);
    if ($name =~ /_GET$/) {
        $describe = description(@COLUMNS);
        $rows = data_row(defined $what && $what eq 'short' ? 'x'
            : row(555555555555, ''));
        $tag = 'SELECT 1';

    } elsif ($name =~ /_LIST$/) {
        $describe = description(@COLUMNS, qw(key1 key2));
        $rows .= data_row(row($_, 'x' x 9000), 'Fake', $id) for 1 .. 500;
        $tag = 'SELECT 500';

    } elsif ($name =~ /^FACILITY_INSERT/) {
        $describe = description('id');
        $rows = data_row($id);
        $tag = 'INSERT 0 1';

    } elsif ($name =~ /^AUDIT/) {
        $tag = 'INSERT 0 1';
    }
    return ($describe, $rows, $tag);
}

sub talk {
    my ($s) = @_;

    my $what = order('connect');
    my $version = '';
    if (defined $what && $what eq 'cockroach') {
        $version = message('S', "crdb_version\0CockroachDB CCL v23.2.9\0");
        $what = undef;
    }
    get_bytes($s, unpack('N', get_bytes($s, 4)) - 4);
    if (obey($s, $what)) {
        put($s, error((split ' ', $what)[1], 1));
        POSIX::_exit(0);
    }

    put($s, message('R', pack('N', 0))
        . message('S', "server_version\0" . "15.0\0")
        . message('S', "client_encoding\0UTF8\0") . $version
        . message('K', pack('NN', $$, 1)) . message('Z', 'I'));

    my ($status, $failed, $name, $idle, %queries, $do) = ('I', 0, '', 1);
    my ($trail, @ahead);
    while (1) {
        while ($idle && $status eq 'I' && !@ahead && !pending($s)) {
            obey($s, order('idle', 1));
        }
        $idle = 0;

        my ($type, $body) = @{shift @ahead // next_message($s)};
        my $reply = '';

        POSIX::_exit(0) if $type eq 'X';
        if ($type eq 'S') {
            $failed = 0;
            $idle = 1;
            put($s, message('Z', $status));
            next;
        }
        next if $failed || $type eq 'H';

        if ($type eq 'P') {
            my ($stmt, $sql) = split /\0/, $body;
            $queries{$stmt} = $stmt eq '' ? (split ' ', $sql)[0] : $stmt;
            if ($stmt eq '') {
                noted("sql $sql");
            }
            if ($stmt ne '') {
                noted("prepare $stmt");
                $what = $trail || $stmt =~ /^AUDIT_/ ? undef
                    : order('prepare', 1);
                if (obey($s, $what)) {
                    $failed = 1;
                    put($s, error((split ' ', $what)[1]));
                    next;
                }
            }
            $reply = message('1', '');

        } elsif ($type eq 'B') {
            $name = $queries{(split /\0/, $body)[1] // ''} // '';
            $reply = message('2', '');

        } elsif ($type eq 'D') {
            $reply = $body =~ /^S/ ? message('t', pack('n', 0))
                . message('n', '') : (answer_to($name))[0];

        } elsif ($type eq 'E') {
            # The audit trail's own transactions come when they like.  Orders
            # and what was seen are about the others.
            if ($name eq 'BEGIN') {
                my $first = next_message($s);
                push @ahead, $first;
                my ($stmt, $of) = split /\0/, $first->[1];
                $trail = ($first->[0] eq 'B' ? $of : $stmt) =~ /^AUDIT_/;
            }
            $do = $trail ? undef : order($name);
            $trail = 0 if $name =~ /^(?:COMMIT|ROLLBACK)$/;
            $do = undef unless obey($s, $do);
            if (defined $do && $do =~ /^error (\w+)/) {
                $failed = 1;
                $status = $name eq 'COMMIT' || $status eq 'I' ? 'I' : 'E';
                put($s, error($1));
                next;
            }
            my (undef, $rows, $tag) = answer_to($name, $do);
            $status = 'T' if $name eq 'BEGIN';
            $status = 'I' if $name eq 'COMMIT' || $name eq 'ROLLBACK';
            $reply = $rows . message('C', "$tag\0");
            if (defined $do && $do eq 'slow') {
                for my $byte (split //, $reply) {
                    put($s, $byte);
                    sleep(0.001);
                }
                next;
            }
        }
        put($s, $reply);
    }
}

sub next_message {
    my ($s) = @_;
    my ($type, $length) = unpack('aN', get_bytes($s, 5));
    return [$type, get_bytes($s, $length - 4)];
}

sub pending {
    my ($s) = @_;
    my $bits = '';
    vec($bits, fileno($s), 1) = 1;
    return select($bits, undef, undef, 0.05) > 0;
}
