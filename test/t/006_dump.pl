# pg_dump and restore, and a build in little memory of a table that does not fit it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id int PRIMARY KEY, v vector(16), h halfvec(3));
    INSERT INTO t SELECT i, (SELECT array_agg(random()) FROM generate_series(1, 16) j WHERE i = i)::vector, ARRAY[i % 100, 2, 3]::vector(3) FROM generate_series(1, 3000) i;
    CREATE INDEX t_v ON t USING ivf (v vector_cosine_ops) WITH (lists = 20, quantizer = sq8, training_rows = 2000, seed = 5);
    CREATE INDEX t_a ON t USING ah (v vector_l2_ops) WITH (lists = 20, replicas = soar, anisotropic_threshold = 0.1, seed = 5, target_recall = 0.8);
    CREATE INDEX t_h ON t USING ivf (h halfvec_ip_ops);
    CREATE TABLE given AS SELECT v::vector(16) AS center FROM t LIMIT 30;
    CREATE INDEX t_g ON t USING ivf (v vector_l2_ops) WITH (centroids = 'public.given');
});
my $file = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, '-d', $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('copy'), $file ], 'pg_restore');
my $indexes = 'SELECT indexdef FROM pg_indexes WHERE tablename = $$t$$ ORDER BY 1';
is($node->safe_psql('copy', $indexes), $node->safe_psql('postgres', $indexes), 'the same definitions');
like($node->safe_psql('copy', $indexes), qr/target_recall='0\.8'/, 'with the target of an index');
is($node->safe_psql('copy', "SELECT lists FROM vectorq_index_info('t_g')"), 30, 'and lists from a table, which is restored before');
# A dump without that table: the index is missing, and the others are there.
$node->command_ok([ 'pg_dump', '-Fc', '-T', 'given', '-f', "$file.part", '-d', $node->connstr('postgres') ], 'pg_dump of a part');
$node->safe_psql('postgres', 'CREATE DATABASE part');
$node->command_checks_all([ 'pg_restore', '-d', $node->connstr('part'), "$file.part" ], 1, [], [qr/table "public\.given" of option centroids does not exist/], 'restored without the table of centroids: an error');
is($node->safe_psql('part', 'SELECT count(*) FROM pg_indexes WHERE tablename = $$t$$'), 4, 'the other indexes are there');
my $query = q{SET enable_seqscan = off; SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <=> (SELECT v FROM t WHERE id = 1) LIMIT 30) s};
is($node->safe_psql('copy', $query), $node->safe_psql('postgres', $query), 'the same answers: builds repeat');
is($node->safe_psql('copy', 'SELECT * FROM vectorq_check($$t_v$$)'), '', 'sound');

# 1 MB of maintenance_work_mem for 60,000 rows of 64 dimensions (15 MB)
$node->safe_psql('postgres', q{
    CREATE TABLE big (id int, v vector(64));
    INSERT INTO big SELECT i, (SELECT array_agg(random()) FROM generate_series(1, 64) j WHERE i = i)::vector FROM generate_series(1, 60000) i;
    SET maintenance_work_mem = '1MB';
    CREATE INDEX big_v ON big USING ivf (v);
});
is($node->safe_psql('postgres', "SELECT rows FROM vectorq_index_info('big_v')"), '60000', 'all rows are in an index built in 1 MB');
is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('big_v')"), '', 'and it is sound');
# UPDATE heavy: recall holds
is($node->safe_psql('postgres', q{
    DELETE FROM big WHERE id > 3000; UPDATE big SET v = v; 
    SELECT recall > 0.8 FROM vectorq_recall('big_v', (SELECT array_agg(v) FROM (SELECT v FROM big LIMIT 20) s), 10)}), 't', 'recall after deletes and updates');
$node->stop;
done_testing();
