package Machine;

# The machine on which something is measured, and how much of it was ours.

use strict;
use warnings;

use List::Util ();

# {cpu, cores, memory_gb} of this machine.
sub describe {
    my $processors = slurp('/proc/cpuinfo');
    my ($cpu) = $processors =~ /^model name\s*:\s*(.*)$/m;
    my $cores = () = $processors =~ /^processor\s*:/mg;
    my ($kb) = slurp('/proc/meminfo') =~ /^MemTotal:\s*(\d+)/m;

    return { cpu => $cpu // 'unknown', cores => $cores,
        memory_gb => int(($kb // 0) / 1024 / 1024 + 0.5) };
}


# Now, for stolen(): [ticks the hypervisor gave to others, those and the ones
# in which processors ran (proc(5): all but idle and iowait)].
sub ticks {
    my @all = split ' ', slurp('/proc/stat') =~ s/\n.*//sr;
    return [$all[8] // 0, List::Util::sum0(@all[1 .. 3, 6 .. 8])];
}


# stolen(TICKS): of the time since then in which processors had work, the share
# that went to others, 0 to 1.
sub stolen {
    my ($since) = @_;
    my $now = ticks();
    return ($now->[0] - $since->[0]) / (($now->[1] - $since->[1]) || 1);
}


# stolen_words(SHARE): what a report says of it.
sub stolen_words {
    my ($share) = @_;
    return sprintf '%.0f%% of the processors\' time was another machine\'s%s',
        100 * $share, $share > 0.05 ? ': times may be too long' : '';
}


sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or return '';
    local $/;
    return readline($in) // '';
}

1;
