# pg_upgrade from an older server keeps indexes valid: same answers before and after, sound, and they take rows.
# VQ_OLD_INSTALL: where the older server lies, with vectorq in it (make check-upgrade OLD=/path/to/pg_config); skipped without.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs an older server: make check-upgrade OLD=/path/to/pg_config' unless $ENV{VQ_OLD_INSTALL};
my $old = PostgreSQL::Test::Cluster->new('old', install_path => $ENV{VQ_OLD_INSTALL});
$old->init;
$old->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\n");
$old->start;
$old->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id int PRIMARY KEY, v vector(16));
    CREATE TABLE w (id int PRIMARY KEY, v vector(2500));
    INSERT INTO t SELECT i, (SELECT array_agg(sin(i * 1.7 + j * j)) FROM generate_series(1, 16) j)::vector FROM generate_series(1, 2000) i;
    INSERT INTO w SELECT i, array_fill(sin(i), ARRAY[2500])::vector FROM generate_series(1, 80) i;
    CREATE INDEX t_flat ON t USING ivf (v) WITH (lists = 8);
    CREATE INDEX t_sq8 ON t USING ivf (v vector_cosine_ops) WITH (lists = 8, quantizer = sq8, transform = 'rr');
    CREATE INDEX t_pq ON t USING pq (v vector_ip_ops) WITH (subvectors = 4);
    CREATE INDEX t_ah ON t USING ah ((v::halfvec(16)) halfvec_l2_ops) WITH (lists = 8);
    CREATE INDEX t_records ON t USING ah ((v::halfvec(16)) halfvec_cosine_ops) WITH (lists = 8, reorder = sq8);
    CREATE INDEX w_flat ON w USING ivf (v) WITH (quantizer = f16);
    DELETE FROM t WHERE id % 9 = 0;
});
my %order = (t_flat => 'FROM t ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector(16)', t_sq8 => 'FROM t ORDER BY v <=> array_fill(0.5, ARRAY[16])::vector(16)',
    t_pq => 'FROM t ORDER BY v <#> array_fill(0.5, ARRAY[16])::vector(16)', t_ah => 'FROM t ORDER BY v::halfvec(16) <-> array_fill(0.5, ARRAY[16])::halfvec(16)',
    t_records => 'FROM t ORDER BY v::halfvec(16) <=> array_fill(0.5, ARRAY[16])::halfvec(16)',
    w_flat => 'FROM w ORDER BY v <-> array_fill(0.5, ARRAY[2500])::vector(2500)');
my $settings = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';
my $all = "$settings SET vectorq.nprobe = 1000; SET vectorq.max_scan_rows = 0;";
sub answers { my ($node) = @_; return $node->safe_psql('postgres', join '', $settings, map { "SELECT '$_', array_agg(id) FROM (SELECT id $order{$_} LIMIT 20) s;" } sort keys %order); }
sub whole
{
    my ($node) = @_;
    my $sql = $all;
    for my $name (sort keys %order)
    {
        my ($table) = $order{$name} =~ /FROM (\w)/;
        $sql .= "SELECT '$name', * FROM vectorq_check('$name'); SELECT '$name', count(*), count(DISTINCT id) FROM (SELECT id $order{$name} LIMIT 1000000) s"
            . " HAVING count(*) <> (SELECT count(*) FROM $table) OR count(DISTINCT id) <> count(*);";
    }
    return $node->safe_psql('postgres', $sql);
}
my $before = answers($old);
my $from = $old->safe_psql('postgres', 'SHOW server_version');
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(no_data_checksums => 1);
$new->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\n");
my ($old_bin, $new_bin) = ($old->config_data('--bindir'), $new->config_data('--bindir'));
chdir $PostgreSQL::Test::Utils::tmp_check;
command_ok([ "$new_bin/pg_upgrade", '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $old_bin, '-B', $new_bin,
    '-s', $new->host, '-p', $old->port, '-P', $new->port ], 'pg_upgrade');
unless (Test::More->builder->is_passing)
{
    diag(slurp_file($_)) for glob $new->data_dir . '/pg_upgrade_output.d/*/{*.txt,log/pg_upgrade_{utility,server,dump_*}.log}';
    BAIL_OUT('no cluster to look at');
}
$new->start;
note('from ' . $from . ' to ' . $new->safe_psql('postgres', 'SHOW server_version'));
is($new->safe_psql('postgres', "SELECT count(*) FROM pg_index WHERE NOT indisvalid"), '0', 'indexes are valid');
like($new->safe_psql('postgres', "$settings EXPLAIN SELECT id $order{$_} LIMIT 20"), qr/Index Scan using $_ /, "$_ is used") for sort keys %order;
is(answers($new), $before, 'the same answers');
is(whole($new), '', 'indexes are sound and whole');
$new->safe_psql('postgres', $_) for 'UPDATE t SET v = v WHERE id % 5 = 0', 'DELETE FROM w WHERE id % 7 = 0', 'VACUUM ANALYZE t', 'VACUUM ANALYZE w', 'UPDATE w SET v = v WHERE id % 2 = 0';
is(whole($new), '', 'so after writes and a vacuum');
$new->safe_psql('postgres', 'REINDEX TABLE t');
is(whole($new), '', 'so after REINDEX');
$new->stop;
done_testing();
