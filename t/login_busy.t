#!/usr/bin/perl

# More logins at once than threads and their queue take: some are asked to
# come back, none is lost, and other requests do not wait for them.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(time);
use Test::Dicom;

my $t = Test::Dicom->new();

$t->start_postgres();
$t->write_conf();
my $conf = $t->read_file('nginx.conf');
$conf =~ s/thread_pool kdf .*/thread_pool kdf threads=1 max_queue=2;/;
$conf =~ s/worker_processes.*/worker_processes 1;/;
$t->start_nginx(conf => $conf);
$t->seed_demo();
my $token = $t->login('physician');

my $body = '{"username":"physician","password":"demo-password-1"}';
my $request = "POST /api/v1/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    . "Content-Type: application/json\r\nContent-Length: "
    . length($body) . "\r\n\r\n$body";

sub start_logins { map { my $s = $t->connection('toplevel');
    $s->print($request); $s } 1 .. $_[0] }

# Logins of which nginx has read the head: they are in progress.
sub logins_in_progress {
    my ($head, $body) = split /(?<=\r\n\r\n)/, $request;
    $head =~ s/\r\n\r\n\z/\r\nExpect: 100-continue\r\n\r\n/;
    my @s = map { my $s = $t->connection('toplevel');
        $s->print($head); $s } 1 .. $_[0];
    for my $s (@s) {
        like(scalar <$s>, qr{^HTTP/1.1 100 }, 'a login in progress');
        <$s>;                       # the empty line
        $s->print($body);
    }
    return @s;
}

sub statuses {
    my %n;
    for my $s (@_) {
        my $answer = join '', <$s>;
        my ($status) = $answer =~ m{^HTTP/1.1 (\d+)};
        $n{$status // 'none'}++;
        next if ($status // '') ne '503';
        like($answer, qr{Retry-After: \d+\r\n.*urn:dicom:problem:busy}s,
            'busy, with Retry-After');
    }
    return \%n;
}

my @s = start_logins(40);
my $start = time;
is($t->http('toplevel', GET => '/api/v1/me', token => $token)->{status}, 200,
    'another request meanwhile');
my $took = time - $start;

my $n = statuses(@s);
is(($n->{200} // 0) + ($n->{503} // 0), 40, 'each has an answer')
    or diag(explain($n));
cmp_ok($n->{200} // 0, '>=', 3, 'those that fit are let in');
cmp_ok($n->{503} // 0, '>=', 1, 'the others are asked to come back');
cmp_ok($took, '<', 30, 'the other request did not wait for all of them');

is(statuses(start_logins(1))->{200}, 1, 'afterwards it is as before');

# A reload and an end of the worker wait for logins in progress

@s = logins_in_progress(2);
ok($t->reload(), 'reload');
is(statuses(@s)->{200}, 2, 'logins in progress are finished');

@s = logins_in_progress(2);
$t->stop_nginx();
is(statuses(@s)->{200}, 2, 'also when nginx ends');

$t->finish();
