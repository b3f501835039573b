#!/usr/bin/perl

# html/openapi.yaml and the route table describe the same interface: every
# route of /api/v1, with the same level, and nothing else.

use strict;
use warnings;

use Test::More;

use FindBin;

my $root = "$FindBin::Bin/..";
my %level = (WEB => 'web', TOPLEVEL => 'toplevel', FACILITY => 'facility',
    NODE => 'node', ALL => 'all');


sub slurp {
    my ($path) = @_;

    open my $file, '<', "$root/$path" or die "$path: $!";
    local $/;
    return scalar <$file>;
}


# "GET /api/v1/me" => "toplevel"

sub routes {
    my $table = slurp('ngx_dicom_module/ngx_http_dicom_route.c');
    my %routes;

    while ($table =~ /\{ \s* ([A-Z|\s]+?) \s*,\s* (GET|POST|PUT|PATCH|DELETE)
        \s*,\s* "(\/api\/[^"]*)"/gx)
    {
        my ($types, $method, $path) = ($1, $2, $3);
        $routes{"$method $path"} = join ',',
            sort map { $level{$_} } split /\s*\|\s*/, $types;
    }

    return \%routes;
}


sub described {
    my (%routes, $path, $method);

    for (split /\n/, slurp('html/openapi.yaml')) {
        last if /^components:/;
        $path = $1 if /^  (\/\S+):$/;
        $method = uc $1 if /^    (get|post|put|patch|delete):$/;
        $routes{"$method $path"} = join ',', sort split /\s*,\s*/, $1
            if /^      tags: \[(.*)\]$/;
    }

    return \%routes;
}


my ($routes, $described) = (routes(), described());

cmp_ok(scalar keys %$routes, '>', 20, 'the route table is read');
is_deeply([sort grep { !exists $described->{$_} } keys %$routes], [],
    'every route is described');
is_deeply([sort grep { !exists $routes->{$_} } keys %$described], [],
    'every described operation has a route');
is_deeply($described, $routes, 'the levels agree');

done_testing();
