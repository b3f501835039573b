#!/usr/bin/perl

# A full disk under the store: a clear problem, nothing half-written, all that
# was acknowledged still there, and uploads again once there is room.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $store = $t->dir . '/store';

$t->skip_all('mounting a tmpfs needs root') if $> != 0;
system("mount -t tmpfs -o size=6m,mode=0750 none $store 2>/dev/null") == 0
    or $t->skip_all('mounting a tmpfs is not permitted here');

# The mount goes before the folder does, however the test ends.
END {
    local $?;
    system("umount -l $store 2>/dev/null") if $store && $> == 0;
}

$t->start_postgres();
$t->start_worker();
$t->start_nginx();
$t->seed_demo();
# nginx says in its log that the disk is full.
$t->allow_alerts(qr/No space left on device/);

my $token = $t->login('radiographer');
my ($stored, $refused, @files) = (0);

for (1 .. 20) {
    my $file = $t->dicom_file(Rows => 512, Columns => 1024,
        pixels => pack('v', $_) x (512 * 1024));
    my $res = upload($file);
    if ($res->{status} == 201) {
        push @files, $file;
        $stored++;
        next;
    }
    $refused = $res;
    last;
}

cmp_ok($stored, '>=', 1, 'some fit');
is($refused->{status}, 507, 'then the store is full');
is($refused->{headers}{'content-type'}, 'application/problem+json',
    'said as a problem');
is($refused->{json}{type}, 'urn:dicom:problem:store-full', 'of its own type');
unlike($refused->{body}, qr{/|No space}, 'without internals');

is($t->psql('facility', 'SELECT count(*) FROM instances'), $stored,
    'as many rows as were acknowledged');
is(objects(), $stored, 'and as many objects');
is($t->incoming(), 0, 'nothing half-written is left');

is($t->http('facility', GET => '/api/v1/studies',
    token => $t->login('physician'))->{status}, 200, 'reading goes on');

system("mount -o remount,size=16m $store") == 0 or die "remount failed\n";
is(upload($_)->{status}, 200, 'what was acknowledged is there') for @files;
is(upload($t->dicom_file())->{status}, 201, 'with room again, uploads again');

$t->finish();


sub upload {
    my ($bytes) = @_;
    return $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $bytes, headers => { 'Content-Type' => 'application/dicom' });
}


sub objects {
    return 0 + `find $store/objects -type f | wc -l`;
}
