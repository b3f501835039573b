package Test::Dicom::Presentation;

# Grayscale softcopy presentation states, valid as dciodvfy understands it, and
# whatever a test wants to be wrong about them.

use strict;
use warnings;

use Exporter qw(import);

use Test::Dicom::File ();

our @EXPORT_OK = qw(gsps images lut item sequence);

my $CLASS = '1.2.840.10008.5.1.4.1.1.11.1';


# item('ggggeeee' => [VR => value], ...): one item of a sequence, sorted.
sub item {
    my (%elements) = @_;

    my $set = join '', map { Test::Dicom::File::element($_,
        @{$elements{$_}}) } sort keys %elements;
    return pack('vvV', 0xfffe, 0xe000, length $set) . $set;
}


# An element's [VR => value] that is a sequence of items.
sub sequence { return [SQ => join '', @_] }


# Referenced Image Sequence of { uid => , frames => [], class => }.
sub images {
    return sequence(map { item(
        '00081150' => [UI => $_->{class} // '1.2.840.10008.5.1.4.1.1.7'],
        '00081155' => [UI => $_->{uid}],
        $_->{frames} ? ('00081160' => [IS => $_->{frames}]) : ()) } @_);
}


# Descriptor and data of a LUT; a first input below zero makes it signed.
sub lut {
    my ($first, $bits, $data) = @_;

    my @descriptor = (@$data & 0xffff, $first & 0xffff, $bits);
    return ('00283002' => $first < 0 ? [SS => pack 'v*', @descriptor]
            : [US => \@descriptor],
        '00283006' => [OW => pack $bits > 8 ? 'v*' : 'C*', @$data]);
}


sub floats { return [FL => pack 'f<*', @_] }

sub longs { return [SL => pack 'l<*', @_] }


# A displayed area; corners from 1.
sub area {
    my ($a) = @_;

    return item(
        $a->{images} ? ('00081140' => images(@{$a->{images}})) : (),
        '00700052' => longs($a->{left} // 1, $a->{top} // 1),
        '00700053' => longs($a->{right}, $a->{bottom}),
        '00700100' => [CS => $a->{size} // 'SCALE TO FIT'],
        $a->{spacing} ? ('00700101' => [DS => $a->{spacing}])
            : ('00700102' => [IS => $a->{aspect} // [1, 1]]),
        $a->{magnification}
            ? ('00700103' => floats($a->{magnification})) : ());
}


sub voi {
    my ($v) = @_;

    return item(
        $v->{images} ? ('00081140' => images(@{$v->{images}})) : (),
        $v->{lut} ? ('00283010' => sequence(item(lut(@{$v->{lut}}))))
            : ('00281050' => [DS => $v->{center}],
               '00281051' => [DS => $v->{width}]),
        $v->{function} ? ('00281056' => [CS => $v->{function}]) : ());
}


sub graphic {
    my ($g) = @_;

    return item(
        '00700005' => [CS => $g->{units} // 'PIXEL'],
        '00700020' => [US => 2],
        '00700021' => [US => $g->{count} // @{$g->{points}} / 2],
        '00700022' => floats(@{$g->{points}}),
        '00700023' => [CS => $g->{shape}],
        $g->{filled} ? ('00700024' => [CS => $g->{filled}])
            : $g->{shape} eq 'POINT' ? () : ('00700024' => [CS => 'N']));
}


sub text {
    my ($t) = @_;

    return item(
        '00700006' => [ST => $t->{text}],
        $t->{box} ? ('00700003' => [CS => $t->{units} // 'PIXEL'],
            '00700010' => floats(@{$t->{box}}[0, 1]),
            '00700011' => floats(@{$t->{box}}[2, 3]),
            '00700012' => [CS => $t->{justify} // 'LEFT']) : (),
        $t->{anchor} ? ('00700004' => [CS => $t->{anchor_units} // 'PIXEL'],
            '00700014' => floats(@{$t->{anchor}}),
            '00700015' => [CS => $t->{visible} // 'Y']) : ());
}


sub annotation {
    my ($a) = @_;

    return item(
        $a->{images} ? ('00081140' => images(@{$a->{images}})) : (),
        '00700002' => [CS => $a->{layer} // 'LAYER1'],
        $a->{graphics}
            ? ('00700009' => sequence(map { graphic($_) } @{$a->{graphics}}))
            : (),
        $a->{texts}
            ? ('00700008' => sequence(map { text($_) } @{$a->{texts}})) : ());
}


my %SHUTTER = (shape => ['00181600', 'CS'], left => ['00181602', 'IS'],
    right => ['00181604', 'IS'], upper => ['00181606', 'IS'],
    lower => ['00181608', 'IS'], center => ['00181610', 'IS'],
    radius => ['00181612', 'IS'], vertices => ['00181620', 'IS'],
    value => ['00181622', 'US'], group => ['00181623', 'US']);

# The elements of a shutter, for images and states alike.
sub shutter {
    my ($s) = @_;
    return map { ($SHUTTER{$_}[0] => [$SHUTTER{$_}[1], $s->{$_}]) } keys %$s;
}


# gsps(study =>, series =>, images => [{uid =>, frames => []}], rows =>,
# columns =>, ...): the bytes of a file.  vois, areas, annotations, layers are
# lists; modality [slope, intercept] or {lut => [...]}; presentation a shape or
# {lut => [...]}; rotate, flip, shutter; more: elements as in dicom_file().
sub gsps {
    my (%p) = @_;

    my $modality = $p{modality} // [];
    my $presentation = $p{presentation} // 'IDENTITY';
    my $areas = $p{areas} // [{ right => $p{columns}, bottom => $p{rows} }];
    my $layers = $p{layers} // ($p{annotations} ? [{ name => 'LAYER1' }] : []);
    my $order = 0;

    return Test::Dicom::File::dicom_file(
        SOPClassUID => $p{class} // $CLASS,
        StudyInstanceUID => $p{study},
        SOPInstanceUID => $p{uid} // Test::Dicom::File::uid(),
        Modality => 'PR', ConversionType => undef, Rows => undef,
        PatientOrientation => undef, '00200060' => [CS => ''],
        '00080070' => [LO => 'Test'],
        '00081090' => [LO => 'Test'], '00181000' => [LO => '1'],
        '00181020' => [LO => '1'],
        '00081115' => sequence(item(
            '0020000e' => [UI => $p{series}],
            '00081140' => images(@{$p{images}}))),
        '00700080' => [CS => $p{label} // 'TEST'],
        '00700081' => [LO => $p{description} // ''],
        '00700082' => [DA => '20260203'], '00700083' => [TM => '040506'],
        '00700084' => [PN => $p{creator} // 'Reader^A'],
        '0070005a' => sequence(map { area($_) } @$areas),
        ref $modality eq 'HASH'
            ? ('00283000' => sequence(item(lut(@{$modality->{lut}}),
                '00283004' => [LO => 'US'])))
            : @$modality ? ('00281052' => [DS => $modality->[1]],
                '00281053' => [DS => $modality->[0]],
                '00281054' => [LO => 'US']) : (),
        $p{vois} ? ('00283110' => sequence(map { voi($_) } @{$p{vois}})) : (),
        ref $presentation
            ? ('20500010' => sequence(item(lut(@{$presentation->{lut}}))))
            : ('20500020' => [CS => $presentation]),
        defined $p{rotate} || defined $p{flip}
            ? ('00700042' => [US => $p{rotate} // 0],
               '00700041' => [CS => $p{flip} ? 'Y' : 'N']) : (),
        @$layers ? ('00700060' => sequence(map { item(
            '00700002' => [CS => $_->{name}],
            '00700062' => [IS => ++$order],
            defined $_->{gray} ? ('00700066' => [US => $_->{gray}]) : (),
            $_->{lab} ? ('00700401' => [US => $_->{lab}]) : (),
            $_->{description} ? ('00700068' => [LO => $_->{description}])
                : ()) } @$layers)) : (),
        $p{annotations} ? ('00700001' => sequence(map { annotation($_) }
            @{$p{annotations}})) : (),
        $p{shutter} ? shutter($p{shutter}) : (),
        %{$p{more} // {}});
}

1;
