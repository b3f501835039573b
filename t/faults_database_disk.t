#!/usr/bin/perl

# No room left under the database: what is to be written, the record of a read
# included, is refused with 503 and never answered with success; what was
# acknowledged is there, and with room again everything goes on.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $small = $t->path('small');

$t->skip_all('mounting a tmpfs needs root') if $> != 0;
$t->start_postgres();
$t->seed_demo();
$t->stop_postgres();
my ($kb) = `du -sk @{[$t->path('db')]}` =~ /^(\d+)/;
mkdir $small;
system("mount -t tmpfs -o mode=0755,size=@{[$kb + 24 * 1024]}k none $small "
    . '2>/dev/null') == 0
    or $t->skip_all('mounting a tmpfs is not permitted here');

# The mount goes before the folder does, however the test ends.
END {
    local $?;
    $t->stop_postgres() if $t;
    system("umount -l $small 2>/dev/null") if $small && $> == 0;
}

system("mv @{[$t->path('db')]} $small/db && ln -s small/db @{[$t->path('db')]}")
    == 0 or die "db was not moved\n";
# the log would fill the disk of the test's own folder with the same line
$t->start_postgres(args => ['-c', 'restart_after_crash=on']);
$t->yaml('toplevel', databaseTimeout => 5);
$t->start_nginx();

my $token = $t->login('physician');
my $admin = $t->login('admin');

sub create {
    my ($n) = @_;
    return $t->http('toplevel', POST => '/api/v1/patients', token => $token,
        json => { id => id($n), name => { family => "Full$n" . 'x' x 200 } });
}

sub id { sprintf '0f000000-0000-4000-8000-%012d', $_[0] }

is(create(0)->{status}, 201, 'a patient');
is($t->http('toplevel', GET => '/api/v1/patients/' . id(0), token => $token)
    ->{status}, 200, 'is read');

system("dd if=/dev/zero of=$small/filler bs=64k >/dev/null 2>&1");
system("dd if=/dev/zero of=$small/filler2 bs=1k >/dev/null 2>&1");

my (%seen, @kept, %read);
my ($n, $searches) = (0, 0);
while ($n < 3000 && ($seen{503} // 0) < 20) {
    my $res = create(++$n);
    $seen{$res->{status}}++;
    push @kept, $n if $res->{status} == 201;
    $res = $t->http('toplevel', GET => "/api/v1/patients?q=full$n",
        token => $token);
    $read{$res->{status}}++;
    $searches++ if $res->{status} == 200;
}
cmp_ok($seen{503} // 0, '>=', 20, 'then there is no room: 503');
is_deeply([grep { !/^(?:201|503)$/ } keys %seen], [], 'writes: nothing else')
    or diag(explain(\%seen));
is_deeply([grep { !/^(?:200|503)$/ } keys %read], [], 'reads: nothing else')
    or diag(explain(\%read));
cmp_ok($read{503} // 0, '>=', 1, 'a read that cannot be recorded is refused');
my $res = create($n);
is($res->{json}{type}, 'urn:dicom:problem:database-unavailable', 'says so');
like($res->{headers}{'retry-after'} // '', qr/^\d+\z/, 'and when to try again');
unlike($res->{body}, qr/disk|space|53100/i, 'without internals');

unlink "$small/filler", "$small/filler2";
if (system("pg_isready -q -h 127.0.0.1 -p @{[$t->port('postgres')]}") != 0) {
    $t->stop_postgres();            # it may have given up
    $t->start_postgres();
}
for (1 .. 300) {
    $res = create($n);
    last if $res->{status} =~ /^20[01]$/;
    sleep(0.2);
}
like($res->{status}, qr/^20[01]$/, 'with room again, writes again');

is($t->psql('toplevel', 'SELECT count(*) FROM patients WHERE id IN ('
    . join(', ', map { "'" . id($_) . "'" } @kept) . ')'), scalar @kept,
    'all ' . @kept . ' acknowledged patients are there') if @kept;
cmp_ok($t->psql('toplevel', "SELECT count(*) FROM audit
    WHERE event = 'patient-list' AND outcome = 'success'"), '>=', $searches,
    "and the records of all $searches answered searches");

$t->finish();
