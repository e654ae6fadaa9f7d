# Vacuum renews an index that its rows have outgrown: made on an empty table, grown, shrunk. Each kind of index is as one that is
# built anew: trained, calibrated, of as many lists, sound, and it has each row once.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{VQ_SEED} || time;
note("VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('renewal');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nmax_prepared_transactions = 5\nclient_min_messages = warning\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    SET seed = SEED;
    CREATE TABLE base (i int, v vector(16));
    CREATE TABLE center AS SELECT c, g, 2 * random() AS x FROM generate_series(0, 99) c, generate_series(1, 16) g;
    INSERT INTO base SELECT i, (SELECT array_agg(x + random() + 0 * i ORDER BY g) FROM center WHERE c = near)::vector
        FROM (SELECT i, floor(100 * random()) AS near FROM generate_series(1, 21000) i OFFSET 0) s;
    CREATE INDEX ON base (i);
} =~ s/SEED/($seed % 1000) \/ 1000/er);

# name => [index, what it orders by, operator, calibrated]
my %kind = (
    ah => [ 'ah (v)', 'v', '<->' ],
    ah_cosine => [ 'ah (v vector_cosine_ops)', 'v', '<=>' ],
    ah_f16 => [ 'ah (v) WITH (reorder = f16)', 'v', '<->' ],
    ah_sq8 => [ 'ah (v vector_ip_ops) WITH (reorder = sq8)', 'v', '<#>' ],
    flat => [ 'ivf (v)', 'v', '<->' ],
    flat_l1 => [ 'ivf (v vector_l1_ops)', 'v', '<+>' ],
    sq8 => [ 'ivf (v vector_cosine_ops) WITH (quantizer = sq8)', 'v', '<=>' ],
    pq4 => [ 'ivf (v) WITH (quantizer = pq, bits = 4)', 'v', '<->' ],
    opq => [ q{ivf (v) WITH (quantizer = pq, bits = 4, transform = 'opq8')}, 'v', '<->' ],
    closure => [ 'ivf (v) WITH (replicas = closure, closure_epsilon = 0.5)', 'v', '<->' ],
    pq => [ 'pq (v)', 'v', '<->' ],
    expression => [ 'ivf ((v::halfvec(16)) halfvec_l2_ops)', 'v::halfvec(16)', '<->' ],
    partial => [ 'ah (v) WHERE id % 4 > 0', 'v', '<->', 'id % 4 > 0' ]);
my @kinds = sort keys %kind;
my $by_index = 'SET vectorq.max_scan_rows = 0; SET vectorq.nprobe = 3; SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';
my $ones = "'[" . join(',', (1) x 16) . "]'";
sub sql { $node->safe_psql('postgres', $_[0]) }
# Each kind has a table of its own.
sub make
{
    my ($name, $rows) = @_;
    my ($index, undef, undef, $where) = @{ $kind{$name} };
    return "CREATE TABLE t_$name (id bigint PRIMARY KEY, v vector(16)); INSERT INTO t_$name SELECT i, v FROM base WHERE i <= $rows; CREATE INDEX i_$name ON t_$name USING $index;";
}
# Rows of the index beside those of the table: empty if they are the same.
sub differences
{
    my ($name) = @_;
    my (undef, $expression, $operator, $where) = @{ $kind{$name} };
    my ($type) = $expression =~ /::(.*)/;
    my $from = "FROM t_$name" . ($where ? " WHERE $where" : '');
    my $scan = "SELECT id $from ORDER BY $expression $operator $ones" . ($type ? "::$type" : '') . ' LIMIT 1000000';
    my ($plan, $found) = (sql("$by_index EXPLAIN $scan"), sql("$by_index SELECT count(*), count(DISTINCT id), sum(id) FROM ($scan) s"));
    my $there = sql("SET enable_indexscan = off; SELECT count(*), count(*), sum(id) $from");
    return ($plan =~ /Index Scan using i_$name / ? '' : "plan: $plan ") . ($found eq $there ? '' : "index: $found, table: $there ") . sql("SELECT * FROM vectorq_check('i_$name')");
}
sub detail { sql("SELECT value FROM vectorq_index_details('$_[0]') WHERE name = '$_[1]'") }

# 1. The index was there first.
sql(join ' ', map { make($_, 0) } @kinds);
sql("INSERT INTO t_$_ SELECT i, v FROM base WHERE i <= 200") for @kinds;
sql("VACUUM t_$_") for @kinds;
is(join(' ', grep { sql("SELECT trained FROM vectorq_index_info('i_$_')") eq 't' } @kinds), '', 'few rows train nothing');
sql("INSERT INTO t_$_ SELECT i, v FROM base WHERE i BETWEEN 201 AND 4000") for @kinds;
for my $name (@kinds)
{
    sql("VACUUM t_$name");
    is(sql("SELECT trained, calibrated_with FROM vectorq_index_info('i_$name')"), 't|rows', "$name: trained and calibrated by the first vacuum");
    like(detail("i_$name", 'renewed_because'), qr/^\d+ rows had come to an untrained index$/, "$name: for that reason");
    is(differences($name), '', "$name: each row once, and the index is sound");
    my $where = $kind{$name}[3] // 'true';
    my $built = $name =~ /closure|partial/ ? '' : sql("CREATE INDEX again ON t_$name USING $kind{$name}[0]; SELECT lists FROM vectorq_index_info('again'); DROP INDEX again");
    is(sql("SELECT lists FROM vectorq_index_info('i_$name')"), $built, "$name: as many lists as an index built anew") if $built;
    my $type = $name eq 'expression' ? '::halfvec(16)' : '';
    my $recall = sql("SELECT recall FROM vectorq_recall('i_$name', (SELECT array_agg(v$type) FROM base WHERE i > 20800), 10)");
    cmp_ok($recall, '>=', 0.92, "$name: recall $recall");
}

# 2. It grows and shrinks. Lists that were asked for stay; and what is left alone by option stays as it was.
my %life = (ah => 'ah (v)', flat => 'ivf (v)', closure => $kind{closure}[0], fixed => 'ah (v vector_ip_ops) WITH (lists = 30)', off => 'ivf (v vector_cosine_ops) WITH (rebalance = off)');
$kind{"life_$_"} = [ $life{$_}, 'v', $life{$_} =~ /ip_ops/ ? '<#>' : $life{$_} =~ /cosine/ ? '<=>' : '<->' ] for keys %life;
my @lives = map { "life_$_" } sort keys %life;
sub lists { sql("SELECT lists FROM vectorq_index_info('i_$_[0]')") }
sub recall { sql("SELECT recall FROM vectorq_recall('i_$_[0]', (SELECT array_agg(v) FROM base WHERE i > 20800), 10)") }
sql(make($_, 3000)) for @lives;
my %before = map { $_ => lists($_) } @lives;
for my $name (@lives)
{
    sql("INSERT INTO t_$name SELECT i, v FROM base WHERE i BETWEEN 3001 AND 20000; VACUUM t_$name");
    is(differences($name), '', "$name, grown: each row once, and the index is sound");
    my $built = sql("CREATE INDEX again ON t_$name USING $kind{$name}[0]; SELECT lists FROM vectorq_index_info('again'); DROP INDEX again");
    if ($name eq 'life_off') { is(lists($name) . detail("i_$name", 'renewals'), $before{$name} . 0, "$name: left alone"); next; }
    cmp_ok(abs(lists($name) - $built), "<=", 1 + 0.02 * $built, "$name, grown: as many lists as an index built anew");
    like(detail("i_$name", 'renewed_because'), qr/^its rows called for [\d.]+ times the lists$/, "$name: for that reason") if $name ne 'life_fixed';
    cmp_ok(recall($name), '>=', 0.92, "$name, grown: recall");
    my $renewals = detail("i_$name", 'renewals');
    sql("VACUUM t_$name; DELETE FROM t_$name WHERE id % 1000 = 0; VACUUM t_$name; VACUUM t_$name");
    is(detail("i_$name", 'renewals'), $renewals, "$name: that is enough");
    sql("DELETE FROM t_$name WHERE id > 1000; VACUUM t_$name; VACUUM t_$name");
    is(differences($name), '', "$name, shrunk: each row once, and the index is sound");
    $built = sql("CREATE INDEX again ON t_$name USING $kind{$name}[0]; SELECT lists, pg_relation_size('again') FROM vectorq_index_info('again'); DROP INDEX again");
    my ($built_lists, $built_size) = split /\|/, $built;
    cmp_ok(abs(lists($name) - $built_lists), "<=", 1 + 0.02 * $built_lists, "$name, shrunk: as many lists as an index built anew");
    cmp_ok(sql("SELECT pg_relation_size('i_$name')"), '<=', 1.25 * $built_size, "$name, shrunk: nor more room");
}
$node->stop;
done_testing();
