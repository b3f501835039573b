#!/usr/bin/perl

# Answers of a render worker with bytes changed, lost and added: whatever comes,
# nginx answers something sound and goes on.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::FakeWorker;

*head = \&Test::Dicom::FakeWorker::head;

use constant { RENDER => 7, STATUS => 5 };

my $rounds = $ENV{DICOM_TEST_MUTATIONS} || 150;
my $t = Test::Dicom->new(plan => 4);
my $fake = Test::Dicom::FakeWorker->new($t, serve => \&serve)->start();

$t->start_postgres();
$t->seed_demo();
$t->yaml('node', renderWorker => 'unix:' . $fake->socket);
$t->start_nginx();

my $token = $t->login('physician');
my $path = '/api/v1/stacks/' . 'ab' x 16;
my %seen;

for my $seed (1 .. $rounds) {
    my $res = $t->http('node', GET => "$path/layers/0?width=$seed&height=1",
        token => $token);
    # 599 is a body that was cut off
    $seen{$res->{status} =~ /^(?:200|4\d\d|50[037]|599)\z/ ? 'sound'
        : "$seed: $res->{status}"}++;
    $seen{"$seed: picture without a name"}++ if $res->{status} == 200
        && !$res->{headers}{'dicom-instance'};
}

is(join(', ', sort keys %seen), 'sound', 'all are answered');
unlike($t->read_file('error.log'), qr/exited on signal/, 'no process died');
sleep 1;    # what the last one still writes ends its connection
my $res = $t->http('node', GET => "$path/layers/0?width=9999&height=1",
    token => $token);
is("$res->{status} $res->{body}", '200 PICTURE', 'then a picture');
is($t->http('node', GET => $path, token => $token)->{status}, 200,
    'and a state');
$fake->stop();


sub serve {
    my ($worker, $c, $type, $body) = @_;

    if ($type == STATUS) {
        return Test::Dicom::FakeWorker::give($c,
            head(type => $type, body => 2) . '{}');
    }

    return 0 if $type != RENDER;        # nginx asks how it is

    my ($seed) = unpack 'x24V', $body;
    srand($seed);

    my $problem = "stack-expired\0Gone.";
    my $answer = int(rand(3))
        ? head(type => RENDER, meta => 256, body => 7)
            . Test::Dicom::FakeWorker::picture() . 'PICTURE'
        : head(type => RENDER, status => 410, meta => length $problem)
            . $problem;
    $answer = head(type => RENDER, meta => 256, body => 7)
        . Test::Dicom::FakeWorker::picture() . 'PICTURE' if $seed == 9999;

    my $changes = $seed == 9999 ? 0 : 1 + int(rand(4));
    for (1 .. $changes) {
        my $at = int(rand(length($answer) < 90 ? length $answer : 90));
        my $what = int(rand(5));
        substr($answer, $at, 1) = chr(int(rand(256))) if $what < 3;
        substr($answer, $at, 0) = chr(int(rand(256))) x int(rand(9))
            if $what == 3;
        $answer = substr $answer, 0, int(rand(length $answer)) if $what == 4;
    }

    # closing tells nginx that no more will come
    Test::Dicom::FakeWorker::give($c, $answer, $seed % 5 ? 0 : 0.0002);
    return $seed == 9999;
}
