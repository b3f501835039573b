package Test::Dicom::Line;

# A thin line, honestly: the client lives in a network namespace of its own,
# which is that of a relay (t/line/relay.c); two TUN devices lead there.  The kernel's token
# bucket (tc tbf) makes the rate, the relay makes delay and loss, packet by
# packet; TCP and TLS run end to end over it.
#
#   my $why = Test::Dicom::Line::missing();
#   my $line = Test::Dicom::Line->new($folder_of_the_release_build);
#   my $t = Test::Dicom->new(address => $line->server);
#   $line->shape(down => 4, up => 3, delay => 20, loss => 0);
#   system($line->client, 'curl', ...);
#   $line->cut(); $line->mend();

use strict;
use warnings;

use Cwd ();
use File::Basename qw(dirname);
use File::Temp ();
use IPC::Open2 qw(open2);

# The longest queue before the bucket, ms: that of a home router.
use constant QUEUE_MS => 200;

my $top = Cwd::realpath(dirname(__FILE__) . '/../../../..');
my $source = "$top/t/line/relay.c";


# Why there can be no such line here, or undef.
sub missing {
    for my $command (qw(ip tc cc nsenter unshare)) {
        return "$command is not installed"
            unless grep { -x "$_/$command" }
                split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
    }
    return '/dev/net/tun cannot be opened: ' . $!
        unless open my $tun, '+<', '/dev/net/tun';

    my $out = `unshare -n true 2>&1`;
    return "network namespaces are not permitted: $out" if $?;
    my $bucket = 'root tbf rate 1mbit burst 5000 latency 100ms';
    $out = `unshare -n tc qdisc add dev lo $bucket 2>&1`;

    return $? ? "tc tbf is not permitted: $out" : undef;
}


sub new {
    my ($class, $build) = @_;

    my $n = $$ % 16384;
    my $net = sprintf '198.18.%d.%d', $n >> 6, ($n & 63) << 2;
    my $at = sub { $net =~ s/(\d+)$/$1 + $_[0]/er };
    my $self = bless {
        temp   => File::Temp->newdir('dicom-line-XXXXXXXX', TMPDIR => 1),
        near   => "dicom${n}n",
        far    => "dicom${n}f",
        server => $at->(1),
        client => $at->(2),
        pid    => $$,
        build  => $build,
        seed   => 1,
    }, $class;

    my $relay = $self->{temp}->dirname . '/relay';
    run('cc', '-O2', '-Wall', '-Wextra', '-o', $relay, $source);
    $self->{relay} = open2($self->{from}, $self->{to}, 'setpriv',
        '--pdeathsig', 'TERM', '--', $relay, @{$self}{qw(near far)});
    $self->{to}->autoflush(1);
    $self->tell(0, 0);

    run('ip', 'address', 'add', "$self->{server}/30", 'dev', $self->{near});
    run($self->client, 'ip', 'address', 'add', "$self->{client}/30", 'dev',
        $self->{far});
    # One packet is one packet, as on a wire: no segments put together.
    run('ip', 'link', 'set', $self->{near}, 'gso_max_segs', 1, 'up');
    run($self->client, 'ip', 'link', 'set', $self->{far}, 'gso_max_segs', 1,
        'up');
    run($self->client, 'ip', 'link', 'set', 'lo', 'up');

    return $self;
}


# Starts a whole system at the server's end and stores demo series there, told
# as the options of demo-dicom; gives their Study Instance UIDs.
sub system_with {
    my ($self, $t, @series) = @_;

    $t->start_postgres();
    $t->start_worker();
    $t->start_nginx(tls => 1);
    $t->seed_demo();

    my $token = $t->login('radiographer');
    return map {
        my $folder = $t->dir . '/made';
        run("$self->{build}/demo-dicom", '--seed', "line @$_", @$_, $folder);
        my ($file) = grep { -f } glob "$folder/* $folder/*/*";
        my $res = $t->http('node', PUT => '/api/v1/instances',
            token => $token, body => $t->read_file($file),
            headers => { 'Content-Type' => 'application/dicom' });
        $res->{status} == 201 or die "$file: $res->{body}\n";
        # Several at once, which takes a tenth of the time.
        local $ENV{DICOM_PASSWORD} = $Test::Dicom::PASSWORD;
        run('sh', '-c', 'exec "$@" > /dev/null', 'sh',
            "$top/scripts/import", '--quiet', '--user',
            'radiographer', '--toplevel', $t->url('toplevel'), '--node',
            $t->url('node'), '--ca', $t->dir . '/tls.crt', $folder);
        run('rm', '-r', $folder);
        $res->{json}{study};
    } @series;
}


sub run {
    my (@command) = @_;
    system(@command) == 0 or die "@command failed\n";
}


# Where the server listens.
sub server { $_[0]{server} }

# What a command of the client begins with.
sub client { ('nsenter', "--net=/proc/$_[0]{relay}/ns/net", '--') }


# down, up: Mbit/s; delay: ms each way; loss: share of packets each way.
sub shape {
    my ($self, %line) = @_;

    $self->{line} = \%line;
    bucket($line{down}, $self->{near});
    bucket($line{up}, $self->{far}, $self->client);
    $self->mend();
}


# as: the command that leads into the device's namespace.
sub bucket {
    my ($rate, $device, @as) = @_;

    # It holds 4 ms of the rate, but three packets at least.
    my $burst = int($rate * 1e6 / 8 * 0.004);
    run(@as, 'tc', 'qdisc', 'replace', 'dev', $device, 'root', 'tbf',
        'rate', int($rate * 1000) . 'kbit',
        'burst', $burst > 4600 ? $burst : 4600, 'latency', QUEUE_MS . 'ms');
}


# The cable out, and in again as it was.
sub cut {
    my ($self) = @_;
    $self->tell($self->{line}{delay} * 1000, 1_000_000);
}


sub mend {
    my ($self) = @_;
    $self->tell($self->{line}{delay} * 1000, int($self->{line}{loss} * 1e6));
}


sub tell {
    my ($self, $delay, $loss) = @_;

    print { $self->{to} } "$delay $loss ", $self->{seed}++, "\n";
    my $answer = readline($self->{from}) // '';
    $answer eq "ok\n" or die "the relay does not answer\n";
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{pid} != $$;
    local ($?, $!, $@);
    close $self->{to} if $self->{to};
    waitpid($self->{relay}, 0) if $self->{relay};
}


1;
