# EXPLAIN ANALYZE says what a scan of a vectorq index did, as vectorq_stats() has it: in the plan from PostgreSQL 18 on, before in a
# NOTICE if vectorq.explain is on, and only then.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('explain');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    SELECT setseed(0.5);
    CREATE TABLE t (id int, kind int, day int, v vector(8));
    INSERT INTO t SELECT i, i % 5, i % 30, ARRAY[random(), random(), random(), random(), random(), random(), random(), random()]::vector FROM generate_series(1, 3000) i;
    CREATE INDEX t_v ON t USING ah (v, kind, day) WITH (lists = 20, target_recall = 0.9);
    CREATE INDEX t_day ON t (day);
    ANALYZE t;
});
my $in_plan = $node->pg_version >= 18;
my $near = "ORDER BY v <-> '[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]' LIMIT";
my $stats = 'SELECT lists_probed, entries_scored, rows_reordered, rows_returned, rounds FROM vectorq_stats()';

# What EXPLAIN ANALYZE tells: (target, filter columns, lists, codes, reordered, rounds), then vectorq_stats(), of the same session. Empty: it told nothing.
sub told
{
    my ($before, $query, $explain) = @_;
    $explain //= 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off)';
    my ($status, $out, $err) = $node->psql('postgres', "SET enable_seqscan = off; SET enable_sort = off; $before; $explain $query; $stats");
    is($status, 0, "runs: $query") or diag($err);
    my @stats = split /\|/, (split /\n/, $out)[-1];
    if ($in_plan)
    {
        my %line = $out =~ /^\s*(Target Recall|Filter Columns|Lists Probed|Codes Scored|Entries Reordered|Rounds): (.*)$/mg;
        return ([ map { $line{$_} } 'Target Recall', 'Filter Columns', 'Lists Probed', 'Codes Scored', 'Entries Reordered', 'Rounds' ], \@stats) if %line;
        return ([], \@stats);
    }
    my $number = '(\d+)';
    return ([], \@stats) unless $err =~ /NOTICE:  index "t_v": target (.*?), $number lists, $number codes, $number entries put in order, $number rows, $number rounds\nDETAIL:  Scans: $number. Filter columns: (.*)\.$/m;
    return ([ $1 eq 'not set' ? undef : $1, $8 eq 'none' ? undef : $8, $2, $3, $4, $6 ], \@stats);
}

my $on = 'SET vectorq.explain = on';
my ($told, $stats_told) = told($on, "SELECT id FROM t $near 10");
is_deeply($told, [ '0.9 (index)', undef, @$stats_told[0 .. 2, 4] ], 'what vectorq_stats() has');
cmp_ok($told->[2] * $told->[3] * $told->[4] * $told->[5], '>', 0, 'and it has something');
($told) = told("$on; SET vectorq.nprobe = 3", "SELECT id FROM t $near 10");
is_deeply([ @$told[0 .. 2] ], [ undef, undef, 3 ], 'lists by hand: no target');
($told) = told("$on; SET vectorq.target_recall = 0.8", "SELECT id FROM t WHERE kind = 3 AND day > 10 AND day < 20 $near 10");
is_deeply([ @$told[0, 1] ], [ '0.8 (session)', 'kind, day' ], 'columns of a filter');
my ($loop, $last) = told($on, "SELECT (SELECT sum(id) FROM (SELECT id FROM t ORDER BY v <-> array_fill(i / 4.0, ARRAY[8])::vector LIMIT 5) s) FROM generate_series(1, 3) i");
cmp_ok($loop->[5], '>=', 3, 'all scans of a loop together');
cmp_ok($loop->[2], '>', $last->[0], 'more than the last one');

($told) = told('SET vectorq.explain = off', "SELECT id FROM t $near 10");
is(scalar @$told > 0, $in_plan, 'off by default, but in a plan');
($told) = told($on, "SELECT id FROM t $near 10", 'EXPLAIN');
is_deeply($told, [], 'nothing without ANALYZE');
($told) = told($on, "SELECT id FROM t $near 10", '');
is_deeply($told, [], 'nothing without EXPLAIN');
my (undef, $out, $err) = $node->psql('postgres', "SET enable_seqscan = off; $on; EXPLAIN (ANALYZE, FORMAT json) SELECT id FROM t $near 10");
like($in_plan ? $out : $err, $in_plan ? qr/"Codes Scored": [1-9]/ : qr/NOTICE:  index "t_v"/, 'other formats');
(undef, undef, $err) = $node->psql('postgres', "$on; SET enable_seqscan = off; SET enable_sort = off; EXPLAIN (ANALYZE) SELECT count(*) FROM t");
unlike($err, qr/index "t_v"/, 'nothing of a plan without such a scan');
(undef, $out, $err) = $node->psql('postgres', "$on; SET enable_seqscan = off; DROP INDEX t_v; CREATE INDEX t_v ON t USING ah (v) WITH (lists = 20); EXPLAIN (ANALYZE) SELECT id FROM t WHERE day = 7 $near 10");
SKIP: {
    skip 'the planner takes another path', 1 unless $out =~ /VectorqBitmap/;
    like($err, qr/NOTICE:  index "t_v": target 0.95 \(default\)/, 'a scan that another index helps');
}
$node->stop;
done_testing();
