package Test::Dicom::Multipart;

# multipart/related bodies, taken apart and made.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(parts related);


# The parts of a response of Test::Dicom::http(): [type, bytes] each; nothing
# when it is malformed.
sub parts {
    my ($res) = @_;
    my ($boundary) = ($res->{headers}{'content-type'} // '')
        =~ m{^multipart/related;.*?\bboundary="?([^";]+)}
        or return;
    my @parts;
    my $body = $res->{body};

    $body =~ s/\A--\Q$boundary\E\r\n// && $body =~ s/\r\n--\Q$boundary\E--\r\n\z//
        or return;
    for my $part (split /\r\n--\Q$boundary\E\r\n/, $body, -1) {
        my $end = index $part, "\r\n\r\n";
        return if $end < 0;
        my ($type) = substr($part, 0, $end) =~ /^Content-Type:\s*([^\r\n]+)/mi;
        push @parts, [$type, substr $part, $end + 4];
    }
    return @parts;
}


# A body of these parts, all of one type.
sub related {
    my ($boundary, $type, @parts) = @_;
    return join('', map { "--$boundary\r\nContent-Type: $type\r\n\r\n$_\r\n" }
        @parts) . "--$boundary--\r\n";
}


1;
