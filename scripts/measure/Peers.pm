package Peers;

# What others need for the same pictures: Orthanc, in a folder and on a port of
# its own, and DCMTK's dcmj2pnm; and for decoding the same files.

use strict;
use warnings;

use Cwd ();
use File::Basename ();
use File::Path ();
use IO::Socket::INET ();
use JSON::PP ();
use Time::HiRes ();

my $json = JSON::PP->new->utf8->canonical;


# Orthanc's program, or undef when it is not installed.
sub orthanc {
    my ($path) = grep { -x } map { "$_/Orthanc" }
        split(/:/, $ENV{PATH}), qw(/usr/sbin /usr/local/sbin);
    return $path;
}


# start(FOLDER): {pid, url, folder}; dies when it does not answer.
sub start {
    my ($folder) = @_;

    my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        or die "bench: no free port\n";
    my $port = $probe->sockport;
    close $probe;

    File::Path::remove_tree($folder);
    File::Path::make_path("$folder/store");
    open my $out, '>', "$folder/orthanc.json" or die "$folder: $!\n";
    print $out $json->encode({ Name => 'bench',
        StorageDirectory => "$folder/store",
        IndexDirectory => "$folder/store", HttpPort => $port,
        DicomServerEnabled => JSON::PP::false,
        RemoteAccessAllowed => JSON::PP::false,
        AuthenticationEnabled => JSON::PP::false,
        KeepAlive => JSON::PP::true, TcpNoDelay => JSON::PP::true,
        Plugins => [] });
    close $out;

    my $program = orthanc();
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$folder/log";
        open STDERR, '>&', \*STDOUT;
        exec $program, "$folder/orthanc.json" or exit 127;
    }

    my $self = { pid => $pid, url => "http://127.0.0.1:$port",
        folder => $folder };
    for (1 .. 300) {
        return $self if defined fetch("$self->{url}/system");
        waitpid($pid, 1) == 0 or die "bench: Orthanc ended, see $folder/log\n";
        Time::HiRes::sleep(0.1);
    }
    stop($self);
    die "bench: Orthanc does not answer\n";
}


sub stop {
    my ($self) = @_;

    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
    File::Path::remove_tree($self->{folder});
}


# The JSON at a URL, undef without an answer; POSTs the data when given.
sub fetch {
    my ($url, $data) = @_;

    my @post = defined $data ? ('--data-binary', $json->encode($data)) : ();
    open my $pipe, '-|', 'curl', '-sf', '-m', 60, @post, $url
        or die "curl: $!\n";
    local $/;
    my $text = <$pipe>;
    close $pipe or return undef;
    return eval { $json->decode($text) };
}


# Seconds that it takes to store the files.
sub upload {
    my ($self, @files) = @_;

    my $start = Time::HiRes::time();
    open my $in, '|-', 'curl', '-sf', '--parallel', '--parallel-max', 8,
        '--no-progress-meter', '--config', '-' or die "curl: $!\n";
    for my $i (0 .. $#files) {
        print $in "next\n" if $i;
        print $in "url = \"$self->{url}/instances\"\nrequest = \"POST\"\n",
            "upload-file = \"$files[$i]\"\nheader = \"Expect:\"\n",
            "output = \"/dev/null\"\nsilent\nfail\n";
    }
    close $in or die "bench: Orthanc refused a file\n";
    return Time::HiRes::time() - $start;
}


# Addresses of the pictures of a series, at most most of them.
sub pictures {
    my ($self, $series, $layers, $most) = @_;

    my $found = fetch("$self->{url}/tools/find", { Level => 'Series',
        Query => { SeriesInstanceUID => $series } });
    my $instances = fetch("$self->{url}/series/$found->[0]")->{Instances};
    my @urls = @$instances > 1
        ? map { "$self->{url}/instances/$_/frames/0/rendered" } @$instances
        : map { "$self->{url}/instances/$instances->[0]/frames/$_/rendered" }
            0 .. $layers - 1;
    return @urls > $most ? @urls[0 .. $most - 1] : @urls;
}


# Bytes of memory that it took at most.
sub memory {
    my ($self) = @_;

    open my $in, '<', "/proc/$self->{pid}/status" or return 0;
    my ($kb) = map { /^VmHWM:\s*(\d+)/ ? $1 : () } <$in>;
    return ($kb // 0) * 1024;
}


# Milliseconds of dcmj2pnm for one picture, undef without it.
sub dcmj2pnm {
    my ($file, $format, $runs) = @_;

    my @format = $format eq 'png' ? '+on' : ('+oj', '+Jq', 90);
    my @times;
    for (1 .. $runs) {
        my $start = Time::HiRes::time();
        my $pid = fork // die "fork: $!\n";
        if ($pid == 0) {
            open STDERR, '>', '/dev/null';
            exec { 'dcmj2pnm' } 'dcmj2pnm', '+Wi', 1, '+F', 1, @format, $file,
                '/dev/null' or exit 127;
        }
        waitpid $pid, 0;
        return undef if $?;
        push @times, 1000 * (Time::HiRes::time() - $start);
    }
    @times = sort { $a <=> $b } @times;
    return $times[$#times / 2];
}


# How DCMTK's programs write a native file in other transfer syntaxes.
my @conversions = (
    ['explicit little endian', 'dcmconv', '+te'],
    ['explicit big endian', 'dcmconv', '+tb'],
    ['deflated', 'dcmconv', '+td'],
    ['RLE', 'dcmcrle'],
    ['JPEG extended, 12 bit', 'dcmcjpeg', '+ee'],
    ['JPEG lossless', 'dcmcjpeg', '+e1'],
    ['JPEG-LS', 'dcmcjpls', '+el'],
    ['JPEG-LS near-lossless', 'dcmcjpls', '+en'],
);

# What scripts/measure/decoders prints of native in all of these, as rows of
# [name, worker, GDCM, DCMTK]; or why it cannot be measured.
sub decoders {
    my ($native, $folder) = @_;

    my %lacking = map { $_->[1] => 1 } grep { system("command -v $_->[1] "
        . '>/dev/null 2>&1') != 0 } @conversions;
    return 'DCMTK lacks ' . join ', ', sort keys %lacking if %lacking;
    return 'Debian\'s libdcmtk-dev is not installed'
        unless -e '/usr/include/dcmtk/config/osconfig.h';

    my (@names, @files);
    for (@conversions) {
        my ($name, $program, @options) = @$_;
        my $file = sprintf '%s/%02d.dcm', $folder, scalar @files;
        system("$program @options '$native' '$file' >/dev/null 2>&1") == 0
            or return "$program failed";
        push @names, $name;
        push @files, $file;
    }
    my $here = File::Basename::dirname(Cwd::realpath(__FILE__));
    open my $pipe, '-|', "$here/decoders", @files or die "decoders: $!\n";
    my @rows = map { [(split / *\| */)[3 .. 5]] } grep { /^\| \d+\.dcm/ } <$pipe>;
    close $pipe;
    return 'scripts/measure/decoders failed' unless @rows == @names;
    return [map { [$names[$_], @{$rows[$_]}] } 0 .. $#names];
}

1;
