# kill -9 of the postmaster under load (inserts, updates, deletes, vacuum, builds, REINDEX CONCURRENTLY): afterwards
# vectorq_check finds nothing, and an index scan that probes all lists finds every committed row.
# VQ_KILLS: how many kills (default 4; make crash-long: 100). VQ_SEED: the moments.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $kills = $ENV{VQ_KILLS} || 4;
my $seed = $ENV{VQ_SEED} || time;
srand($seed);
note("$kills kills, VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_wal_size = 64MB\ncheckpoint_timeout = 30s\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id bigserial PRIMARY KEY, v vector(16));
    CREATE TABLE wide (id bigserial PRIMARY KEY, v vector(1536));
    CREATE FUNCTION random_vector(n int) RETURNS vector VOLATILE LANGUAGE sql AS
        'SELECT array_agg(random())::vector FROM generate_series(1, n)';
    INSERT INTO t (v) SELECT random_vector(16) FROM generate_series(1, 3000);
    INSERT INTO wide (v) SELECT random_vector(1536) FROM generate_series(1, 400);
    CREATE INDEX t_flat ON t USING ivf (v, id) WITH (lists = 20);
    CREATE INDEX t_sq8 ON t USING ivf (v vector_cosine_ops) WITH (lists = 20, quantizer = sq8);
    CREATE INDEX t_pq4 ON t USING ivf (v vector_ip_ops) WITH (lists = 20, quantizer = pq, bits = 4);
    CREATE INDEX t_ah ON t USING ah ((v::halfvec(16)) halfvec_l2_ops, id) WITH (lists = 20, replicas = soar);
    CREATE INDEX t_closure ON t USING ivf ((v::halfvec(16)) halfvec_ip_ops) WITH (lists = 20, quantizer = sq8, replicas = closure, closure_epsilon = 1);
    CREATE INDEX t_bits ON t USING ivf ((binary_quantize(v - array_fill(0.5, ARRAY[16])::vector)::bit(16)) bit_jaccard_ops) WITH (lists = 20);
    CREATE INDEX wide_v ON wide USING ivf (v, id) WITH (lists = 4);
    CREATE INDEX t_records ON t USING ah (v vector_cosine_ops, id) WITH (lists = 20, replicas = soar, reorder = sq8);
    CREATE INDEX wide_records ON wide USING pq (v vector_ip_ops) WITH (subvectors = 64, reorder = f32);
});

my $script = $node->basedir . '/load.sql';
append_to_file($script, q{
INSERT INTO t (v) SELECT random_vector(16) FROM generate_series(1, 20);
INSERT INTO wide (v) SELECT random_vector(1536) FROM generate_series(1, 2);
UPDATE t SET v = random_vector(16) WHERE id % 97 = (random() * 96)::int;
DELETE FROM t WHERE id % 89 = (random() * 88)::int;
DELETE FROM wide WHERE id % 31 = (random() * 30)::int;
});
my $vacuum = $node->basedir . '/vacuum.sql';
append_to_file($vacuum, "VACUUM t;\nVACUUM wide;\nSELECT pg_sleep(0.05);\n");

my $build = $node->basedir . '/build.sql';
append_to_file($build, q{
REINDEX INDEX CONCURRENTLY t_ah;
CREATE INDEX t_extra ON t USING pq (v vector_cosine_ops) WITH (bits = 4, subvectors = 4);
DROP INDEX t_extra;
REINDEX INDEX wide_v;
SELECT pg_sleep(0.1);
});

sub all_rows_found
{
    my ($table, $index, $op, $cast, $hidden) = @_;
    # what is indexed: v, a cast of it, or an expression
    my $value = !defined $cast ? 'v' : $cast =~ /^::/ ? "v$cast" : $cast;
    # another index with the same operator, out of the planner's sight
    my $hide = defined $hidden ? "BEGIN; DROP INDEX $hidden;" : 'BEGIN;';
    # rows that a sequential scan sees and the index does not return, or the other way round, or twice
    return $node->safe_psql('postgres', qq{
        SET enable_seqscan = off; SET enable_sort = off; SET vectorq.nprobe = 1000; SET vectorq.max_scan_rows = 0;
        $hide
        CREATE TEMP TABLE via_index AS SELECT id FROM $table ORDER BY $value $op (SELECT $value FROM $table LIMIT 1);
        SELECT (SELECT count(*) FROM via_index) - (SELECT count(DISTINCT id) FROM via_index),
               (SELECT count(*) FROM $table WHERE NOT EXISTS (SELECT FROM via_index i WHERE i.id = $table.id)),
               (SELECT count(*) FROM via_index) - (SELECT count(*) FROM $table);
        ROLLBACK;
    });
}

for my $round (1 .. $kills)
{
    my @loads;
    for my $file ($script, $script, $vacuum, $build)
    {
        my ($in, $out) = ('', '');
        push @loads, IPC::Run::start(
            [ 'pgbench', '-n', '-c1', '-T20', '-f', $file, '-p', $node->port, '-h', $node->host, 'postgres' ],
            '<', \$in, '>&', \$out);
    }
    # moments from the first writes on, all over the time of a build
    select undef, undef, undef, $kills > 4 ? 0.2 + rand(2.5) : 1 + rand(2);
    my $pid = $node->{_pid};
    $node->stop('immediate') if $round == 1;
    $node->kill9 if $round > 1;
    IPC::Run::finish($_) for @loads;
    # a killed postmaster's pid lingers until it is reaped
    for (1 .. 300) { last unless kill 0, $pid; select undef, undef, undef, 0.1; }
    # So do backends that are computing: until they see that it is gone the next one may not start. They work in its folder.
    for (1 .. 600)
    {
        last unless grep { (readlink // '') eq $node->data_dir } glob '/proc/[0-9]*/cwd';
        select undef, undef, undef, 0.1;
    }
    $node->start;
    # What an interrupted REINDEX CONCURRENTLY leaves is invalid, and to be dropped.
    $node->safe_psql('postgres', 'DROP INDEX IF EXISTS t_extra');
    $node->safe_psql('postgres', "DROP INDEX $_")
        for split /\n/, $node->safe_psql('postgres', 'SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid');
    is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('$_')"), '', "round $round: $_ is sound")
        for qw(t_flat t_sq8 t_pq4 t_ah t_closure t_bits wide_v t_records wide_records);
    is(all_rows_found('t', 't_flat', '<->'), '0|0|0', "round $round: flat index has every row once");
    is(all_rows_found('t', 't_sq8', '<=>', undef, 't_records'), '0|0|0', "round $round: sq8 index has every row once");
    is(all_rows_found('t', 't_pq4', '<#>'), '0|0|0', "round $round: 4-bit index has every row once");
    is(all_rows_found('t', 't_ah', '<->', '::halfvec(16)'), '0|0|0', "round $round: ah index has every row once");
    is(all_rows_found('t', 't_closure', '<#>', '::halfvec(16)'), '0|0|0', "round $round: closure index has every row once");
    is(all_rows_found('t', 't_bits', '<%>', 'binary_quantize(v - array_fill(0.5, ARRAY[16])::vector)::bit(16)'), '0|0|0', "round $round: index of bits has every row once");
    is(all_rows_found('wide', 'wide_v', '<->'), '0|0|0', "round $round: index of wide vectors has every row once");
    is(all_rows_found('t', 't_records', '<=>', undef, 't_sq8'), '0|0|0', "round $round: index with records has every row once");
    is(all_rows_found('wide', 'wide_records', '<#>'), '0|0|0', "round $round: index with wide records has every row once");
    # or a long run would spend its time on checks
    $node->safe_psql('postgres', 'DELETE FROM t WHERE id < (SELECT max(id) FROM t) - 4000; DELETE FROM wide WHERE id < (SELECT max(id) FROM wide) - 500')
        if $round % 5 == 0;
}
$node->stop;
done_testing();
