#!/usr/bin/perl

# Clients that go away at any moment of a login, over HTTP/1.1 and HTTP/2:
# while the body comes, the database looks, the password is hashed, the audit
# trail is written.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(sleep);
use Test::Dicom;

my $t = Test::Dicom->new();

$t->start_postgres();
$t->start_nginx(tls => 1);
$t->seed_demo();
my $token = $t->login('physician');

SKIP: {
    skip 'no curl with HTTP/2', 2
        unless `curl --version 2>/dev/null` =~ /HTTP2/;

    my $body = $t->write_file('body',
        '{"username":"physician","password":"demo-password-1"}');
    my $answered = 0;

    for my $round (1 .. 5) {
        my @children;

        for my $i (0 .. 11) {
            my $pid = fork() // die;
            if (!$pid) {
                my $seconds = 0.02 + 0.03 * $i + 0.005 * $round;
                open STDOUT, '>', '/dev/null';
                exec 'curl', '-s', '--cacert', $t->path('tls.crt'),
                    $i % 2 ? '--http2' : '--http1.1', '-m', $seconds,
                    '-H', 'Content-Type: application/json',
                    '--data-binary', "\@$body",
                    $t->url('toplevel') . '/api/v1/login';
            }
            push @children, $pid;
        }

        for my $pid (@children) {
            waitpid($pid, 0);
            $answered++ if $? == 0;
        }
    }

    cmp_ok($answered, '<', 60, 'some went away before their answer');
    sleep(0.5);
    is(scalar(grep { $t->http('toplevel', GET => '/api/v1/me',
        token => $token)->{status} != 200 } 1 .. 10), 0, 'nothing is left');
}

unlike($t->read_file('error.log'), qr/exited on signal|\[alert\]/,
    'no worker died');

$t->finish();
