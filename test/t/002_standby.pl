# A streaming standby under wal_consistency_checking answers the same as the primary, passes the check,
# and can be promoted. An unlogged table's index is empty and usable after the promotion.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "wal_consistency_checking = 'all'\nautovacuum = off\nfsync = off\nwal_keep_size = 4GB\n");
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id int, v vector(8));
    CREATE TABLE w (id int, v vector(3000));
    CREATE UNLOGGED TABLE u (id int, v vector(8));
    INSERT INTO t SELECT i, ARRAY[random(), random(), random(), random(), random(), random(), random(), random()]::vector FROM generate_series(1, 2000) i;
    INSERT INTO w SELECT i, array_fill(random()::float4, ARRAY[3000])::vector FROM generate_series(1, 300) i;
    CREATE INDEX t_v ON t USING ivf (v, id) WITH (lists = 10);
    CREATE INDEX t_s ON t USING ivf (v vector_cosine_ops) WITH (lists = 10, quantizer = sq8);
    CREATE INDEX t_p ON t USING pq (v vector_ip_ops) WITH (subvectors = 3, transform = 'opq3_6');
    CREATE INDEX t_a ON t USING ah ((v::halfvec(8)) halfvec_l2_ops, id) WITH (lists = 10, replicas = soar, subvectors = 3);
    CREATE INDEX w_v ON w USING ivf (v, id) WITH (lists = 3, quantizer = f16);
    CREATE INDEX u_v ON u USING ivf (v);
    CREATE INDEX t_c ON t USING ivf ((v::halfvec(8)) halfvec_cosine_ops, id) WITH (lists = 10, quantizer = pq, bits = 4, reorder = f16);
    CREATE INDEX t_k ON t USING ivf ((v::halfvec(8)) halfvec_ip_ops) WITH (lists = 10, replicas = closure, closure_epsilon = 1);
    CREATE INDEX t_b ON t USING ivf ((binary_quantize(v - array_fill(0.5, ARRAY[8])::vector)::bit(8)) bit_hamming_ops) WITH (lists = 10);
    CREATE INDEX w_c ON w USING pq (v vector_ip_ops) WITH (subvectors = 50, reorder = f32);
    INSERT INTO u SELECT * FROM t;
});

my $query = q{
    SET enable_seqscan = off; SET vectorq.nprobe = 3;
    SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <-> '[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]' LIMIT 50) s;
    SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <=> '[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]' LIMIT 50) s;
    SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <#> '[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]' LIMIT 50) s;
    SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v::halfvec(8) <-> '[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]'::halfvec LIMIT 50) s;
    SELECT array_agg(id) FROM (SELECT id FROM w ORDER BY v <-> array_fill(0.5::float4, ARRAY[3000])::vector LIMIT 20) s;
    SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v::halfvec(8) <=> '[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]'::halfvec LIMIT 50) s;
    SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v::halfvec(8) <#> '[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]'::halfvec LIMIT 50) s;
    SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY binary_quantize(v - array_fill(0.5, ARRAY[8])::vector)::bit(8) <~> B'10110011' LIMIT 50) s;
    SELECT array_agg(id) FROM (SELECT id FROM w ORDER BY v <#> array_fill(0.5::float4, ARRAY[3000])::vector LIMIT 20) s;
};
sub same_answers
{
    my ($what) = @_;
    $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
    is($standby->safe_psql('postgres', $query), $primary->safe_psql('postgres', $query), "same answers $what");
    is($standby->safe_psql('postgres', "SELECT * FROM vectorq_check('$_')"), '', "$_ is sound on the standby $what")
        for qw(t_v t_s t_p t_a w_v t_c t_k t_b w_c);
}
same_answers('after the build');
for my $i (1 .. 5)
{
    $primary->safe_psql('postgres', qq{
        INSERT INTO t SELECT i, ARRAY[random(), random(), random(), random(), random(), random(), random(), random()]::vector FROM generate_series($i * 10000, $i * 10000 + 500) i;
        INSERT INTO w SELECT i, array_fill(random()::float4, ARRAY[3000])::vector FROM generate_series($i * 1000, $i * 1000 + 30) i;
        DELETE FROM t WHERE id % 7 = $i;
        DELETE FROM w WHERE id % 7 = $i;
        VACUUM t;
        VACUUM w;
    });
    same_answers("in cycle $i");
}
# What vacuum measures again reaches the standby, and survives a crash.
my $curve = "SELECT calibrated_rows, (SELECT array_agg(c) FROM vectorq_recall_curve('g_v') c) FROM vectorq_index_info('g_v')";
$primary->safe_psql('postgres', q{
    CREATE TABLE g AS SELECT i AS id, ARRAY[random(), random(), random(), random()]::vector(4) AS v FROM generate_series(1, 3200) i;
    CREATE INDEX g_v ON g USING ivf (v);
    DELETE FROM g WHERE id % 8 = 0;
});
$primary->safe_psql('postgres', 'VACUUM g');
like($primary->safe_psql('postgres', $curve), qr/^2800\|./, 'vacuum has measured recall again');
same_answers('after that');
is($standby->safe_psql('postgres', $curve), $primary->safe_psql('postgres', $curve), 'and the standby knows');
my $before = $primary->safe_psql('postgres', $curve);
$primary->stop('immediate');
$primary->start;
is($primary->safe_psql('postgres', $curve), $before, 'after a crash, too');
$primary->safe_psql('postgres', 'REINDEX INDEX t_v');
same_answers('after REINDEX');

$standby->promote;
$standby->safe_psql('postgres', "INSERT INTO t VALUES (-1, '[9,9,9,9,9,9,9,9]')");
is($standby->safe_psql('postgres', "SET enable_seqscan = off; SELECT id FROM t ORDER BY v <-> '[9,9,9,9,9,9,9,9]' LIMIT 1"),
    '-1', 'a promoted standby takes rows');
$standby->safe_psql('postgres', "INSERT INTO u VALUES (-2, '[9,9,9,9,9,9,9,9]')");
is($standby->safe_psql('postgres', "SET enable_seqscan = off; SELECT id FROM u ORDER BY v <-> '[9,9,9,9,9,9,9,9]' LIMIT 5"),
    '-2', 'the unlogged index came from its init fork');
$primary->stop;
$standby->stop;
done_testing();
