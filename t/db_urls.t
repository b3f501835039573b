#!/usr/bin/perl

# Ways to the database: Unix socket, password, TLS with a verified certificate;
# URLs that are refused when the configuration is tested, without a secret in
# the message.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
my $dir = $t->dir;
my $port = $t->port('postgres');

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
    . "-keyout $dir/db.key -out $dir/db.crt -days 2 -subj /CN=localhost "
    . "-addext subjectAltName=DNS:localhost >/dev/null 2>&1") == 0
    or die "openssl\n";
chmod 0600, "$dir/db.key";
mkdir "$dir/socket";
if ($> == 0) {
    system('chown', 'postgres:', "$dir/db.key", "$dir/socket") == 0 or die;
}

$t->start_postgres(args => ['-c', "unix_socket_directories=$dir/socket",
    '-c', 'ssl=on', '-c', "ssl_cert_file=$dir/db.crt",
    '-c', "ssl_key_file=$dir/db.key"]);
$t->psql('toplevel', "CREATE ROLE secured LOGIN PASSWORD 'p\@ss: word';
    GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO secured");
$t->write_file('db/pg_hba.conf', "local all dicom trust\n"
    . "hostssl all secured all scram-sha-256\nhost all dicom all trust\n");
$t->psql('toplevel', 'SELECT pg_reload_conf()');

my %good = (
    'Unix socket' => "postgresql://dicom\@/toplevel?host=$dir/socket&port=$port",
    'IPv4' => "postgres://dicom\@127.0.0.1:$port/toplevel",
    'name' => "postgresql://dicom\@localhost:$port/toplevel",
    'two, one wrong' => ["postgresql://dicom\@127.0.0.1:1/toplevel",
        "postgresql://dicom\@127.0.0.1:$port/toplevel"],
    'password in the URL, TLS' => "postgresql://secured:p%40ss%3A%20word\@"
        . "localhost:$port/toplevel?sslmode=verify-full&sslrootcert=$dir/db.crt",
    'TLS without verification' => "postgresql://secured:p%40ss%3A%20word\@"
        . "127.0.0.1:$port/toplevel?sslmode=require",
);
my %away = (
    'wrong password' => "postgresql://secured:wrong\@localhost:$port/toplevel"
        . "?sslmode=require",
    'wrong certificate' => "postgresql://secured:p%40ss%3A%20word\@"
        . "127.0.0.1:$port/toplevel?sslmode=verify-full&sslrootcert=$dir/db.crt",
    'no TLS where it must be' => "postgresql://secured:p%40ss%3A%20word\@"
        . "localhost:$port/toplevel?sslmode=disable",
    'no such database' => "postgresql://dicom\@127.0.0.1:$port/nowhere",
    'no such socket' => "postgresql://dicom\@/toplevel?host=$dir/none",
);
my %refused = (
    'sslmode=prefer' => 'postgresql://dicom:hidden@db.example/x?sslmode=prefer',
    'sslmode=allow' => 'postgresql://dicom:hidden@127.0.0.1/x?sslmode=allow',
    'port' => 'postgresql://dicom:hidden@127.0.0.1:99999/x',
    'scheme' => 'mysql://dicom:hidden@127.0.0.1/x',
    'parameter' => 'postgresql://dicom:hidden@127.0.0.1/x?nonsense=1',
    'no URL' => 'host=127.0.0.1 password=hidden',
    'name without address' => 'postgresql://dicom:hidden@no-such-host.invalid/x',
);

# One nginx with a server for each of them.
my $servers = '';
my $n = 0;
my %at;
for my $name (sort keys %good, keys %away) {
    my $url = $good{$name} // $away{$name};
    $at{$name} = 'url' . $n++;
    $t->yaml('toplevel', databaseUrl => $url, databaseTimeout => 5,
        port => $t->port($at{$name}));
    rename $t->path('toplevel.yaml'), $t->path("$at{$name}.yaml");
    $servers .= "    server {\n        client_body_temp_path %%DIR%%/temp/body;\n"
        . "        dicom_config %%DIR%%/$at{$name}.yaml;\n"
        . "        dicom_kdf_threads kdf;\n    }\n";
}
$t->yaml('toplevel', databaseUrl => "postgresql://secured\@localhost:$port/"
    . "toplevel?sslmode=require", databasePassword => 'p@ss: word');
$servers .= "    server {\n        client_body_temp_path %%DIR%%/temp/body;\n"
    . "        dicom_config %%DIR%%/toplevel.yaml;\n"
    . "        dicom_kdf_threads kdf;\n    }\n";
$t->start_nginx(conf => "%%GLOBALS%%\n%%EVENTS%%\nhttp {\n%%HTTP%%\n$servers}\n");
$t->seed_demo();

my $token = $t->login('admin');
ok($token, 'databasePassword');

sub get {
    my ($name) = @_;
    return $t->http($at{$name}, GET => '/api/v1/facilities?limit=1',
        token => $token)->{status};
}

is(get($_), 200, $_) for sort keys %good;
is(get($_), 503, $_) for sort keys %away;
is($t->psql('toplevel', 'SELECT count(*) > 0 FROM pg_stat_ssl s JOIN '
    . "pg_stat_activity a USING (pid) WHERE usename = 'secured' AND s.ssl"), 't',
    'TLS it was');
is($t->psql('toplevel', 'SELECT count(*) FROM pg_stat_ssl s JOIN '
    . "pg_stat_activity a USING (pid) WHERE usename = 'secured' AND NOT s.ssl"),
    0, 'never without');

$t->stop_nginx();
unlike($t->read_file('error.log'), qr/p\@ss|p%40ss|wrong:|:wrong/,
    'no password in the log');

for my $name (sort keys %refused) {
    $t->yaml('toplevel', databaseUrl => $refused{$name});
    my ($status, $output) = $t->nginx_test(conf => "%%GLOBALS%%\n%%EVENTS%%\n"
        . "http {\n%%HTTP%%\n    server {\n        dicom_config "
        . "%%DIR%%/toplevel.yaml;\n    }\n}\n");
    isnt($status, 0, "$name is refused");
    like($output, qr/\[emerg\].*databaseUrl/, "$name: says where");
    unlike($output, qr/hidden/, "$name: without the password");
}
$t->allow_alerts(qr/databaseUrl/) if $t->can('allow_alerts');

$t->finish();
