# vectorq.renew_rows: a renewal in batches, over several vacuums. Between them rows come, go and change, and tids are used again: after
# each vacuum index and table have the same rows, and the check of both epochs has nothing to say. In the end the index is as one that
# is built anew. VQ_SEED: the rows.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{VQ_SEED} || time;
note("VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('renew_rows');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nwal_keep_size = 4GB\nclient_min_messages = warning\nmax_prepared_transactions = 2\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    SET seed = SEED;
    CREATE TABLE base (i int, v vector(16));
    CREATE TABLE center AS SELECT c, g, 2 * random() AS x FROM generate_series(0, 99) c, generate_series(1, 16) g;
    INSERT INTO base SELECT i, (SELECT array_agg(x + random() + 0 * i ORDER BY g) FROM center WHERE c = near)::vector
        FROM (SELECT i, floor(100 * random()) AS near FROM generate_series(1, 13000) i OFFSET 0) s;
    CREATE INDEX ON base (i);
} =~ s/SEED/($seed % 1000) \/ 1000/er);
# name => [index, what it orders by, operator]
my %kind = (
    ah => [ 'ah (v)', 'v', '<->' ],
    ah_keys => [ 'ah (v vector_ip_ops, id, (id % 7))', 'v', '<#>' ],
    ah_f16 => [ 'ah (v) WITH (reorder = f16)', 'v', '<->' ],
    ah_none => [ 'ah (v vector_cosine_ops) WITH (replicas = none)', 'v', '<=>' ],
    flat => [ 'ivf (v, id)', 'v', '<->' ],
    sq8_sq8 => [ 'ivf (v vector_cosine_ops) WITH (quantizer = sq8, reorder = sq8)', 'v', '<=>' ],
    opq => [ q{ivf (v) WITH (quantizer = pq, bits = 4, transform = 'opq8')}, 'v', '<->' ],
    closure => [ 'ivf (v) WITH (replicas = closure, closure_epsilon = 0.5)', 'v', '<->' ],
    bits => [ 'ivf ((binary_quantize(v - array_fill(1.5, ARRAY[16])::vector)::bit(16)) bit_hamming_ops)', 'binary_quantize(v - array_fill(1.5, ARRAY[16])::vector)::bit(16)', '<~>' ],
    pq => [ 'pq (v)', 'v', '<->' ]);
my @kinds = sort keys %kind;
my $by_index = 'SET vectorq.max_scan_rows = 0; SET vectorq.nprobe = 3; SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';
my $ones = "'[" . join(',', (1) x 16) . "]'";
sub sql { $node->safe_psql('postgres', $_[0]) }
sub detail { sql("SELECT value FROM vectorq_index_details('i_$_[0]') WHERE name = '$_[1]'") }
# Rows of the index beside those of the table, and what the check says: empty if all is well.
sub differences
{
    my ($name) = @_;
    my (undef, $expression, $operator) = @{ $kind{$name} };
    my $query = $name eq 'bits' ? "repeat('1', 16)::bit(16)" : $ones;
    my $scan = "SELECT id FROM t_$name ORDER BY $expression $operator $query LIMIT 1000000";
    my ($plan, $found) = (sql("$by_index EXPLAIN $scan"), sql("$by_index SELECT count(*), count(DISTINCT id), sum(id) FROM ($scan) s"));
    my $there = sql("SET enable_indexscan = off; SELECT count(*), count(*), sum(id) FROM t_$name");
    return ($plan =~ /Index Scan using i_$name / ? '' : "plan: $plan ") . ($found eq $there ? '' : "index: $found, table: $there ") . sql("SELECT * FROM vectorq_check('i_$name')");
}
sub make
{
    my ($name, $rows) = @_;
    sql("DROP TABLE IF EXISTS t_$name; CREATE TABLE t_$name (id bigint PRIMARY KEY, v vector(16)); INSERT INTO t_$name SELECT i, v FROM base WHERE i <= $rows; CREATE INDEX i_$name ON t_$name USING $kind{$name}[0]");
}
sub vacuum { sql("SET vectorq.renew_rows = $_[1];\nVACUUM t_$_[0]") }
sub grow { sql("INSERT INTO t_$_[0] SELECT i, v FROM base WHERE i > $_[1] AND i <= $_[2]") }
my $resting = qr/^trained; being renewed, \d+ of \d+ rows are copied; the next vacuum goes on/;

# 1. Each kind, through deletes, inserts and updates between the vacuums.
my $next = 0;
for my $name (@kinds)
{
    make($name, 2000);
    my $before = detail($name, 'lists');
    grow($name, 2000, 10000);
    vacuum($name, 2500);
    like(detail($name, 'state'), $resting, "$name: rests after the first vacuum");
    is(detail($name, 'renewals'), 0, "$name: and is not renewed yet");
    is(detail($name, 'lists'), $before, "$name: searched with the lists that it had");
    is(differences($name), '', "$name: each row once, and both epochs are sound");
    my ($vacuums, $some) = (1, 0);
    while (detail($name, 'renewals') == 0 && $vacuums < 8)
    {
        # A fifth goes; the vacuum frees their tids, which the rows after it take.
        sql("DELETE FROM t_$name WHERE id % 10 IN ($vacuums, 9 - $vacuums); UPDATE t_$name SET v = (SELECT v FROM base WHERE i = t_$name.id % 500 + 1) WHERE id % 13 = $vacuums");
        is(differences($name), '', "$name: rows gone before vacuum " . ++$vacuums);
        vacuum($name, 2500);
        is(differences($name), '', "$name: after vacuum $vacuums");
        my $from = 10000 + 300 * $some++;
        grow($name, $from, $from + 300);
        is(differences($name), '', "$name: rows that came after it");
    }
    cmp_ok($vacuums, '>=', 3, "$name: renewed in $vacuums vacuums");
    cmp_ok($vacuums, '<=', 5, "$name: and no more than that");
    is(sql("SELECT calibrated_with FROM vectorq_index_info('i_$name')"), 'rows', "$name: calibrated");
    like(detail($name, 'renewed_because'), qr/^its rows called for/, "$name: for the reason of the first of them") if $name ne 'pq';
    sql($_) for "VACUUM t_$name", 'SELECT txid_current()', "VACUUM t_$name";
    is(differences($name), '', "$name: in the end");
    unlike(detail($name, 'state'), qr/renew/, "$name: nothing is left to do");
    next if $name eq 'bits';
    my $recall = sql("SELECT recall FROM vectorq_recall('i_$name', (SELECT array_agg(v) FROM base WHERE i > 12800), 10)");
    cmp_ok($recall, '>=', 0.9, "$name: recall $recall");
}

# 2. vectorq_renew brings it to its end, and so does a vacuum without the limit; switched off, it is given up.
make('ah', 2000);
grow('ah', 2000, 10000);
vacuum('ah', 1000);
like(detail('ah', 'state'), $resting, 'rests');
my (undef, undef, $notice) = $node->psql('postgres', "SET client_min_messages = notice; SELECT * FROM vectorq_check('i_ah')");
like($notice, qr/NOTICE: +index "i_ah" is trained; being renewed, \d+ of 10000 rows are copied/, 'the check says so');
sql("DELETE FROM t_ah WHERE id % 4 = 0");
is(sql("SET vectorq.renew_rows = 1000; SELECT vectorq_renew('i_ah')"), 't', 'vectorq_renew goes on');
is(detail('ah', 'renewals') . differences('ah'), '1', 'to the end');
make('ah', 2000);
grow('ah', 2000, 10000);
vacuum('ah', 1000);
vacuum('ah', 0);
is(detail('ah', 'renewals') . differences('ah'), '1', 'as does a vacuum without the limit');
make('ah', 2000);
grow('ah', 2000, 10000);
vacuum('ah', 1000);
my $size = sql("SELECT pg_relation_size('i_ah')");
sql("ALTER INDEX i_ah SET (maintain = off)");
vacuum('ah', 1000) for 1 .. 2;
is(detail('ah', 'renewals') . differences('ah'), '0', 'given up where maintain is off');
unlike(detail('ah', 'state'), qr/renew/, 'and cleared away');

# 3. An untrained index is scanned as a whole: it is trained in one vacuum, batch after batch.
make('ah', 0);
grow('ah', 0, 6000);
vacuum('ah', 1000);
is(sql("SELECT trained FROM vectorq_index_info('i_ah')") . detail('ah', 'renewals') . differences('ah'), 't1', 'an untrained index is trained at once');

# An autovacuum goes on to the end where the table does not change: none would come again.
make('ah', 2000);
grow('ah', 2000, 10000);
$node->append_conf('postgresql.conf', "vectorq.renew_rows = 1000\nautovacuum = on\nautovacuum_naptime = 1\n");
$node->reload;
ok($node->poll_query_until('postgres', "SELECT value = '1' FROM vectorq_index_details('i_ah') WHERE name = 'renewals'"), 'an autovacuum renews in one go a table that does not change');
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->reload;
is(differences('ah'), '', 'each row once');

# 4. A prepared transaction with rows in both epochs, and one that is rolled back, while others vacuum.
make('ah_f16', 2000);
grow('ah_f16', 2000, 10000);
vacuum('ah_f16', 3000);
sql("BEGIN; INSERT INTO t_ah_f16 SELECT i, v FROM base WHERE i BETWEEN 10001 AND 10050; PREPARE TRANSACTION 'kept'");
sql("BEGIN; INSERT INTO t_ah_f16 SELECT i, v FROM base WHERE i BETWEEN 10051 AND 10100; PREPARE TRANSACTION 'lost'");
sql("DELETE FROM t_ah_f16 WHERE id % 5 = 0");
vacuum('ah_f16', 3000);
sql("ROLLBACK PREPARED 'lost'");
vacuum('ah_f16', 3000);
grow('ah_f16', 10100, 10300);
sql("COMMIT PREPARED 'kept'");
is(differences('ah_f16'), '', 'prepared transactions: each row once');
vacuum('ah_f16', 3000) for 1 .. 2;
is(detail('ah_f16', 'renewals') . differences('ah_f16'), '1', 'renewed, and each row once');

# 5. A standby answers while the primary rests, after a crash of the primary, and after its own promotion the renewal goes on there.
$node->append_conf('postgresql.conf', "wal_consistency_checking = 'all'");
$node->reload;
my @some = qw(ah_keys closure flat sq8_sq8);
for my $name (@some) { make($name, 2000); grow($name, 2000, 10000); vacuum($name, 2500); }
$node->backup('resting');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'resting', has_streaming => 1);
$standby->start;
for my $name (@some) { sql("DELETE FROM t_$name WHERE id % 5 = 0"); vacuum($name, 2500); grow($name, 10000, 10500); }
$node->stop('immediate');
$node->start;
is(differences($_), '', "$_ after a crash: each row once, and sound") for @some;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $primary = $node;
$node = $standby;
is(differences($_), '', "$_ on the standby: each row once, and sound") for @some;
$primary->stop;
$standby->promote;
for my $name (@some)
{
    like(detail($name, 'state'), $resting, "$name rests on the new primary");
    vacuum($name, 2500) for 1 .. 3;
    is(detail($name, 'renewals') . differences($name), '1', "$name: renewed there");
}
$standby->stop;
done_testing();
