package Test::Wire;

# Speaks render-worker/wire.h to a worker, as nginx does.
#
#   my $w = Test::Wire->new($t->socket_path('worker'), user => 'alice');
#   my $fields = $w->store($t, $bytes);          # upload of one file
#   my $stack = $w->open([$fields, ...]);        # {status, id, json}
#   my $res = $w->render($stack->{id}, 0, center => 40, window => 400);
#   $res->{status}, $res->{slug}, $res->{picture}{width}, $res->{body}
#   my $png = Test::Wire::png($res->{body});     # {width,height,samples,pixels}

use strict;
use warnings;

use Compress::Zlib ();
use IO::Socket::UNIX;
use JSON::PP ();

our %TYPE = (health => 1, metrics => 2, ingest => 3, open => 4, status => 5,
    release => 6, render => 7, pixel => 8, roi => 9, discard => 10,
    layers => 11, state => 12, follow => 17);

our @FIELDS = (undef, qw(study series instance sop_class transfer_syntax md5
    location size created index patient_id patient_issuer patient_name
    patient_birth_date patient_sex study_date study_time study_id
    study_description accession_number referring_physician modality
    series_number series_description body_part instance_number rows columns
    frames assigned));

my %VOI = (file => 0, linear => 1, linear_exact => 2, sigmoid => 3, lut => 4,
    presentation => 5);
my %FLIP = ('' => 0, h => 1, v => 2, hv => 3);
my %INTERPOLATION = (nearest => 0, linear => 1, cubic => 2);
my $counter = 0;


sub new {
    my ($class, $path, %opt) = @_;

    my $socket = IO::Socket::UNIX->new(Peer => $path) or return;
    my $user = $opt{user} // 'somebody';
    return bless { socket => $socket, path => $path,
        user => substr($user . "\0" x 16, 0, 16) }, $class;
}


sub head {
    my ($self, $type, $length) = @_;
    return pack('VvvVVa16', 0x51574444, 2, $type, $length, 0, $self->{user});
}


sub send {
    my ($self, $type, $body) = @_;

    $body //= '';
    my $data = $self->head($TYPE{$type} // $type, length $body) . $body;
    my $at = 0;
    while ($at < length $data) {
        my $n = syswrite($self->{socket}, $data, 1 << 20, $at);
        defined $n or return 0;
        $at += $n;
    }
    return 1;
}


sub close { close $_[0]{socket} }


sub _read {
    my ($self, $length) = @_;

    my $data = '';
    while (length $data < $length) {
        my $n = sysread($self->{socket}, $data, $length - length $data,
            length $data);
        return unless $n;
    }
    return $data;
}


# The answer, or undef when the worker closed the connection.
sub receive {
    my ($self) = @_;

    my $head = $self->_read(40) // return;
    my %r;
    my ($magic, $version);
    ($magic, $version, @r{qw(type status retry_after meta_length body_length
        queue_us draw_us read_us encode_us)}) = unpack 'VvvvvVQ<VVVV', $head;
    $magic == 0x52574444 && $version == 2 or die "not an answer\n";

    $r{meta} = $self->_read($r{meta_length}) // return;
    $r{body} = $self->_read($r{body_length}) // return;
    ($r{slug}, $r{detail}) = split /\0/, $r{meta}, 2 if $r{status} >= 400;
    $r{json} = eval { JSON::PP::decode_json($r{body}) }
        if $r{body} =~ /^[{\[]/;
    return \%r;
}


sub request {
    my ($self, $type, $body) = @_;

    $self->send($type, $body) or return;
    return $self->receive();
}


# Uploads a file; the wire fields by name, with {answer}.
sub store {
    my ($self, $t, $bytes, $name) = @_;

    $name //= sprintf 'incoming/test-%d-%d', $$, ++$counter;
    mkdir $t->path('store/incoming');
    $t->write_file("store/$name", $bytes);
    my $answer = $self->request(ingest => pack('VV', length $name, 0) . $name);
    unlink $t->path("store/$name");

    my %fields = (answer => $answer, bytes => length $bytes);
    return \%fields if !$answer || $answer->{status} >= 300;

    my $meta = $answer->{meta};
    while (length $meta) {
        my ($tag, undef, $length) = unpack 'vvV', $meta;
        $fields{$FIELDS[$tag] // "field $tag"} = substr $meta, 8, $length;
        substr $meta, 0, 8 + $length, '';
    }
    return \%fields;
}


sub random_id { join '', map { chr int rand 256 } 1 .. 16 }


sub open_body {
    my ($id, $instances, %opt) = @_;

    # without a part they are not taken apart
    my @states = map { { %$_, location => '' } } @{$opt{states} // []};
    my $body = pack 'a16V4a72a72', $id, scalar @$instances, $opt{layer} // 0,
        $opt{part} // 0xffffffff, scalar @states, $opt{study} // '1.2',
        $opt{series} // '1.2.3';
    for (@$instances, @states) {
        $body .= pack('a72VV', $_->{instance}, length $_->{location},
            length $_->{index}) . $_->{location} . $_->{index};
    }
    return $body;
}


sub open {
    my ($self, $instances, %opt) = @_;

    my $id = $opt{id} // random_id();
    my $res = $self->request(open => open_body($id, $instances, %opt));
    $res->{id} = $id if $res;
    return $res;
}


# The stack's JSON once it no longer loads.
sub ready {
    my ($self, $id) = @_;

    for (1 .. 2400) {
        my $json = $self->request(status => $id)->{json} or return;
        return $json if $json->{state} ne 'loading';
        select undef, undef, undef, 0.05;
    }
    return;
}


sub render_body {
    my ($id, $layer, %p) = @_;

    my $set = $p{set} // ((defined $p{window} ? 1 : 0)
        | (defined $p{width} ? 2 : 0) | (defined $p{window_index} ? 4 : 0)
        | (defined $p{zoom} ? 8 : 0) | (defined $p{pan_x} ? 16 : 0)
        | (defined $p{rotate} ? 32 : 0) | (defined $p{flip} ? 64 : 0)
        | (defined $p{overlays} ? 128 : 0));
    return pack 'a16VVVVC8d<6a72Ca7', $id, $layer, $set, $p{width} // 0,
        $p{height} // 0, $VOI{$p{voi} // 'file'} // $p{voi},
        $p{window_index} // $p{voi_index} // 0, $p{invert} // 0,
        $FLIP{$p{flip} // ''} // $p{flip},
        $INTERPOLATION{$p{interpolation} // 'linear'} // $p{interpolation},
        ($p{format} // 'png') eq 'jpeg' ? 1
            : ($p{format} // 'png') eq 'png' ? 0 : $p{format},
        $p{quality} // 90, $p{overlays} // 0, $p{center} // 0,
        $p{window} // 0, $p{zoom} // 1, $p{pan_x} // 0, $p{pan_y} // 0,
        $p{rotate} // 0, $p{state} // '', $p{shutter} // 1, '';
}


sub picture {
    my ($meta) = @_;

    my %p;
    @p{qw(instance frame layer width height sha256 lossy format voi voi_index
        invert flip interpolation samples center window zoom pan_x pan_y
        rotate overlays quality shutter state)}
        = unpack 'Z72VVVVa32C8d<6CCCx5Z72', $meta;
    $p{sha256} = unpack 'H*', $p{sha256};
    return \%p;
}


sub render {
    my ($self, $id, $layer, %p) = @_;

    my $res = $self->request(render => render_body($id, $layer, %p));
    $res->{picture} = picture($res->{meta}) if $res && $res->{status} == 200;
    return $res;
}


sub pixel {
    my ($self, $id, $layer, $x, $y) = @_;
    return $self->request(pixel => pack 'a16VVl<l<', $id, $layer, 0, $x, $y);
}


sub roi {
    my ($self, $id, $layer, $shape, @numbers) = @_;

    my %shape = (rectangle => 1, ellipse => 2, polygon => 3);
    return $self->request(roi => pack 'a16VVVVd<*', $id, $layer,
        $shape{$shape} // $shape, @numbers / 2, 0, @numbers);
}


# One value of the metrics.
sub metric {
    my ($self, $name) = @_;
    return $self->request('metrics')->{body} =~ /^\Q$name\E (\S+)$/m
        ? $1 : undef;
}


# Any PNG of 8 bits, gray or RGB, not interlaced.
sub png {
    my ($data) = @_;

    substr($data, 0, 8, '') eq "\x89PNG\r\n\x1a\n" or die "no PNG\n";
    my ($idat, %png) = ('');
    while (length $data) {
        my ($length, $type) = unpack 'Na4', $data;
        my $chunk = substr $data, 8, $length;
        substr $data, 0, 12 + $length, '';
        $idat .= $chunk if $type eq 'IDAT';
        next if $type ne 'IHDR';
        my ($depth, $colour, undef, undef, $interlace);
        (@png{qw(width height)}, $depth, $colour, undef, undef, $interlace)
            = unpack 'NNC5', $chunk;
        $depth == 8 && !$interlace && ($colour == 0 || $colour == 2)
            or die "another kind of PNG: depth $depth, colour $colour\n";
        $png{samples} = $colour == 2 ? 3 : 1;
    }

    my $raw = Compress::Zlib::uncompress($idat);
    my ($bpp, $stride) = ($png{samples}, $png{width} * $png{samples});
    my @above = (0) x $stride;
    my $pixels = '';
    for my $y (0 .. $png{height} - 1) {
        my ($filter, @row) = unpack "\@@{[$y * ($stride + 1)]}CC$stride", $raw;
        _unfilter($filter, \@row, \@above, $bpp);
        $pixels .= pack 'C*', @row;
        @above = @row;
    }
    $png{pixels} = $pixels;
    return \%png;
}


sub _unfilter {
    my ($filter, $row, $above, $bpp) = @_;

    return if $filter == 0;
    if ($filter == 2) {
        $row->[$_] = ($row->[$_] + $above->[$_]) & 255 for 0 .. $#$row;
        return;
    }
    for my $i (0 .. $#$row) {
        my $left = $i >= $bpp ? $row->[$i - $bpp] : 0;
        my $up = $above->[$i];
        my $corner = $i >= $bpp ? $above->[$i - $bpp] : 0;
        my $guess = $filter == 1 ? $left : $filter == 3 ? $left + $up >> 1
            : _paeth($left, $up, $corner);
        $row->[$i] = ($row->[$i] + $guess) & 255;
    }
    return;
}


sub _paeth {
    my ($a, $b, $c) = @_;

    my ($pa, $pb, $pc) = (abs($b - $c), abs($a - $c), abs($a + $b - 2 * $c));
    return $pa <= $pb && $pa <= $pc ? $a : $pb <= $pc ? $b : $c;
}

1;
