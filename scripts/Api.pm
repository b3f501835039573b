package Api;

# A client of the servers' REST interface for the scripts beside it: curl does
# the talking, so that nothing but Debian's base system is needed.  Passwords
# and tokens reach curl through its standard input, never as arguments.

use strict;
use warnings;

use File::Temp ();
use IPC::Open2 ();
use JSON::PP ();
use Time::HiRes ();

my $json = JSON::PP->new->utf8->canonical->allow_nonref;


# new(toplevel => URL, ca => FILE): of the top-level server, where one logs in.
sub new {
    my ($class, %self) = @_;
    $self{toplevel} =~ s{/+\z}{};
    return bless \%self, $class;
}


# The addresses and logins that scripts/run wrote.
sub demo {
    my ($class, $file) = @_;

    open my $fh, '<:raw', $file or return undef;
    local $/;
    my $demo = eval { $json->decode(scalar <$fh>) }
        or die "$file is damaged: delete it and start scripts/run again\n";

    return $demo;
}


sub quoted {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    $text =~ s/(["\\])/\\$1/g;
    $text =~ s/\n/\\n/g;
    $text =~ s/\r/\\r/g;
    $text =~ s/\t/\\t/g;
    return qq("$text");
}


# The lines of a curl configuration that all transfers share.
sub common {
    my ($self, $token) = @_;

    my @lines = ('silent', 'show-error', 'globoff');
    push @lines, 'cacert = ' . quoted($self->{ca}) if defined $self->{ca};
    push @lines, 'header = ' . quoted("Authorization: Bearer $token")
        if defined $token;
    return @lines;
}


# request(METHOD, URL, json => DATA, token =>, headers => {}) gives
# {status, json, body, headers}; status 0 and error when there was no answer.
sub request {
    my ($self, $method, $url, %opt) = @_;

    my $head = File::Temp->new();
    my $body = File::Temp->new();
    my $sent;
    my @config = ($self->common($opt{token}),
        'url = ' . quoted($url), 'request = ' . quoted($method),
        'dump-header = ' . quoted($head->filename),
        'output = ' . quoted($body->filename),
        'max-time = ' . ($opt{timeout} || 60));

    if (exists $opt{json}) {
        $sent = File::Temp->new();
        print $sent $json->encode($opt{json});
        close $sent;
        push @config, 'data-binary = ' . quoted('@' . $sent->filename);
    }
    my %headers = ('Content-Type' => 'application/json',
        %{$opt{headers} || {}});
    for my $name (sort keys %headers) {
        push @config, 'header = ' . quoted("$name: $headers{$name}");
    }

    my $pid = IPC::Open2::open2(my $out, my $in, 'curl', '--config', '-');
    print $in "$_\n" for @config, 'stderr = "-"';
    close $in;
    my $error = do { local $/; <$out> };
    waitpid($pid, 0);

    my %res = (status => 0, headers => {}, body => slurp($body->filename));
    for (split /\r?\n/, slurp($head->filename)) {
        if (m{^HTTP/\S+ (\d+)}) {
            @res{qw(status headers)} = ($1, {});
        } elsif (/^([^:]+):\s*(.*)$/) {
            $res{headers}{lc $1} = $2;
        }
    }
    $res{error} = $error =~ s/^curl: \(\d+\) //r if $?;
    $res{json} = eval { $json->decode($res{body}) }
        if ($res{headers}{'content-type'} // '') =~ m{[/+]json};

    return \%res;
}


sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or return '';
    local $/;
    return scalar(<$fh>) // '';
}


# One line that says why a request failed.
sub why {
    my ($res) = @_;

    return "no answer: " . ($res->{error} || 'unknown reason')
        unless $res->{status};

    my $p = ref $res->{json} eq 'HASH' ? $res->{json} : {};
    my $text = $p->{detail} // $p->{title} // "HTTP status $res->{status}";
    if (ref $p->{errors} eq 'ARRAY') {
        $text .= join '', map { "; $_->{field}: $_->{detail}" }
            @{$p->{errors}};
    }
    $text =~ s/\s+/ /g;
    return $text;
}


# Dies with a line that a person can use.
sub login {
    my ($self, $username, $password) = @_;

    my $res = $self->request(POST => "$self->{toplevel}/api/v1/login",
        json => { username => $username, password => $password });
    $res->{status} == 200
        or die "login of $username at $self->{toplevel} failed: "
            . why($res) . "\n";

    $self->{token} = $res->{json}{token};
    $self->{user} = $res->{json}{user};
    $self->{token_until} = Time::HiRes::time()
        + ($res->{json}{expires_in} || 300) / 2;
    return $self->{token};
}


# The token, renewed when half of its life is over.
sub token {
    my ($self) = @_;

    if (Time::HiRes::time() > $self->{token_until}) {
        my $res = $self->request(POST => "$self->{toplevel}/api/v1/token",
            token => $self->{token});
        $res->{status} == 200
            or die "the session could not be renewed: " . why($res) . "\n";
        $self->{token} = $res->{json}{token};
        $self->{token_until} = Time::HiRes::time()
            + ($res->{json}{expires_in} || 300) / 2;
    }

    return $self->{token};
}


# request() with the token; dies unless the status is one of those expected.
sub call {
    my ($self, $method, $url, $expected, %opt) = @_;

    my $res = $self->request($method, $url, token => $self->token, %opt);
    grep { $res->{status} == $_ } @$expected
        or die "$method $url: $res->{status} " . why($res) . "\n";
    return $res;
}


# upload(NODE, [FILES], sub { my ($file, $status, $why, $json) = @_ },
# parallel => 4): PUTs the files to a node, several at once on few connections,
# by HTTP/1.1: HTTP/2 takes curl twice the time and sends all on one connection,
# to one process of nginx.
sub upload {
    my ($self, $node, $files, $done, %opt) = @_;

    my @left = @$files;
    my $parallel = $opt{parallel} || 8;

    while (@left) {
        # A batch is sent with one token, so it must end within its life.
        my (@batch, $bytes);
        while (@left && @batch < 256 && ($bytes // 0) < 1e9) {
            push @batch, shift @left;
            $bytes += -s $batch[-1] || 0;
        }
        $self->upload_batch($node, \@batch, $done, $parallel);
    }
}


sub upload_batch {
    my ($self, $node, $files, $done, $parallel) = @_;

    my $answers = File::Temp->newdir();
    my $token = $self->token;
    my %pending = map { $_ => $files->[$_] } 0 .. $#$files;

    my $pid = IPC::Open2::open2(my $out, my $in, 'curl', '--parallel',
        '--parallel-max', $parallel, '--no-progress-meter', '--config', '-');
    for my $i (0 .. $#$files) {
        print $in "next\n" if $i;
        print $in "$_\n" for $self->common($token),
            'url = ' . quoted("$node/api/v1/instances"),
            'http1.1', 'upload-file = ' . quoted($files->[$i]),
            'request = "PUT"',
            'header = "Content-Type: application/dicom"', 'header = "Expect:"',
            'output = ' . quoted("$answers/$i"), 'stderr = "-"',
            'write-out = ' . quoted("=$i %{http_code} %{errormsg}\n");
    }
    close $in;

    my $last = 'curl ended early';
    while (my $line = <$out>) {
        my ($i, $status, $error) = $line =~ /^=(\d+) (\d+) ?(.*)$/
            or ($last) = $line =~ /^(?:curl: (?:\(\d+\) )?)?(.+)$/, next;
        next unless exists $pending{$i};
        my $file = delete $pending{$i};
        my %res = (status => $status + 0, error => $error,
            body => slurp("$answers/$i"));
        $res{json} = eval { $json->decode($res{body}) };
        unlink "$answers/$i";
        $done->($file, $res{status}, $status =~ /^2/ ? '' : why(\%res),
            $res{json});
    }
    waitpid($pid, 0);

    $done->($pending{$_}, 0, $last)
        for sort { $a <=> $b } keys %pending;
}

1;
