#!/usr/bin/perl

# The rules of the house that a machine can check: what stands at the top level,
# how long a file may grow, and that calls go downward only.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(basename dirname);
use Test::More;

my $top = Cwd::realpath(dirname(__FILE__) . '/..');
chdir $top or die "$top: $!\n";

# Without git (an exported tree) the folder itself is looked at.
my @files = split /\0/, `git -c safe.directory='*' ls-files -z 2>/dev/null`;
@files = map { s{^\./}{}r } split /\n/,
    `find . -type f -not -path './.git/*' -not -path './.build/*' \\
        -not -path './var/*' -not -path '*/node_modules/*'` unless @files;
@files = grep { -f } @files;

my %allowed = map { $_ => 1 } qw(ngx_dicom_module render-worker sql html conf t
    scripts README.md);
my %seen;
my @strangers = grep { !/^\./ && !$allowed{$_} && !$seen{$_}++ }
    map { s{/.*}{}r } @files;
is("@strangers", '', 'only the agreed folders at the top level');

my @long;
for my $file (grep { m{\.(?:c|cc|h|js|mjs|css|t|pm|pl|glsl|sql)\z}
    || m{^scripts/[^.]+\z} } @files)
{
    open my $fh, '<', $file or next;
    my $lines = () = <$fh>;
    push @long, "$file ($lines)" if $lines > 800;
}
is(join(', ', @long), '', 'no file of more than 800 lines');

# Floors of the module, from above.  ngx_http_dicom_module.h and _route.h hold
# the types that all of them share, so anybody may include those two.
my @floors = (
    ['module'],
    [qw(route filter error listen)],
    [qw(session session_impl password toplevel user patient merge facility studies report report_change
        report_search report_words pulse
        node upload view events glass
        status qido wado metadata frames stow rendered)],
    [qw(stow_reply follow)],
    [qw(ingest)],
    [qw(qido_args resource list list_args create change op record render picture peer
        discard
        hash lockout attribute accept retrieve object parts ask)],
    [qw(auth args audit query reply stream)],
);
my %floor;
for my $i (0 .. $#floors) {
    $floor{"ngx_http_dicom_$_"} = $i for @{$floors[$i]};
}
my %shared = map { $_ => 1 } qw(ngx_http_dicom_module.h ngx_http_dicom_route.h);

my (@unknown, @upward, @crossing);
for my $file (grep { m{^ngx_dicom_module/.*\.[ch]\z} } @files) {
    my $room = basename($file) =~ s/\.[ch]\z//r;
    my $http = $room =~ /^ngx_http_/;

    push @unknown, $file if $http && !defined $floor{$room};
    for my $include (includes($file)) {
        push @crossing, "$file includes $include"
            if $include =~ m{render-worker/} && $include !~ m{/wire\.h\z};
        push @crossing, "$file includes $include"
            if !$http && $include =~ /^ngx_http/;
        next if !$http || $shared{$include};
        my $other = $include =~ s/\.h\z//r;
        push @upward, "$file includes $include" if defined $floor{$room}
            && defined $floor{$other} && $floor{$other} < $floor{$room};
    }
}
is(join("\n", @unknown), '', 'each ngx_http_dicom file has its floor here');
is(join("\n", @upward), '', 'the module calls downward only');

# The worker's floors, from above.
@floors = (
    ['main'],
    [qw(check server)],
    [qw(worker open picture probe content)],
    [qw(session stack_json states_json request)],
    ['loader'],
    [qw(painter present overlay)],
    [qw(stack states frame shutter)],
    [qw(renderer renderer_impl renderer_gl renderer_cpu scene sample rows reals
        lines quads columns texarray egl gl decoder zygote sandbox ingest identity objects decoder_content decoder_impl)],
    [qw(decoder_child child_content dataset dicom dicom_gdcm structure metadata dicom_json element codec codec_native codec_jpeg
        codec_jpeg2000 codec_jpegls codec_jxl codec_video inflated
        jpeg_lossless rle header header_frames
        header_picture header_tables header_shutter header_presentation
        header_graphics header_series header_values attribute fragments)],
    [qw(series series_text)],
    [qw(voi voi_impl voi_settle geometry)],
    [qw(index index_values store presentation pack tables meta charset encode encode_png
        encode_jpeg jpeg_gray deflate json digest digest_blocks follow buffer pool turns log
        multiversion gather bands wire)],
);
# What a child of the decoder is started by and with.
my %handed = map { $_ => 1 } qw(decoder.h sandbox.h);

%floor = ();
for my $i (0 .. $#floors) {
    $floor{$_} = $i for @{$floors[$i]};
}

(@unknown, @upward) = ();
for my $file (grep { m{^render-worker/.*\.(?:c|cc|h)\z} } @files) {
    my $room = basename($file) =~ s/\.\w+\z//r;

    push @unknown, $file unless defined $floor{$room};
    for my $include (includes($file)) {
        push @crossing, "$file includes $include" if $include =~ /ngx_/;
        my $other = $include =~ s/\.h\z//r;
        next if $handed{$include};
        push @upward, "$file includes $include" if defined $floor{$room}
            && defined $floor{$other} && $floor{$other} < $floor{$room};
    }
}
is(join("\n", @unknown), '', 'each file of the worker has its floor here');
is(join("\n", @upward), '', 'the worker calls downward only');
is(join("\n", @crossing), '',
    'nginx and the worker share wire.h only, and the pure rooms know no HTTP');

# What is not finished is not committed; the words stand apart for this file.
my $words = join '|', 'TO' . 'DO', 'FIX' . 'ME', 'XX' . 'X', 'HA' . 'CK';
my @unfinished;
for my $file (grep { m{\.(?:c|cc|h|js|t|pm|sql|glsl|css|md)\z}
    || m{^(?:scripts|conf)/} } @files)
{
    open my $fh, '<', $file or next;
    while (<$fh>) {
        push @unfinished, "$file:$." if /\b(?:$words)\b/ && !/X{4}/;
    }
}
is("@unfinished", '', 'nothing is left for later in the sources');

done_testing();


sub includes {
    my ($file) = @_;
    open my $fh, '<', $file or return;
    return map { /^\s*#\s*include\s+["<]([^">]+)[">]/ ? $1 : () } <$fh>;
}
