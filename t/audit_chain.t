#!/usr/bin/perl

# The audit trail is a chain: scripts/verify-audit is content with what the
# servers wrote, and finds each record that was altered, removed, put in, moved
# or cut off.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $key = $t->write_file('audit.key', "a-key-of-the-audit-trail\n");
chmod 0600, $key;

$t->start_postgres();
$t->start_worker();
$t->yaml($_, auditKeyFile => $key, databaseTimeout => 5)
    for qw(toplevel facility node);
$t->start_nginx();
$t->seed_demo();

sub verify {
    my ($database, @args) = @_;
    my $command = join ' ', $t->top . '/scripts/verify-audit',
        "'" . $t->database_url($database) . "'", '--key', $key, @args;
    $command .= ' 2>&1' unless grep { $_ eq '--export' } @args;
    my $output = `$command`;
    return ($? >> 8, $output);
}

# Until everything is sealed.
sub settle {
    my ($database) = @_;
    for (1 .. 600) {
        return 1 if $t->psql($database, "SELECT count(*) FROM audit a WHERE
            NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.event = a.id)")
            eq '0';
        select undef, undef, undef, 0.1;
    }
    return 0;
}

sub api {
    my ($method, $path, %opt) = @_;
    return $t->http('toplevel', $method => "/api/v1$path", %opt);
}


# What a day leaves: reads, writes, refusals, failures, at both levels.

my $physician = $t->login('physician');
my $admin = $t->login('admin');
is(api(POST => '/login', json => { username => "mara \x{10d}",
    password => 'wrong-password' })->{status}, 401, 'a login that fails');
my $p = api(POST => '/patients', token => $physician,
    json => { name => { family => "Koва\x{10d}i\x{107}" } })->{json};
is(api(GET => "/patients/$p->{id}", token => $physician)->{status}, 200,
    'a patient is read');
is(api(GET => '/patients?q=kov', token => $physician)->{status}, 200,
    'and found');
is(api(GET => "/patients/$p->{id}", token => $physician)->{status}, 200,
    'again') for 1 .. 4;
is(api(GET => '/audit', token => $physician)->{status}, 403, 'a refusal');
is($t->http('node', PUT => '/api/v1/instances', token => $physician,
    body => $t->dicom_file(StudyInstanceUID => '2.25.1',
        SeriesInstanceUID => '2.25.1.1', SOPInstanceUID => '2.25.1.1.1',
        PatientID => 'P-1'))->{status}, 201, 'an image is stored');
is($t->http('facility', GET => '/api/v1/studies/2.25.1',
    token => $physician)->{status}, 200, 'a study is read');
is($t->http('facility', GET => '/api/v1/studies', token => $physician)
    ->{status}, 200, 'studies are listed');
$t->write_file('broken.yaml', '');
$t->sigusr1() or die;

for (1 .. 600) {
    last if $t->psql('toplevel', "SELECT count(*) FROM audit
        WHERE event = 'configuration-reload'");
    select undef, undef, undef, 0.1;
}

for my $database (qw(toplevel facility)) {
    ok(settle($database), "$database: everything is sealed");
    my ($status, $output) = verify($database);
    is($status, 0, "$database: all is well") or diag($output);
}

is($t->psql('toplevel', "SELECT DISTINCT event || ' ' || outcome FROM audit
    ORDER BY 1"), join("\n", 'configuration-reload success', 'login failure',
    'login success', 'patient-create success', 'patient-list success',
    'patient-read success', 'refused failure', 'server-start success'),
    'what is there');
is($t->psql('facility', "SELECT DISTINCT event || ' ' || patient FROM audit
    WHERE object = '2.25.1' OR event = 'instance-store' ORDER BY 1"),
    "instance-store TEST|P-1\nstudy-read TEST|P-1", 'with the patient');
is($t->psql('toplevel', "SELECT count(*) FROM audit WHERE concat(user_name,
    object, detail) LIKE '%wrong-password%'"), '0', 'and no password');


# The export

{
    my ($status, $output) = verify('toplevel', '--export', '2>/dev/null');
    my @lines = map { JSON::PP->new->utf8->decode($_) } split /\n/, $output;
    is($status, 0, 'exported');
    my ($read) = grep { $_->{EventIdentification}{EventTypeCode}[-1]{code}
        eq 'patient-read' } @lines;
    is("$read->{EventIdentification}{EventID}{code} "
        . "$read->{EventIdentification}{EventActionCode} "
        . "$read->{EventIdentification}{EventOutcomeIndicator}", '110110 R 0',
        'the event');
    is($read->{ActiveParticipant}[0]{UserID}, $t->user_id('physician'),
        'who');
    is($read->{ActiveParticipant}[0]{NetworkAccessPointID}, '127.0.0.1',
        'from where');
    is($read->{ParticipantObjectIdentification}[0]{ParticipantObjectID},
        $p->{id}, 'the patient');
    is($read->{AuditSourceIdentification}{AuditSourceID}, 'Test toplevel',
        'by which server');
}


# Each kind of damage, in a transaction of its own that is undone by restoring
# the tables.

my ($longest) = $t->psql('toplevel', "SELECT chain FROM audit_chain
    GROUP BY chain ORDER BY count(*) DESC, chain LIMIT 1");
my $last = $t->psql('toplevel', "SELECT max(seq) FROM audit_chain
    WHERE chain = '$longest'");
cmp_ok($last, '>=', 4, 'a chain to damage');
my $first_event = event(2);
my $second_event = event(3);
my $heads = $t->path('heads');
is((verify('toplevel', '--heads', $heads))[0], 0, 'the ends are kept');
my $middle = int($last / 2) + 1;

$t->stop_nginx();
settle('toplevel');
$t->psql('toplevel', "CREATE TABLE audit_kept AS SELECT * FROM audit;
    CREATE TABLE audit_chain_kept AS SELECT * FROM audit_chain;
    CREATE TABLE audit_chains_kept AS SELECT * FROM audit_chains");

sub event {
    my ($seq) = @_;
    return $t->psql('toplevel', "SELECT event FROM audit_chain
        WHERE chain = '$longest' AND seq = $seq");
}

sub damage {
    my ($name, $sql, $finding, @args) = @_;

    $t->psql('toplevel', $sql);
    my ($status, $output) = verify('toplevel', @args);
    is($status, 1, "$name: found");
    like($output, $finding, "$name: and named");
    $t->psql('toplevel', "DELETE FROM audit_chain; DELETE FROM audit_chains;
        DELETE FROM audit;
        INSERT INTO audit SELECT * FROM audit_kept;
        INSERT INTO audit_chains SELECT * FROM audit_chains_kept;
        INSERT INTO audit_chain SELECT * FROM audit_chain_kept");
}

# All at once, each at a record of its own.
my @changes = ("user_id = '$p->{id}'", "user_name = 'Nobody'",
    "at = at - interval '1 hour'", "outcome = 'failure '", "event = 'other'",
    "address = '10.0.0.1'", "object = 'x'", "patient = 'x'", "detail = 'x'",
    "roles = 'admin x'", "server = 'Other'");
my @ids = split /\n/, $t->psql('toplevel', 'SELECT event FROM audit_chain
    ORDER BY chain, seq LIMIT ' . @changes);
is(scalar @ids, scalar @changes, 'as many records as fields');
my $named = join '.*', map { "record $_ " . '\(seal \d+\) or its seal was altered' }
    @ids;
damage('each field altered', join(';', map { "UPDATE audit SET $changes[$_]
    WHERE id = '$ids[$_]'" } 0 .. $#ids), qr/$named/s);
$named = join '.*', map { "\\(seal $_\\) is missing" } 1 .. $last;
damage('each record removed', "DELETE FROM audit WHERE id IN (SELECT event
    FROM audit_chain WHERE chain = '$longest')", qr/$named/s);
damage("record and seal $_ removed",
    "DELETE FROM audit WHERE id = '" . event($_) . "';
     DELETE FROM audit_chain WHERE chain = '$longest' AND seq = $_",
    qr/seal $_ is missing/) for 1, 2, $last - 1;
damage('two records exchanged', "UPDATE audit_chain SET event = CASE seq
    WHEN 2 THEN '$second_event'::UUID ELSE '$first_event'::UUID END
    WHERE chain = '$longest' AND seq IN (2, 3)", qr/was altered/);
damage('the order exchanged', "UPDATE audit_chain SET seq = 9999
    WHERE chain = '$longest' AND seq = 2; UPDATE audit_chain SET seq = 2
    WHERE chain = '$longest' AND seq = 3; UPDATE audit_chain SET seq = 3
    WHERE chain = '$longest' AND seq = 9999", qr/was altered/);
damage('the tail cut off, after the ends were kept',
    "DELETE FROM audit WHERE id IN (SELECT event FROM audit_chain
        WHERE chain = '$longest' AND seq >= $middle);
     DELETE FROM audit_chain WHERE chain = '$longest' AND seq >= $middle",
    qr/ends at @{[$middle - 1]}, but the earlier check knows of $last/,
    '--heads', $heads);
damage('a whole chain removed, after the ends were kept',
    "DELETE FROM audit WHERE id IN (SELECT event FROM audit_chain
        WHERE chain = '$longest');
     DELETE FROM audit_chain WHERE chain = '$longest';
     DELETE FROM audit_chains WHERE id = '$longest'",
    qr/chain $longest is missing/, '--heads', $heads);
damage('a record put in', "INSERT INTO audit (id, at, event, outcome, server)
    VALUES ('00000000-0000-4000-8000-00000000f00d', now() - interval '1 hour',
    'login', 'success', 'Test toplevel')", qr/f00d \(login\) has no seal/);
damage('a seal made without the key',
    "UPDATE audit SET detail = 'x' WHERE id = '" . event($last) . "';
     UPDATE audit_chain SET hash = '" . 'a' x 64 . "'
     WHERE chain = '$longest' AND seq = $last", qr/was altered/);
is((verify('toplevel', '--heads', $heads))[0], 0, 'restored, all is well');

my $other = $t->write_file('other.key', "another\n");
like(`@{[$t->top]}/scripts/verify-audit '@{[$t->database_url('toplevel')]}' \\
    --key $other 2>&1`, qr/FAILED/, 'another key fits nothing');


# The next start names the ends of the chains before it, so that they cannot be
# cut off any more, even where nobody kept them.

$t->start_nginx();
for (1 .. 600) {
    last if $t->psql('toplevel', "SELECT count(*) FROM audit
        WHERE event = 'server-start' AND detail LIKE '%$longest $last %'") > 0;
    select undef, undef, undef, 0.1;
}
$t->psql('toplevel', "DELETE FROM audit WHERE id = (SELECT event
        FROM audit_chain WHERE chain = '$longest' AND seq = $last);
    DELETE FROM audit_chain WHERE chain = '$longest' AND seq = $last");
{
    my ($status, $output) = verify('toplevel');
    is($status, 1, 'a tail cut off under a later start: found');
    like($output, qr/ends at @{[$last - 1]}, but the start of chain/,
        'and named');
}

# Records whose writer died are sealed by the next one, and marked.

$t->psql('toplevel', "INSERT INTO audit_chain SELECT * FROM audit_chain_kept
    ON CONFLICT DO NOTHING;
    INSERT INTO audit SELECT * FROM audit_kept ON CONFLICT DO NOTHING");
$t->psql('toplevel', "INSERT INTO audit (id, at, event, outcome, server)
    VALUES ('00000000-0000-4000-8000-00000000dead', now(), 'login',
    'success', 'Test toplevel')");
ok($t->reload(), 'a reload');
ok(settle('toplevel'), 'the next process seals it');
is($t->psql('toplevel', "SELECT DISTINCT late FROM audit_chain
    WHERE event = '00000000-0000-4000-8000-00000000dead'"), 't',
    'late, and it says so');
is((verify('toplevel'))[0], 0, 'and all is well');

$t->finish();
