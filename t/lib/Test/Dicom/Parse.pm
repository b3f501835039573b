package Test::Dicom::Parse;

# A second reader of DICOM files, for tests that compute by themselves: little
# endian, not deflated, without any idea of what the elements mean.
#
#   my $set = Test::Dicom::Parse::file($bytes) or next;
#   $set->{'00280010'}          # bytes of a value
#   $set->{'52009230'}[3]       # an item of a sequence

use strict;
use warnings;

my %LONG = map { $_ => 1 } qw(OB OD OF OL OV OW SQ UC UN UR UT SV UV);


# The data set with {syntax}; undef: of a syntax that this does not read.
sub file {
    my ($bytes) = @_;

    return if length $bytes < 140 || substr($bytes, 128, 4) ne 'DICM';
    my $end = 144 + unpack 'V', substr $bytes, 140, 4;
    my $at = 132;
    my $meta = set(\$bytes, \$at, $end, 1);
    my $syntax = string($meta, '00020010');
    return if $syntax !~ /^1\.2\.840\.10008\.1\.2(?:\.1)?\z/;

    my $set = eval { set(\$bytes, \$at, length $bytes,
        $syntax eq '1.2.840.10008.1.2.1') } or return;
    $set->{syntax} = $syntax;
    return $set;
}


# The elements from $$at to $end or to the end of an item.
sub set {
    my ($bytes, $at, $end, $explicit) = @_;

    my %set;
    while ($$at + 8 <= $end) {
        my $tag = sprintf '%04x%04x', unpack 'vv', substr $$bytes, $$at, 4;
        if ($tag eq 'fffee00d' || $tag eq 'fffee0dd') {
            $$at += 8;
            last;
        }
        my ($vr, $length);
        if ($explicit) {
            ($vr, $length) = unpack 'x4a2v', substr $$bytes, $$at, 8;
            $$at += 8;
            if ($LONG{$vr}) {
                $length = unpack 'V', substr $$bytes, $$at, 4;
                $$at += 4;
            }
        } else {
            $length = unpack 'x4V', substr $$bytes, $$at, 8;
            $vr = '';
            $$at += 8;
        }
        if ($length == 0xffffffff || $vr eq 'SQ' || $vr eq ''
            && substr($$bytes, $$at, 4) eq "\xfe\xff\x00\xe0" && $length >= 8)
        {
            $set{$tag} = items($bytes, $at,
                $length == 0xffffffff ? $end : $$at + $length, $explicit);
        } else {
            $$at + $length <= $end or die "cut short\n";
            $set{$tag} = substr $$bytes, $$at, $length;
            $$at += $length;
        }
    }
    return \%set;
}


sub items {
    my ($bytes, $at, $end, $explicit) = @_;

    my @items;
    while ($$at + 8 <= $end) {
        my ($group, $element, $length) = unpack 'vvV', substr $$bytes, $$at, 8;
        $$at += 8;
        last if $element == 0xe0dd;
        push @items, set($bytes, $at,
            $length == 0xffffffff ? $end : $$at + $length, $explicit);
    }
    return \@items;
}


# A text without its padding; '' when it is not there.
sub string {
    my ($set, $tag) = @_;
    return '' if !defined $set->{$tag} || ref $set->{$tag};
    return $set->{$tag} =~ s/[\0 ]+\z//r =~ s/^ +//r;
}


sub u16 {
    my ($set, $tag) = @_;
    return length($set->{$tag} // '') >= 2 ? unpack('v', $set->{$tag}) : 0;
}


# The first item of a macro of a frame, else of all frames.
sub macro {
    my ($set, $frame, $tag) = @_;

    for my $group ($set->{'52009230'} && $set->{'52009230'}[$frame],
        $set->{'52009229'} && $set->{'52009229'}[0])
    {
        return $group->{$tag}[0] if $group && $group->{$tag};
    }
    return;
}


# [slope, intercept] of a frame.
sub rescale {
    my ($set, $frame) = @_;

    for my $from (macro($set, $frame, '00289145'), $set) {
        next if !$from || string($from, '00281053') eq '';
        return [string($from, '00281053') + 0, string($from, '00281052') + 0];
    }
    return [1, 0];
}


# A function of x and y: the stored values of a frame.
sub pixels {
    my ($set, $frame) = @_;

    my ($rows, $columns) = (u16($set, '00280010'), u16($set, '00280011'));
    my ($allocated, $stored, $high, $signed) = map { u16($set, $_) }
        qw(00280100 00280101 00280102 00280103);
    my $float = $set->{'7fe00008'} ? 'f<' : $set->{'7fe00009'} ? 'd<' : undef;
    my $data = $set->{'7fe00008'} // $set->{'7fe00009'} // $set->{'7fe00010'};
    my $bytes = $allocated / 8;
    my $format = $float // { 1 => 'C', 2 => 'v', 4 => 'V' }->{$bytes};
    my $base = $frame * $rows * $columns * $bytes;

    return sub {
        my ($x, $y) = @_;
        my $v = unpack $format, substr $data,
            $base + ($y * $columns + $x) * $bytes, $bytes;
        return $v if $float;
        $v = ($v >> ($high + 1 - $stored)) & ((1 << $stored) - 1);
        return $signed && $v >> ($stored - 1) ? $v - (1 << $stored) : $v;
    };
}

1;
