# vectorq_prewarm after a restart: a query to lists that scans used before reads nothing more of the index, even when bytes
# are enough for few lists only. On a standby it works as well, and scans there write nothing.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('prewarm');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nwal_keep_size = 4GB\nwal_log_hints = on\nshared_buffers = 64MB\n");
$node->start;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('prewarm_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id int, v vector(32));
    INSERT INTO t SELECT i, (SELECT array_agg(random()) FROM generate_series(1, 32) d WHERE i = i + 0 * d)::vector FROM generate_series(1, 4000) i;
    CREATE INDEX t_v ON t USING ivf (v) WITH (lists = 100, rebalance = off);
    CREATE TABLE hot AS SELECT v FROM t WHERE id = 7;
    CREATE FUNCTION ask(v vector, times int) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        SET LOCAL enable_seqscan = off; SET LOCAL vectorq.nprobe = 3;
        FOR i IN 1 .. times LOOP PERFORM id FROM t ORDER BY t.v <-> ask.v LIMIT 10; END LOOP;
    END $$;
});
# Pages of the index that one query for each of these rows does not find in the buffers; $before: SQL to run first.
# Sessions that are still on their way out would add theirs in between.
sub misses
{
    my ($server, $which, $before) = @_;
    $server->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'") or die;
    my $count = "SELECT pg_stat_force_next_flush();\nSELECT idx_blks_read AS blocks FROM pg_statio_user_indexes WHERE indexrelname = 't_v'";
    my $out = $server->safe_psql('postgres', "$before\n$count \\gset\nSELECT ask(v, 1) FROM $which;\n${count} \\gset now_\nSELECT :now_blocks - :blocks;");
    return (split /\n/, $out)[-1];
}
# One scan in 64 is counted: of 3000 none is with a probability of 1e-20.
$node->safe_psql('postgres', 'SELECT ask(v, 3000) FROM hot');
my $lists = 3 * 8192 * $node->safe_psql('postgres', "SELECT ceil(value::bigint / 8192.0 / lists) + 2 FROM vectorq_index_info('t_v'), vectorq_index_details('t_v') WHERE name = 'bytes_lists'");
my $few = $lists + $node->safe_psql('postgres', "SELECT sum(value::bigint) FROM vectorq_index_details('t_v') WHERE name IN ('bytes_centroids', 'bytes_other')");
cmp_ok($few, '<', $node->safe_psql('postgres', "SELECT pg_relation_size('t_v') / 2"), 'a small part of the index');
$node->restart;
cmp_ok(misses($node, 'hot', ''), '>', 0, 'a cold index is read');
$node->restart;
is(misses($node, 'hot', "SELECT vectorq_prewarm('t_v', $few) <= $few;"), '0', 'prewarmed, a hot query reads nothing');
cmp_ok(misses($node, '(SELECT v FROM t WHERE id % 100 = 1) s', ''), '>', 0, 'others do');
is($node->safe_psql('postgres', "SELECT vectorq_prewarm('t_v') = pg_relation_size('t_v')"), 't', 'the whole index fits');
is(misses($node, '(SELECT v FROM t WHERE id % 50 = 1) s', ''), '0', 'and then no query reads any');
# vacuum halves the counts and loses none of the order
$node->safe_psql('postgres', 'DELETE FROM t WHERE id = 1; VACUUM t');
is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('t_v')"), '', 'sound');

# A standby: no page of the index changes by its scans.
# A standby's checkpoint writes pages out only if the primary has made one since.
$node->safe_psql('postgres', 'CHECKPOINT');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$standby->safe_psql('postgres', 'CHECKPOINT');
my $path = $standby->data_dir . '/' . $standby->safe_psql('postgres', "SELECT pg_relation_filepath('t_v')");
my $before = slurp_file($path);
$standby->safe_psql('postgres', 'SELECT ask(v, 3000) FROM hot');
# Not the whole file: the vacuum may have replaced lists, whose pages no scan needs.
is($standby->safe_psql('postgres', "SELECT vectorq_prewarm('t_v')"), $node->safe_psql('postgres', "SELECT vectorq_prewarm('t_v')"), 'prewarm on a standby');
$standby->safe_psql('postgres', 'CHECKPOINT');
$standby->restart;
ok(slurp_file($path) eq $before, 'scans on a standby leave the index as it is');
is($standby->safe_psql('postgres', "SET enable_seqscan = off; SELECT id FROM t ORDER BY v <-> (SELECT v FROM hot) LIMIT 1"), '7', 'and it answers');
$standby->stop;
$node->stop;
done_testing();
