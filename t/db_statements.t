#!/usr/bin/perl

# Every statement of the module fits the tables of sql/, takes as many
# parameters as its line says, each with an explicit type, and names what it
# selects.  scripts/migrate applies each file once and refuses a changed one.

use strict;
use warnings;

use File::Path ();
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Statements;

my $t = Test::Dicom->new();
$t->start_postgres();

for my $database (qw(toplevel facility)) {
    my @statements = Test::Dicom::Statements::table($database);
    ok(@statements, "$database: " . @statements . ' statements');

    my $sql = join '', map { qq(PREPARE "$_->[0]" AS $_->[2];\n) } @statements;
    $sql .= "SELECT name, cardinality(parameter_types) "
        . "FROM pg_prepared_statements ORDER BY name;\n";
    my $counts = eval { $t->psql($database, $sql) };
    is($@, '', "$database: all can be prepared");

    my $expected = join "\n", map { "$_->[0]|$_->[1]" }
        sort { $a->[0] cmp $b->[0] } @statements;
    is($counts, $expected, "$database: numbers of parameters");

    is(join(' ', map { $_->[0] } grep { $_->[2] =~ /\bSELECT\s+(\w+\.)?\*/i }
        @statements), '', "$database: no SELECT *");
    is(join(' ', map { $_->[0] } grep { $_->[2] =~ /\$\d+(?!\d|::)/ }
        @statements), '', "$database: each parameter has its type");
    is(join(' ', map { $_->[0] } grep { $_->[2] =~ /\bOFFSET\b/i }
        @statements), '', "$database: no OFFSET");
}

my %names;
$names{$_->[0]}++ for map { Test::Dicom::Statements::table($_) }
    qw(toplevel facility);
is(join(' ', grep { $names{$_} > 1 } keys %names), '', 'names are unique');


# scripts/migrate

my $top = $t->dir . '/checkout';
my $url = $t->database_url('toplevel');
File::Path::make_path("$top/scripts", "$top/sql/toplevel");
system('cp', $t->top . '/scripts/migrate', "$top/scripts") == 0 or die;
system("cp '" . $t->top . "'/sql/toplevel/*.sql '$top/sql/toplevel'; cp '"
    . $t->top . "'/sql/append-only '$top/sql'") == 0 or die;

sub migrate {
    my $output = `bash '$top/scripts/migrate' toplevel '$url' 2>&1`;
    return ($? >> 8, $output);
}

sub migration {
    my ($name, $sql) = @_;
    $t->write_file("checkout/sql/toplevel/$name", $sql);
}

my ($status, $output) = migrate();
is("$status$output", '0', 'nothing to do');

migration('9001_one.sql', "CREATE TABLE one (a INT8 NOT NULL PRIMARY KEY);\n");
migration('9002_two.sql', "INSERT INTO one (a) VALUES (1);\n");
($status, $output) = migrate();
is($status, 0, 'two new ones');
like($output, qr/9001_one\.sql\n.*9002_two\.sql\n/, 'in order');
is((migrate())[0], 0, 'again');
is($t->psql('toplevel', 'SELECT count(*) FROM one'), 1, 'applied once');

migration('9003_half.sql', "INSERT INTO one (a) VALUES (2);\n"
    . "INSERT INTO nowhere (a) VALUES (2);\n");
($status, $output) = migrate();
isnt($status, 0, 'one that fails');
like($output, qr/9003_half\.sql.*nowhere/s, 'is named with the reason');
is($t->psql('toplevel', 'SELECT count(*) FROM one'), 1, 'leaves nothing');
unlink "$top/sql/toplevel/9003_half.sql";

migration('9001_one.sql', "CREATE TABLE one (a INT8 NOT NULL PRIMARY KEY );\n");
($status, $output) = migrate();
isnt($status, 0, 'one that was changed');
like($output, qr/9001_one\.sql was applied and has changed/, 'is refused');
migration('9001_one.sql', "CREATE TABLE one (a INT8 NOT NULL PRIMARY KEY);\n");

migration('9004_at_once.sql', "INSERT INTO one (a) VALUES (4);\n");
my @pids = map {
    my $pid = fork() // die;
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        POSIX::_exit(system('bash', "$top/scripts/migrate", 'toplevel', $url)
            >> 8);
    }
    $pid;
} 1 .. 3;
my $failed = 0;
for (@pids) {
    waitpid $_, 0;
    $failed++ if $?;
}
is($failed, 0, 'three at once');
is($t->psql('toplevel', 'SELECT count(*) FROM one WHERE a = 4'), 1,
    'one of them did it');

is(system("bash '$top/scripts/migrate' nowhere '$url' >/dev/null 2>&1") >> 8,
    1, 'a database without migrations');
is(system("bash '$top/scripts/migrate' toplevel >/dev/null 2>&1") >> 8, 2,
    'without URL');

$t->finish();
