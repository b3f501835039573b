#!/usr/bin/perl

# The servers' role may do what the servers do (all tests connect as it), and
# nothing to what was recorded: no text of a report and no audit record can be
# altered or removed by it.  An installation of before is brought there.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Statements;

my $t = Test::Dicom->new();
$t->start_postgres();

# As the role: the SQLSTATE of a statement, '' when it was done.
sub try {
    my ($database, $sql) = @_;
    my $file = $t->write_file('temp/try.sql', "$sql;\n");
    my $url = $t->database_url($database, 'dicom_server');
    my $output = `psql -X -q -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=sqlstate \\
        -d '$url' -f '$file' 2>&1`;
    return $? == 0 ? '' : ($output =~ /ERROR:\s+(\w{5})/)[0] // $output;
}

my %frozen = (
    toplevel => { audit => 'detail', audit_chain => 'hash',
        audit_chains => 'server' },
    facility => { audit => 'detail', audit_chain => 'hash',
        audit_chains => 'server', reports => 'author_name',
        report_versions => 'text', report_finals => 'version',
        report_addenda => 'text' },
);

for my $database (sort keys %frozen) {
    my $named = join ' ', sort map { /^$database (\w+)$/ ? $1 : () }
        split /\n/, $t->read_file($t->top . '/sql/append-only');
    is($named, join(' ', sort keys %{$frozen{$database}}),
        "$database: the tables that only grow");

    for my $table (sort keys %{$frozen{$database}}) {
        my $column = $frozen{$database}{$table};
        is(try($database, "UPDATE $table SET $column = $column"), '42501',
            "$table: no UPDATE");
        is(try($database, "DELETE FROM $table"), '42501', "$table: no DELETE");
        is(try($database, "TRUNCATE $table"), '42501', "$table: no TRUNCATE");
        is(try($database, "DROP TABLE $table"), '42501', "$table: no DROP");
        is(try($database, "SELECT $column FROM $table LIMIT 1"), '',
            "$table: is read");
    }

    is(try($database, 'SELECT name FROM schema_migrations'), '42501',
        "$database: the migrations are none of its business");
    is(try($database, 'CREATE TABLE mine (a INT8)'), '42501',
        "$database: no tables of its own");

    # Each statement of the module, as the role plans it.
    is(try($database, 'EXPLAIN DELETE FROM audit'), '42501',
        "$database: a plan tells what may not run");
    my @refused;
    for my $s (Test::Dicom::Statements::table($database)) {
        my ($name, $n, $sql) = @$s;
        my $nulls = $n ? '(' . join(', ', ('NULL') x $n) . ')' : '';
        my $state = try($database, "PREPARE s AS $sql; BEGIN; "
            . "EXPLAIN EXECUTE s$nulls; ROLLBACK");
        push @refused, "$name: $state" if $state ne '';
    }
    is("@refused", '', "$database: every statement of the servers may run");
}

is($t->psql('facility', "SELECT rolsuper OR rolcreaterole OR rolcreatedb
    OR rolbypassrls FROM pg_roles WHERE rolname = 'dicom_server'"), 'f',
    'it is nobody special');


# an installation of before: a draft, a final report with an addendum

my $top = $t->dir . '/checkout';
my $url = $t->database_url('template1') =~ s/template1/old/r;
$t->psql('facility', 'CREATE DATABASE old');
system('mkdir', '-p', "$top/scripts", "$top/sql/facility") == 0 or die;
system("cp '" . $t->top . "'/scripts/migrate '$top/scripts'; cp '" . $t->top
    . "'/sql/append-only '$top/sql'; cp '" . $t->top
    . "'/sql/facility/000*.sql '$top/sql/facility'") == 0 or die;

sub migrate {
    my ($more) = @_;
    $more //= '';
    my $output = `$more bash '$top/scripts/migrate' facility '$url' 2>&1`;
    return "$?$output";
}

sub old {
    my ($sql) = @_;
    my $file = $t->write_file('temp/old.sql', $sql);
    my $output = `psql -X -q -A -t -v ON_ERROR_STOP=1 -d '$url' -f '$file' 2>&1`;
    die $output if $?;
    chomp $output;
    return $output;
}

like(migrate(), qr/^0/, 'the tables of before');
my ($draft, $final) = map { "0000000$_-0000-4000-8000-000000000000" } 1, 2;
old(<<END);
INSERT INTO studies (uid) VALUES ('1.2');
INSERT INTO reports (id, study_uid, status, text, author, author_name, version,
    created_as, finalized_at) VALUES
    ('$draft', '1.2', 'draft', 'two', '$draft', 'A', 2, '', NULL),
    ('$final', '1.2', 'final', 'done', '$draft', 'A', 3, '', '2026-11-01');
INSERT INTO report_versions (report, version, text, author, author_name) VALUES
    ('$draft', 1, 'one', '$draft', 'A'), ('$draft', 2, 'two', '$draft', 'A'),
    ('$final', 1, 'done', '$draft', 'A'), ('$final', 2, 'done', '$draft', 'A');
INSERT INTO report_addenda (id, report, text, author, author_name, created_as)
    VALUES ('$final', '$final', 'more', '$draft', 'A', '');
END
system("cp '" . $t->top . "'/sql/facility/*.sql '$top/sql/facility'") == 0
    or die;
like(migrate(), qr/^0.*0013_reports_only_grow/s, 'brought up to date');
is(migrate(), '0', 'once');

my ($get) = grep { $_->[0] eq 'REPORT_GET' }
    Test::Dicom::Statements::table('facility');
is(old("PREPARE s AS $get->[2]; EXECUTE s ('$draft', true)")
    =~ s/\|[^|]*\|[^|]*\|[^|]*\|[^|]*$//r, "$draft|1.2|draft|two|$draft|A|2",
    'the draft');
my $row = old("PREPARE s AS $get->[2]; EXECUTE s ('$final', false)");
like($row, qr/^\Q$final\E\|1\.2\|final\|done\|\Q$draft\E\|A\|3\|.*\|2026-11-01 /,
    'the final one, with the same ETag');

# a right too many is taken away again, a role of another name is served

old('GRANT UPDATE ON report_versions TO dicom_server');
is(migrate(), '0', 'again');
is(old("SELECT has_table_privilege('dicom_server', 'report_versions',
    'UPDATE')"), 'f', 'a right too many is gone');
is(migrate('DICOM_SERVER_ROLE=hospital'), '0', 'another role');
is(old("SELECT has_table_privilege('hospital', 'reports', 'INSERT')
    AND NOT has_table_privilege('hospital', 'reports', 'UPDATE')
    AND has_table_privilege('hospital', 'studies', 'UPDATE')"), 't',
    'has the same rights');
like(migrate("DICOM_SERVER_ROLE='x; DROP TABLE reports'"),
    qr/no name for a role/, 'which is a name');

old("CREATE ROLE poor LOGIN; GRANT ALL ON SCHEMA public TO poor;
    GRANT SELECT ON schema_migrations TO poor");
$url =~ s/dicom@/poor@/;
like(migrate('DICOM_SERVER_ROLE=nobody_yet'), qr/^0.*CREATE ROLE nobody_yet/s,
    'who may not make it is told what to do');

$t->finish();
