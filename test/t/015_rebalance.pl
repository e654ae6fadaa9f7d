# Vacuum splits and merges lists while others read and write: every snapshot sees each of its rows once, before, while and
# after lists are replaced, and after crashes in between; a standby replays it under wal_consistency_checking.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('rebalance');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nmax_connections = 50\nwal_consistency_checking = 'all'\n");
$node->start;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id bigserial PRIMARY KEY, v vector(8));
    CREATE TABLE w (id bigserial PRIMARY KEY, v vector(2500));
    CREATE TABLE mismatches (what text);
    CREATE FUNCTION rv(n int, shift float8) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(shift + random())::vector FROM generate_series(1, n)';
    INSERT INTO t (v) SELECT rv(8, 0) FROM generate_series(1, 3000);
    INSERT INTO w (v) SELECT rv(2500, 0) FROM generate_series(1, 300);
    CREATE INDEX t_flat ON t USING ivf (v) WITH (lists = 40);
    CREATE INDEX t_sq8 ON t USING ivf (v vector_cosine_ops) WITH (lists = 40, quantizer = sq8);
    CREATE INDEX t_ah ON t USING ah (v vector_ip_ops) WITH (lists = 40);
    CREATE INDEX t_c ON t USING ivf ((v::halfvec(8)) halfvec_l2_ops) WITH (lists = 40, quantizer = pq, bits = 4, subvectors = 4, reorder = f16);
    CREATE INDEX w_v ON w USING ivf (v) WITH (lists = 10);
    CREATE INDEX t_off ON t USING ivf ((v::halfvec(8)) halfvec_ip_ops) WITH (lists = 40, rebalance = off);
    CREATE FUNCTION ids(q text) RETURNS bigint[] LANGUAGE plpgsql AS $$
    DECLARE r bigint[];
    BEGIN
        SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off;
        EXECUTE 'SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM ' || q || ' LIMIT 1000000) s' INTO r;
        RETURN r;
    END $$;
    CREATE FUNCTION all_ids(t text) RETURNS bigint[] LANGUAGE plpgsql AS $$
    DECLARE r bigint[];
    BEGIN
        SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off;
        EXECUTE 'SELECT array_agg(id ORDER BY id) FROM ' || t INTO r;
        SET LOCAL enable_indexscan = on;
        RETURN r;
    END $$;
    CREATE FUNCTION compare() RETURNS SETOF text LANGUAGE plpgsql AS $$
    DECLARE q text; in_table bigint[]; found bigint[];
    BEGIN
        in_table := all_ids('t');
        FOREACH q IN ARRAY ARRAY['t ORDER BY v <-> ''[1,1,1,1,1,1,1,1]''', 't ORDER BY v <=> ''[1,2,1,1,1,1,1,1]''', 't ORDER BY v <#> ''[1,1,1,1,1,1,1,1]''',
            't ORDER BY v::halfvec(8) <-> ''[1,1,1,1,1,1,1,1]''::halfvec(8)'] LOOP
            found := ids(q);
            IF found IS DISTINCT FROM in_table THEN
                RETURN NEXT format('%s: index %s rows, table %s', q, cardinality(found), cardinality(in_table));
            END IF;
        END LOOP;
        in_table := all_ids('w');
        found := ids('w ORDER BY v <-> array_fill(0, ARRAY[2500])::vector');
        IF found IS DISTINCT FROM in_table THEN RETURN NEXT format('w: index %s rows, table %s', cardinality(found), cardinality(in_table)); END IF;
    END $$;
});
my $settings = 'SET vectorq.max_scan_rows = 0; SET vectorq.nprobe = 3;';
my %script = (
    write => q{
\set r random(0, 30)
\set shift random(0, 5)
INSERT INTO t (v) SELECT rv(8, :shift) FROM generate_series(1, 60);
UPDATE t SET v = rv(8, :shift) WHERE id % 61 = :r;
DELETE FROM t WHERE id % 31 = :r;
INSERT INTO w (v) SELECT rv(2500, :shift) FROM generate_series(1, 4);
DELETE FROM w WHERE id % 31 = :r;
},
    # A snapshot that outlives vacuums: the lists it knows stay.
    read => "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT set_config('vectorq.nprobe', '3', true), set_config('vectorq.max_scan_rows', '0', true);\n"
        . "DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> '[1,1,1,1,1,1,1,1]';\nFETCH 1 FROM c;\nINSERT INTO mismatches SELECT compare();\nSELECT pg_sleep(0.1);\nINSERT INTO mismatches SELECT compare();\nMOVE ALL FROM c;\nCOMMIT;\n",
    vacuum => "VACUUM (PARALLEL 0) t;\nVACUUM (PARALLEL 0) w;\n");
my @indexes = qw(t_flat t_sq8 t_ah t_c w_v t_off);
sub under_load
{
    my ($seconds, $kill) = @_;
    my @runs;
    for my $run ([ 'write', 3 ], [ 'read', 2 ], [ 'vacuum', 1 ])
    {
        my ($name, $clients) = @$run;
        my $file = $node->basedir . "/$name.sql";
        unlink $file;
        append_to_file($file, $script{$name});
        my $out = '';
        push @runs, [ $name, \$out, IPC::Run::start(
            [ 'pgbench', '-n', '-c', $clients, '-j1', '-T', $seconds, '-f', $file, '-p', $node->port, '-h', $node->host, 'postgres' ], '<', \undef, '>&', \$out) ];
    }
    if ($kill)
    {
        select undef, undef, undef, $kill;
        $node->stop('immediate');
    }
    for my $run (@runs)
    {
        my ($name, $out, $handle) = @$run;
        my $ok = IPC::Run::finish($handle);
        ok($ok, "$name: no error") or diag($$out) if !$kill;
    }
    $node->start if $kill;
}
sub all_is_well
{
    my ($when) = @_;
    is($node->safe_psql('postgres', "$settings SELECT compare()"), '', "$when: each row once");
    is($node->safe_psql('postgres', 'SELECT what FROM mismatches'), '', "$when: and so in every snapshot before");
    is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('$_')"), '', "$when: $_ is sound") for @indexes;
}
under_load(12, 0);
all_is_well('after the load');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', "$settings SELECT compare()"), '', 'the standby finds each row once');
is($standby->safe_psql('postgres', "SELECT * FROM vectorq_check('$_')"), '', "$_ is sound on the standby") for @indexes;
for my $round (1 .. ($ENV{VQ_KILLS} || 3))
{
    under_load(20, 1 + rand 2);
    all_is_well("crash $round");
}
$node->safe_psql('postgres', "VACUUM (PARALLEL 0) $_") for qw(t w t w);
all_is_well('after vacuum');
# Vacuum has split what the shifted rows made long; without it the lists stay uneven.
my ($with, $without) = map { $node->safe_psql('postgres', "SELECT imbalance FROM vectorq_index_info('$_')") } qw(t_flat t_off);
cmp_ok($with, '<', 0.6 * $without, "imbalance $with with rebalancing, $without without");
$standby->stop;
$node->stop;
done_testing();
