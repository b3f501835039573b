#!/usr/bin/perl

# A fuzzer of strangers, schemathesis, makes requests of html/openapi.yaml, valid
# and invalid ones: no 5xx, no status, content type or answer that the
# description does not know.
#
# By itself it tries the borders of each parameter and body;
# DICOM_TEST_FUZZ_SECONDS adds as many seconds of random requests to each level,
# DICOM_TEST_SEED says which.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;

my $VERSION = '4.32.5';
my $CHECKS = join ',', qw(not_a_server_error status_code_conformance
    content_type_conformance response_headers_conformance
    response_schema_conformance);

my $t = Test::Dicom->new();
my $seconds = $ENV{DICOM_TEST_FUZZ_SECONDS};
my $seed = $ENV{DICOM_TEST_SEED} // 1;
my $fuzzer = fuzzer() or $t->skip_all(
    "SKIPPED: schemathesis $VERSION cannot be had from PyPI (python3 -m venv, pip)");

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

# Something to find: a study with a report, an open stack

my $physician = $t->login('physician');
my $res = $t->http('node', PUT => '/api/v1/instances', token => $physician,
    body => $t->dicom_file(PatientID => 'P-1', PatientName => 'Kova^Jan'));
is($res->{status}, 201, 'an image');
my ($study, $series, $instance) = @{$res->{json}}{qw(study series instance)};
$res = $t->http('facility', POST => "/api/v1/studies/$study/reports",
    token => $physician, json => { text => 'Nothing to see.' });
is($res->{status}, 201, 'a report');
my $report = $res->{json}{id};
$res = $t->http('node', POST => '/api/v1/stacks', token => $physician,
    json => { study => $study, series => $series });
is($res->{status}, 202, 'a stack');
my $stack = $res->{json}{id};

$t->write_file('schemathesis.toml', <<END);
[[operations]]
include-path-regex = "^/api/v1/stacks/"
parameters = { "path.id" = "$stack", "path.n" = 0 }

[[operations]]
include-path-regex = "^/api/v1/reports/"
parameters = { "path.id" = "$report" }

[[operations]]
include-path-regex = "^/api/v1/studies/"
parameters = { "path.uid" = "$study" }

[[operations]]
include-path-regex = "^/api/v1/series/"
parameters = { "path.uid" = "$series" }

[[operations]]
include-path-regex = "^/dicom-web/"
parameters = { "path.study" = "$study", "path.series" = "$series", "path.instance" = "$instance" }
END

fuzz('web', 'physician');
fuzz('toplevel', 'facadmin');
fuzz('facility', 'physician');
fuzz('node', 'physician');
fuzz('toplevel', 'admin');

for my $role (qw(web toplevel facility node)) {
    is($t->http($role, GET => '/api/v1/health')->{status}, 200,
        "$role lives");
}

$t->finish();


sub fuzz {
    my ($level, $user) = @_;

    my $report = $t->path("$level-$user.json");
    my @command = ($fuzzer, '--config-file', $t->path('schemathesis.toml'),
        'run', $t->top . '/html/openapi.yaml', '-u', $t->url($level, ''),
        '--include-tag', $level, '--include-tag', 'all', '--header',
        'Authorization: Bearer ' . $t->login($user), '--checks', $CHECKS,
        '--phases', $seconds ? 'coverage,fuzzing' : 'coverage',
        $seconds ? ('--max-time', $seconds + 60) : (), '--seed', $seed, '--continue-on-failure', '--no-color',
        '--report', 'json', '--report-json-path', $report,
        '--warnings', 'off');

    # its database of examples must not land in the checkout
    open my $pipe, '-|', 'sh', '-c', 'cd "$0" && exec "$@" 2>&1', $t->dir,
        @command or die "sh: $!\n";
    my $output = join '', <$pipe>;
    close $pipe;

    my ($cases) = $output =~ /(\d+) generated/;
    cmp_ok($cases // 0, '>', $level eq 'web' ? 15 : 50,
        "$level, $user: requests were made") or diag($output);
    is($? >> 8, 0, "$level, $user: " . ($cases // 0) . " requests, no surprise")
        or diag(join "\n", map { substr $_, 0, 400 } split /\n/, $output);
}


# The program, installed once below the build folder.
sub fuzzer {
    my $venv = $t->top . '/.build/schemathesis-' . $VERSION;
    my $program = "$venv/bin/schemathesis";

    if (!-x $program) {
        system("rm -rf '$venv'; python3 -m venv '$venv' >/dev/null 2>&1"
            . " && '$venv/bin/pip' install -q --disable-pip-version-check"
            . " schemathesis==$VERSION >/dev/null 2>&1") == 0 or return;
    }
    return $program;
}
