#!/usr/bin/perl

# Pictures of real files against trusted references: every picture of
# expected/manifest.json, from upload to PNG, with the manifest's tolerance.

use strict;
use warnings;

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
            json => $open && $open->{json} };
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

for my $render (@{$manifest->{renders}}) {
    my $why = compare($render);

    if (defined $why) {
        push @wrong,
            "$render->{file} frame $render->{frame} $render->{variant}: $why";
    } else {
        $right++;
    }
}

my $total = @{$manifest->{renders}};
diag("$right of $total pictures match, $exact of them exactly");
is(join("\n", @wrong), '', 'pictures match the references');
ok($w->request('health')->{json}{status} eq 'ok', 'the worker lives');

$t->finish();
