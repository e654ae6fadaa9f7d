# A base backup taken while sessions write, and the archived WAL after it: recovery to a named point gives each index
# exactly the rows of its table at that point, for each access method, code, replicas and records. So does the backup
# alone, recovered to its end.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('archived');
$node->init(has_archiving => 1, allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE FUNCTION rv(n int, i int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() + 0 * i)::vector FROM generate_series(1, n)';
    CREATE TABLE t (id bigserial PRIMARY KEY, v vector(16));
    CREATE TABLE w (id bigserial PRIMARY KEY, v vector(2500));
    INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 1500) i;
    INSERT INTO w (v) SELECT rv(2500, i) FROM generate_series(1, 270) i;
    CREATE INDEX t_flat ON t USING ivf (v) WITH (lists = 8);
    CREATE INDEX t_sq8 ON t USING ivf (v vector_cosine_ops) WITH (lists = 8, quantizer = sq8, replicas = soar);
    CREATE INDEX t_pq ON t USING pq (v vector_ip_ops) WITH (subvectors = 4);
    CREATE INDEX t_ah ON t USING ah ((v::halfvec(16)) halfvec_l2_ops) WITH (lists = 8);
    CREATE INDEX t_records ON t USING ah ((v::halfvec(16)) halfvec_cosine_ops) WITH (lists = 8, replicas = none, reorder = sq8);
    CREATE INDEX w_flat ON w USING ivf (v) WITH (quantizer = f16);
    CREATE INDEX w_records ON w USING pq (v vector_ip_ops) WITH (subvectors = 50, reorder = f32);
});
my %order = (t_flat => 'FROM t ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector(16)', t_sq8 => 'FROM t ORDER BY v <=> array_fill(0.5, ARRAY[16])::vector(16)',
    t_pq => 'FROM t ORDER BY v <#> array_fill(0.5, ARRAY[16])::vector(16)', t_ah => 'FROM t ORDER BY v::halfvec(16) <-> array_fill(0.5, ARRAY[16])::halfvec(16)',
    t_records => 'FROM t ORDER BY v::halfvec(16) <=> array_fill(0.5, ARRAY[16])::halfvec(16)',
    w_flat => 'FROM w ORDER BY v <-> array_fill(0.5, ARRAY[2500])::vector(2500)', w_records => 'FROM w ORDER BY v <#> array_fill(0.5, ARRAY[2500])::vector(2500)');
my $settings = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; SET vectorq.nprobe = 1000; SET vectorq.max_scan_rows = 0;';
like($node->safe_psql('postgres', "$settings EXPLAIN SELECT id $order{$_} LIMIT 100000"), qr/Index Scan using $_ /, "$_ is what is scanned") for sort keys %order;

# Problems, and indexes that differ from their tables.
sub whole
{
    my ($server) = @_;
    my $sql = $settings;
    for my $name (sort keys %order)
    {
        my ($table) = $order{$name} =~ /FROM (\w)/;
        $sql .= "SELECT '$name', * FROM vectorq_check('$name'); SELECT '$name', count(*), count(DISTINCT id) FROM (SELECT id $order{$name} LIMIT 1000000) s"
            . " HAVING count(*) <> (SELECT count(*) FROM $table) OR count(DISTINCT id) <> count(*);";
    }
    return $server->safe_psql('postgres', $sql);
}

my $load = $node->basedir . '/load.sql';
append_to_file($load, q{
INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 20) i;
INSERT INTO w (v) SELECT rv(2500, i) FROM generate_series(1, 2) i;
UPDATE t SET v = rv(16, 1) WHERE id % 97 = (random() * 96)::int;
DELETE FROM t WHERE id % 89 = (random() * 88)::int;
DELETE FROM w WHERE id % 31 = (random() * 30)::int;
VACUUM t;
VACUUM w;
REINDEX INDEX t_ah;
});
my $out = '';
my $running = IPC::Run::start([ 'pgbench', '-n', '-c', 1, '-T', 4, '-f', $load, '-p', $node->port, '-h', $node->host, 'postgres' ], '<', \undef, '>&', \$out);
$node->poll_query_until('postgres', 'SELECT max(id) > 1600 FROM t');
$node->backup('under_load');
IPC::Run::finish($running);
my $at_point = $node->safe_psql('postgres', 'SELECT count(*), sum(id), (SELECT count(*) FROM w) FROM t');
$node->safe_psql('postgres', "SELECT pg_create_restore_point('here')");
$node->safe_psql('postgres', 'DELETE FROM t WHERE id % 2 = 0; DELETE FROM w WHERE id % 2 = 0');
$node->safe_psql('postgres', $_) for 'VACUUM t', 'VACUUM w', 'INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 700) i';
$node->safe_psql('postgres', 'DROP INDEX t_pq; CREATE INDEX t_pq ON t USING pq (v vector_ip_ops) WITH (subvectors = 3)');
# A recovery that meets the archive's end before its target fails.
my $last = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$last' FROM pg_stat_archiver") or die 'archiving';

for my $target ("recovery_target_name = 'here'", 'end of the archive')
{
    my $copy = PostgreSQL::Test::Cluster->new($target =~ /here/ ? 'to_the_point' : 'to_the_end');
    $copy->init_from_backup($node, 'under_load', has_restoring => 1, standby => 0);
    $copy->append_conf('postgresql.conf', "$target\nrecovery_target_action = promote\n") if $target =~ /here/;
    $copy->start;
    $copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
    my $now = $copy->safe_psql('postgres', 'SELECT count(*), sum(id), (SELECT count(*) FROM w) FROM t');
    is($now, $at_point, 'the rows of that point') if $target =~ /here/;
    isnt($now, $at_point, 'later rows') if $target !~ /here/;
    is(whole($copy), '', "indexes are sound and whole: $target");
    $copy->safe_psql('postgres', $_) for 'INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 100) i', 'DELETE FROM t WHERE id % 5 = 0', 'VACUUM t';
    is(whole($copy), '', "and stay so: $target");
    $copy->stop;
}
is(whole($node), '', 'so they are where they came from');
$node->stop;
done_testing();
