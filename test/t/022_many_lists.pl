# Many lists whose centroids a backend does not keep: the module with fault points keeps 16 kB of them, so that
# groups and centroids are read through shared buffers. Every row is found once, new ones too, and the answers are those
# of the other module, which keeps them (for so few lists that both put them in order by exact centroids).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs the module with fault points: make fault-tree' unless $ENV{VQ_FAULT_INSTALL};
my $setup = q{
    CREATE EXTENSION vectorq;
    SELECT setseed(0.7);
    CREATE TABLE t (id int PRIMARY KEY, v vector(9));
    INSERT INTO t SELECT i, ARRAY[random(), random(), random(), random(), random(), random(), random(), random(), random()]::vector FROM generate_series(1, 8000) i;
    CREATE INDEX t_flat ON t USING ivf (v) WITH (lists = 2600);
    CREATE INDEX t_ah ON t USING ah (v vector_cosine_ops) WITH (lists = 2600, subvectors = 4);
    INSERT INTO t SELECT 10000 + i, ARRAY[random(), random(), random(), random(), random(), random(), random(), random(), random()]::vector FROM generate_series(1, 500) i;
};
my $near = q{
    SET enable_seqscan = off; SET enable_sort = off; SET vectorq.nprobe = 15;
    SELECT q.id, (SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <-> q.v LIMIT 10) s), (SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <=> q.v LIMIT 10) s)
        FROM t q WHERE id % 100 = 0 ORDER BY 1;
};
my $all = q{
    SET enable_seqscan = off; SET enable_sort = off; SET vectorq.nprobe = 3; SET vectorq.max_scan_rows = 0;
    SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <-> '[1,0,1,0,1,0,1,0,1]' LIMIT 100000) s;
    SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <=> '[1,0,1,0,1,0,1,0,1]' LIMIT 100000) s;
};
my %answers;
for my $which (qw(kept read))
{
    my $node = PostgreSQL::Test::Cluster->new($which, $which eq 'read' ? (install_path => $ENV{VQ_FAULT_INSTALL}) : ());
    $node->init;
    $node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\n");
    $node->start;
    $node->safe_psql('postgres', $setup);
    is($node->safe_psql('postgres', $all), "8500|8500\n8500|8500", "$which: every row once");
    is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('$_')"), '', "$which: $_ is sound") for qw(t_flat t_ah);
    $answers{$which} = $node->safe_psql('postgres', $near);
    $node->stop;
}
is($answers{read}, $answers{kept}, 'the same answers through shared buffers');
like($answers{read}, qr/^100\|\{100,/m, 'a row finds itself');
done_testing();
