package Test::Dicom::Node;

# Runs a script of t/browser with node and makes its TAP lines ours.  A line
# "do: NAME MORE" asks this side for something (to restart a daemon, say); the
# script waits for "done" on its standard input.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(dirname);
use IPC::Open2 qw(open2);
use Test::More ();

my $folder = Cwd::realpath(dirname(__FILE__) . '/../../../browser');


# Why scripts with these npm packages cannot run here, or undef.
sub missing {
    my (@packages) = @_;

    return 'node (package nodejs) is not installed'
        unless grep { -x "$_/node" } split /:/, $ENV{PATH};
    for my $name (@packages) {
        return "$name is not installed: npm ci in t/browser"
            unless -e "$folder/node_modules/$name/package.json";
    }

    return undef;
}


# The browser for a test, which is skipped where there is none, or where one of
# the functions given names something else that is missing.
sub browser {
    my (@missing) = @_;

    my ($chromium) = grep { -x }
        grep { defined } $ENV{CHROMIUM}, '/usr/bin/chromium';
    my $why = $chromium ? missing('playwright-core')
        : 'chromium is not installed';
    for my $one (@missing) {
        $why ||= $one->();
    }
    return $chromium if !$why;

    Test::More::diag("SKIPPED: $why");
    Test::More::plan(skip_all => $why);
}


# run(['unit.js'], env => {}, do => { NAME => sub {} }, in => [COMMAND...])
# gives the exit status; in: what leads into another network namespace.
sub run {
    my ($command, %opt) = @_;

    local %ENV = (%ENV, %{$opt{env} || {}});
    my ($script, @args) = @$command;
    my $pid = open2(my $from, my $to, @{$opt{in} || []}, 'setpriv',
        '--pdeathsig', 'TERM', '--', 'node', "$folder/$script", @args);
    $to->autoflush(1);

    while (my $line = <$from>) {
        chomp $line;
        if ($line =~ /^(not )?ok \d+ - (.*)/) {
            Test::More::ok(!$1, $2);
        }
        elsif ($line =~ /^do: (\S+) ?(.*)/) {
            my ($what, $more) = ($1, $2);
            eval { ($opt{do}{$what} || sub { die "unknown\n" })->($more); 1 }
                or Test::More::fail("$what: $@");
            print $to "done\n";
        }
        elsif ($line !~ /^1\.\.\d+$/) {
            $line =~ s/^# ?//;
            Test::More::diag($line) if $line ne '';
        }
    }

    waitpid($pid, 0);
    return $? >> 8 || $? & 127;
}


1;
