package Test::Dicom::Postgres;

# The database of a test: a copy of a cluster that is made and migrated once
# for each state of sql/.  A part of Test::Dicom.

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Path ();
use Time::HiRes qw(sleep);

# The server programs refuse to run as root.
my $OWNER = 'postgres';


sub _postgres_bin {
    my ($dir) = sort { ($b =~ m{/(\d+)/})[0] <=> ($a =~ m{/(\d+)/})[0] }
        grep { -x "$_/postgres" } glob '/usr/lib/postgresql/*/bin';
    $dir or die "PostgreSQL's server programs are missing: "
        . "install Debian's package postgresql\n";
    return $dir;
}


# %opts: fsync => 1 (kill tests), args => ['-c', 'name=value', ...]
sub start_postgres {
    my ($self, %opt) = @_;

    my $data = "$self->{dir}/db";

    if (!-d $data) {
        my $template = $self->_postgres_template();
        system('cp', '-a', '--reflink=auto', $template, $data) == 0
            or die "cannot copy $template\n";
        system('chown', '-R', "$OWNER:", $data) if $> == 0;
    }

    return $self->_run_postgres('postgres', $data, $self->port('postgres'),
        $opt{fsync} ? () : ('-c', 'fsync=off'), @{$opt{args} || []});
}


sub _run_postgres {
    my ($self, $name, $data, $port, @args) = @_;

    my $bin = _postgres_bin();

    return $self->daemon($name,
        command => ["$bin/postgres", '-D', $data, '-p', $port,
            '-c', 'listen_addresses=127.0.0.1',
            '-c', 'unix_socket_directories=', '-c', 'shared_buffers=32MB',
            '-c', 'max_connections=100', '-c', 'jit=off',
            '-c', 'timezone=UTC', '-c', 'log_timezone=UTC', @args],
        user => $OWNER, death => 'INT',
        ready => sub {
            system("$bin/pg_isready -q -h 127.0.0.1 -p $port -U dicom "
                . '-d template1 >/dev/null 2>&1') == 0
        });
}


# Fast shutdown; 'immediate' kills it as a crash would.
sub stop_postgres {
    my ($self, $how) = @_;
    return $self->stop('postgres',
        ($how // '') eq 'immediate' ? (QUIT => 60) : (INT => 60, QUIT => 20));
}


# Of the tables' owner, which may do everything, or of another role: the servers
# of the tests connect as dicom_server.
sub database_url {
    my ($self, $database, $role) = @_;
    $role //= 'dicom';
    return "postgresql://$role\@127.0.0.1:" . $self->port('postgres')
        . "/$database";
}


# Waits until each process of nginx is connected to both databases.  Each finds
# out at its own time that one is back: an answer says nothing of the others.
sub database_back {
    my ($self) = @_;

    my @workers = $self->read_file('error.log')
        =~ /start worker process (\d+)/g;
    for (1 .. 1200) {
        my %has;
        # '': the database itself is not back yet
        my $ports = eval { $self->psql('template1', "SELECT datname,
            client_port FROM pg_stat_activity
            WHERE application_name = 'nginx'") } // '';
        my %inode = _inodes();
        my %socket = map { my ($database, $port) = split /\|/;
            ('socket:[' . ($inode{$port} // '') . ']' => $database) }
            split /\n/, $ports;
        for my $pid (grep { kill 0, $_ } @workers) {
            $has{$pid} = {};
            for my $fd (glob "/proc/$pid/fd/*") {
                my $database = $socket{readlink($fd) // ''} // next;
                $has{$pid}{$database} = 1;
            }
        }
        return if %has && !grep { keys %$_ < 2 } values %has;
        sleep(0.05);
    }

    die "not all servers have their database back\n";
}


# The inodes of this machine's ends of TCP connections, by port.
sub _inodes {
    open my $fh, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
    return map { /^\s*\d+: \w+:(\w+) \S+ 01 (?:\S+ ){3}\s*\d+\s+\d+ (\d+)/
        ? (hex $1 => $2) : () } <$fh>;
}


# Runs SQL in 'toplevel' or 'facility'; rows as lines, columns joined by '|'.
sub psql {
    my ($self, $database, $sql) = @_;

    my $file = $self->write_file('temp/psql.sql', $sql);
    my $url = $self->database_url($database);
    my $output = `psql -X -A -t -q -v ON_ERROR_STOP=1 -d '$url' -f '$file' 2>&1`;
    $? == 0 or die "psql $database: $output\n";
    chomp $output;

    return $output;
}


# A stopped cluster with both databases migrated, cached in the build folder.
sub _postgres_template {
    my ($self) = @_;

    my $bin = _postgres_bin();
    my $top = $self->top;
    my $key = `cat $top/sql/*/*.sql $top/sql/append-only $top/scripts/migrate 2>/dev/null \\
        | { cat; echo $bin \$(id -u); } | md5sum | cut -c1-12`;
    chomp $key;

    my $base = ($ENV{DICOM_BUILD} || "$top/.build") . '/test-cluster';
    my $template = "$base/$key";
    File::Path::make_path($base);

    open my $lock, '>', "$base/lock" or die "$base/lock: $!\n";
    flock $lock, LOCK_EX;
    return $template if -d $template;

    File::Path::remove_tree(grep { -d } glob "$base/*");

    my $data = "$self->{dir}/template";
    mkdir $data, 0700 or die "$data: $!\n";
    system('chown', "$OWNER:", $data) if $> == 0;
    my $as = $> == 0 ? "setpriv --reuid=$OWNER --regid=$OWNER --init-groups" : '';
    my $output = `cd /; $as $bin/initdb -D $data -U dicom -A trust -E UTF8 \\
        --locale=C --wal-segsize=1 --no-sync --no-instructions 2>&1`;
    $? == 0 or die "initdb: $output\n";

    my $port = $self->port('postgres');
    $self->_run_postgres('template', $data, $port, '-c', 'fsync=off');
    for my $database (qw(toplevel facility)) {
        my $url = "postgresql://dicom\@127.0.0.1:$port";
        $output = `psql -X -q -d $url/template1 \\
            -c 'CREATE DATABASE $database' 2>&1`;
        $? == 0 or die "create database: $output\n";
        $output = `bash $top/scripts/migrate $database $url/$database 2>&1`;
        $? == 0 or die "migrate $database: $output\n";
    }
    $self->stop('template', INT => 60);

    system('cp', '-a', $data, "$template.new") == 0 && rename("$template.new",
        $template) or die "cannot keep the cluster in $template\n";
    system('chown', '-R', 'root', $template) if $> == 0;
    File::Path::remove_tree($data);

    return $template;
}

1;
