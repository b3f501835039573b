#!/usr/bin/perl

# Duplicates of a patient: merged, found by their numbers and names, and
# separated again exactly; many at once never make a cycle.

use strict;
use warnings;
use utf8;

use POSIX ();
use Test::More;

use lib 't/lib';
use Test::Dicom;

my $t = Test::Dicom->new();
$t->start_postgres();
$t->start_nginx();
$t->seed_demo();

my $admin = $t->login('facadmin');
my $auditor = $t->login('auditor');

sub api {
    my ($method, $path, %opt) = @_;
    return $t->http('toplevel', $method => "/api/v1$path", token => $admin,
        %opt);
}

sub slug { ($_[0]{json}{type} // '') =~ s/^urn:dicom:problem://r }

sub create {
    my ($family, @identifiers) = @_;
    my $res = api(POST => '/patients', json => { name => { family => $family },
        identifiers => [map { { issuer => 'H', value => $_ } } @identifiers] });
    $res->{status} == 201 or die "$family: $res->{status}\n";
    return $res->{json}{id};
}

sub get { api(GET => "/patients/$_[0]")->{json} }

sub merge {
    my ($id, $into, $match, $reason) = @_;
    return api(POST => "/patients/$id/merge",
        json => { into => $into, reason => $reason // 'the same person' },
        defined $match ? (headers => { 'If-Match' => $match }) : ());
}

sub unmerge {
    my ($id, $match) = @_;
    return api(DELETE => "/patients/$id/merge",
        headers => { 'If-Match' => $match // '*' });
}

sub find {
    my ($query) = @_;
    utf8::encode($query);
    my $res = api(GET => "/patients?$query");
    return join ' ', map { $_->{name}{family} } @{$res->{json}{items}};
}

# What must be the same again after undoing; stamps and ETag move on.
sub core {
    my ($p) = @_;
    return { map { $_ => $p->{$_} } grep { !/^(?:version|updated_at)\z/ }
        keys %$p };
}

my ($novak, $horvat, $other) = (create('Novák', 'N-1', 'N-2'),
    create('Horvat', 'H-1'), create('Other', 'O-1'));
my %before = map { $_ => get($_) } $novak, $horvat;


# refusals

is(merge($novak, $horvat)->{status}, 428, 'no merge of the unseen');
is(merge($novak, $horvat, '"7"')->{status}, 412, 'nor of another version');
for my $bad ([$novak, 'is the record itself'],
    ['00000000-0000-4000-8000-00000000dead', 'is no patient'])
{
    my $res = merge($novak, $bad->[0], '*');
    is("$res->{status} $res->{json}{errors}[0]{field} "
        . $res->{json}{errors}[0]{detail}, "422 into $bad->[1]", $bad->[1]);
}
is(merge($novak, $horvat, '*', 'short')->{json}{errors}[0]{field}, 'reason',
    'a reason is wanted');
is(merge('00000000-0000-4000-8000-00000000dead', $horvat, '*')->{status}, 404,
    'nobody is not merged');
is(slug(unmerge($novak)), 'not-merged', 'nothing to undo');
is(api(DELETE => "/patients/$other", headers => { 'If-Match' => '*' })
    ->{status}, 204, 'deactivated');
is(merge($novak, $other, '*')->{json}{errors}[0]{detail}, 'is deactivated',
    'into a deactivated one');
for my $who (qw(physician radiographer)) {
    is($t->http('toplevel', POST => "/api/v1/patients/$novak/merge",
        token => $t->login($who), headers => { 'If-Match' => '*' },
        json => { into => $horvat, reason => 'the same person' })->{status},
        403, "$who merges nobody");
}
is_deeply(get($novak), $before{$novak}, 'all that changed nothing');


# merged

my $res = merge($novak, uc $horvat, '"1"');
is($res->{status}, 200, 'merged');
is($res->{headers}{etag}, '"2"', 'a new ETag');
is($res->{json}{merged_into}, $horvat, 'into whom');
my $survivor = get($horvat);
is($survivor->{version}, 2, 'the survivor has a new ETag, too');
my ($in) = @{$survivor->{merged}};
is("$in->{id} $in->{name}{family} $in->{into} $in->{reason} $in->{by}",
    "$novak Novák $horvat the same person Fred Facility", 'it names the other');
is_deeply($in->{identifiers}, $before{$novak}{identifiers}, 'and its numbers');
like($in->{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/, 'and since when');
is_deeply($survivor->{identifiers}, $before{$horvat}{identifiers},
    'its own are its own');
is_deeply(get($novak)->{identifiers}, $before{$novak}{identifiers},
    'the merged one is still read');

is(find(''), 'Horvat', 'one is in the list');
is(find('active=all'), 'Horvat Other', 'also of all');
is(find('identifier=H|N-2'), 'Horvat', 'found by the other number');
is(find('q=novak'), 'Horvat', 'by the other name');
is(find('q=N1'), 'Horvat', 'by a number as a word');
is(find('q=n1%20horv'), 'Horvat', 'by both');
is(slug(api(PATCH => "/patients/$novak", json => { sex => 'F' },
    headers => { 'If-Match' => '*' })), 'patient-merged', 'not changed');
is(slug(api(DELETE => "/patients/$novak", headers => { 'If-Match' => '*' })),
    'patient-merged', 'not deactivated');
is(slug(merge($novak, $horvat, '*')), 'patient-merged', 'not merged twice');
is(slug(merge($horvat, $novak, '*')), 'patient-merged', 'nor back');
$res = api(PATCH => "/patients/$horvat", headers => { 'If-Match' => '"2"' },
    json => { name => { family => 'Horvatić' } });
is($res->{status}, 200, 'the survivor is changed');
is(find('q=novak'), 'Horvatić', 'and found by the other name still');


# chains

my $third = create('Third', 'T-1');
is(merge($horvat, $third, '*')->{status}, 200, 'a survivor is merged');
is(get($novak)->{merged_into}, $third, 'the first one follows');
is(join(' ', sort map { $_->{into} } @{get($third)->{merged}}),
    join(' ', sort $horvat, $third), 'who into whom');
is(find('identifier=H|N-1'), 'Third', 'both numbers');
is(find('q=nov'), 'Third', 'both names');
is(find(''), 'Third', 'one is left');

is(unmerge($horvat)->{json}{merged_into}, undef, 'the second is taken out');
is(get($novak)->{merged_into}, $horvat, 'and takes the first along');
is(find('identifier=H|N-1'), 'Horvatić', 'with its number');
is(find('q=novak'), 'Horvatić', 'and its name');
is_deeply(get($third)->{merged}, [], 'the third is alone');
is(merge($horvat, $third, '*')->{status}, 200, 'again');
is(unmerge($novak)->{status}, 200, 'the first is taken out of the chain');
is(find('q=novak'), 'Novák', 'found as itself');
is(find('identifier=H|H-1'), 'Third', 'the second stayed');
is(unmerge($horvat, '"1"')->{status}, 412, 'undoing asks for the ETag');
is(unmerge($horvat)->{status}, 200, 'all are apart');


# exact

is_deeply(core(get($novak)), core($before{$novak}), 'as it was');
is($t->psql('toplevel', 'SELECT count(*) FROM patient_words WHERE lent'), 0,
    'no word is lent any more');
is($t->psql('toplevel', 'SELECT count(*) FROM patient_merges'), 0,
    'no merge is left');
is(find(''), 'Horvatić Novák Third', 'each in its place');


# the access log

sub events {
    my ($id) = @_;
    my $res = $t->http('toplevel', GET => "/api/v1/patients/$id/accesses"
        . '?limit=500', token => $auditor);
    return map { "$_->{event} $_->{patient}" } @{$res->{json}{items}};
}

api(GET => "/patients/$novak");
my $reads = grep { $_ eq "patient-read $novak" } events($novak);
is(scalar(grep { $_ eq "patient-read $novak" } events($third)), 0,
    'not of a stranger');
merge($novak, $third, '*')->{status} == 200 or die;
is(scalar(grep { $_ eq "patient-read $novak" } events($third)), $reads,
    "a merged one's accesses are its survivor's");
unmerge($novak)->{status} == 200 or die;
is(scalar(grep { $_ eq "patient-read $novak" } events($third)), 0,
    'until it is undone');
is(join(' ', map { $_ =~ /^(patient-(?:un)?merge) \Q$third\E/ ? $1 : () }
    reverse events($third)), join(' ', map { "patient-$_" } qw(merge unmerge
    merge unmerge unmerge merge unmerge)),
    'the merges themselves stay in the log of both');
is($t->psql('toplevel', "SELECT DISTINCT detail FROM audit
    WHERE event = 'patient-merge' AND patient = '$third' AND object = '$novak'"),
    "into $third: the same person", 'with the reason');


# all at once: no cycle, nobody lost

my @ids = map { create("Many$_", "M-$_") } 'a' .. 'f';
my @pids = map {
    my $n = $_;
    my $pid = fork() // die;
    if ($pid == 0) {
        srand($n);
        my %seen;
        for my $round (1 .. 25) {
            my ($a, $b) = @ids[$n, int(rand(@ids))];
            next if $a eq $b;
            my $res = rand() < 0.65 ? merge($a, $b, '*') : unmerge($a);
            $seen{$res->{status}}++;
        }
        POSIX::_exit(join(' ', sort keys %seen) =~ /^200(?: 409)?\z/ ? 0 : 1);
    }
    $pid;
} 0 .. 5;
my $failed = 0;
for (@pids) {
    waitpid $_, 0;
    $failed++ if $?;
}
is($failed, 0, 'six clients merge and undo: 200 or 409');

my $graph = $t->psql('toplevel',
    'SELECT patient, into_patient, survivor FROM patient_merges');
my (%into, %end);
for (split /\n/, $graph) {
    my ($patient, $into, $survivor) = split /\|/;
    ($into{$patient}, $end{$patient}) = ($into, $survivor);
}
my @wrong;
for my $patient (keys %into) {
    my ($at, $steps) = ($patient, 0);
    $at = $into{$at} while $into{$at} && $steps++ < 10;
    push @wrong, $patient if $steps > 6 || $at ne $end{$patient};
}
is("@wrong", '', 'each chain ends at its survivor');
for my $id (@ids) {
    my $own = get($id);
    next unless $own->{merged_into};
    unmerge($id)->{status} == 200 or die;
}
is(scalar(grep { get($_)->{merged_into} } @ids), 0, 'all are undone');
is(find('q=many'), 'Manya Manyb Manyc Manyd Manye Manyf', 'and found');

# two that merge each other in the same moment, again and again

for my $round (1 .. 8) {
    my @both = map {
        my ($a, $b) = @ids[$_, 1 - $_];
        my $pid = fork() // die;
        if ($pid == 0) {
            POSIX::_exit(merge($a, $b, '*')->{status} == 200 ? 0 : 1);
        }
        $pid;
    } 0, 1;
    my $won = 0;
    for (@both) {
        waitpid $_, 0;
        $won++ if $? == 0;
    }
    is($won, 1, "round $round: one of two wins");
    unmerge($_) for @ids[0, 1];
}

$t->finish();
