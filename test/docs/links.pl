#!/usr/bin/perl
# Links of Markdown pages that lead nowhere, as file:line: words. Usage: links.pl PAGE.md...
use strict;
use warnings;
use File::Basename qw(dirname);
use FindBin qw($RealBin);
use lib $RealBin;
use Docs qw(read_page anchors links);
binmode STDOUT, ':encoding(UTF-8)';

my (%anchors, $found);
for my $page (@ARGV) {
    for my $link (links(read_page($page))) {
        my ($line, $target) = @$link;
        next if $target =~ /^[a-z]+:/;
        my ($path, $anchor) = $target =~ /^([^#]*)(?:#(.*))?$/;
        my $file = $path eq '' ? $page : dirname($page) . "/$path";
        my $problem = !-e $file ? 'no such file' : '';
        if (!$problem && defined $anchor && $file =~ /\.md$/) {
            $anchors{$file} //= { map { $_ => 1 } anchors(read_page($file)) };
            $problem = 'no such heading' unless $anchors{$file}{$anchor};
        }
        if ($problem) { print "$page:$line: $problem: $target\n"; $found = 1; }
    }
}
exit($found ? 1 : 0);
