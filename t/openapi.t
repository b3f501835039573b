#!/usr/bin/perl

# html/openapi.yaml and the route table describe the same interface: every
# route, with the same level, and nothing else.

use strict;
use warnings;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Dicom::Routes 'routes';

my $root = "$FindBin::Bin/..";


# "GET /api/v1/users/{}" => "toplevel".  The table's names of parameters are not
# unique in a path, as OpenAPI wants them.

sub anonymous { $_[0] =~ s/\{\w+\}/{}/gr }

sub described {
    my ($twice) = @_;
    my (%routes, $path, $method, %names);

    open my $file, '<', "$root/html/openapi.yaml" or die "openapi.yaml: $!";
    while (<$file>) {
        last if /^components:/;
        $path = $1 if /^  (\/\S+):$/;
        $method = uc $1 if /^    (get|post|put|patch|delete):$/;
        next unless /^      tags: \[(.*)\]$/;

        my $route = anonymous("$method $path");
        push @$twice, $route if exists $routes{$route};
        $routes{$route} = join ',', sort split /\s*,\s*/, $1;
        %names = ();
        push @$twice, "$route: $_"
            for grep { $names{$_}++ } $path =~ /\{(\w+)\}/g;
    }

    return \%routes;
}


my %routes = map {
    anonymous("$_->{method} $_->{path}") => join ',', sort @{$_->{levels}}
} routes($root);
my $described = described(\my @twice);

cmp_ok(scalar keys %routes, '>', 70, 'the route table is read');
is_deeply([sort grep { !exists $described->{$_} } keys %routes], [],
    'every route is described');
is_deeply([sort grep { !exists $routes{$_} } keys %$described], [],
    'every described operation has a route');
is_deeply($described, \%routes, 'the levels agree');
is_deeply(\@twice, [], 'nothing is described twice');

done_testing();
