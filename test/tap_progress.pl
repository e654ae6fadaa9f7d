# What `prove --timer -v` says, as it says it: each file, its tests and seconds, and whatever went wrong.
use strict;
use warnings;
$| = 1;
my ($waiting, $tests) = (0, 0);
sub say_line { print "\n" if $waiting; $waiting = 0; print @_ }
my $noise = qr/^# (Running|Checking|Postmaster|Data|Name|Backup|Archive|Connection|Log|Taking|Stopping|No postmaster|Initializing|Enabling|Waiting|done|issuing|Could not|pid file)/;
while (<STDIN>) {
    $tests++ if /^(not )?ok \d/;
    if (/^\[[\d:]+\] +(\S+) \.\./) {
        say_line("$1 ");
        ($waiting, $tests) = (1, 0);
    } elsif (/^ok +(\d+) ms/) {
        printf "%s%d tests, %.0f s\n", $waiting ? '' : '    ', $tests, $1 / 1000;
        $waiting = 0;
    } elsif (!/$noise/ && (/^(# |not ok|skipped|Dubious|Failed|No subtests|Bail|t\/|All tests|Files|Result)/ || /^  (Failed|Parse|Non-zero)/)) {
        say_line($_);
    }
}
