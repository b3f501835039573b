#!/usr/bin/perl

# STOW-RS: parts become instances, each as any upload does; what is refused is
# named, and a hostile body harms nobody.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Dicom::Multipart qw(related);

my $t = Test::Dicom->new();

$t->start_postgres();
$t->seed_demo();
$t->yaml('node', maxInstanceSize => '8m');
$t->start_worker();
$t->start_nginx();

my $token = $t->login('radiographer');
my $dicom = 'multipart/related; type="application/dicom"';
my %file = map { $_ => file($_) } qw(1.1.1 1.1.2 1.2.1 2.1.1);

# success

my $res = stow('', @file{'1.1.1', '1.1.2', '1.2.1'});
is("$res->{status} $res->{headers}{'content-type'}",
    '200 application/dicom+json', 'three instances');
is_deeply([outcome($res)], ['2.25.1.1.1', '2.25.1.1.2', '2.25.1.2.1'],
    'are all stored');
is_deeply($res->{json}{'00081199'}{Value}[0], {
    '00081150' => { vr => 'UI', Value => ['1.2.840.10008.5.1.4.1.1.7'] },
    '00081155' => { vr => 'UI', Value => ['2.25.1.1.1'] },
    '00081190' => { vr => 'UR', Value => [$t->url('node') . '/dicom-web/studies'
        . '/2.25.1/series/2.25.1.1/instances/2.25.1.1.1'] } }, 'an item');
is($res->{json}{'00081190'}{Value}[0], $t->url('node')
    . '/dicom-web/studies/2.25.1', 'the study');
for my $uid ('1.1.1', '1.1.2', '1.2.1') {
    is($t->psql('facility', "SELECT md5 FROM instances WHERE uid =
        '2.25.$uid'"), md5_hex($file{$uid}), "the row of $uid");
    is(get($uid)->{body} eq $file{$uid}, 1, 'and its bytes');
}
is($t->psql('facility', "SELECT count(*) FROM audit WHERE
    event = 'instance-store' AND patient = 'TEST|P-1'"), 3, 'it is noted');
is(stow('', $file{'1.1.1'})->{status}, 200, 'the same again');
is(stow('/2.25.2', $file{'2.1.1'})->{status}, 200, 'for a study');

# refusals

my $other = file('1.1.1', PatientID => 'P-1', StudyDescription => 'x');
$res = stow('', $other);
is("$res->{status} " . join(' ', outcome($res)), '409 2.25.1.1.1:273',
    'the same UID with other content');
is(get('1.1.1')->{body} eq $file{'1.1.1'}, 1, 'the stored one is untouched');
$res = stow('/2.25.2', file('3.1.1'));
is("$res->{status} " . join(' ', outcome($res)), '409 2.25.3.1.1:50185',
    'of another study than the path says');
is(get('3.1.1')->{status}, 404, 'is not stored');
$res = stow('', $file{'1.1.1'}, 'this is no DICOM', $other,
    file('1.3.1', PatientID => 'P-2'), file('1.1.4'));
is("$res->{status} " . join(' ', outcome($res)),
    '202 2.25.1.1.1 2.25.1.1.4 2.25.1.1.1:273 2.25.1.3.1:272 :49152',
    'some of each');
is(stow('', 'this is no DICOM')->{status}, 409, 'none');
$res = stow('', "\0" x (8 * 1024 * 1024 + 1), file('1.1.5'));
is("$res->{status} " . join(' ', outcome($res)), '413 ', 'a body too large')
    if $res->{status} == 413;
$res = post('', related('b', 'image/jpeg', $file{'1.1.1'})
    =~ s/--b--\r\n\z//r . related('b', 'application/dicom', file('1.1.6')),
    "$dicom; boundary=b");
is("$res->{status} " . join(' ', outcome($res)),
    '202 2.25.1.1.6 :49152', 'a part of another type');
is($t->psql('facility', 'SELECT count(*) FROM discarded'), 3,
    'objects without rows will go');
is_deeply([glob $t->dir . '/store/incoming/*'], [], 'no upload stays behind');

for my $case (['application/dicom', 415], ['', 415],
    ['multipart/form-data; boundary=b', 415], [$dicom, 400],
    ['multipart/related; boundary=b', 415],
    ['multipart/related; type="application/dicom+json"; boundary=b', 415],
    ["$dicom; boundary=\"\"", 400], ["$dicom; boundary=" . 'b' x 71, 400],
    ["$dicom; boundary=\"b\tb\"", 400])
{
    my ($type, $status) = @$case;
    is(post('', related('b', 'application/dicom', $file{'1.1.1'}), $type)
        ->{status}, $status, "Content-Type: $type");
}
is(post('/x', related('b', 'application/dicom', $file{'1.1.1'}),
    "$dicom; boundary=b")->{status}, 400, 'no UID');
is(post('', related('b', 'application/dicom', $file{'1.1.1'}),
    "$dicom; boundary=b", Accept => 'application/dicom+xml')->{status}, 406,
    'XML is not spoken');

# boundaries of all kinds, and bodies that look like them

my $n = 0;
for my $boundary ('b', 'b' x 70, '--', "'()+_,-./:=?", 'a b', '----=_Part_1.2')
{
    my $file = file('4.1.' . ++$n, '00091001' => [OB =>
        "\r\n--\r\n-\r\r\n--" . substr($boundary, 0, -1) . "\r\n--\n\r\n"]);
    my $res = post('', "a preamble\r\n--no\r\n" . related($boundary,
        'Application/DICOM', $file) . "an epilogue", "$dicom; boundary="
        . '"' . $boundary . '"');
    is("$res->{status} " . join(' ', outcome($res)), "200 2.25.4.1.$n",
        "boundary $boundary");
    is(get("4.1.$n")->{body} eq $file, 1, 'its bytes');
}
my $whole = related('b', 'application/dicom', file('5.1.1'), file('5.1.2'));
for my $case (['nothing', ''], ['no delimiter', 'x' x 1000],
    ['only the last one', "--b--\r\n"],
    ['cut off within a part', substr $whole, 0, -100],
    ['cut off before the last hyphens', substr $whole, 0, -4],
    ['cut off within headers', substr $whole, 0, 10],
    ['no line after a delimiter', $whole =~ s/--b\r\n/--bb\r\n/r],
    ['a bare CR', $whole =~ s/--b\r\n/--b\rx/r],
    ['a bare LF', $whole =~ s/dicom\r\n\r\n/dicom\n\r\n/r],
    ['endless headers', "--b\r\nX: " . 'x' x 5000 . "\r\n\r\n--b--\r\n"],
    ['many headers', "--b\r\n" . "X: y\r\n" x 2000 . "\r\n\r\n--b--\r\n"])
{
    my $res = post('', $case->[1], "$dicom; boundary=b");
    is($res->{status}, 400, $case->[0]);
    is($res->{json}{type}, 'urn:dicom:problem:malformed-multipart', 'so named');
}
is(get('5.1.1')->{status}, 200, 'what was whole is stored');
is_deeply([glob $t->dir . '/store/incoming/*'], [], 'no upload stays behind');

# byte by byte, and in chunks

my $slow = related('b', 'application/dicom', file('6.1.1'), file('6.1.2'));
my $s = $t->connection('node');
$s->print("POST /dicom-web/studies HTTP/1.1\r\nHost: node\r\nContent-Type: "
    . "$dicom; boundary=b\r\nAuthorization: Bearer $token\r\n"
    . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
for my $piece (unpack '(a7)*', $slow) {
    $s->print(sprintf("%x\r\n", length $piece) . "$piece\r\n");
    $s->flush unless $n++ % 20;
}
$s->print("0\r\n\r\n");
$s->flush;
my $answer = do { local $/; <$s> };
like($answer, qr{^HTTP/1.1 200 }, 'in small chunks');
is(get("6.1.$_")->{body} eq file("6.1.$_"), 1, 'whole') for 1, 2;

# many parts, more than fit into memory at once if they all had to

my @many = map { file("7.1.$_", InstanceNumber => $_) } 1 .. 200;
$res = stow('', @many);
is("$res->{status} " . @{[outcome($res)]}, '200 200', '200 parts');
is($t->psql('facility', "SELECT count(*) FROM instances
    WHERE series_uid = '2.25.7.1'"), 200, 'are 200 rows');

# a client that goes away; a worker and a database that do

$s = $t->connection('node');
$s->print("POST /dicom-web/studies HTTP/1.1\r\nHost: node\r\nContent-Type: "
    . "$dicom; boundary=b\r\nAuthorization: Bearer $token\r\n"
    . "Content-Length: 100000\r\n\r\n" . substr $slow, 0, 800);
$s->flush;
select undef, undef, undef, 0.2;
close $s;
$t->stop_worker();
$res = stow('', file('8.1.1'));
is("$res->{status} " . join(' ', outcome($res)), '409 :272', 'no worker');
$t->start_worker();
is(stow('', file('8.1.1'))->{status}, 200, 'it is back');
$t->stop_postgres();
is(stow('', file('8.1.2'))->{status}, 503, 'no database');
is($t->incoming(), 0, 'no upload stays behind');
$t->start_postgres();
# a worker of nginx looks for the database anew after a pause only
for (1 .. 100) {
    last if ($res = stow('', file('8.1.2')))->{status} != 503;
    select undef, undef, undef, 0.1;
}
is($res->{status}, 200, 'it is back');
$t->database_back();

for my $role (qw(admin auditor)) {
    is(post('', related('b', 'application/dicom', $file{'1.1.1'}),
        "$dicom; boundary=b", as => $t->login($role))->{status}, 403,
        "$role: may not");
}
for my $role (qw(facadmin physician)) {
    is(post('', related('b', 'application/dicom', $file{'1.1.1'}),
        "$dicom; boundary=b", as => $t->login($role))->{status}, 200,
        "$role: may");
}
is($t->http('node', POST => '/dicom-web/studies', body => 'x')->{status}, 401,
    'nobody');
is($t->http('facility', POST => '/dicom-web/studies', token => $token,
    body => 'x')->{status}, 405, 'a facility stores nothing');

$t->allow_alerts(qr/connect\(\)|database|connection/) if $t->can('allow_alerts');
$t->finish();


# UIDs that were stored, then UID:reason of those that were not.
sub outcome {
    my ($res) = @_;
    my $json = $res->{json} || {};
    my @stored = map { $_->{'00081155'}{Value}[0] }
        @{$json->{'00081199'}{Value} || []};
    my @failed = map { ($_->{'00081155'}{Value}[0] // '') . ':'
        . $_->{'00081197'}{Value}[0] } map { @{$json->{$_}{Value} || []} }
        '00081198', '0008119A';
    return (@stored, @failed);
}


sub file {
    my ($instance, %a) = @_;
    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    return $t->dicom_file(StudyInstanceUID => "2.25.$study",
        SeriesInstanceUID => "2.25.$series", PatientID => 'P-1',
        SOPInstanceUID => "2.25.$instance", %a);
}


sub stow {
    my ($path, @files) = @_;
    my $boundary = "boundary-$$-" . @files;
    return post($path, related($boundary, 'application/dicom', @files),
        "$dicom; boundary=$boundary");
}


sub post {
    my ($path, $body, $type, %h) = @_;
    my $as = delete $h{as} // $token;
    return $t->http('node', POST => "/dicom-web/studies$path", token => $as,
        body => $body, headers => { 'Content-Type' => $type,
            Accept => 'application/dicom+json', %h });
}


sub get {
    my ($instance) = @_;
    my ($series, $study) = $instance =~ /^((\d+)\.\d+)/;
    return $t->http('node', GET => "/dicom-web/studies/2.25.$study/series/"
        . "2.25.$series/instances/2.25.$instance", token => $token,
        headers => { Accept => 'application/dicom' });
}
