#!/usr/bin/perl

# Two render workers: the id of a stack leads to the same one every time.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new(plan => 5);

$t->start_postgres();
$t->seed_demo();
$t->start_worker(name => "worker$_") for 1, 2;
$t->yaml('node', renderWorker =>
    [map { 'unix:' . $t->socket_path("worker$_") } 1, 2]);
$t->start_nginx();

my $token = $t->login('physician');
my @series = map { "2.25.1.$_" } 1 .. 20;

for my $series (@series) {
    my $res = $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $t->dicom_file(StudyInstanceUID => '2.25.1',
            SeriesInstanceUID => $series, SOPInstanceUID => "$series.1"));
    $res->{status} == 201 or die "upload: $res->{status} $res->{body}";
}

my @paths;
for my $series (@series) {
    my $res = $t->http('node', POST => '/api/v1/stacks', token => $token,
        json => { study => '2.25.1', series => $series });
    push @paths, "/api/v1/stacks/$res->{json}{id}";
}
is(scalar(grep { get("$_/layers/0") == 200 } @paths), 20, 'all are shown');
is(scalar(grep { get("$_/layers/0") == 200 } (@paths) x 3), 60,
    'again and again');

my $again = $t->http('node', POST => '/api/v1/stacks', token => $token,
    json => { study => '2.25.1', series => $series[0] });
is(substr($again->{json}{id}, 0, 16), substr($paths[0], 15, 16),
    'one series, one worker');

# without the second, what it held is away, and only that
$t->stop_worker('worker2');
$t->allow_alerts(qr/connect\(\) to unix:.* failed/);
my %count;
$count{get("$_/layers/0")}++ for @paths;
is(join(' ', sort keys %count), '200 503', 'each has its share');

$t->start_worker(name => 'worker2');
%count = ();
$count{get("$_/layers/0")}++ for @paths;
ok(!$count{503}, 'it is back');


sub get {
    return $t->http('node', GET => $_[0], token => $token)->{status};
}
