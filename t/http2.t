#!/usr/bin/perl

# Many pictures at once over one connection of HTTP/2, some of which are given
# up or not read: each is the one that HTTP/1.1 gives, and none waits for
# another that is not read; uploads and DICOMweb beside them.  The client is
# t/browser/http2.js.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Memory qw(nginx_memory);
use Test::Dicom::Node;
use Test::Wire;

if (my $why = Test::Dicom::Node::missing()) {
    diag("SKIPPED: $why");
    plan(skip_all => $why);
}

my $t = Test::Dicom->new();
$t->start_postgres();
$t->seed_demo();
$t->start_worker();
# However slow the machine is, no picture is given up for that.
$t->yaml('node', renderTimeout => 600);
$t->start_nginx(tls => 1);

my $token = $t->login('physician');
is(put(image($_)), 201, "image $_") for 1, 2;
my $res = $t->http('node', POST => '/api/v1/stacks', token => $token,
    json => { study => '2.25.1', series => '2.25.1.1' });
is($res->{status}, 202, 'a stack');
is($res->{json}{layers}, 2, 'of the frames of the first');

my $watch = Test::Wire->new($t->socket_path('worker'), user => 'watch');
my $before = nginx_memory($t);
my $status = Test::Dicom::Node::run(['http2.js'],
    env => { SYSTEM => JSON::PP->new->encode({
        node => $t->url('node'), ca => $t->dir . '/tls.crt', token => $token,
        stack => "/api/v1/stacks/$res->{json}{id}", layers => $res->{json}{layers},
        rs => '/dicom-web/studies/2.25.1/series/2.25.1.1',
        instance => '2.25.1.1.1',
        upload => $t->write_file('upload.dcm', image(5)),
        other => $t->write_file('other.dcm', image(6)) }) },
    do => {
        stalled => \&check_stalled,
        reload => sub { $t->reload() },
    });
is($status, 0, 'all as HTTP/1.1 has it');

# what was given up is not drawn later
my $health;
for (1 .. 600) {
    $health = $watch->request('health')->{json};
    last if !$health->{queue};
    sleep 0.1;
}
is($health->{queue}, 0, 'nothing is left in the queue');
cmp_ok($watch->metric('dicom_render_cancelled_total'), '>', 0,
    'what was given up early was not drawn');

$t->finish();


# Two frames of 300 x 300.
sub image {
    my ($number) = @_;
    return $t->dicom_file(StudyInstanceUID => '2.25.1',
        SeriesInstanceUID => '2.25.1.1', SOPInstanceUID => "2.25.1.1.$number",
        InstanceNumber => $number, Rows => 300, Columns => 300,
        NumberOfFrames => 2, pixels => pack 'v*',
        map { $_ * ($number + 2) & 65535 } 1 .. 2 * 300 * 300);
}


sub put {
    my ($bytes) = @_;
    return $t->http('node', PUT => '/api/v1/instances', token => $token,
        headers => { 'Content-Type' => 'application/dicom' },
        body => $bytes)->{status};
}


# Eight pictures of several MB that nobody reads.
sub check_stalled {
    my $more = nginx_memory($t) - $before;
    SKIP: {
        skip 'a sanitizer keeps what was freed', 1 if $t->asan;
        cmp_ok($more, '<', 8 * 1024, 'KB that nginx holds for them');
    }
}
