package Test::Dicom::FakeWorker;

# A render worker that does what a test tells it: listens on a Unix socket and
# calls serve($connection, $type, $body) for each request; a connection is
# closed when that returns false.  note() writes a line that the test can see.

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use POSIX ();


sub new {
    my ($class, $t, %opt) = @_;

    my $self = bless { socket => $t->socket_path($opt{name} || 'fake'),
        log => $t->path('fake.log'), serve => $opt{serve}, owner => $$ },
        $class;
    open my $fh, '>>', $self->{log};

    return $self;
}


sub socket { $_[0]{socket} }


sub start {
    my ($self) = @_;

    unlink $self->{socket};
    my $server = IO::Socket::UNIX->new(Local => $self->{socket},
        Listen => 64) or die "listen: $!\n";
    chmod 0666, $self->{socket};

    my $parent = $$;
    $self->{pid} = fork() // die "fork: $!\n";
    return $self if $self->{pid};

    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';
    my $select = IO::Select->new($server);

    while (getppid() == $parent) {
        $select->can_read(0.2) or next;
        my $c = $server->accept() or next;
        $self->note('accept');
        my $child = fork() // 1;
        if ($child == 0) {
            $self->_connection($c);
            POSIX::_exit(0);
        }
        close $c;
    }

    POSIX::_exit(0);
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    unlink $self->{socket};
}


sub DESTROY {
    my ($self) = @_;
    local ($?, $!);
    $self->stop() if $self->{owner} == $$;
}


sub note {
    my ($self, $line) = @_;
    open my $fh, '>>', $self->{log} or return;
    syswrite $fh, "$line\n";
}


sub _connection {
    my ($self, $c) = @_;

    while (defined(my $request = take($c, 32))) {
        my (undef, undef, $type, $length) = unpack 'VvvV', $request;
        my $body = $length ? take($c, $length) : '';
        defined $body or return;
        $self->{serve}->($self, $c, $type, $body) or return;
    }
}


sub take {
    my ($c, $n) = @_;

    my $data = '';
    while (length $data < $n) {
        sysread($c, $data, $n - length $data, length $data) or return undef;
    }

    return $data;
}


# All of it, or byte by byte with pause seconds between; false when it is gone.
sub give {
    my ($c, $data, $pause) = @_;

    while (length $data) {
        my $n = syswrite $c, $data, $pause ? 1 : length $data or return 0;
        substr $data, 0, $n, '';
        select undef, undef, undef, $pause if $pause;
    }

    return 1;
}


# A response header: type, status, retry, meta and body (lengths), ...
sub head {
    my (%h) = @_;
    return pack 'VvvvvVQ<VVVV', $h{magic} // 0x52574444, $h{version} // 2,
        $h{type}, $h{status} // 200, $h{retry} // 0, $h{meta} // 0,
        $h{body} // 0, 1, 2345, 10, 1234567;
}


# The meta block of a picture.
sub picture {
    my (%p) = @_;
    return pack 'a72VVVVa32C8d<d<d<d<d<d<CCCx5a72', $p{instance} // '1.2.3.4', 5,
        $p{layer} // 0, 512, 256, 'A' x 32, 1, 0, $p{voi} // 1, 0, 0, 3, 1,
        $p{samples} // 1, $p{center} // 40, 400.5, 1, 0, -2.25, 90, 1, 90, 0,
        $p{state} // '';
}


# The meta block of an upload: pairs of a tag's number and a value.
sub fields {
    my $block = '';
    while (my ($tag, $value) = splice @_, 0, 2) {
        $block .= pack('vvV', $tag, 0, length $value) . $value;
    }
    return $block;
}

1;
