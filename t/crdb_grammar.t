#!/usr/bin/perl

# CockroachDB's own grammar (of version 23.2) takes every statement of the
# module and every migration.  Needs Go, and its module proxy or a filled
# cache; the first build of the grammar takes minutes.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(dirname);
use JSON::PP;
use Test::More;

use lib 't/lib';
use Test::Dicom::Statements;

my $top = Cwd::realpath(dirname(__FILE__) . '/..');
my $build = ($ENV{DICOM_BUILD} || "$top/.build") . '/crdb';

sub skip_loudly {
    my ($why) = @_;
    diag("SKIPPED: CockroachDB's grammar was not asked: $why");
    plan(skip_all => $why);
}

skip_loudly('the sanitizer build changes no statement')
    if ($ENV{DICOM_TEST_BUILD} // '') eq 'asan';
skip_loudly('Go is not installed') if system('go version >/dev/null 2>&1') != 0;

system('mkdir', '-p', $build) == 0 or die;
my $patience = $ENV{CI} ? 1200 : 600;
my $output = `cd '$top/t/crdb' && timeout $patience go build -o '$build/crdb' . 2>&1`;
skip_loudly("the grammar cannot be built: " . (split /\n/, $output || 'timeout')[-1])
    if $? != 0;

my $json = JSON::PP->new->canonical->utf8;
my @all;
for my $database (qw(toplevel facility)) {
    push @all, map { ["$database $_->[0]", $_->[2]] }
        Test::Dicom::Statements::table($database);
    push @all, map { ["$database $_->[0]", $_->[1]] }
        Test::Dicom::Statements::migrations($database);
}
push @all, map { [$_, $_] } 'BEGIN ISOLATION LEVEL SERIALIZABLE',
    'BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY', 'COMMIT', 'ROLLBACK',
    'BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, '
    . 'AS OF SYSTEM TIME follower_read_timestamp()';

# What scripts/migrate grants, and how it finds that out.
my $migrate = do {
    open my $fh, '<', "$top/scripts/migrate" or die;
    local $/;
    <$fh>;
};
my ($rights) = $migrate =~ /run -c "(SELECT CASE WHEN w\.wanted.*?)"\n/s
    or die "scripts/migrate has another query\n";
$rights =~ s/\$append_only/'audit'/;
$rights =~ s/\$role/dicom_server/g;
push @all, map { [substr($_, 0, 20), $_] } $rights,
    'CREATE ROLE dicom_server LOGIN',
    'GRANT UPDATE ON studies TO dicom_server',
    'REVOKE UPDATE ON audit FROM dicom_server';

sub ask {
    my @lines = map { $json->encode({ name => $_->[0], sql => $_->[1] }) } @_;
    open my $fh, '>', "$build/statements" or die;
    print $fh map { "$_\n" } @lines;
    close $fh;
    return `'$build/crdb' < '$build/statements'`;
}

like(ask(['wrong', 'SELECT FROM WHERE']), qr/^not ok wrong: /,
    'the checker tells wrong from right');

my $answer = ask(@all);
my @refused = $answer =~ /^not ok (.*)$/mg;
is(join("\n", @refused), '', 'nothing is refused');
is(scalar(() = $answer =~ /^ok /mg), scalar @all, @all . ' texts were taken');

done_testing();
