#!/usr/bin/perl

# Reads by key that come at once go to the database together.  Each gets its own
# answer; one that fails, or whose client has gone, takes no other along; and a
# connection that is lost under them costs nobody anything.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $N = 32;

$t->start_postgres(args => ['-c', 'log_statement=all', '-c',
    'log_line_prefix=<%v> ']);
$t->start_nginx();
$t->seed_demo();
my $admin = $t->login('admin');
my @ids = map { sprintf '0fac0000-0000-4000-8000-%012d', 100 + $_ } 1 .. $N;
$t->psql('toplevel', join '', map { "INSERT INTO facilities (id, code, name)
    VALUES ('$ids[$_]', 'T$_', 'Together $_');" } 0 .. $#ids);
my @workers = $t->read_file('error.log') =~ /start worker process (\d+)/g;

# Sends all paths at once to workers that stand still, runs $meanwhile, lets them
# go on; [status, body] of each, undef of those whose client has gone.
sub at_once {
    my ($paths, %opt) = @_;

    my @s = map { $t->connection('toplevel') } @$paths;
    answer($s[$_], '/api/v1/health') for 0 .. $#s;      # accepted
    kill 'STOP', @workers;
    ask($s[$_], $paths->[$_]) for 0 .. $#s;
    close delete $s[$_] for @{$opt{gone} || []};
    $opt{meanwhile}->() if $opt{meanwhile};
    sleep(0.05);
    kill 'CONT', @workers;
    return map { $_ ? [take($_)] : undef } @s[0 .. $#$paths];
}

sub ask {
    my ($s, $path) = @_;
    print $s "GET $path HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer $admin\r\n"
        . "\r\n";
}

sub take {
    my ($s) = @_;
    my ($status) = (<$s> // '') =~ m{^HTTP/1.1 (\d+)};
    my ($length, $body) = (0, '');
    while (defined(my $line = <$s>)) {
        $length = $1 if $line =~ /^Content-Length: (\d+)/i;
        last if $line eq "\r\n";
    }
    read $s, $body, $length;
    return ($status // 'none', $body);
}

sub answer { ask(@_); return take($_[0]) }

# The server's log names the transaction of each statement.
sub transactions {
    my ($from) = @_;
    my %seen;
    my $log = substr $t->read_file('logs/postgres.log'), $from;
    $seen{$1}++ while $log =~ m{^<([\d/]+)>[^\n]*execute FACILITY_GET: }mg;
    return \%seen;
}

my @paths = map { "/api/v1/facilities/$_" } @ids;
at_once(\@paths) for 1 .. 2;        # statements are prepared
my $from = length $t->read_file('logs/postgres.log');
my @all = at_once(\@paths);
my $seen = transactions($from);
is((grep { $_->[0] ne '200' } @all), 0, 'all are answered');
is((grep { $all[$_][1] !~ /"Together $_"/ } 0 .. $#all), 0, 'each with its own');
my $sum = 0;
$sum += $_ for values %$seen;
is($sum, $N, "the database had $sum reads");
cmp_ok(scalar keys %$seen, '<=', $N / 4, 'in ' . keys(%$seen) . ' transactions');

# some name nothing
my $none = '/api/v1/facilities/00000000-0000-4000-8000-00000000dead';
@all = at_once([map { $_ % 3 ? $paths[$_] : $none } 0 .. $#paths]);
is(join(' ', map { $_->[0] } @all),
    join(' ', map { $_ % 3 ? 200 : 404 } 0 .. $#paths), 'some are not there');

# some clients leave
@all = at_once(\@paths, gone => [grep { $_ % 4 == 1 } 0 .. $#paths]);
is((grep { $_ && $_->[0] ne '200' } @all), 0, 'those who stay are answered');
is((grep { $_ } @all), $N - $N / 4, '... as many as they are');

# one kind fails
my $user = '/api/v1/users/' . $t->user_id('physician');
my $server = '/api/v1/servers/05e70000-0000-4000-8000-000000000001';
$t->psql('toplevel', 'ALTER TABLE servers RENAME COLUMN url TO other');
my @mixed = map { $_ % 8 == 3 ? $server : $_ % 8 == 5 ? $user : $paths[$_] }
    0 .. $#paths;
@all = at_once(\@mixed);
is(join(' ', map { $_->[0] } @all),
    join(' ', map { $_ eq $server ? 500 : 200 } @mixed),
    'what fails fails alone');
$t->psql('toplevel', 'ALTER TABLE servers RENAME COLUMN other TO url');
is($t->http('toplevel', GET => $server, token => $admin)->{status}, 200,
    'and is well again');

# some connections are lost
sleep(0.6);                         # all of them have been well for a while
@all = at_once(\@paths, meanwhile => sub { $t->psql('toplevel',
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'nginx' LIMIT 3") });
is((grep { $_->[0] ne '200' } @all), 0, 'a lost connection costs nobody anything');

# the tables were altered under the prepared statements
@all = at_once(\@paths, meanwhile => sub { $t->psql('toplevel',
    'ALTER TABLE facilities ADD COLUMN more TEXT;
     ALTER TABLE facilities DROP COLUMN more;
     ALTER TABLE facilities ALTER COLUMN name TYPE VARCHAR') });
is((grep { $_->[0] ne '200' } @all), 0, 'nor does a statement that is stale');

$t->finish();
