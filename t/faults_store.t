#!/usr/bin/perl

# The store and the database refuse to write: the client hears of it, nothing
# half-done stays, and the same upload succeeds once they write again.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $store = $t->dir . '/store';

# fsync fails while a file of this name is there; a preloaded library would
# have to come before the sanitizers' own
my $shim = $t->path('fsync.so');
my %env;
if (!$t->asan) {
    $t->write_file('fsync.c', <<'C' =~ s/DIR/$t->dir/er);
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>
int fsync(int fd)
{
    int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");

    if (access("DIR/no-fsync", F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}
C
    system('cc', '-shared', '-fPIC', '-o', $shim, $t->path('fsync.c')) == 0
        or die "cc failed\n";
    $env{LD_PRELOAD} = $shim;
}

$t->start_postgres();
$t->start_worker(env => \%env);
$t->yaml('node', databaseTimeout => 8, discardDelay => 9);
$t->start_nginx();
$t->seed_demo();

my $token = $t->login('radiographer');

SKIP: {
    skip('no shim beside the sanitizers', 6) if $t->asan;
    my $file = $t->dicom_file();
    $t->write_file('no-fsync', '');
    my $res = put($file);
    is($res->{status}, 500, 'the disk does not sync');
    is($res->{json}{type}, 'urn:dicom:problem:store-error', 'said as such');
    is(objects(), 0, 'no object');
    is(rows(), 0, 'no row');
    unlink $t->path('no-fsync');
    is(put($file)->{status}, 201, 'it syncs again');
    is(objects() . rows(), '11', 'object and row');
}

# the database takes no writes, as a standby does, or one with a full disk

my $before = rows();
read_only('on');
my $file = $t->dicom_file();
my $res = put($file);
is($res->{status}, 503, 'the database is read-only');
ok($res->{headers}{'retry-after'}, 'try again later');
is(rows(), $before, 'no row');
read_only('off');
is(put($file)->{status}, 201, 'it writes again');

# nothing without a row in the end
for (1 .. 1200) {
    last if objects() == rows() && !glob "$store/incoming/*";
    sleep(0.1);
}
is(objects(), rows(), 'objects and rows');

# incoming/ on another file system: nothing could enter in one step
SKIP: {
    skip('mounting a tmpfs needs root', 2) if $> != 0
        || system("mount -t tmpfs -o size=1m none $store/incoming "
            . '2>/dev/null') != 0;
    $t->stop_worker();
    my $log = `timeout 90 @{[$t->build]}/render-worker --socket @{[$t->dir]}/x --store $store 2>&1`;
    my $status = $? >> 8;
    system("umount -l $store/incoming");
    is($status, 1, 'the worker does not start');
    like($log, qr/different file systems/, 'and says why');
}

$t->finish();


sub put {
    return $t->http('node', PUT => '/api/v1/instances', token => $token,
        body => $_[0], headers => { 'Content-Type' => 'application/dicom' });
}


sub rows { $t->psql('facility', 'SELECT count(*) FROM instances') }
sub objects { 0 + `find $store/objects -type f | wc -l` }


# For the connections that the servers make from now on.
sub read_only {
    my ($value) = @_;

    $t->stop_nginx();
    $t->psql('postgres', 'ALTER DATABASE facility SET '
        . "default_transaction_read_only = $value");
    $t->start_nginx();
    $token = $t->login('radiographer');
    return;
}
