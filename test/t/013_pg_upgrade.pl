# pg_upgrade from an older server keeps indexes valid: same answers before and after, sound, and they take rows. Once with our types,
# and once, in a database beside, with vectorq_pgvector on pgvector's.
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
my %extension = (own => 'vectorq');
my $has_pgvector = $old->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'");
if ($has_pgvector) { $extension{beside} = 'vectorq_pgvector CASCADE'; }
else { note('pgvector is not there: only our own types are upgraded'); }
my @databases = sort keys %extension;
my $schema = q{
    CREATE TABLE t (id int PRIMARY KEY, v vector(16), h halfvec(16), b bit(64));
    CREATE TABLE w (id int PRIMARY KEY, v vector(2500));
    INSERT INTO t SELECT i, x::vector, x::vector, (i * 2654435761)::bit(64)
        FROM generate_series(1, 2000) i, LATERAL (SELECT array_agg(sin(i * 1.7 + j * j))::real[] AS x FROM generate_series(1, 16) j) s;
    INSERT INTO w SELECT i, array_fill(sin(i), ARRAY[2500])::vector FROM generate_series(1, 80) i;
    CREATE INDEX t_flat ON t USING ivf (v) WITH (lists = 8);
    CREATE INDEX t_sq8 ON t USING ivf (v vector_cosine_ops, id) WITH (lists = 8, quantizer = sq8, transform = 'rr');
    CREATE INDEX t_pq ON t USING pq (v vector_ip_ops) WITH (subvectors = 4);
    CREATE INDEX t_ah ON t USING ah (h, id, (id::text)) WITH (lists = 8);
    CREATE INDEX t_records ON t USING ah ((v::halfvec(16)) halfvec_cosine_ops) WITH (lists = 8, reorder = sq8);
    CREATE INDEX t_hamming ON t USING ivf (b bit_hamming_ops, id) WITH (lists = 8);
    CREATE INDEX t_jaccard ON t USING ivf (b bit_jaccard_ops) WITH (lists = 8);
    CREATE INDEX w_flat ON w USING ivf (v) WITH (quantizer = f16);
    DELETE FROM t WHERE id % 9 = 0;
};
for my $database (@databases)
{
    $old->safe_psql('postgres', "CREATE DATABASE $database");
    $old->safe_psql($database, "CREATE EXTENSION $extension{$database}; $schema");
}
my %order = (t_flat => 'FROM t ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector(16)', t_sq8 => 'FROM t ORDER BY v <=> array_fill(0.5, ARRAY[16])::vector(16)',
    t_pq => 'FROM t ORDER BY v <#> array_fill(0.5, ARRAY[16])::vector(16)', t_ah => 'FROM t ORDER BY h <-> array_fill(0.5, ARRAY[16])::halfvec(16)',
    t_records => 'FROM t ORDER BY v::halfvec(16) <=> array_fill(0.5, ARRAY[16])::halfvec(16)',
    t_hamming => 'FROM t ORDER BY b <~> 5::bit(64)', t_jaccard => 'FROM t ORDER BY b <%> 5::bit(64)',
    w_flat => 'FROM w ORDER BY v <-> array_fill(0.5, ARRAY[2500])::vector(2500)');
# Those with key columns once more, with a condition.
my @queries = ((map { $order{$_} } sort keys %order), map { $order{$_} =~ s/ORDER/WHERE id BETWEEN 300 AND 800 ORDER/r } qw(t_sq8 t_ah t_hamming));
my $settings = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';
my $all = "$settings SET vectorq.nprobe = 1000; SET vectorq.max_scan_rows = 0;";
sub answers { my ($node, $database) = @_; return $node->safe_psql($database, join '', $settings, map { "SELECT array_agg(id) FROM (SELECT id $_ LIMIT 20) s;" } @queries); }
sub whole
{
    my ($node, $database) = @_;
    my $sql = $all;
    for my $name (sort keys %order)
    {
        my ($table) = $order{$name} =~ /FROM (\w)/;
        $sql .= "SELECT '$name', * FROM vectorq_check('$name'); SELECT '$name', count(*), count(DISTINCT id) FROM (SELECT id $order{$name} LIMIT 1000000) s"
            . " HAVING count(*) <> (SELECT count(*) FROM $table) OR count(DISTINCT id) <> count(*);";
    }
    return $node->safe_psql($database, $sql);
}
my %before = map { $_ => answers($old, $_) } @databases;
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
for my $database (@databases)
{
    is($new->safe_psql($database, 'SELECT count(*) FROM pg_index WHERE NOT indisvalid'), '0', "$database: indexes are valid");
    like($new->safe_psql($database, "$settings EXPLAIN SELECT id $order{$_} LIMIT 20"), qr/Index Scan using $_ /, "$database: $_ is used") for sort keys %order;
    is(answers($new, $database), $before{$database}, "$database: the same answers");
    is(whole($new, $database), '', "$database: indexes are sound and whole");
    $new->safe_psql($database, $_) for 'UPDATE t SET v = v WHERE id % 5 = 0', 'DELETE FROM w WHERE id % 7 = 0', 'VACUUM ANALYZE t', 'VACUUM ANALYZE w', 'UPDATE w SET v = v WHERE id % 2 = 0';
    is(whole($new, $database), '', "$database: so after writes and a vacuum");
    $new->safe_psql($database, 'REINDEX TABLE t');
    is(whole($new, $database), '', "$database: so after REINDEX");
}
SKIP: { skip 'pgvector is not there: only our own types were upgraded', 1 unless $has_pgvector; pass('types of pgvector were upgraded, too'); }
$new->stop;
done_testing();
