# A vacuum that fails while it replaces lists leaves them closed until the next one. Inserts go on: a row goes to the lists that are
# open, also where it would lie in every list, and each list has it once at most.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs the module with fault points: make fault-tree' unless $ENV{VQ_FAULT_INSTALL};
my $node = PostgreSQL::Test::Cluster->new('closed', install_path => $ENV{VQ_FAULT_INSTALL});
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE FUNCTION rv(i bigint) RETURNS vector IMMUTABLE LANGUAGE sql AS 'SELECT array_agg(abs(sin(i * 1.3 + d * d * 0.7 + i * d)))::vector FROM generate_series(1, 8) d';
    CREATE TABLE t (id bigserial PRIMARY KEY, v vector(8));
    INSERT INTO t (v) SELECT rv(i) FROM generate_series(1, 1500) i;
});
my $sorted = "SET enable_seqscan = off; SET vectorq.nprobe = 1000; SET vectorq.max_scan_rows = 0; SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <=> '[1,1,1,1,1,1,1,1]' LIMIT 1000000) s";
for my $replicas ('closure, closure_epsilon = 10', 'soar')
{
    $node->safe_psql('postgres', "CREATE INDEX t_v ON t USING ivf (v vector_cosine_ops) WITH (lists = 8, replicas = $replicas)");
    my $closed = 0;
    # Updates scatter lists over the file, so that vacuum replaces them.
    for my $round (1 .. 60)
    {
        my ($ret, $out, $err) = $node->psql('postgres', "UPDATE t SET v = rv(id + $round) WHERE id % 5 = $round % 5; SET vectorq.fault = 'rebalance.sealed:1:error'; VACUUM t");
        last if $closed = $err =~ /fault point "rebalance.sealed"/;
    }
    ok($closed, "$replicas: vacuum failed with lists closed");
    my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM t');
    my ($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = '60s'; INSERT INTO t (v) SELECT rv(i) FROM generate_series(5000, 5300) i");
    is($err, '', "$replicas: inserts go on while lists are closed");
    $rows += 301 if $err eq '';
    is($node->safe_psql('postgres', $sorted), "$rows|$rows", "$replicas: each row once");
    is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('t_v')"), '', "$replicas: sound while lists are closed");
    $node->safe_psql('postgres', 'VACUUM t');
    is($node->safe_psql('postgres', $sorted), "$rows|$rows", "$replicas: each row once after the next vacuum");
    is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('t_v')"), '', "$replicas: sound after it");
    $node->safe_psql('postgres', 'DROP INDEX t_v');
}
$node->stop;
done_testing();
