#!/usr/bin/perl

# The YAML of a server: Figure 1 of the paper as it is, and mistakes that
# nginx -t names with file, line and key, but never with a secret.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Test::Dicom;

my $t = Test::Dicom->new();

my $CONF = <<'END';
%%GLOBALS%%
%%EVENTS%%
http {
%%HTTP%%
    server {
        dicom_config %%DIR%%/try.yaml;
    }
}
END

my $FIGURE1 = <<'END';
name: "Toplevel server"
serverType: "toplevel"
address: "127.0.0.1"
port: 8081
databasePort: 9000
JWTPassword: "secret"
debug: true
END

# nginx -t with this YAML: (accepted, output)
sub try_yaml {
    my ($yaml, $conf) = @_;

    $t->write_file('try.yaml', $yaml);
    my ($status, $output) = $t->nginx_test(conf => $conf // $CONF);
    return ($status == 0, $output);
}

sub refused {
    my ($yaml, $like, $name) = @_;

    my ($ok, $output) = try_yaml($yaml);
    ok(!$ok, "$name: refused") or diag($yaml);
    like($output, qr{\Q@{[$t->dir]}\E/try\.yaml:$like}, "$name: named");
    unlike($output, qr/hidden-word/, "$name: no secret");
}

# Figure 1, for every role

for my $type (qw(web toplevel facility node)) {
    (my $yaml = $FIGURE1) =~ s/"toplevel"/"$type"/;
    my ($ok, $output) = try_yaml($yaml);
    ok($ok, "Figure 1 as $type") or diag($output);
    like($output, qr/\[warn\].*less than 32 bytes/,
        "Figure 1 as $type: its secret is weak") if $type ne 'web';
}

# Mistakes

(my $base = $FIGURE1) =~ s/"secret"/"a hidden-word"/;

sub with    { my ($more) = @_; return $base . $more }
sub without { my ($key) = @_; (my $y = $base) =~ s/^$key:.*\n//m; return $y }
sub changed {
    my ($key, $value) = @_;
    (my $y = $base) =~ s/^$key:.*/$key: $value/m;
    return $y;
}

refused(with("colour: red\n"), '8: colour: is not a known key', 'unknown key');
refused(with("port: 1\n"), '8: port: is there twice', 'repeated key');

refused(without($_), "1: $_: is missing", "no $_")
    for qw(name serverType address port databasePort JWTPassword);

refused(changed(port => '"8081"'), '4: port: must be an integer', 'port, text');
refused(changed(port => '0'), '4: port: must be an integer', 'port 0');
refused(changed(port => '65536'), '4: port: must', 'port too large');
refused(changed(port => '[1]'), '4: port: must', 'port, a list');
refused(changed(databasePort => '-1'), '5: databasePort: must', 'port -1');
refused(changed(name => '17'), '1: name: must be a string', 'name, a number');
refused(changed(name => '[a]'), '1: name: must be a string', 'name, a list');
refused(changed(name => '""'), '1: name: must have', 'name, empty');
refused(changed(debug => 'maybe'), '7: debug: must be true or false', 'debug');
refused(changed(debug => '"true"'), '7: debug: must be', 'debug, text');
refused(changed(serverType => 'Web'), '2: serverType: must be web', 'type');
refused(changed(address => '"1.2.3.4.5"'), '3: address: must be', 'address');
refused(changed(address => '"a b"'), '3: address: must be', 'address, blank');
refused(changed(JWTPassword => '12345678'), '6: JWTPassword: must be a string',
    'secret, a number');
refused(changed(JWTPassword => '[hidden-word]'),
    '6: JWTPassword: must be a string', 'secret, a list');
refused(changed(JWTPassword => '"' . 'hidden-word' x 100 . '"'),
    '6: JWTPassword: must have', 'secret, too long');

refused("name: [\n", '\d+: ', 'not YAML');
refused("- name\n", '1: is not a list of', 'a sequence');
refused('', '1: is not a list of', 'an empty file');
refused("$base---\n$base", '8: has more than one document', 'two documents');
refused(with("&a x: *b\n"), '\d+: ', 'an undefined alias');
refused(with("? [a]\n: b\n"), '8: a key must be a word', 'a list as key');
refused(with("\"a b\\tc\": 1\n"), '8: a\?b\?c: is not a known key',
    'control characters in a key');

refused(with("corsOrigins: [\"https://a/b\"]\n"), '8: corsOrigins: must be',
    'origin with a path');
refused(with("corsOrigins: [" . join(',', map { "'http://h$_'" } 1 .. 17)
    . "]\n"), '8: corsOrigins: has more than 16', 'too many origins');
refused(with("toplevelUrl: 'javascript:alert(1)'\n"), '8: toplevelUrl: must be',
    'not http');
refused(with("connect: [\"https://a; script-src *\"]\n"), '8: connect: must be',
    'a directive in an origin');
refused(with("facility: nowhere\n"), '8: facility: must be a UUID', 'facility');
refused(with("renderWorker: /run/worker\n"), '8: renderWorker: must be unix',
    'renderWorker');
refused(with("renderWorker: []\n"), '8: renderWorker: must name', 'no worker');
refused(with("maxInstanceSize: lots\n"), '8: maxInstanceSize: must be a size',
    'size');
refused(with("tokenLife: 0\n"), '8: tokenLife: must be', 'tokenLife');

# Keys of tokens

refused(with("jwtKeys: [{kid: a, key: 'hidden-word', use: sign}]\n"),
    '1: jwtKeys: more than one key signs', 'two that sign');
refused(with("jwtKeys: [{kid: a}]\n"), '8: jwtKeys: .* without key', 'no key');
refused(with("jwtKeys: [{kid: a, key: 'hidden-word', alg: none}]\n"),
    '8: alg: must be HS256 or ES256', 'alg none');
refused(with("jwtKeys: [{kid: a, key: 'hidden-word', alg: ES256}]\n"),
    '8: jwtKeys: .* not in PEM', 'a secret as ES256');
refused(with("jwtKeys: [{key: 'a hidden-word'}]\n"),
    '8: jwtKeys: has a kid that another key has', 'the same key twice');
refused(with("jwtKeys: [" . join(', ', map { "{key: 'hidden-word$_'}" } 1 .. 8)
    . "]\n"), '8: jwtKeys: has more keys', 'too many keys');
refused(without('JWTPassword') . "jwtKeys: [{key: 'hidden-word'}]\n",
    '1: jwtKeys: no key signs', 'a toplevel that cannot sign');

# Files of secrets

$t->write_file('secret', "a hidden-word of more than thirty-two bytes\n");

chmod 0644, $t->path('secret');
refused(without('JWTPassword') . "JWTPasswordFile: secret\n",
    '7: JWTPasswordFile: .* may be read by everybody', 'a readable secret');

chmod 0600, $t->path('secret');
my ($ok, $output) = try_yaml(without('JWTPassword')
    . "JWTPasswordFile: secret\n");
ok($ok, 'JWTPasswordFile, relative to the YAML') or diag($output);
unlike($output, qr/less than 32/, 'it is long enough');

refused(with("JWTPasswordFile: secret\n"), '1: jwtKeys: more than one key',
    'JWTPassword and its file');
refused(without('JWTPassword') . "JWTPasswordFile: nothing\n",
    '7: JWTPasswordFile: .* does not exist', 'no such file');
refused(without('JWTPassword') . "JWTPasswordFile: .\n",
    '7: JWTPasswordFile: .* is not a file', 'a folder');

$t->write_file('secret', "\n");
refused(without('JWTPassword') . "JWTPasswordFile: secret\n",
    '7: JWTPasswordFile: .* is empty', 'an empty secret');

# An asymmetric pair

system("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
    . "-out '@{[$t->dir]}/private.pem' 2>/dev/null && openssl pkey "
    . "-in '@{[$t->dir]}/private.pem' -pubout "
    . "-out '@{[$t->dir]}/public.pem'") == 0 or die "openssl failed\n";
chmod 0600, $t->path('private.pem');
chmod 0644, $t->path('public.pem');

($ok, $output) = try_yaml(without('JWTPassword') . "jwtKeys:\n"
    . "  - {kid: a, alg: ES256, keyFile: private.pem, use: sign}\n");
ok($ok, 'a private ES256 key') or diag($output);

($ok, $output) = try_yaml("name: a\nserverType: node\naddress: localhost\n"
    . "port: 1\ndatabaseUrl: 'postgresql://u\@127.0.0.1/d'\njwtKeys:\n"
    . "  - {kid: a, alg: ES256, keyFile: public.pem}\n");
ok($ok, 'a public ES256 key at a node') or diag($output);

refused(without('JWTPassword') . "jwtKeys:\n"
    . "  - {kid: a, alg: ES256, keyFile: public.pem, use: sign}\n",
    '8: jwtKeys: .* may be read', 'a readable key signs');

# The file itself

{
    unlink $t->path('try.yaml');
    my ($status, $output) = $t->nginx_test(conf => $CONF);
    isnt($status, 0, 'no YAML: refused');
    like($output, qr{try\.yaml: does not exist}, 'no YAML: named');
}

($ok, $output) = try_yaml('x' x 70000);
ok(!$ok, 'a huge file: refused');
like($output, qr{try\.yaml: is too large}, 'a huge file: named');

# Directives

(my $twice = $CONF) =~ s/(\s+dicom_config.*)/$1$1/;
($ok, $output) = try_yaml($base, $twice);
ok(!$ok, 'dicom_config twice: refused');
like($output, qr/"dicom_config" directive is duplicate/, 'twice: named');

(my $metrics = $CONF) =~ s/(\s+dicom_config.*)/$1 dicom_metrics_allow ten;/;
($ok, $output) = try_yaml($base, $metrics);
ok(!$ok, 'an address that is none: refused');
like($output, qr/invalid address "ten"/, 'an address that is none: named');

unlink $t->path('error.log');   # holds what nginx -t was asked to refuse

$t->finish();
