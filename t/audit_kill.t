#!/usr/bin/perl

# kill -9 among audited reads: nginx workers, processes of the database.  Each
# read that was answered is in the trail, once; nothing is there that was not
# asked for; and the chain holds, what was sealed late included.
#
# DICOM_TEST_SEED says which moments, DICOM_TEST_KILLS (12) how many.

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;

my $CLIENTS = 8;
my $kills = $ENV{DICOM_TEST_KILLS} // 12;
my $seed = $ENV{DICOM_TEST_SEED} // time ^ $$;

my $t = Test::Dicom->new();
$t->allow_alerts(qr/exited on signal 9/);
my $key = $t->write_file('audit.key', "a-key-of-the-audit-trail\n");
chmod 0600, $key;

$t->start_postgres(fsync => 1);
$t->yaml($_, auditKeyFile => $key, databaseTimeout => 5)
    for qw(toplevel facility node);
$t->start_nginx();
$t->seed_demo();

my $token = $t->login('physician');

diag("DICOM_TEST_SEED=$seed");
srand($seed);

my @clients = map { client($_) } 1 .. $CLIENTS;
my %killed;
for (1 .. $kills) {
    sleep(0.3 + rand 0.5);
    my $victim = rand() < 0.6 ? 'nginx' : 'postgres';
    my $pid = child_of($t->pid($victim),
        $victim eq 'nginx' ? qr/worker process/ : qr/postgres: dicom/) or next;
    kill 'KILL', $pid and $killed{$victim}++;
}
my $until = time + 300;
sleep(0.2) while time < $until && answered() < 600;
$t->write_file('stop', '');
waitpid $_, 0 for @clients;

my @asked = map { JSON::PP::decode_json($_) }
    map { split /\n/, $t->read_file("client$_.log") } 1 .. $CLIENTS;
my %answered = map { $_->{mark} => $_->{kind} }
    grep { $_->{status} eq '200' } @asked;
my $cut = @asked - keys %answered;
cmp_ok(scalar keys %answered, '>=', 500, keys(%answered)
    . " reads were answered, $cut were not, with "
    . join(' and ', map { "$killed{$_} x $_" } sort keys %killed) . ' killed');

$t->database_back();

# The mark of a read stands in its search.
my %rows;
for my $database (qw(toplevel facility)) {
    $rows{$_}++ for grep { length } map { /\bq=(m\d+x\d+)/ ? $1 : () }
        split /\n/, $t->psql($database, "SELECT detail FROM audit
            WHERE event IN ('patient-list', 'study-list')
            AND outcome = 'success'");
}
my @lost = grep { !$rows{$_} } keys %answered;
is(@lost, 0, 'each answered read is in the trail')
    or diag(explain([@lost > 5 ? @lost[0 .. 4] : @lost]));
is((grep { $_ > 1 } values %rows), 0, 'once');
my %marks = map { $_->{mark} => 1 } @asked;
is((grep { !$marks{$_} } keys %rows), 0, 'and nothing that nobody asked for');

for my $database (qw(toplevel facility)) {
    my $open;
    for (1 .. 600) {
        $open = $t->psql($database, "SELECT count(*) FROM audit a WHERE
            NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.event = a.id)");
        last if $open eq '0';
        sleep(0.1);
    }
    is($open, '0', "$database: everything is sealed");
    my $output = `@{[$t->top]}/scripts/verify-audit \\
        '@{[$t->database_url($database)]}' --key '$key' 2>&1`;
    is($?, 0, "$database: the chains hold") or diag($output);
}

$t->finish();


# A client that searches until it is told to stop, each time for another word,
# over kept connections, and notes what came.
sub client {
    my ($n) = @_;

    my $pid = fork() // die "fork: $!\n";
    return $pid if $pid;

    $t->{pid} = 0;                  # the daemons are not this process's
    open my $log, '>>', $t->path("client$n.log") or POSIX::_exit(1);
    $log->autoflush(1);
    my %connection;
    for (my $i = 1; !-e $t->path('stop'); $i++) {
        my $role = (qw(toplevel toplevel facility))[$i % 3];
        my $mark = "m${n}x$i";
        my $status = eval { ask(\%connection, $role, $mark) } // 'none';
        print $log JSON::PP::encode_json({ kind => $role, mark => $mark,
            status => $status }), "\n";
        sleep(0.05) if $status ne '200';
    }
    POSIX::_exit(0);
}


sub ask {
    my ($connection, $role, $mark) = @_;

    my $path = $role eq 'toplevel' ? '/api/v1/patients' : '/api/v1/studies';
    my $s = $connection->{$role} //= $t->connection($role);
    print $s "GET $path?q=$mark HTTP/1.1\r\nHost: a\r\n"
        . "Authorization: Bearer $token\r\n\r\n";
    my ($status) = (<$s> // '') =~ m{^HTTP/1.1 (\d+)};
    my ($length, $body) = (0, '');
    while (defined(my $line = <$s>)) {
        $length = $1 if $line =~ /^Content-Length: (\d+)/i;
        last if $line eq "\r\n";
    }
    if (!defined $status || read($s, $body, $length) != $length) {
        delete $connection->{$role};
        return 'cut';
    }
    return $status;
}


sub answered {
    my $n = 0;
    $n += () = $t->read_file("client$_.log") =~ /"200"/g for 1 .. $CLIENTS;
    return $n;
}


# A random child of a process whose command line matches.
sub child_of {
    my ($parent, $match) = @_;

    my @found;
    for my $pid (map { m{^/proc/(\d+)/} } glob '/proc/[0-9]*/stat') {
        open my $fh, '<', "/proc/$pid/stat" or next;
        my ($ppid) = (<$fh> // '') =~ /\) \S (\d+)/ or next;
        next if $ppid != $parent;
        open $fh, '<', "/proc/$pid/cmdline" or next;
        local $/;
        push @found, $pid if (<$fh> // '') =~ $match;
    }
    return @found ? $found[rand @found] : undef;
}
