#!/usr/bin/perl

# nginx's own access rules can refuse, but never let in; what the log says of
# tokens when the YAML has "debug"; settings of a worker without a master.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Test::Dicom;

my $t = Test::Dicom->new();

$t->start_postgres();
$t->yaml('toplevel', debug => \1);
$t->yaml('facility', debug => \0);
$t->start_nginx(conf => <<'END');
%%GLOBALS%%
%%EVENTS%%
http {
%%HTTP%%
    server {
        dicom_config %%DIR%%/toplevel.yaml;
        dicom_kdf_threads kdf;
        satisfy any;
        allow all;

        location = /api/v1/facilities {
            deny all;
        }
    }

    server {
        dicom_config %%DIR%%/facility.yaml;
    }

    server {
        dicom_config %%DIR%%/node.yaml;
        deny all;
    }
}
END
$t->seed_demo();

my $res = $t->http('toplevel', GET => '/api/v1/me');
is($res->{status}, 401, '"satisfy any" lets nobody in');
is($t->http('toplevel', GET => '/api/v1/me', token => 'a.b.c')->{status}, 401,
    'nor with a token that is none');

my $token = $t->login('physician');
is($t->http('toplevel', GET => '/api/v1/me', token => $token)->{status}, 200,
    'a token does');

$res = $t->http('node', GET => '/api/v1/health');
is($res->{status}, 403, '"deny" refuses');
is($res->{json}{type}, 'urn:dicom:problem:forbidden', 'with a problem');

$t->http('facility', GET => '/api/v1/studies', token => $token);

my $log = $t->read_file('error.log');
my $id = $t->user_id('physician');
like($log, qr/\[notice\].*dicom: token of user "$id" accepted.*\/me/,
    'debug: a token that is accepted');
like($log, qr/\[notice\].*dicom: token of user "" refused: the token is mal/,
    'debug: one that is refused, and why');
unlike($log, qr/dicom: token of.*\/studies/, 'no debug: nothing');
unlike($log, qr/\Q$token\E/, 'never the token');

# One process

$t->stop_nginx();
unlink $t->path('error.log'), $t->path('nginx.pid');
my $conf = $t->read_file('nginx.conf');
$conf =~ s/daemon off;/daemon off; master_process off;/;
$t->write_file('nginx.conf', $conf);
$t->daemon('nginx', command => [$t->_nginx()], env => { $t->_nginx_env() },
    death => 'QUIT', ready => sub {
        $t->http('toplevel', GET => '/api/v1/health')->{status} == 200
    });

is($t->http('toplevel', GET => '/api/v1/me', token => $token)->{status}, 200,
    'without a master');
$t->yaml('toplevel', JWTPassword => 'another secret of more than 32 bytes');
kill 'USR1', $t->pid('nginx');
my $status = 0;
for (1 .. 1000) {
    $status = $t->http('toplevel', GET => '/api/v1/me',
        token => $token)->{status};
    last if $status == 401;
    select undef, undef, undef, 0.05;
}
is($status, 401, 'it takes new settings too');

$t->finish();
