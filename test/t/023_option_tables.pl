# The documents' tables of options and settings say what vectorq_options() says: each option once, its default, and the access methods
# that have it, where not all do. A table is known by its head: "| option" or "| setting".
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use File::Basename;

my $root = $ENV{VQ_TREE};
my $node = PostgreSQL::Test::Cluster->new('options');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vectorq');
my %options;
for my $line (split /\n/, $node->safe_psql('postgres', q{SELECT name, coalesce(array_to_string(access_methods, ' '), ''), default_value FROM vectorq_options()}))
{
    my ($name, $methods, $default) = split /\|/, $line;
    push @{ $options{$name} }, { methods => [ split ' ', $methods ], default => $default };
}

# The rows of such tables as [file:line, name, what the third cell begins with: the access methods that have it, second cell].
sub rows_of
{
    my ($file, $name) = @_;
    my ($in_table, @rows) = (0);
    open(my $in, '<', $file) or die "$file: $!";
    while (my $line = <$in>)
    {
        if ($line !~ /^\|/) { $in_table = 0; next }
        if ($line =~ /^\|\s*(option|setting)\b/i) { $in_table = 1; next }
        next if !$in_table || $line =~ /^\|[-:| ]+$/;
        my (undef, $first, $second, $third) = split /\s*(?<!\\)\|\s*/, $line;
        next if $first !~ /^`([^`]+)`$/;
        my $option = $1;
        my ($who) = $third =~ /^(`(?:ah|ivf|pq)`(?:, `(?:ah|ivf|pq)`)*)/;
        push @rows, [ "$name:$.", $option, $who // '', $second ];
    }
    return @rows;
}

my %seen;
for my $file ("$root/README.md", sort glob("$root/docs/*.md"))
{
    for my $row (rows_of($file, basename($file)))
    {
        my ($place, $name, $who, $default) = @$row;
        push @{ $seen{$name} }, $place;
        my $truth = $options{$name};
        ok(defined $truth, "$place: there is an option $name") or next;
        $default =~ s/`//g;
        my %told = map { $_ => 1 } $who =~ /`(\w+)`/g;
        my %methods = map { $_ => 1 } map { @{ $_->{methods} } } @$truth;
        is(join(' ', sort keys %told), join(' ', sort keys %methods), "$place: access methods of $name") if keys %methods && keys %methods < 3;
        for my $case (@$truth)
        {
            if (@$truth == 1) { like($default, qr/^\Q$case->{default}\E\b/, "$place: default of $name") }
            else { like($default, qr/\b$_: \Q$case->{default}\E\b/, "$place: default of $name in $_") for @{ $case->{methods} } }
        }
    }
}
is(join(' ', @{ $seen{$_} // ['no table'] }), ($seen{$_} // ['a row'])->[0], "$_ has one row in the documents") for sort keys %options;
$node->stop;
done_testing();
