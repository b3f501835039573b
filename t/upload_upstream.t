#!/usr/bin/perl

# Uploads with a worker that cuts off, lies, dies and never answers.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::FakeWorker;

*give = \&Test::Dicom::FakeWorker::give;
*head = \&Test::Dicom::FakeWorker::head;

use constant { INGEST => 3, DISCARD => 10 };

my $t = Test::Dicom->new(plan => 30);
my %sound = (1 => '1.2', 2 => '1.2.3', 3 => '1.2.3.4', 4 => '1.2.840',
    5 => '1.2.840.10008.1.2.1', 6 => 'a' x 32, 7 => 'objects/a.dcm', 8 => 100,
    9 => 1, 10 => 'opaque', 11 => 'P-1');
my $fake = Test::Dicom::FakeWorker->new($t, serve => \&serve)->start();

$t->start_postgres();
$t->seed_demo();
$t->yaml('node', renderWorker => 'unix:' . $fake->socket,
    databaseTimeout => 8, discardDelay => 9);
$t->start_nginx();

my $token = $t->login('radiographer');

# the body tells the fake worker what to do
is(outcome('whole'), '201 ', 'an answer');
is($t->psql('facility', 'SELECT encode(header, \'escape\') FROM instances'),
    'opaque', 'the index is kept as it is');
like($t->read_file('fake.log'), qr{^ingest incoming/\S+ 5$}m,
    'the path is relative to the store');
is(outcome('bytes'), '200 ', 'byte by byte');
is(outcome('dirty'), '200 ', 'with more behind it');
is(outcome('large'), '200 ', 'with a large index');

is(outcome($_), '503 renderer-unavailable', "worker: $_")
    for qw(magic version type status meta body early half problem);
is(outcome($_), '500 internal-error', "worker: $_")
    for qw(nouid badmd5 nolocation climbing control twice cut);
is(outcome('full'), '507 store-full', 'its refusal');
is(outcome('busy'), '503 decoder-unavailable', 'its being busy');

is($t->psql('facility', 'SELECT count(*) FROM instances'), 1, 'one row');

# other content: the object that came with it is forgotten
is(outcome('other'), '409 instance-conflict', 'a conflict');
ok(wait_for(qr{^discard objects/b\.dcm$}m), 'its object is forgotten');
is(outcome('shared'), '409 instance-conflict', 'another');
sleep(0.3);
unlike($t->read_file('fake.log'), qr{discard objects/a\.dcm},
    'an object with a row is not');

my $s = $t->connection('node');
print $s "PUT /api/v1/instances HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
    . "$token\r\nContent-Length: 5\r\n\r\nstall";
wait_for(qr/^stalling/m);
close $s;
is(outcome('whole'), '200 ', 'a client that left an upload to itself');
$fake->stop();


sub outcome {
    my ($mode) = @_;
    my $res = $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $mode);
    return "$res->{status} "
        . (($res->{json}{type} // '') =~ s/^urn:dicom:problem://r);
}


sub wait_for {
    my ($re) = @_;
    for (1 .. 800) {
        return 1 if $t->read_file('fake.log') =~ $re;
        sleep(0.05);
    }
    return 0;
}


sub serve {
    my ($worker, $c, $type, $body) = @_;

    return 0 if $type != INGEST && $type != DISCARD;    # nginx asks how it is

    my $path = substr $body, 8;
    if ($type == DISCARD) {
        $worker->note("discard $path");
        return give($c, head(type => $type, status => 204));
    }

    my $mode = $t->read_file("store/$path");
    $worker->note("ingest $path " . length $mode);

    my %h = (type => INGEST);
    my %f = %sound;
    my %fields = (nouid => [3 => undef], badmd5 => [6 => 'x' x 32],
        nolocation => [7 => undef], climbing => [7 => 'objects/../../x'],
        control => [13 => "a\nb"], large => [10 => 'x' x 900_000]);
    $f{$fields{$mode}[0]} = $fields{$mode}[1] if $fields{$mode};
    @f{6, 7} = ('b' x 32, 'objects/b.dcm') if $mode eq 'other';
    $f{6} = 'c' x 32 if $mode eq 'shared';

    my $meta = Test::Dicom::FakeWorker::fields(
        map { $_ => $f{$_} } grep { defined $f{$_} } sort { $a <=> $b } keys %f);
    $meta .= Test::Dicom::FakeWorker::fields(1 => '1.2') if $mode eq 'twice';
    $meta = substr $meta, 0, -1 if $mode eq 'cut';

    my %heads = (magic => { magic => 1 }, version => { version => 1 },
        type => { type => 5 }, status => { status => 302 },
        body => { body => 10 }, meta => { meta => 2 << 20 });
    my %refusals = (full => [507, "store-full\0The disk is full."],
        busy => [503, "decoder-unavailable\0"], problem => [400, "no slug"]);

    if ($mode eq 'stall') {
        $worker->note('stalling');
        sleep 2;
        return 0;
    }
    return 0 if $mode eq 'early';

    if (my $refusal = $refusals{$mode}) {
        return give($c, head(%h, status => $refusal->[0],
            meta => length $refusal->[1]) . $refusal->[1]);
    }

    my $answer = head(%h, meta => length $meta, %{$heads{$mode} || {}})
        . $meta;
    $answer .= 'MORE' if $mode eq 'dirty';
    $answer = substr $answer, 0, 50 if $mode eq 'half';

    return give($c, $answer, $mode eq 'bytes' ? 0.0005 : 0)
        && $mode ne 'half';
}
