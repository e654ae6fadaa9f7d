# Writers, readers, vacuum, REINDEX CONCURRENTLY, indexes that come and go (DROP, CREATE INDEX CONCURRENTLY) at once. Each reader compares, in one snapshot, what the
# index returns with what a sequential scan returns: no row lost, none twice, none dead.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('concurrency');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nmax_connections = 50\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id bigserial PRIMARY KEY, v vector(8));
    CREATE TABLE w (id bigserial PRIMARY KEY, v vector(2500));
    CREATE TABLE mismatches (what text);
    CREATE FUNCTION rv() RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random())::vector FROM generate_series(1, 8)';
    INSERT INTO t (v) SELECT rv() FROM generate_series(1, 1500);
    INSERT INTO w (v) SELECT array_fill(random()::float4, ARRAY[2500])::vector FROM generate_series(1, 60);
    CREATE TABLE c (id bigserial PRIMARY KEY, v vector(1536));
    INSERT INTO c (v) SELECT array_fill(random()::float4, ARRAY[1536])::vector FROM generate_series(1, 300);
    CREATE INDEX t_v ON t USING ivf (v, id) WITH (lists = 8);
    CREATE INDEX t_p ON t USING pq (v vector_cosine_ops) WITH (bits = 4, subvectors = 4);
    CREATE INDEX t_a ON t USING ah (v vector_ip_ops, id) WITH (lists = 8, replicas = soar);
    CREATE INDEX w_v ON w USING ivf (v, id);
    CREATE INDEX t_c ON t USING ivf ((v::halfvec(8)) halfvec_l2_ops, id) WITH (lists = 8, quantizer = pq, reorder = sq8);
    CREATE INDEX t_k ON t USING ivf ((v::halfvec(8)) halfvec_cosine_ops) WITH (lists = 8, replicas = closure, closure_epsilon = 1);
    CREATE INDEX c_v ON c USING ah (v, id) WITH (lists = 4, subvectors = 32, replicas = soar, reorder = f32);
    CREATE INDEX t_goes ON t USING ivf (v vector_l1_ops) WITH (lists = 8);
    CREATE TABLE b (id bigserial PRIMARY KEY, v bit(96));
    CREATE FUNCTION rb() RETURNS bit(96) VOLATILE LANGUAGE sql AS 'SELECT string_agg((random() < 0.3)::int::text, '''')::bit(96) FROM generate_series(1, 96)';
    INSERT INTO b (v) SELECT rb() FROM generate_series(1, 800);
    CREATE INDEX b_h ON b USING ivf (v bit_hamming_ops, id) WITH (lists = 8);
    CREATE INDEX b_j ON b USING ivf (v bit_jaccard_ops) WITH (lists = 8, replicas = closure, closure_epsilon = 1);
    CREATE TABLE scans_of_goes (n bigint);
    -- waits a little for the first scan: a slow machine reads once in seconds
    CREATE FUNCTION count_scans_of_goes() RETURNS void LANGUAGE plpgsql AS $$
    DECLARE scans bigint;
    BEGIN
        FOR i IN 1 .. 600 LOOP
            PERFORM pg_stat_clear_snapshot();
            SELECT idx_scan INTO scans FROM pg_stat_user_indexes WHERE indexrelname = 't_goes';
            EXIT WHEN scans > 0;
            PERFORM pg_sleep(0.05);
        END LOOP;
        INSERT INTO scans_of_goes VALUES (scans);
    END $$;
    CREATE FUNCTION agree(what text, by_index bigint[], by_seq bigint[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT array_agg(x ORDER BY x) FROM unnest(by_index) x) IS DISTINCT FROM (SELECT array_agg(x ORDER BY x) FROM unnest(by_seq) x) THEN
            INSERT INTO mismatches VALUES (format('%s: index %s rows, table %s', what, cardinality(by_index), cardinality(by_seq)));
        END IF;
    END $$;
    -- in one statement, so in one snapshot; the index scan runs first
    CREATE FUNCTION compare() RETURNS void LANGUAGE plpgsql AS $$
    DECLARE by_index bigint[]; by_seq bigint[];
    BEGIN
        SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off;
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 1000000) s;
        SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off;
        SELECT array_agg(id) INTO by_seq FROM t;
        PERFORM agree('t', by_index, by_seq);
        SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on;
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM t ORDER BY v <=> '[1,0,0,0,0,0,0,0]' LIMIT 1000000) s;
        PERFORM agree('t by pq', by_index, by_seq);
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM t ORDER BY v <#> '[1,1,0,0,0,0,0,0]' LIMIT 1000000) s;
        PERFORM agree('t by ah', by_index, by_seq);
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM t ORDER BY v <+> '[1,1,0,0,0,0,0,0]' LIMIT 1000000) s;
        PERFORM agree('t by what comes and goes', by_index, by_seq);
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM w ORDER BY v <-> array_fill(0, ARRAY[2500])::vector LIMIT 1000000) s;
        SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off;
        SELECT array_agg(id) INTO by_seq FROM w;
        PERFORM agree('w', by_index, by_seq);
        SELECT array_agg(id) INTO by_seq FROM t;
        SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on;
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM t ORDER BY v::halfvec(8) <-> '[1,1,0,0,0,0,0,0]'::halfvec LIMIT 1000000) s;
        PERFORM agree('t by records', by_index, by_seq);
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM t ORDER BY v::halfvec(8) <=> '[1,1,0,0,0,0,0,0]'::halfvec LIMIT 1000000) s;
        PERFORM agree('t by closure', by_index, by_seq);
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM c ORDER BY v <-> array_fill(0, ARRAY[1536])::vector LIMIT 1000000) s;
        SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off;
        SELECT array_agg(id) INTO by_seq FROM c;
        PERFORM agree('c', by_index, by_seq);
        SELECT array_agg(id) INTO by_seq FROM b;
        SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on;
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM b ORDER BY v <~> 5::bit(96) LIMIT 1000000) s;
        PERFORM agree('b by Hamming', by_index, by_seq);
        SELECT array_agg(id) INTO by_index FROM (SELECT id FROM b ORDER BY v <%> 5::bit(96) LIMIT 1000000) s;
        PERFORM agree('b by Jaccard', by_index, by_seq);
    END $$;
});
my %script = (
    write => q{
\set r random(0, 60)
INSERT INTO t (v) SELECT rv() FROM generate_series(1, 10);
UPDATE t SET v = rv() WHERE id % 61 = :r;
DELETE FROM t WHERE id % 67 = :r;
INSERT INTO w (v) SELECT array_fill(random()::float4, ARRAY[2500])::vector FROM generate_series(1, 3);
DELETE FROM w WHERE id % 61 = :r;
INSERT INTO c (v) SELECT array_fill(random()::float4, ARRAY[1536])::vector FROM generate_series(1, 3);
DELETE FROM c WHERE id % 61 = :r;
INSERT INTO b (v) SELECT rb() FROM generate_series(1, 5);
UPDATE b SET v = rb() WHERE id % 61 = :r;
DELETE FROM b WHERE id % 67 = :r;
},
    read => "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT set_config('vectorq.nprobe', '1000', true), set_config('vectorq.max_scan_rows', '0', true);\nSELECT compare();\nCOMMIT;\nSELECT pg_stat_force_next_flush();\n",
    iterate => "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT set_config('vectorq.nprobe', '1', true), set_config('vectorq.max_scan_rows', '0', true);\nSELECT compare();\nCOMMIT;\nSELECT pg_stat_force_next_flush();\n",
    vacuum => "VACUUM t;\nVACUUM w;\nVACUUM c;\nVACUUM b;\n",
    # In one session: two that wait for each other's snapshots would be a deadlock of PostgreSQL's own.
    reindex => q{
REINDEX INDEX CONCURRENTLY t_v;
SELECT count_scans_of_goes();
DROP INDEX t_goes;
CREATE INDEX CONCURRENTLY t_goes ON t USING ah (v vector_ip_ops) WITH (lists = 8);
REINDEX INDEX CONCURRENTLY t_a;
REINDEX INDEX CONCURRENTLY b_h;
DROP INDEX CONCURRENTLY t_goes;
CREATE INDEX CONCURRENTLY t_goes ON t USING ivf (v vector_l1_ops) WITH (lists = 8, replicas = closure);
SELECT pg_sleep(0.2);
REINDEX INDEX CONCURRENTLY t_goes;
DROP INDEX t_goes;
CREATE INDEX t_goes ON t USING ivf (v vector_l1_ops) WITH (lists = 8);
SELECT pg_sleep(0.5);
},
);
my @runs;
for my $run ([ 'write', 3 ], [ 'read', 2 ], [ 'iterate', 1 ], [ 'vacuum', 1 ], [ 'reindex', 1 ])
{
    my ($name, $clients) = @$run;
    my $file = $node->basedir . "/$name.sql";
    append_to_file($file, $script{$name});
    my $out = '';
    push @runs, [ $name, \$out, IPC::Run::start(
        [ 'pgbench', '-n', '-c', $clients, '-j1', '-T', '12', '-f', $file, '-p', $node->port, '-h', $node->host, 'postgres' ],
        '<', \undef, '>&', \$out) ];
}
for my $run (@runs)
{
    my ($name, $out, $handle) = @$run;
    ok(IPC::Run::finish($handle), "$name: no error") or diag($$out);
}
is($node->safe_psql('postgres', 'SELECT what FROM mismatches'), '', 'index and table agree in every snapshot');
is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('t_v')"), '', 't_v is sound');
is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('w_v')"), '', 'w_v is sound');
is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('t_p')"), '', 't_p is sound');
is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('$_')"), '', "$_ is sound") for qw(t_a t_c t_k t_goes c_v b_h b_j);
my ($rounds, $scans) = split /\|/, $node->safe_psql('postgres', 'SELECT count(*), sum(n) FROM scans_of_goes');
cmp_ok($rounds, '>', 0, "an index was dropped and built again $rounds times");
cmp_ok($scans, '>', 0, "and was scanned $scans times between");
# vacuum gives the room of dead rows to new ones
$node->safe_psql('postgres', 'VACUUM w; VACUUM t; VACUUM c;');
my $before = $node->safe_psql('postgres', "SELECT pg_relation_size('t_v') + pg_relation_size('w_v') + pg_relation_size('c_v')");
for (1 .. 5)
{
    $node->safe_psql('postgres', 'UPDATE w SET v = v; UPDATE t SET v = v; UPDATE c SET v = v;');
    $node->safe_psql('postgres', 'VACUUM w; VACUUM t; VACUUM c;');
}
my $after = $node->safe_psql('postgres', "SELECT pg_relation_size('t_v') + pg_relation_size('w_v') + pg_relation_size('c_v')");
cmp_ok($after, '<', 2.6 * $before, "five rounds of updates with vacuum: $before bytes become $after");
$node->stop;
done_testing();
