package Test::Dicom::File;

# Small valid DICOM files, written by hand: explicit VR little endian, native
# pixels, and whatever a test wants to be wrong about them.

use strict;
use warnings;

my $counter = 0;

# The attributes that callers name by keyword; anything else by 'ggggeeee'.
my %TAGS = (
    SpecificCharacterSet => ['00080005', 'CS'],
    ImageType => ['00080008', 'CS'],
    SOPClassUID => ['00080016', 'UI'], SOPInstanceUID => ['00080018', 'UI'],
    StudyDate => ['00080020', 'DA'], StudyTime => ['00080030', 'TM'],
    AccessionNumber => ['00080050', 'SH'], Modality => ['00080060', 'CS'],
    ConversionType => ['00080064', 'CS'],
    ReferringPhysicianName => ['00080090', 'PN'],
    StudyDescription => ['00081030', 'LO'],
    SeriesDescription => ['0008103e', 'LO'],
    PatientName => ['00100010', 'PN'], PatientID => ['00100020', 'LO'],
    IssuerOfPatientID => ['00100021', 'LO'],
    PatientBirthDate => ['00100030', 'DA'], PatientSex => ['00100040', 'CS'],
    BodyPartExamined => ['00180015', 'CS'], SliceThickness => ['00180050', 'DS'],
    StudyInstanceUID => ['0020000d', 'UI'],
    SeriesInstanceUID => ['0020000e', 'UI'], StudyID => ['00200010', 'SH'],
    SeriesNumber => ['00200011', 'IS'], InstanceNumber => ['00200013', 'IS'],
    PatientOrientation => ['00200020', 'CS'],
    ImagePositionPatient => ['00200032', 'DS'],
    ImageOrientationPatient => ['00200037', 'DS'],
    FrameOfReferenceUID => ['00200052', 'UI'],
    SamplesPerPixel => ['00280002', 'US'],
    PhotometricInterpretation => ['00280004', 'CS'],
    PlanarConfiguration => ['00280006', 'US'],
    NumberOfFrames => ['00280008', 'IS'],
    Rows => ['00280010', 'US'], Columns => ['00280011', 'US'],
    PixelSpacing => ['00280030', 'DS'], BitsAllocated => ['00280100', 'US'],
    BitsStored => ['00280101', 'US'], HighBit => ['00280102', 'US'],
    PixelRepresentation => ['00280103', 'US'],
    WindowCenter => ['00281050', 'DS'], WindowWidth => ['00281051', 'DS'],
    RescaleIntercept => ['00281052', 'DS'], RescaleSlope => ['00281053', 'DS'],
    RescaleType => ['00281054', 'LO'],
);


# A fresh UID below a root that nobody else uses in these tests.
sub uid {
    return join '.', '2.25', time, $$, ++$counter, int(rand(1e9));
}


# dicom_file(Rows => 4, Columns => 4, pixels => $bytes, ...): attributes by
# keyword or 'ggggeeee' => [VR => value]; undef leaves one out.  Without pixels
# a ramp is made, so that each pixel is its own index.  TransferSyntaxUID and
# preamble => '' may be given.
sub dicom_file {
    my (%a) = @_;

    my $pixels = delete $a{pixels};
    my $no_pixels = exists $a{Rows} && !defined $a{Rows};
    my $syntax = delete $a{TransferSyntaxUID} // '1.2.840.10008.1.2.1';
    my $preamble = delete $a{preamble} // ("\0" x 128) . 'DICM';

    my %set = (
        SOPClassUID => '1.2.840.10008.5.1.4.1.1.7', SOPInstanceUID => uid(),
        StudyInstanceUID => uid(), SeriesInstanceUID => uid(),
        Modality => 'OT', ConversionType => 'SYN', StudyDate => '20260102',
        StudyTime => '101112', AccessionNumber => '', StudyID => '1',
        ReferringPhysicianName => '', PatientName => 'TEST^PATIENT',
        PatientID => 'T-1', PatientBirthDate => '19700101', PatientSex => 'O',
        SeriesNumber => '1', InstanceNumber => '1', PatientOrientation => '',
        $no_pixels ? () : (
            SamplesPerPixel => 1, PhotometricInterpretation => 'MONOCHROME2',
            Rows => 16, Columns => 16, BitsAllocated => 16, BitsStored => 16,
            PixelRepresentation => 0),
        %a);
    $set{HighBit} //= $set{BitsStored} - 1
        if defined $set{BitsStored} && !exists $set{HighBit};

    my %elements;
    for my $key (keys %set) {
        next unless defined $set{$key};
        if ($key =~ /^[0-9a-f]{8}\z/i) {
            $elements{lc $key} = $set{$key};
            next;
        }
        my $t = $TAGS{$key} or die "dicom_file: unknown attribute $key\n";
        $elements{$t->[0]} = [$t->[1], $set{$key}];
    }

    if (!$no_pixels && !$elements{'7fe00010'}) {
        $elements{'7fe00010'} = [$set{BitsAllocated} > 8 ? 'OW' : 'OB',
            $pixels // _ramp(\%set)];
    }

    my $meta = element('00020001', 'OB', "\0\1")
        . element('00020002', 'UI', $set{SOPClassUID} // '1.2.3')
        . element('00020003', 'UI', $set{SOPInstanceUID} // '1.2.3')
        . element('00020010', 'UI', $syntax)
        . element('00020012', 'UI', '2.25.84173022');
    my $file = $preamble . element('00020000', 'UL', length $meta) . $meta;
    $file .= element($_, @{$elements{$_}}) for sort keys %elements;

    return $file;
}


sub _ramp {
    my ($set) = @_;

    my $n = $set->{Rows} * $set->{Columns} * $set->{SamplesPerPixel}
        * ($set->{NumberOfFrames} || 1);
    my $mask = (1 << ($set->{BitsStored} || 16)) - 1;

    return $set->{BitsAllocated} > 8
        ? pack('v*', map { $_ & $mask } 0 .. $n - 1)
        : pack('C*', map { $_ & $mask & 255 } 0 .. $n - 1);
}


# One element, explicit VR little endian; lists are joined by backslashes.
sub element {
    my ($tag, $vr, $value) = @_;

    $value = join '\\', @$value if ref $value && $vr !~ /^(?:US|UL|FD)\z/;
    my @numbers = ref $value ? @$value : ($value);
    $value = pack 'v*', @numbers if $vr eq 'US';
    $value = pack 'V*', @numbers if $vr eq 'UL';
    $value = pack 'd<*', @numbers if $vr eq 'FD';
    utf8::encode($value) if utf8::is_utf8($value);
    $value .= $vr =~ /^(?:UI|OB|OW|UN|SQ)\z/ ? "\0" : ' '
        if length($value) % 2;

    my $head = pack('vv', hex substr($tag, 0, 4), hex substr($tag, 4)) . $vr;

    return $vr =~ /^(?:OB|OW|OF|SQ|UN|UT|OD|OL|UC|UR)\z/
        ? $head . pack('vV', 0, length $value) . $value
        : $head . pack('v', length $value) . $value;
}

1;
