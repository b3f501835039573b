#!/usr/bin/perl

# Objects leave the store when the last row that names them is gone, and never
# one that an upload of the same bytes relies on.

use strict;
use warnings;

use File::Find;
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new(plan => 18);

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->yaml('node', databaseTimeout => 2, discardDelay => 3);
$t->yaml('facility', databaseTimeout => 2);
$t->start_nginx();

my $admin = $t->login('facadmin');
my $store = $t->dir . '/store';
my @files = map { $t->dicom_file(StudyInstanceUID => "2.25.$_",
    SeriesInstanceUID => "2.25.$_.1", SOPInstanceUID => "2.25.$_.1.1") }
    1 .. 4;

# a study is deleted, a series is, one stays

is(put($_), 201, 'stored') for @files;
$t->allow_alerts(qr/connect\(\) to unix:.* failed/);
$t->stop_worker();                  # without which no object goes
is(remove('studies/2.25.1'), 204, 'a study is deleted');
is(remove('series/2.25.2.1'), 204, 'a series is deleted');
is($t->psql('facility', 'SELECT count(*) FROM discarded'), 2,
    'their objects are known with the same commit');
$t->start_worker();
ok(settled(), 'the objects go');
is(scalar(objects()), 2, 'and no others');
is($t->psql('facility', 'SELECT count(*) FROM discarded'), 0,
    'nothing is left to do');

# deleted and brought back before the object goes

is(remove('studies/2.25.3'), 204, 'deleted');
is(put($files[2]), 201, 'and stored again at once');
ok(settled(), 'the entry goes');
is(scalar(objects()), 2, 'the object stays');

# a worker of nginx dies between object and row: its upload's name stays behind
# and is found, like any file that is a second name of an object

$t->write_file('store/incoming/lost', $t->dicom_file());
Test::Wire->new($t->socket_path('worker'))
    ->request(ingest => pack('VV', 13, 0) . 'incoming/lost');
is(scalar(objects()), 3, 'an object without a row');
ok(settled(), 'is found by its upload and goes');

# The race: the same file is stored and deleted over and over by several, while
# objects are discarded as fast as can be.

my $until = time + 10;
my @pids;
for my $client (1 .. 3) {
    my $pid = fork() // die;
    if ($pid == 0) {
        # two upload, one deletes
        while (time < $until) {
            my $n = 3 + int rand 2;
            $client < 3 ? put($files[$n - 1]) : remove("studies/2.25.$n");
            # now and then nobody touches the object for as long as it takes
            sleep(rand() < 0.2 ? 4 * rand : 0.1 * rand);
        }
        POSIX::_exit(0);
    }
    push @pids, $pid;
}
my ($lost, $looks) = ('', 0);
while (time < $until) {
    # one statement: what has a row must have its object
    for my $location (split /\n/, $t->psql('facility',
        'SELECT location FROM instances'))
    {
        $looks++;
        next if -e "$store/$location";
        # unless the row went meanwhile
        $lost .= "$location\n" if $t->psql('facility',
            "SELECT 1 FROM instances WHERE location = '$location'")
            && !-e "$store/$location";
    }
    sleep(0.05);
}
waitpid $_, 0 for @pids;
is($lost, '', "no row lost its object in $looks looks");
settled();
is(join("\n", sort map { s{^\Q$store\E/}{}r } objects()),
    $t->psql('facility', 'SELECT location FROM instances ORDER BY 1'),
    'in the end there are rows and objects alike');


sub put {
    return $t->http('node', PUT => '/api/v1/instances', token => $admin,
        body => $_[0], headers => { 'Content-Type' => 'application/dicom' })
        ->{status};
}


sub remove {
    my ($path) = @_;

    my $res = $t->http('facility', GET => "/api/v1/$path", token => $admin);
    return $res->{status} if $res->{status} != 200;
    return $t->http('facility', DELETE => "/api/v1/$path", token => $admin,
        headers => { 'If-Match' => $res->{headers}{etag} })->{status};
}


sub objects {
    my @found;
    find({ no_chdir => 1, wanted => sub { push @found, $_ if -f } },
        "$store/objects");
    return @found;
}


# Waits until nothing is to be discarded; false: it does not end.
sub settled {
    for (1 .. 1200) {
        return 1 if !$t->psql('facility', 'SELECT count(*) FROM discarded')
            && !glob("$store/incoming/*");
        sleep(0.1);
    }
    return 0;
}
