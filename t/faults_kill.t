#!/usr/bin/perl

# Twenty times kill -9, at random moments among 1,000 and more mixed writes of 16
# clients: an nginx worker, the render worker, a process of the database (which
# then recovers all of it).  What was answered with 2xx is there, whole; what was
# not is absent or whole; sent again, it is accepted.
#
# DICOM_TEST_SEED says which moments, DICOM_TEST_KILLS (20) how many.

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;

my $CLIENTS = 16;
my $kills = $ENV{DICOM_TEST_KILLS} // 20;
my $seed = $ENV{DICOM_TEST_SEED} // time ^ $$;
my $writes = 50 * $kills;
my $deadline = time + 900;

my $t = Test::Dicom->new();
$t->allow_alerts(qr/exited on signal 9/);

$t->start_postgres(fsync => 1);
$t->start_worker();
$t->start_nginx();
$t->seed_demo();

my $token = $t->login('physician');
is(upload('base')->{status}, 201, 'a study to report on');

diag("DICOM_TEST_SEED=$seed");
srand($seed);

my @clients = map { client($_) } 1 .. $CLIENTS;
my %killed;

for my $n (1 .. $kills) {
    sleep(0.3 + rand 0.7);
    my $victim = (qw(nginx worker database))[rand 3];
    my $pid;
    for (1 .. 300) {                # what died just now may not be back yet
        $pid = $victim eq 'worker' ? $t->pid('worker')
            : $victim eq 'nginx' ? child_of($t->pid('nginx'), qr/worker process/)
            : child_of($t->pid('postgres'), qr/postgres: dicom/);
        last if $pid && kill 'KILL', $pid;
        undef $pid;
        sleep(0.1);
    }
    next unless $pid;
    $killed{$victim}++;
    if ($victim eq 'worker') {
        # by whatever looks after it: systemd, or scripts/run
        waitpid $pid, 0;
        delete $t->{daemons}{worker};
        $t->start_worker();
    }
}
sleep(0.2) while done() < $writes && time < $deadline;
$t->write_file('stop', '');
waitpid $_, 0 for @clients;

my @log = map { JSON::PP::decode_json($_) }
    map { split /\n/, $t->read_file("client$_.log") } 1 .. $CLIENTS;
my @kept = grep { $_->{status} =~ /^2/ } @log;
my @refused = grep { $_->{status} !~ /^2/ } @log;

is(eval { $killed{nginx} + $killed{worker} + $killed{database} } // 0, $kills,
    'killed: ' . join ', ', map { ($killed{$_} // 0) . " x $_" }
        qw(nginx worker database));
cmp_ok(scalar @log, '>=', $writes, @log . ' writes: ' . @kept
    . ' acknowledged, ' . @refused . ' not');

eventually('/api/v1/patients?q=none', 'toplevel');
eventually('/api/v1/studies', 'facility');
my $res;
for (1 .. 600) {
    $res = upload('ready');
    last if $res->{status} =~ /^2/;
    sleep(0.2);
}
like($res->{status}, qr/^2/, 'all serve again');
$t->database_back();

my @lost = grep { !whole($_) } @kept;
is(@lost, 0, 'nothing that was acknowledged is lost')
    or diag(explain(@lost > 5 ? @lost[0 .. 4] : @lost));

my @half = grep { my $found = found($_); $found && !whole($_, $found) } @refused;
is(@half, 0, 'nothing is half there') or diag(explain(\@half));

my @no = grep { do_write($_)->{status} !~ /^20[01]$/ } @refused;
is(@no, 0, 'all that was refused can be sent again') or diag(explain(\@no));

my %row = map { $_ => 1 } split /\n/,
    $t->psql('facility', 'SELECT DISTINCT location FROM instances;');
my @objects = map { s{^\./}{}r } split /\n/,
    `cd '@{[$t->dir]}/store' && find . -path ./incoming -prune -o -name '*.dcm' -print`;
cmp_ok(scalar keys %row, '>', 0, 'rows name objects');
is_deeply([sort @objects], [sort keys %row], 'each object has its row');

$t->finish();


# A client that writes until it is told to stop, and notes each answer.
sub client {
    my ($n) = @_;

    my $pid = fork() // die "fork: $!\n";
    return $pid if $pid;

    $t->{pid} = 0;                  # the daemons are not this process's
    srand($seed + $n);
    open my $log, '>>', $t->path("client$n.log") or POSIX::_exit(1);
    $log->autoflush(1);
    for (my $i = 1; !-e $t->path('stop'); $i++) {
        my %write = (kind => (qw(patient upload report))[rand 3],
            n => sprintf '%02d%06d', $n, $i);
        $write{status} = do_write(\%write)->{status};
        print $log JSON::PP::encode_json(\%write), "\n";
        sleep($write{status} =~ /^2/ ? 0.01 : 0.1);
    }
    POSIX::_exit(0);
}


sub uuid { sprintf '0f00%04d-0000-4000-8000-0000%08d', $_[1], $_[0]{n} }


sub do_write {
    my ($write) = @_;

    return upload($write->{n}) if $write->{kind} eq 'upload';
    return $t->http('toplevel', POST => '/api/v1/patients', token => $token,
        json => { id => uuid($write, 1),
            name => { family => "Kill$write->{n}", given => 'Nine' },
            identifiers => [{ issuer => 'TEST', value => "P$write->{n}" }] })
        if $write->{kind} eq 'patient';
    return $t->http('facility', POST => '/api/v1/studies/2.25.1001/reports',
        token => $token, json => { id => uuid($write, 2),
            text => "Report $write->{n}" });
}


sub upload {
    my ($n) = @_;

    my $number = $n =~ /^\d+$/ ? "1$n" : $n eq 'base' ? 1 : 2;
    my $file = $t->dicom_file(StudyInstanceUID => '2.25.1001',
        SeriesInstanceUID => '2.25.1002',
        SOPInstanceUID => "2.25.1003.$number");
    return $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $file, headers => { 'Content-Type' => 'application/dicom' });
}


# What is there of a write, or undef.
sub found {
    my ($write) = @_;

    my $res = $write->{kind} eq 'upload'
        ? $t->http('node', GET => '/dicom-web/studies/2.25.1001/series/'
            . "2.25.1002/instances/2.25.1003.1$write->{n}", token => $token,
            headers => { Accept => 'application/dicom' })
        : $write->{kind} eq 'patient'
        ? $t->http('toplevel', GET => '/api/v1/patients/' . uuid($write, 1),
            token => $token)
        : $t->http('facility', GET => '/api/v1/reports/' . uuid($write, 2),
            token => $token);
    return $res->{status} == 404 ? undef : $res;
}


sub whole {
    my ($write, $res) = @_;

    $res //= found($write) // return 0;
    return 0 if $res->{status} != 200;
    return $write->{kind} eq 'upload'
        ? $res->{body} eq $t->dicom_file(StudyInstanceUID => '2.25.1001',
            SeriesInstanceUID => '2.25.1002',
            SOPInstanceUID => "2.25.1003.1$write->{n}")
        : $write->{kind} eq 'patient'
        ? $res->{json}{name}{family} eq "Kill$write->{n}"
            && $res->{json}{identifiers}[0]{value} eq "P$write->{n}"
        : $res->{json}{text} eq "Report $write->{n}";
}


sub done {
    my $lines = 0;
    for my $n (1 .. $CLIENTS) {
        $lines += () = (-e $t->path("client$n.log")
            ? $t->read_file("client$n.log") : '') =~ /\n/g;
    }
    return $lines;
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


sub eventually {
    my ($path, $role) = @_;

    for (1 .. 600) {
        return if $t->http($role, GET => $path, token => $token)->{status}
            == 200;
        sleep(0.2);
    }
}
