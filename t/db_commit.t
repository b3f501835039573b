#!/usr/bin/perl

# The connection is lost at COMMIT, before the server got it or after it was
# done: a relay before a real PostgreSQL cuts there.  The client gets a success,
# and the write is there exactly once; what only reads is asked again.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->start_postgres();

my $mode = $t->path('mode');
my $listener = IO::Socket::INET->new(Listen => 64, ReuseAddr => 1,
    Proto => 'tcp', LocalAddr => '127.0.0.1:' . $t->port('relay'))
    or die "relay: $!\n";
my $relay = fork() // die "fork: $!\n";
if ($relay == 0) {
    relay($listener);
    POSIX::_exit(0);
}
close $listener;
END { if ($relay) { local $?; kill 'KILL', $relay; waitpid $relay, 0 } }

$t->yaml($_, databaseUrl => 'postgresql://dicom@127.0.0.1:'
    . $t->port('relay') . "/$_") for qw(toplevel facility);
$t->start_nginx();
$t->seed_demo();
my $admin = $t->login('admin');
my $physician = $t->login('physician');
my $facadmin = $t->login('facadmin');

sub api {
    my ($token, $method, $path, %opt) = @_;
    return $t->http('toplevel', $method => "/api/v1$path", token => $token,
        %opt);
}

# The next COMMIT is cut, and as many after it as TIMES says; with STATEMENT
# only of transactions that have it.
sub cut {
    my ($where, $times, $statement) = @_;
    $t->write_file("mode.new", join ' ', $where, $times // 1, $statement // ());
    rename "$mode.new", $mode or die;
}

# Until every record has its seal.
sub settle {
    for (1 .. 600) {
        return if $t->psql('toplevel', "SELECT count(*) FROM audit a WHERE
            NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.event = a.id)")
            eq '0';
        sleep(0.1);
    }
}

sub was_cut { is($t->read_file('mode'), '', 'the connection was cut') }

my $n = 0;
for my $where (qw(before after)) {

    # the last doubt of the one half, about nothing, is not all that the next
    # search for records without a seal is for
    sleep(2.5) if $n;
    cut($where);
    my $res = api($admin, POST => '/facilities', json => { name => 'Cut',
        code => 'CUT' . ++$n });
    is($res->{status}, 201, "$where COMMIT: created");
    was_cut();
    my $f = $res->{json}{id};
    is($t->psql('toplevel', "SELECT count(*) FROM facilities WHERE code = "
        . "'CUT$n'"), 1, 'once');
    is($t->psql('toplevel', "SELECT count(*) FROM audit WHERE object = '$f'"),
        1, 'audited once');

    cut($where);
    $res = api($admin, PATCH => "/facilities/$f", json => { city => 'Kiel' },
        headers => { 'If-Match' => '"1"' });
    is($res->{status}, 200, "$where COMMIT: changed");
    was_cut();
    is($res->{json}{city}, 'Kiel', 'as was asked for');
    is($res->{headers}{etag}, '"2"', 'once');
    is($t->psql('toplevel', "SELECT version FROM facilities WHERE id = '$f'"),
        2, 'in the table, too');

    cut($where);
    $res = api($admin, DELETE => "/facilities/$f",
        headers => { 'If-Match' => '"2"' });
    is($res->{status}, 204, "$where COMMIT: deactivated");
    was_cut();
    is($t->psql('toplevel', "SELECT version FROM facilities WHERE id = '$f'"),
        3, 'once');
    is($t->psql('toplevel', "SELECT count(*) FROM audit WHERE object = '$f'"),
        3, 'each was audited once');

    cut($where);
    $res = api($physician, POST => '/patients', json => {
        name => { family => "Cut$n" },
        identifiers => [{ issuer => 'CUT', value => "$n" }] });
    is($res->{status}, 201, "$where COMMIT: patient created");
    was_cut();
    cut($where);
    $res = api($physician, PATCH => "/patients/$res->{json}{id}",
        json => { identifiers => [{ issuer => 'CUT', value => "1$n" }] },
        headers => { 'If-Match' => $res->{headers}{etag} });
    is($res->{status}, 200, "$where COMMIT: patient changed");
    was_cut();
    is($t->psql('toplevel', "SELECT value FROM patient_identifiers WHERE "
        . "patient = '$res->{json}{id}'"), "1$n", 'identifier');

    my $read = $res->{json}{id};
    cut($where);
    is(api($physician, GET => "/patients/$read")->{status}, 200,
        "$where COMMIT: the record of a read");
    was_cut();
    is($t->psql('toplevel', "SELECT count(*) FROM audit WHERE object = '$read'
        AND event = 'patient-read'"), 1, 'is there once');
    is(api($physician, GET => "/patients/$read")->{status}, 200, 'another');
    is($t->psql('toplevel', "SELECT count(*) FROM audit WHERE object = '$read'
        AND event = 'patient-read'"), 2, 'is there, too');

    settle();
    cut($where, 2);
    $res = api($admin, POST => '/facilities', json => { name => 'Twice',
        code => "TWICE$n" });
    is($res->{status}, 503, "$where COMMIT, twice: nobody knows");
    like($res->{json}{detail}, qr/look whether/, 'which it says');
    is($t->psql('toplevel', "SELECT count(*) FROM facilities WHERE code = "
        . "'TWICE$n'"), $where eq 'before' ? 0 : 1, 'and so it is');
    cut('never', 0);

    $t->psql('facility', "INSERT INTO studies (uid, patient_id, patient_issuer)
        VALUES ('1.2.9', 'P-1', 'TEST') ON CONFLICT DO NOTHING");
    my @draft = (token => $physician, headers => { 'If-Match' => '"1"' });
    my $path = $t->http('facility', POST => '/api/v1/studies/1.2.9/reports',
        token => $physician, json => { text => 'First' })->{headers}{location};
    cut($where, 1, 'REPORT_APPEND');
    $res = $t->http('facility', PUT => $path, @draft,
        json => { text => 'Second' });
    is("$res->{status} $res->{headers}{etag} $res->{json}{text}",
        '200 "2" Second', "$where COMMIT: a draft changed");
    was_cut();
    is(scalar @{$res->{json}{versions}}, 2, 'once');
    cut($where, 1, 'REPORT_APPEND');
    $draft[3]{'If-Match'} = '"2"';
    $res = $t->http('facility', POST => "$path/finalize", @draft);
    is("$res->{status} $res->{json}{status}", '200 final',
        "$where COMMIT: a report is final");
    was_cut();
    is($t->psql('facility', "SELECT string_agg(event, ' ' ORDER BY at) FROM
        audit WHERE '$path' LIKE '%' || object"),
        'report-create report-change report-final', 'each was audited once');

    for my $what (qw(series study)) {
        my ($s, $path) = ("1.2.7.$n", $what eq 'study' ? "studies/1.2.7.$n"
            : "series/1.2.7.$n.1");
        my $uid = $path =~ s{.*/}{}r;
        $t->psql('facility', "INSERT INTO studies (uid, patient_id,
            patient_issuer) VALUES ('$s', 'P-1', 'TEST')
            ON CONFLICT DO NOTHING");
        $t->psql('facility', "INSERT INTO series (uid, study_uid)
            VALUES ('$s.1', '$s') ON CONFLICT DO NOTHING");
        my $etag = $t->http('facility', GET => "/api/v1/$path",
            token => $facadmin)->{headers}{etag};
        cut($where, 1, uc($what) . '_DELETE');
        $res = $t->http('facility', DELETE => "/api/v1/$path",
            token => $facadmin, headers => { 'If-Match' => $etag });
        is($res->{status}, 204, "$where COMMIT: a $what removed");
        was_cut();
        is($t->psql('facility', "SELECT count(*) FROM audit WHERE
            object = '$uid' AND event = '$what-delete'"), 1, 'audited once');
        is($t->http('facility', DELETE => "/api/v1/$path",
            token => $facadmin, headers => { 'If-Match' => $etag })->{status},
            404, 'and gone');
    }

    cut($where, 2, 'STUDY_GET');
    is($t->http('facility', GET => '/api/v1/studies/1.2.3',
        token => $physician)->{status}, 404,
        "$where COMMIT of what only reads, twice: asked again");
    was_cut();
}


# The chain went on over all of that.
settle();
my $output = `@{[$t->top]}/scripts/verify-audit '@{[$t->database_url('toplevel')]}' \\
    2>&1`;
is($?, 0, 'the audit trail is whole') or diag($output);

$t->finish();


sub relay {
    my ($listener) = @_;

    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = $SIG{INT} = 'DEFAULT';
    my $select = IO::Select->new($listener);
    my (%peer, %client, %cut, %said);
    my $close = sub {
        my ($s) = @_;
        my $p = $peer{$s} or return;
        $select->remove($s, $p);
        delete @peer{$s, $p};
        close $_ for $s, $p;
    };

    while (1) {
        for my $s ($select->can_read) {
            if ($s == $listener) {
                my $c = $listener->accept or next;
                my $server = IO::Socket::INET->new(Proto => 'tcp',
                    PeerAddr => '127.0.0.1:' . $t->port('postgres')) or next;
                @peer{$c, $server} = ($server, $c);
                $client{$c} = 1;
                delete @cut{$c, $server};
                delete $said{$c};
                delete $client{$server};
                $select->add($c, $server);
                next;
            }
            my $p = $peer{$s} or next;
            my $data;
            if (!sysread $s, $data, 65536) {
                $close->($s);
                next;
            }
            $said{$s} .= $data if $client{$s};
            if ($client{$s} && $data =~ /\0COMMIT\0/) {
                # seals are made when they like: no order is about them alone
                my $said = delete $said{$s};
                my $where = $said =~ /\0AUDIT_TOPLEVEL_(?!PUT\0)\w+\0/
                    && $said !~ /\0AUDIT_TOPLEVEL(?:_PUT)?\0/
                    ? '' : order($said);
                if ($where eq 'before') {
                    $close->($s);
                    next;
                }
                $cut{$p} = 1 if $where eq 'after';
            }
            if ($cut{$s} && !$client{$s}) {
                # COMMIT's own answer has come: nobody hears of it
                $close->($s) if $data =~ /C\0\0\0\x0bCOMMIT\0/;
                next;
            }
            while (length $data) {
                my $sent = syswrite $p, $data or last;
                substr $data, 0, $sent, '';
            }
        }
    }
}

sub order {
    my ($said) = @_;
    open my $fh, '<', $mode or return '';
    my ($where, $times, @statement) = split ' ', scalar(<$fh>) // '';
    return '' if !$times || (@statement ? $said !~ /\0$statement[0]\0/
        : $said =~ /\0(?:AUDIT_FACILITY|PULSE)_/);
    open $fh, '>', $mode or die;
    print $fh $times > 1 ? join ' ', $where, $times - 1, @statement : '';
    close $fh;
    return $where;
}
