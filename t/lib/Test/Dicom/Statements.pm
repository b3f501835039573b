package Test::Dicom::Statements;

# The module's SQL: its table of statements and the migrations.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(basename dirname);

my $top = Cwd::realpath(dirname(__FILE__) . '/../../../..');


# Statements of ngx_dicom_stmt_DATABASE.h: [name, number of parameters, SQL].
# The preprocessor puts them together as it does for the module.
sub table {
    my ($database) = @_;

    my $header = "ngx_dicom_module/ngx_dicom_stmt_$database.h";
    my $text = `cd '$top' && printf '%s\\n' '#define X(id, n, sql) \@id n sql;' \\
        '#include "$header"' | cc -E -P -I. -xc -`;
    $? == 0 or die "the preprocessor failed on $header\n";

    my @statements;
    while ($text =~ /\@\s*(\w+)\s+(\d+)\s+((?:"(?:[^"\\]|\\.)*"\s*)+);/g) {
        my ($name, $n, $literals) = ($1, $2, $3);
        my $sql = join '', $literals =~ /"((?:[^"\\]|\\.)*)"/g;
        $sql =~ s/\\(.)/$1/g;
        push @statements, [$name, $n, $sql];
    }
    my $all = () = $text =~ /\@/g;
    @statements == $all or die "statements of $header are not understood\n";

    return @statements;
}


# Migrations of a database: [file, SQL].
sub migrations {
    my ($database) = @_;

    return map {
        open my $fh, '<', $_ or die "$_: $!\n";
        local $/;
        [basename($_), scalar <$fh>];
    } sort glob "$top/sql/$database/*.sql";
}

1;
