#!/usr/bin/perl

# SIGUSR1 with a new secret in the YAML: all workers switch at once, without a
# dropped connection; a broken file keeps the old settings.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Test::Dicom;

my $t = Test::Dicom->new();

my @SECRETS = map { "secret number $_, of more than 32 bytes" } 0 .. 9;

$t->start_postgres();
$t->yaml('toplevel', JWTPassword => $SECRETS[0]);
$t->yaml('node', JWTPassword => $SECRETS[0]);
$t->start_nginx();
$t->seed_demo();

sub me { $t->http('toplevel', GET => '/api/v1/me', token => $_[0]) }
sub node {
    $t->http('node', GET => '/api/v1/stacks/no-uuid', token => $_[0])->{status};
}

my $old = $t->login('physician', $Test::Dicom::PASSWORD);
is(me($old)->{status}, 200, 'a token before');
isnt(node($old), 401, 'at the node too');

# Until the client below has asked so often again.
sub polled {
    my ($n) = @_;
    my $from = -s $t->path('asked') // 0;
    my $until = time + 120;
    sleep(0.05) while (-s $t->path('asked') // 0) < $from + $n
        && time < $until;
}

# A client that never stops asking, over kept connections, to both workers.

pipe(my $reader, my $writer) or die;
my $client = fork() // die;

if (!$client) {
    close $reader;
    $t->{pid} = 0;              # the daemons are not this process's
    my @s = map { $t->connection('toplevel') } 1 .. 8;
    my (%seen, $stop, $asked);
    local $SIG{TERM} = sub { $stop = 1 };
    syswrite $writer, "ready\n";

    open my $count, '>>', $t->path('asked') or POSIX::_exit(1);
    while (!$stop) {
        syswrite $count, '.';
        my $s = $s[$asked++ % @s];
        $s->print("GET /api/v1/me HTTP/1.1\r\nHost: a\r\n"
            . "Authorization: Bearer $old\r\n\r\n");
        my ($status) = (<$s> // 'dropped') =~ m{^HTTP/1.1 (\d+)|^(dropped)};
        my ($length, $close) = (0, 0);
        while (defined(my $line = <$s>)) {
            $length = $1 if $line =~ /^Content-Length: (\d+)/i;
            $close = 1 if $line =~ /^Connection: close/i;
            last if $line eq "\r\n";
        }
        read($s, my $body, $length) == $length or $status = 'dropped';
        $seen{$status // 'dropped'}++;
        # nginx closes after so many requests, and says so
        $s[($asked - 1) % @s] = $t->connection('toplevel') if $close;
        # once refused, for ever refused
        $seen{back}++ if $seen{401} && $status ne '401';
    }

    syswrite $writer, JSON::PP::encode_json(\%seen);
    close $writer;
    POSIX::_exit(0);
}

close $writer;
<$reader>;
polled(40);

$t->yaml('toplevel', JWTPassword => $SECRETS[1]);
$t->yaml('node', JWTPassword => $SECRETS[1]);
is(me($old)->{status}, 200, 'nothing changes before the signal');

ok($t->sigusr1(), 'signal');
is(me($old)->{status}, 401, 'the old token is refused after it');
is(node($old), 401, 'at the node too');

my $new = $t->login('physician', $Test::Dicom::PASSWORD);
is(me($new)->{status}, 200, 'a new one is taken');
isnt(node($new), 401, 'at the node too');

is(scalar(grep { me($new)->{status} != 200 } 1 .. 30), 0, 'by every worker');
is(scalar(grep { me($old)->{status} != 401 } 1 .. 30), 0,
    'and the old by none');

polled(40);
kill 'TERM', $client;
my $seen = JSON::PP::decode_json(join '', <$reader>);
waitpid($client, 0);

cmp_ok($seen->{200} // 0, '>', 20, 'the polling client was answered before');
cmp_ok($seen->{401} // 0, '>', 20, 'and after');
is_deeply([grep { !/^(200|401)$/ } sort keys %$seen], [],
    'it saw nothing else, and no way back') or diag(explain($seen));

# A file that is broken

$t->write_file('toplevel.yaml', "name: [\n");
ok($t->sigusr1(), 'signal with a broken file');
is(me($new)->{status}, 200, 'the old settings stay');
is(me($old)->{status}, 401, 'for the old token too');
like($t->read_file('error.log'),
    qr{\[error\].*/toplevel\.yaml:\d+:.*the old settings stay}, 'the log says');
is(() = $t->read_file('error.log') =~ /the old settings stay/g, 1, 'once');

# A file that cannot be read by the workers

my $yaml = $t->yaml('toplevel', JWTPassword => $SECRETS[2]);
chmod 0600, $yaml;
ok($t->sigusr1(), 'signal with another secret');
is(me($new)->{status}, 401, 'it is in use');
$new = $t->login('physician', $Test::Dicom::PASSWORD);

# A worker that dies

my @workers = $t->read_file('error.log') =~ /start worker process (\d+)/g;
$t->allow_alerts(qr/exited on signal 9/);
kill 'KILL', @workers;

my $until = time + 60;
sleep(0.1) while time < $until
    && 4 > (() = $t->read_file('error.log') =~ /start worker process (\d+)/g);

is(me($new)->{status}, 200, 'respawned workers know the settings');
is(me($old)->{status}, 401, 'and only those');

# The previous key beside the new one: nobody is logged out

$t->yaml('toplevel', JWTPassword => $SECRETS[3],
    jwtKeys => [{ key => $SECRETS[2], use => 'verify' }]);
ok($t->sigusr1(), 'signal with the previous key kept');
is(me($new)->{status}, 200, 'its token is taken');
my $newest = $t->login('physician', $Test::Dicom::PASSWORD);
is(me($newest)->{status}, 200, 'and one of the new key');

$t->yaml('toplevel', JWTPassword => $SECRETS[3],
    jwtKeys => [{ key => $SECRETS[2], use => 'retired' }]);
ok($t->sigusr1(), 'signal with it retired');
is(me($new)->{status}, 401, 'it is refused');
is(me($newest)->{status}, 200, 'the new one is not');

# Reload

$t->yaml('toplevel', JWTPassword => $SECRETS[4]);
ok($t->reload(), 'reload');
is(me($newest)->{status}, 401, 'a reload takes the new secret');
is(me($t->login('physician', $Test::Dicom::PASSWORD))->{status}, 200,
    'and works');

# Many in a row

for my $i (5 .. 9) {
    $t->yaml('toplevel', JWTPassword => $SECRETS[$i]);
    $t->sigusr1();
}
is(me($t->login('physician', $Test::Dicom::PASSWORD))->{status}, 200,
    'after many signals');

ok(-e $t->path('nginx.pid.dicom'), 'the marker is there');
$t->stop_nginx();
ok(!-e $t->path('nginx.pid.dicom'), 'and goes with nginx');

$t->finish();
