package Test::Dicom;

# Real daemons for one test: PostgreSQL, render worker and nginx on free
# loopback ports, in a temporary folder of their own.
#
#   use lib 't/lib';
#   use Test::Dicom;
#
#   my $t = Test::Dicom->new(plan => 3);
#   $t->start_postgres();
#   $t->start_worker();
#   $t->start_nginx();
#   $t->seed_demo();
#   my $token = $t->login('physician');
#   my $res = $t->http('toplevel', GET => '/api/v1/me', token => $token);
#   is($res->{status}, 200, 'me');
#
# When $t goes out of scope the daemons are stopped, and two more tests are
# made, which the plan need not count: "no alerts", "no sanitizer errors".
# new(address => '198.18.0.1') listens there instead of on 127.0.0.1;
# new(part => 1) is one more system in a test whose plan is another one's.
# Without a plan, $t->finish() (or the end of scope) also calls done_testing().
#
# Environment: DICOM_TEST_BUILD=release|asan, DICOM_BUILD (folder of builds),
# DICOM_TEST_KEEP=1 keeps the folder, DICOM_TEST_DEBUG=1 nginx's debug log.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(dirname);
use File::Temp ();
use HTTP::Tiny;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use Scalar::Util ();
use Test::More ();
use Time::HiRes qw(sleep time);

use Test::Dicom::File;
use Test::Dicom::Postgres;

our @ISA = ('Test::Dicom::Postgres');

our $FACILITY = '0fac0000-0000-4000-8000-000000000001';
our $PASSWORD = 'demo-password-1';

# scrypt, ln=15, r=8, p=1, of $PASSWORD.
my $HASH = '$scrypt$ln=15,r=8,p=1$ABEiM0RVZneImaq7zN3u/w'
         . '$8MQwXVmLHB7U8Roodvwk2gByp17lPsiZ73FIspbPFNs';

# username => [name, roles, physician, has the facility, last of the id]
my %USERS = (
    admin        => ['Ada Admin', 'admin', 0, 0, '01'],
    facadmin     => ['Fred Facility', 'facility_admin', 0, 1, '02'],
    physician    => ['Dr. Petra Physician', 'physician', 1, 1, '03'],
    radiographer => ['Rita Radiographer', 'radiographer', 0, 1, '04'],
    auditor      => ['Albert Auditor', 'auditor', 0, 0, '05'],
);

my @ROLES = qw(web toplevel facility node);

my @instances;
my $top = Cwd::realpath(dirname(__FILE__) . '/../../..');


sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        plan    => $opt{plan} // ($opt{part} ? 0 : undef),
        kind    => $ENV{DICOM_TEST_BUILD} || 'release',
        address => $opt{address} || '127.0.0.1',
        ports   => {},
        daemons => {},
        allowed => [],
        pid     => $$,
        top     => $top,
    }, $class;

    $self->{build} = ($ENV{DICOM_BUILD} || "$top/.build") . "/$self->{kind}";
    $self->{temp} = File::Temp->newdir('dicom-test-XXXXXXXX', TMPDIR => 1,
        CLEANUP => $ENV{DICOM_TEST_KEEP} ? 0 : 1);
    $self->{dir} = $self->{temp}->dirname;
    chmod 0755, $self->{dir};
    mkdir "$self->{dir}/$_" for qw(conf logs store temp);
    chmod 0750, "$self->{dir}/store";

    Test::More::plan(tests => $opt{plan} + 2) if defined $opt{plan};
    Test::More::diag("test folder: $self->{dir}") if $ENV{DICOM_TEST_KEEP};

    push @instances, $self;
    Scalar::Util::weaken($instances[-1]);

    # Ctrl-C and prove's TERM reach the destructor.
    $SIG{INT} = $SIG{TERM} = sub { exit 1 };
    $SIG{PIPE} = 'IGNORE';

    return $self;
}


sub dir   { $_[0]{dir} }
sub build { $_[0]{build} }
sub top   { $top }
sub asan  { $_[0]{kind} eq 'asan' }


# A free loopback port that keeps its number under this name.  A bound UDP
# socket of the same number reserves it among tests that run at once.
sub port {
    my ($self, $name) = @_;

    return $self->{ports}{$name}{number} if $self->{ports}{$name};

    for (1 .. 200) {
        my $n = 10000 + int(rand(22000));
        my $lock = IO::Socket::INET->new(Proto => 'udp',
            LocalAddr => "127.0.0.1:$n") or next;
        IO::Socket::INET->new(Proto => 'tcp', Listen => 1, ReuseAddr => 1,
            LocalAddr => "127.0.0.1:$n") or next;
        $self->{ports}{$name} = { number => $n, lock => $lock };
        return $n;
    }

    die "no free port for $name\n";
}


# The path of a file in the test's folder.
sub path {
    my ($self, $name) = @_;
    return $name =~ m{^/} ? $name : "$self->{dir}/$name";
}


sub write_file {
    my ($self, $name, $text) = @_;

    my $path = $self->path($name);
    open my $fh, '>:raw', $path or die "cannot write $path: $!\n";
    utf8::encode($text) if utf8::is_utf8($text);
    print $fh $text;
    close $fh or die "cannot write $path: $!\n";

    return $path;
}


sub read_file {
    my ($self, $name) = @_;

    open my $fh, '<:raw', $self->path($name) or return '';
    local $/;
    return scalar(<$fh>) // '';
}


# A file of the public test data ("files/series/ct_ge_head/..."), or undef.
sub data {
    my ($self, $name) = @_;

    for my $base ($ENV{DICOM_TEST_DATA}, "$top/../shared/data") {
        next unless defined $base;
        for my $path ("$base/$name", "$base/files/$name") {
            return Cwd::realpath($path) if -e $path;
        }
    }

    return undef;
}


# --- daemons

# Starts a program that ends with this process; its output goes to logs/.
sub daemon {
    my ($self, $name, %opt) = @_;

    my $log = "$self->{dir}/logs/$name.log";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $log or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT;
        chdir '/';
        my @command = @{$opt{command}};
        my @env = map { "$_=$opt{env}{$_}" } sort keys %{$opt{env} || {}};
        unshift @command, 'env', @env if @env;
        my @as = $opt{user} && $> == 0
            ? ("--reuid=$opt{user}", "--regid=$opt{user}", '--init-groups') : ();
        exec 'setpriv', @as, '--pdeathsig', $opt{death} || 'TERM', '--',
            @command or POSIX::_exit(127);
    }

    $self->{daemons}{$name} = { pid => $pid, log => $log };

    for (1 .. ($opt{patience} || 60) * 20) {
        return $pid if $opt{ready}->();
        if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
            delete $self->{daemons}{$name};
            die "$name did not start (status $?):\n"
                . $self->read_file("logs/$name.log")
                . ($opt{more} ? $opt{more}->() : '');
        }
        sleep(0.05);
    }

    $self->stop($name);
    die "$name is not ready:\n" . $self->read_file("logs/$name.log");
}


# Sends the signals in turn, each with its patience; returns the wait status.
sub stop {
    my ($self, $name, @signals) = @_;

    my $d = delete $self->{daemons}{$name} or return undef;
    @signals = (TERM => 60) unless @signals;

    while (my ($signal, $patience) = splice @signals, 0, 2) {
        kill $signal, $d->{pid};
        my $until = time + $patience;
        while (time < $until) {
            return $? if waitpid($d->{pid}, POSIX::WNOHANG()) == $d->{pid};
            sleep(0.02);
        }
    }

    Test::More::diag("$name had to be killed");
    kill 'KILL', $d->{pid};
    waitpid($d->{pid}, 0);
    return $?;
}


# pid of a daemon of ours: 'nginx' (the master), 'worker', 'postgres'.
sub pid {
    my ($self, $name) = @_;
    return $self->{daemons}{$name} && $self->{daemons}{$name}{pid};
}


sub socket_path {
    my ($self, $name) = @_;
    return "$self->{dir}/" . ($name || 'worker') . '.sock';
}


# %opts: name (default "worker"), args => [...], env => {...}, store
sub start_worker {
    my ($self, %opt) = @_;

    my $name = $opt{name} || 'worker';
    my $socket = $self->socket_path($name);
    my $binary = "$self->{build}/render-worker";
    -x $binary or die "$binary is missing: run scripts/build\n";

    return $self->daemon($name,
        command => [$binary, '--socket', $socket,
            '--store', $opt{store} || "$self->{dir}/store",
            @{$opt{args} || []}],
        env => { $self->_sanitizer_env($opt{leaks}), %{$opt{env} || {}} },
        patience => 90,
        ready => sub { IO::Socket::UNIX->new(Peer => $socket) });
}


sub stop_worker {
    my ($self, $name) = @_;
    return $self->stop($name || 'worker', TERM => 60);
}


sub _sanitizer_env {
    my ($self, $leaks) = @_;

    return () unless $self->asan;

    my $detect = $leaks ? 1 : 0;
    return (
        ASAN_OPTIONS => "detect_leaks=$detect:log_path=$self->{dir}/logs/asan:"
            . 'detect_odr_violation=0:allocator_may_return_null=1:'
            . 'handle_abort=0',
        UBSAN_OPTIONS => "print_stacktrace=1:log_path=$self->{dir}/logs/ubsan",
    );
}


# The values that the default YAML of a role has.
sub yaml_defaults {
    my ($self, $role) = @_;

    my %y = (
        name       => "Test $role",
        serverType => $role,
        address    => $self->{address},
        port       => $self->port($role),
    );
    if ($role eq 'web') {
        $y{root} = "$top/html";
        $y{toplevelUrl} = $self->url('toplevel');
        $y{connect} = [map { $self->url($_) } qw(toplevel facility node)];
        return \%y;
    }

    $y{databaseUrl} = $self->database_url(
        $role eq 'toplevel' ? $role : 'facility', 'dicom_server');
    $y{JWTPassword} = 'test-secret-of-more-than-32-bytes-length';
    # A test may take longer than the five minutes that a token usually lives.
    $y{tokenLife} = 3600;
    $y{corsOrigins} = [$self->url('web')];
    if ($role ne 'toplevel') {
        $y{facility} = $FACILITY;
        $y{patientIssuer} = 'TEST';
    }
    if ($role =~ /^(?:facility|node)\z/) {
        $y{nodeUrl} = $self->url('node');
    }
    if ($role eq 'node') {
        $y{store} = "$self->{dir}/store";
        $y{renderWorker} = 'unix:' . $self->socket_path();
    }

    return \%y;
}


# Writes ROLE.yaml from the defaults and %change (undef removes a key).
sub yaml {
    my ($self, $role, %change) = @_;

    my %y = (%{$self->yaml_defaults($role)}, %change);
    my $text = '';

    # JSON's scalars and lists are YAML's flow style.
    my $json = JSON::PP->new->canonical->allow_nonref;
    for my $key (sort keys %y) {
        next unless defined $y{$key};
        my $value = $y{$key};
        $value = $json->encode(
            !ref $value && $value =~ /^\d{1,15}\z/ ? $value + 0 : $value);
        $text .= "$key: $value\n";
    }

    return $self->write_file("$role.yaml", $text);
}


sub url {
    my ($self, $role) = @_;
    return ($self->{tls} ? 'https' : 'http') . "://$self->{address}:"
        . $self->port($role);
}


# Puts ports (%%PORT_name%%), %%DIR%%, %%TOP%%, %%GLOBALS%% (the head of
# nginx.conf), %%EVENTS%%, %%HTTP%% (the head of http) and %%SERVERS%% (the four
# default ones) into a text.
sub expand {
    my ($self, $text) = @_;

    $text =~ s/%%GLOBALS%%/$self->_globals()/ge;
    $text =~ s/%%EVENTS%%/events { worker_connections 512; }\n/g;
    $text =~ s/%%HTTP%%/$self->_http()/ge;
    $text =~ s/%%SERVERS%%/$self->_servers()/ge;
    $text =~ s/%%PORT_(\w+)%%/$self->port($1)/ge;
    $text =~ s/%%DIR%%/$self->{dir}/g;
    $text =~ s/%%TOP%%/$top/g;

    return $text;
}


sub _globals {
    my ($self) = @_;

    my $level = $ENV{DICOM_TEST_DEBUG} ? 'debug' : 'info';
    my $user = $> == 0 ? "user root root;\n" : '';

    return "load_module $self->{build}/ngx_http_dicom_module.so;\n"
        . "daemon off;\n$user"
        . "pid %%DIR%%/nginx.pid;\n"
        . "error_log %%DIR%%/error.log $level;\n"
        . "worker_processes 2;\n"
        . "worker_shutdown_timeout 10s;\n"
        . "thread_pool kdf threads=2 max_queue=64;\n";
}


sub _http {
    my ($self) = @_;

    my $text = "    include /etc/nginx/mime.types;\n"
        . "    access_log off;\n    reset_timedout_connection on;\n";
    $text .= "    ${_}_temp_path %%DIR%%/temp/$_;\n"
        for qw(proxy fastcgi uwsgi scgi);

    if ($self->{tls}) {
        $text .= "    ssl_certificate %%DIR%%/tls.crt;\n"
            . "    ssl_certificate_key %%DIR%%/tls.key;\n"
            . "    ssl_buffer_size 4k;\n"
            . "    gzip on;\n    gzip_min_length 1000;\n"
            . "    gzip_types text/javascript application/javascript "
            . "text/css application/json image/svg+xml;\n";
    }

    return $text;
}


sub _servers {
    my ($self) = @_;

    my $text = '';

    for my $role (@ROLES) {
        $text .= "    server {\n";
        $text .= "        listen $self->{address}:%%PORT_$role%% ssl http2;\n"
            if $self->{tls};
        $text .= "        client_body_temp_path %%DIR%%/temp/body;\n"
            if $role ne 'node';
        $text .= "        dicom_config %%DIR%%/$role.yaml;\n";
        $text .= "        dicom_kdf_threads kdf;\n" if $role eq 'toplevel';
        $text .= "    }\n\n";
    }

    return $text;
}


# Writes nginx.conf (and YAMLs that the test has not written) without starting.
sub write_conf {
    my ($self, %opt) = @_;

    $self->{tls} = 1 if $opt{tls};
    $self->_make_certificate() if $self->{tls} && !-e $self->path('tls.key');

    for my $role (@ROLES) {
        $self->yaml($role) unless -e $self->path("$role.yaml");
    }

    return $self->write_file('nginx.conf', $self->expand($opt{conf}
        // "%%GLOBALS%%\n%%EVENTS%%\nhttp {\n%%HTTP%%\n%%SERVERS%%}\n"));
}


# %opts: conf => text (see expand; default: all four roles), tls => 1
sub start_nginx {
    my ($self, %opt) = @_;

    $self->write_conf(%opt);
    $self->{tokens} = {};
    my $before = -s $self->path('error.log') || 0;

    return $self->daemon('nginx',
        command => [$self->_nginx()],
        env => { $self->_nginx_env() },
        death => 'QUIT',
        patience => 60,
        more => sub { $self->read_file('error.log') },
        ready => sub {
            -s "$self->{dir}/nginx.pid"
                && substr($self->read_file('error.log'), $before)
                    =~ /start worker process \d+/
        });
}


sub _nginx {
    my ($self) = @_;
    my ($binary) = grep { -x } '/usr/sbin/nginx', '/usr/bin/nginx';
    return ($binary || 'nginx', '-p', $self->{dir}, '-c',
        "$self->{dir}/nginx.conf", '-e', "$self->{dir}/error.log");
}


sub _nginx_env {
    my ($self) = @_;

    return () unless $self->asan;

    my ($lib) = `ldd $self->{build}/ngx_http_dicom_module.so`
        =~ m{=>\s*(\S*/libasan\.so\S*)};
    return ($self->_sanitizer_env(), LD_PRELOAD => $lib);
}


# nginx -t: (exit status, output); writes the conf first when opts are given.
sub nginx_test {
    my ($self, %opt) = @_;

    $self->write_conf(%opt);
    my %env = $self->_nginx_env();
    my $command = join ' ', (map { "'$_=$env{$_}'" } keys %env),
        $self->_nginx(), '-t', '2>&1';
    my $output = `env $command`;

    return ($? >> 8, $output);
}


sub stop_nginx {
    my ($self) = @_;
    return $self->stop('nginx', QUIT => 30, TERM => 15);
}


# SIGHUP; true when only new workers take connections, false when the
# configuration was refused.
sub reload {
    my ($self) = @_;

    my $before = $self->read_file('error.log');
    my @old = $before =~ /start worker process (\d+)/g;
    kill 'HUP', $self->pid('nginx');

    for (1 .. 1200) {
        my $log = $self->read_file('error.log');
        my $now = () = $log =~ /start worker process \d+/g;
        return 1 if $now > @old && !grep { kill(0, $_)
            && $log !~ / $_#\d+: gracefully shutting down/ } @old;
        return 0 if substr($log, length $before) =~ /\[emerg\]/;
        sleep(0.05);
    }

    die "nginx did not reload\n";
}


# SIGUSR1; returns when the master has reopened its logs.
sub sigusr1 {
    my ($self) = @_;

    my $before = length $self->read_file('error.log');
    kill 'USR1', $self->pid('nginx');

    for (1 .. 3000) {
        my $log = substr($self->read_file('error.log'), $before);
        my $workers = () = $log =~ /reopening logs/g;
        return 1 if $workers >= 3;
        sleep(0.02);
    }

    return 0;
}


sub _make_certificate {
    my ($self) = @_;

    my $d = $self->{dir};
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
        . "-nodes -keyout $d/tls.key -out $d/tls.crt -days 2 -subj /CN=test "
        . "-addext subjectAltName=IP:$self->{address},DNS:localhost "
        . ">$d/logs/openssl.log 2>&1") == 0
        or die "openssl failed: " . $self->read_file('logs/openssl.log');
}


# --- requests

# http('toplevel', GET => '/api/v1/me', token =>, json =>, body =>, headers =>)
# gives {status, headers (lower case names), body, json}.
sub http {
    my ($self, $role, $method, $path, %opt) = @_;

    my %headers = %{$opt{headers} || {}};
    my $body = $opt{body};

    $headers{Authorization} = "Bearer $opt{token}" if defined $opt{token};
    if (exists $opt{json}) {
        $body = JSON::PP->new->utf8->canonical->allow_nonref
            ->encode($opt{json});
        $headers{'Content-Type'} //= 'application/json';
    }

    my $client = HTTP::Tiny->new(
        keep_alive => 0, max_redirect => 0,
        timeout => $opt{timeout} || 60, agent => 'test ',
        verify_SSL => $self->{tls} ? 1 : 0,
        SSL_options => { SSL_ca_file => "$self->{dir}/tls.crt" });
    my $url = $path =~ m{^http} ? $path : $self->url($role) . $path;
    my $r = $client->request($method, $url, { headers => \%headers,
        defined $body ? (content => $body) : () });

    my %res = (status => $r->{status}, headers => $r->{headers},
        body => $r->{content});
    if (($r->{headers}{'content-type'} // '') =~ m{[/+]json\b}) {
        $res{json} = eval {
            JSON::PP->new->utf8->allow_nonref->decode($r->{content})
        };
    }

    return \%res;
}


# Sends bytes as they are, closes the sending side when half => 1, and returns
# what comes back until the other side closes or timeout seconds pass.
sub raw {
    my ($self, $role, $bytes, %opt) = @_;

    my $s = $self->connection($role);
    $s->print($bytes);
    $s->flush;
    shutdown($s, 1) if $opt{half};

    my $answer = '';
    my $until = time + ($opt{timeout} || 30);
    while ((my $left = $until - time) > 0) {
        my $bits = '';
        vec($bits, fileno($s), 1) = 1;
        next unless select($bits, undef, undef, $left);
        sysread($s, $answer, 65536, length $answer) or last;
    }

    return $answer;
}


# A connected socket to a role (plain HTTP) for tests that speak by themselves.
sub connection {
    my ($self, $role) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => $self->{address},
        PeerPort => $self->port($role), Timeout => 60)
        or die "cannot connect to $role: $!\n";
    $s->autoflush(1);
    return $s;
}


# A token of a user of seed_demo(), or of any with a password; kept for reuse.
sub login {
    my ($self, $username, $password) = @_;

    return $self->{tokens}{$username}
        if !defined $password && $self->{tokens}{$username};

    my $res = $self->http('toplevel', POST => '/api/v1/login',
        json => { username => $username, password => $password // $PASSWORD });
    $res->{status} == 200 or die "login of $username: $res->{status} "
        . "$res->{body}\n";

    my $token = $res->{json}{token};
    $self->{tokens}{$username} = $token unless defined $password;
    return $token;
}


sub user_id {
    my ($self, $username) = @_;
    return '0abc0000-0000-4000-8000-0000000000' . $USERS{$username}[4];
}


sub facility_id { $FACILITY }


# The facility, its servers and the users of %USERS, straight by SQL.
sub seed_demo {
    my ($self) = @_;

    my $sql = "INSERT INTO facilities (id, code, name, city, country, "
        . "patient_issuer) VALUES ('$FACILITY', 'TEST', 'Test hospital', "
        . "'Zagreb', 'HR', 'TEST');\n";
    my $n = 1;

    for my $role (@ROLES) {
        my $facility = $role =~ /facility|node/ ? "'$FACILITY'" : 'NULL';
        $sql .= sprintf "INSERT INTO servers (id, facility, type, name, url) "
            . "VALUES ('05e70000-0000-4000-8000-00000000000%d', %s, '%s', "
            . "'Test %s', '%s');\n", $n++, $facility, $role, $role,
            $self->url($role);
    }

    for my $u (sort keys %USERS) {
        my ($name, $roles, $physician, $local) = @{$USERS{$u}};
        $sql .= sprintf "INSERT INTO users (id, username, name, roles, "
            . "physician, facility, password_hash) "
            . "VALUES ('%s', '%s', '%s', '%s', %s, %s, '%s');\n",
            $self->user_id($u), $u, $name, $roles,
            $physician ? 'true' : 'false', $local ? "'$FACILITY'" : 'NULL',
            $HASH;
    }

    return $self->psql('toplevel', $sql);
}


# The files of uploads that are in the store: each goes with its request, a
# moment after the answer.
sub incoming {
    my ($self) = @_;

    my @files;
    for (1 .. 400) {
        @files = glob "$self->{dir}/store/incoming/*" or last;
        sleep(0.05);
    }

    return scalar @files;
}


sub dicom_file {
    my ($self, %attributes) = @_;
    return Test::Dicom::File::dicom_file(%attributes);
}


# --- the end

# A pattern of alerts in nginx's error.log that this test provokes.
sub allow_alerts {
    my ($self, $pattern) = @_;
    push @{$self->{allowed}}, $pattern;
}


sub finish {
    my ($self) = @_;

    return if $self->{finished}++;

    # What the last request started has its end before its servers.
    for my $name (sort keys %{$self->{daemons}}) {
        next if $name eq 'postgres' || $name eq 'nginx';
        $self->stop($name) unless $name =~ /^worker/;
    }
    $self->stop_nginx() if $self->{daemons}{nginx};
    for my $name (sort keys %{$self->{daemons}}) {
        $name eq 'postgres' ? $self->stop_postgres() : $self->stop($name);
    }

    return if $self->{no_tests};

    my @alerts = grep { my $line = $_;
        /\[(?:alert|emerg)\]/
            && !grep { $line =~ $_ } @{$self->{allowed}}
    } split /\n/, $self->read_file('error.log');
    Test::More::is(join("\n", @alerts), '', 'no alerts');

    my @errors;
    for my $log (glob "$self->{dir}/logs/*") {
        (my $name = $log) =~ s{.*/}{};
        my $text = $self->read_file("logs/$name");
        push @errors, "$name:\n$text" if $name =~ /^(?:asan|ubsan)\./
            || $text =~ /ERROR: \w+Sanitizer|: runtime error: /;
    }
    Test::More::is(join("\n", @errors), '', 'no sanitizer errors');

    Test::More::done_testing() unless defined $self->{plan};
}


# Skips the whole test, saying why.
sub skip_all {
    my ($self, $why) = @_;

    $self->{no_tests} = 1;
    $self->finish();
    if (defined $self->{plan}) {
        Test::More->builder->skip($why) for 1 .. $self->{plan} + 2;
        exit 0;
    }
    Test::More::plan(skip_all => $why);
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{pid};
    local ($?, $@, $!);
    $self->finish();
}


# Before perl destroys objects in any order it likes.
END {
    my $status = $?;
    $_ && $_->DESTROY() for @instances;
    $? = $status;
}

1;
