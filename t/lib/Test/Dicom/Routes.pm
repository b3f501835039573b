package Test::Dicom::Routes;

# The route table of the module, as the tests compare others with it.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(routes);

my %LEVEL = (WEB => ['web'], TOPLEVEL => ['toplevel'],
    FACILITY => ['facility'], NODE => ['node'], ALL => ['all']);


# routes(TOP): one {levels => [...], method, path, anyone, own} for each line of
# the table in the checkout at TOP; own: users of other facilities are refused.
sub routes {
    my ($top) = @_;

    my $name = "$top/ngx_dicom_module/ngx_http_dicom_route.c";
    open my $file, '<', $name or die "$name: $!\n";
    my $code = do { local $/; <$file> };
    my ($table) = $code =~ /ngx_http_dicom_routes\[\] = \{(.*?)\n\};/s
        or die "$name has no table of routes\n";

    my @routes;
    while ($table =~ /\{ \s* ([A-Z][A-Z|]*) \s*,\s* ([A-Z]+) \s*,
        \s* ((?: "[^"]*" \s* )+) , \s* ([A-Z_|]+) \s*,\s* ([A-Z|0]+) \s*,/gx)
    {
        my ($types, $method, $path, $roles, $flags) = ($1, $2, $3, $4, $5);
        push @routes, {
            levels => [map { @{$LEVEL{$_}} } split /\|/, $types],
            method => $method,
            path => join('', $path =~ /"([^"]*)"/g),
            anyone => $roles eq 'ANYONE',
            own => scalar $flags =~ /\bOWN\b/,
        };
    }

    my $lines = () = $table =~ /\bngx_http_dicom_\w+ \}/g;
    @routes == $lines
        or die "$name: " . @routes . " of $lines routes are understood\n";

    return @routes;
}

1;
