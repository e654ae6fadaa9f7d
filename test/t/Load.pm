# pgbench scripts that run at the same time, for tests that look at a table and its indexes afterwards.
package Load;
use strict;
use warnings;
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
our @EXPORT = ('run_load');

# scripts: name => SQL; runs: [ name, clients ] each. With kill, the server is killed after so many seconds and started
# again at the end; else no script may meet an error.
sub run_load
{
    my ($node, $scripts, $runs, $seconds, $kill) = @_;
    my @running;
    for my $run (@$runs)
    {
        my ($name, $clients) = @$run;
        my $file = $node->basedir . "/$name.sql";
        unlink $file;
        append_to_file($file, $scripts->{$name});
        my $out = '';
        push @running, [ $name, \$out, IPC::Run::start(
            [ 'pgbench', '-n', '-c', $clients, '-j1', '-T', $seconds, '-f', $file, '-p', $node->port, '-h', $node->host, 'postgres' ], '<', \undef, '>&', \$out) ];
    }
    if ($kill)
    {
        sleep $kill;
        $node->stop('immediate');
    }
    for my $run (@running)
    {
        my ($name, $out, $handle) = @$run;
        my $ok = IPC::Run::finish($handle);
        ok($ok, "$name: no error") or diag($$out) if !$kill;
    }
    $node->start if $kill;
}
1;
