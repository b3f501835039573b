#!/usr/bin/perl

# Pictures of real files against trusted references: every picture of
# expected/manifest.json, from upload to PNG, with the manifest's tolerance.
#
# DICOM_TEST_TABLE=FILE: writes the README's table of what was tried to FILE.

use strict;
use warnings;
use feature 'state';

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Test::More;

use lib 't/lib';
use Test::Dicom;
use Test::Wire;

my $t = Test::Dicom->new();
my $manifest_path = $t->data('expected/manifest.json')
    or $t->skip_all('no test data');
my $manifest = JSON::PP::decode_json(slurp($manifest_path));

$t->start_worker(args => ['--renderer', $ENV{DICOM_TEST_RENDERER} || 'gl']);
my $w = Test::Wire->new($t->socket_path('worker'));

my (%stacks, @wrong);
my ($right, $exact) = (0, 0);

sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or return;
    local $/;
    return scalar <$fh>;
}

# The stack of one file, opened once; or why there is none.
sub stack {
    my ($file) = @_;

    return $stacks{$file} //= do {
        my $bytes = slurp($t->data("files/$file") // '/nonexistent');
        my $fields = defined $bytes ? $w->store($t, $bytes) : {};
        my $open = $fields->{index} ? $w->open([$fields]) : undef;
        my $why = !defined $bytes ? 'no file'
            : !$fields->{index} ? "refused: $fields->{answer}{detail}"
            : $open->{status} != 202 ? "not opened: $open->{slug}" : undef;
        { why => $why, id => $open && $open->{id},
            json => $open && $open->{json},
            syntax => $fields->{transfer_syntax} };
    };
}

# The layer that shows the frame: positions may have reordered them.
sub layer_of {
    my ($stack, $frame) = @_;

    $stack->{layers} //= $w->request(layers => $stack->{id})->{json}{items};
    my ($layer) = grep { $_->{frame} == $frame } @{$stack->{layers}};
    return $layer ? $layer->{layer} : 0;
}

# The parameters of a variant.
sub parameters {
    my ($render, $stack) = @_;

    return (overlays => 1) if $render->{variant} eq 'overlay';
    return (window_index => 1) if $render->{variant} eq 'window2';
    return () if $render->{variant} ne 'fullrange';

    # black to white over all that can be stored, in modality units; the
    # references leave Dose Grid Scaling out
    my ($lowest, $highest) = @{$render->{window}};
    if ($stack->{json} && $stack->{json}{modality} eq 'RTDOSE') {
        my $scale = dose_scale($stack);
        ($lowest, $highest) = ($lowest * $scale, $highest * $scale);
    }
    return (center => ($lowest + $highest) / 2, window => $highest - $lowest,
        voi => 'linear_exact');
}

sub dose_scale {
    my ($stack) = @_;

    for my $x (0 .. $stack->{json}{columns} - 1) {
        my $pixel = $w->pixel($stack->{id}, 0, $x, $x)->{json};
        return $pixel->{value} / $pixel->{stored} if $pixel->{stored};
    }
    return 1;
}

# undef when the picture is right, else what is wrong with it.
sub compare {
    my ($render) = @_;

    my $stack = stack($render->{file});
    return $stack->{why} if $stack->{why};

    my $res = $w->render($stack->{id}, layer_of($stack, $render->{frame}),
        parameters($render, $stack));
    return 'the worker hung up' unless $res;
    return "$res->{slug}: $res->{detail}" if $res->{status} != 200;
    if ($res->{picture}{sha256} eq $render->{sha256}) {
        $exact++;
        return;
    }

    my $got = Test::Wire::png($res->{body});
    if (sha256_hex($got->{pixels}) eq $render->{sha256}) {
        $exact++;
        return;
    }
    my $why;
    for my $png (grep { defined } @{$render}{qw(png ref2_png)}) {
        $why = difference($got, $png, $render->{tolerance});
        # where the standard allows two readings either is right
        last if !$why || ($render->{right} // '') ne 'ambiguous';
    }
    return $why;
}

sub difference {
    my ($got, $name, $tolerance) = @_;

    my $want = Test::Wire::png(slurp($t->data("expected/$name")));
    return "$got->{width}x$got->{height}x$got->{samples}, not "
        . "$want->{width}x$want->{height}x$want->{samples}"
        if "@{$got}{qw(width height samples)}"
            ne "@{$want}{qw(width height samples)}";

    my @g = unpack 'C*', $got->{pixels};
    my @w = unpack 'C*', $want->{pixels};
    my ($most, $count) = (0, 0);
    for my $i (0 .. $#g) {
        my $d = abs($g[$i] - $w[$i]);
        $most = $d if $d > $most;
        $count++ if $d > $tolerance;
    }
    return unless $count;
    return "$count of " . @g . " samples differ by up to $most";
}

# --- the README's table

# Transfer syntaxes as people name them (PS3.6 A)
my %SYNTAX = map { my ($name, @ends) = @$_; map { ($_ => $name) } @ends }
    ['native', '', '.1'], ['native, big endian', '.2'],
    ['deflated', '.1.99'], ['deflated frames', '.8.1'], ['RLE', '.5'],
    ['JPEG, 8 and 12 bits', map { ".4.$_" } 50, 51, 53, 55],
    ['JPEG lossless', '.4.57', '.4.70'],
    ['JPEG-LS, lossless', '.4.80'], ['JPEG-LS, near lossless', '.4.81'],
    ['JPEG 2000', '.4.90', '.4.91'], ['HTJ2K', map { ".4.$_" } 201 .. 203],
    ['JPEG XL', map { ".4.$_" } 110 .. 112],
    ['video', map { ".4.$_" } 100 .. 108];
my %row;

sub photometric {
    my ($file) = @_;

    state %known;
    for (%known ? () : split /\r?\n/, slurp($t->data('catalogue.csv')) // '') {
        my @fields = /\G(?:"((?:[^"]|"")*)"|([^",]*))(?:,|\z)/g;
        $known{$fields[1]} = $fields[2 * 13 + 1];   # each is one of a pair
    }
    return $known{$file} || 'unknown';
}

sub note_row {
    my ($render, $why, $is_exact) = @_;

    my $uid = stack($render->{file})->{syntax} // '';
    my $syntax = $SYNTAX{$uid =~ s/^1\.2\.840\.10008\.1\.2//r} // $uid;
    my $row = $row{$syntax} //= {};
    my $cell = $row->{cells}{photometric($render->{file})} //= [0, 0];
    $row->{files}{$render->{file}} = 1;
    if (defined $why) {
        $row->{why}{$why}++;
    } else {
        $cell->[$is_exact ? 0 : 1]++;
    }
    return;
}

# A cell: pictures that are exact, and after a plus those within tolerance.
sub write_table {
    my ($path) = @_;

    my @columns = qw(MONOCHROME1 MONOCHROME2 RGB YBR_FULL YBR_FULL_422
        YBR_RCT YBR_ICT);
    splice @columns, 2, 0, 'PALETTE COLOR';
    open my $fh, '>', $path or die "$path: $!\n";
    print $fh '| ', join(' | ', 'transfer syntax', 'files', @columns,
        'refused or wrong'), " |\n", '|---' x (@columns + 3), "|\n";
    for my $syntax (sort keys %row) {
        my $row = $row{$syntax};
        my @cells = map { my $cell = $row->{cells}{$_};
            $cell ? $cell->[0] . ($cell->[1] ? " + $cell->[1]" : '') : '' }
            @columns;
        print $fh '| ', join(' | ', $syntax, scalar keys %{$row->{files}},
            @cells, join('; ', map { "$row->{why}{$_} $_" }
                sort keys %{$row->{why} // {}})), " |\n";
    }
    close $fh or die "$path: $!\n";
    return;
}

for my $render (@{$manifest->{renders}}) {
    my $before = $exact;
    my $why = compare($render);

    note_row($render, $why, $exact > $before);
    if (defined $why) {
        push @wrong,
            "$render->{file} frame $render->{frame} $render->{variant}: $why";
    } else {
        $right++;
    }
}

write_table($ENV{DICOM_TEST_TABLE}) if $ENV{DICOM_TEST_TABLE};
my $total = @{$manifest->{renders}};
diag("$right of $total pictures match, $exact of them exactly");
is(join("\n", @wrong), '', 'pictures match the references');
ok($w->request('health')->{json}{status} eq 'ok', 'the worker lives');

$t->finish();
