# What is in a Markdown page: its code blocks, inline code, headings and links. For links.pl and t/020_docs.pl.
package Docs;
use strict;
use warnings;
use utf8;
use Exporter 'import';
our @EXPORT_OK = qw(read_page blocks inline_code anchors links shown_table table_problem make_commands);

sub read_page
{
    my ($path) = @_;
    open my $file, '<:encoding(UTF-8)', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}

# Fenced blocks in order: { language, words (the rest of the info string), text, line }.
sub blocks
{
    my ($text) = @_;
    my (@blocks, $open, $number);
    for my $line (split /\n/, $text) {
        $number++;
        if (!$open) {
            next unless $line =~ /^(\s*)```(\S*)\s*(.*?)\s*$/;
            $open = { language => $2, words => $3, text => '', line => $number };
        } elsif ($line =~ /^\s*```\s*$/) {
            push @blocks, $open;
            undef $open;
        } else {
            $open->{text} .= "$line\n";
        }
    }
    push @blocks, { %$open, language => 'a block without an end', words => '' } if $open;
    return @blocks;
}

# The page without its blocks; lines keep their numbers.
sub without_blocks
{
    my ($text) = @_;
    my $inside = 0;
    return join "\n", map { my $fence = /^\s*```/; my $keep = !$fence && !$inside; $inside = !$inside if $fence; $keep ? $_ : '' } split /\n/, $text;
}

sub inline_code
{
    my ($text) = @_;
    return without_blocks($text) =~ /`([^`\n]+)`/g;
}

# The names that links into a page may use, as GitHub makes them of headings.
sub anchors
{
    my ($text) = @_;
    my %seen;
    my @anchors;
    for my $line (split /\n/, without_blocks($text)) {
        next unless $line =~ /^#{1,6}\s+(.*?)\s*#*$/;
        my $name = $1;
        $name =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
        $name = lc $name;
        $name =~ s/[^\w\- ]//g;
        $name =~ s/ /-/g;
        my $times = $seen{$name}++;
        push @anchors, $times ? "$name-$times" : $name;
    }
    return @anchors;
}

# Targets of links and pictures: [line, target].
sub links
{
    my ($text) = @_;
    my ($number, @links) = (0);
    for my $line (split /\n/, without_blocks($text)) {
        $number++;
        (my $plain = $line) =~ s/`[^`]*`/code/g;
        push @links, [$number, $1] while $plain =~ /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g;
    }
    return @links;
}

# The last table that psql printed in a text: a list of rows, the first of which has the columns' names.
sub shown_table
{
    my ($text) = @_;
    my @lines = split /\n/, $text;
    my ($rule) = grep { $lines[$_] =~ /^-[-+]*$/ } reverse 0 .. $#lines;
    return unless $rule;
    my @rows;
    for my $line ($lines[$rule - 1], @lines[$rule + 1 .. $#lines]) {
        last if $line =~ /^\(\d+ rows?\)/ || $line eq '';
        push @rows, [map { s/^\s+|\s+$//gr } split /\|/, $line, -1];
    }
    return @rows;
}

# Why a table is not the one that a page shows; undef if it is. A cell that says … may be anything. Numbers with a fraction may
# differ by a fiftieth: processors round differently.
sub table_problem
{
    my ($shown, $got) = @_;
    my @shown = shown_table($shown) or return 'no table is shown';
    my @got = shown_table($got) or return 'no table came';
    return @got - 1 . ' rows instead of ' . (@shown - 1) if @shown != @got;
    for my $row (0 .. $#shown) {
        my ($want, $have) = ($shown[$row], $got[$row]);
        return "row $row has " . @$have . ' columns instead of ' . @$want if @$want != @$have;
        for my $column (0 .. $#$want) {
            my ($w, $h) = ($want->[$column], $have->[$column]);
            next if $w eq '…' || $w eq $h;
            next if $w =~ /^-?\d*\.\d+$/ && $h =~ /^-?\d+(\.\d+)?$/ && abs($w - $h) <= 0.02 * (abs($w) + 0.001);
            return "row $row: \"$h\" instead of \"$w\"";
        }
    }
    return;
}

# The calls of make in shell text, each a list of words; dies at a command that is no call of make.
sub make_commands
{
    my ($text) = @_;
    my @commands;
    for my $line (split /\n/, $text) {
        $line =~ s/(^|\s)#.*//;
        for my $command (split /&&/, $line) {
            my @words;
            push @words, $1 =~ s/'([^']*)'|"([^"]*)"/$1 \/\/ $2/ger while $command =~ /((?:[^\s'"]|'[^']*'|"[^"]*")+)/g;
            shift @words while @words && $words[0] eq 'sudo';
            next unless @words;
            die "no call of make: $command\n" unless $words[0] eq 'make';
            push @commands, \@words;
        }
    }
    return @commands;
}

1;
