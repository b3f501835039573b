package Store;

# The image store and the rows that name its objects, for the scripts beside it.

use strict;
use warnings;

use Fcntl qw(S_ISDIR S_ISREG);
use File::Find ();
use Time::HiRes ();

my $location = qr{objects/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})\.dcm};


# The options that both scripts share, completed from the demo's state folder;
# dies with a line for people.
sub complete {
    my ($opt, $home) = @_;

    $opt->{store} //= "$home/store" if -d "$home/store";
    defined $opt->{store} or die "where is the store? name --store\n";
    -d "$opt->{store}/objects"
        or die "$opt->{store} is no store: it has no folder objects\n";
    if (!defined $opt->{database} && open my $fh, '<', "$home/conf/facility.yaml")
    {
        my $secret;
        while (<$fh>) {
            $opt->{database} //= $1 if /^databaseUrl:\s*"?([^"\s]+)/;
            $secret //= $1 if /^databasePasswordFile:\s*"?([^"\n]+)/;
        }
        # psql takes it from here, and nobody sees it among the processes
        if (defined $secret && open my $in, '<', $secret) {
            chomp($ENV{PGPASSWORD} = <$in> // '') if !defined $ENV{PGPASSWORD};
        }
    }
    defined $opt->{database}
        or die "where is the facility's database? name --database\n";
    return;
}


# { location => {size, names, mtime} }, and the paths of strangers.
sub objects {
    my ($store) = @_;

    my (%objects, @strangers);
    File::Find::find({ no_chdir => 1, wanted => sub {
        my @st = Time::HiRes::lstat($_) or return;
        return if S_ISDIR($st[2]);
        my $path = substr $_, 1 + length $store;
        if (S_ISREG($st[2]) && $path =~ /\A$location\z/) {
            $objects{$path} = { size => $st[7], names => $st[3],
                mtime => $st[9] };
        } else {
            push @strangers, $path;
        }
    } }, "$store/objects");

    return (\%objects, [sort @strangers]);
}


# Rows of a query, as lists of texts; the URL with its password stays out of
# the list of processes.
sub rows {
    my ($url, $sql) = @_;

    local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
    local $ENV{DICOM_URL} = $url;
    open my $psql, '-|', 'exec psql -X -A -t -q -F "|" -v ON_ERROR_STOP=1 '
        . "-d \"\$DICOM_URL\" -c \"$sql\"" or die "psql: $!\n";
    my @rows = map { chomp; [split /\|/, $_, -1] } <$psql>;
    close $psql or die "the database cannot be asked\n";

    return \@rows;
}


# { location => {uid, md5, size} } of all instances.
sub named {
    my ($url) = @_;

    return { map { $_->[0] => { uid => $_->[1], md5 => $_->[2],
        size => $_->[3] } } @{rows($url,
        'SELECT location, uid, md5, size FROM instances')} };
}


# Locations that the node is going to look at.
sub discarded {
    my ($url) = @_;
    return { map { $_->[0] => 1 }
        @{rows($url, 'SELECT location FROM discarded')} };
}


# What the two lists do not have in common:
# (rows without object, objects without row).  Objects come first, then rows,
# then objects again: what came or went meanwhile is no difference.
sub differences {
    my ($opt) = @_;

    my ($before, $strangers) = objects($opt->{store});
    my $named = named($opt->{database});
    my $waiting = discarded($opt->{database});

    my @missing = grep { !$before->{$_} && !-e "$opt->{store}/$_" }
        sort keys %$named;
    # a second name: an upload is on its way, or the node will look at it
    my @orphans = grep { !$named->{$_} && !$waiting->{$_}
        && $before->{$_}{names} == 1 && -e "$opt->{store}/$_" }
        sort keys %$before;
    if (@missing || @orphans) {
        my $again = named($opt->{database});
        $waiting = discarded($opt->{database});
        @missing = grep { $again->{$_} } @missing;
        @orphans = grep { !$again->{$_} && !$waiting->{$_} } @orphans;
    }

    return { objects => $before, rows => $named, missing => \@missing,
        orphans => \@orphans, strangers => $strangers };
}


# Notes objects as such that no row may name: the node looks again, and removes
# them.
sub discard {
    my ($url, @locations) = @_;

    while (my @some = splice @locations, 0, 200) {
        rows($url, 'INSERT INTO discarded (location) VALUES '
            . join(', ', map { "('$_')" } @some)
            . ' ON CONFLICT (location) DO NOTHING');
    }
    return;
}

1;
