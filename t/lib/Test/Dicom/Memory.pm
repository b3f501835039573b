package Test::Dicom::Memory;

# What nginx holds in memory.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(nginx_memory);


# KB of all of nginx's workers.
sub nginx_memory {
    my ($t) = @_;

    my $master = $t->pid('nginx');
    my $sum = 0;
    for my $status (glob '/proc/[0-9]*/status') {
        open my $fh, '<', $status or next;
        my $text = join '', <$fh>;
        $sum += $1 if $text =~ /^PPid:\t$master$/m
            && $text =~ /^VmRSS:\s+(\d+)/m;
    }
    return $sum;
}

1;
