# docs/migrate.md: from pgvector to vectorq_pgvector without moving a row, from hnsw and ivfflat to ah in place, from pgvector's types to
# vectorq's in place and by dump, and back. Each way ends with the same values, bit by bit, the same answers and an index that is
# used. Skipped where pgvector is not installed.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib "$ENV{VQ_TREE}/test/docs";
use Docs qw(read_page blocks);

chomp(my $sharedir = qx(pg_config --sharedir));
plan skip_all => 'pgvector is not installed (scripts/pgvector.sh)' unless -e "$sharedir/extension/vector.control";

my $node = PostgreSQL::Test::Cluster->new('migrate');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$node->start;

sub sql { my ($database, @statements) = @_; return (map { $node->safe_psql($database, $_) } @statements)[-1]; }

# A database as pgvector's users have it, with an index of each kind.
sub pgvector_database
{
    my ($name) = @_;
    sql('postgres', "CREATE DATABASE $name");
    sql($name, 'CREATE EXTENSION vector', 'CREATE TABLE items (id int PRIMARY KEY, category int, embedding vector(32), half halfvec(32))',
        q{INSERT INTO items SELECT i, i % 10, v, v::halfvec FROM generate_series(1, 3000) i, LATERAL (
            SELECT array_agg(sin(i * 0.001 * j) + 0.3 * cos(i * j))::vector FROM generate_series(1, 32) j) s(v)},
        'CREATE INDEX items_hnsw ON items USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)',
        'CREATE INDEX items_flat ON items USING ivfflat (half halfvec_cosine_ops) WITH (lists = 10)', 'ANALYZE items');
}

# Both extensions' types have the same binary form.
sub values_of { my ($database) = @_; return sql($database, q{SELECT md5(string_agg(vector_send(embedding) || halfvec_send(half), '' ORDER BY id)) FROM items}); }

my @orders = ('embedding <-> (SELECT embedding FROM items WHERE id = 42)', 'half <=> (SELECT half FROM items WHERE id = 42)');
sub answers
{
    my ($database, $settings) = @_;
    return join ' ', map { sql($database, "$settings; SELECT string_agg(id::text, ',') FROM (SELECT id FROM items ORDER BY $_ LIMIT 10) s") } @orders;
}

# $index: a pattern for the index of each order.
sub arrived
{
    my ($database, $values, $answers, @indexes) = @_;
    is(values_of($database), $values, "$database: the same values");
    is(answers($database, 'SET enable_indexscan = off'), $answers, "$database: an exact scan gives the same rows");
    for my $order (0 .. 1) {
        like(sql($database, "EXPLAIN SELECT id FROM items ORDER BY $orders[$order] LIMIT 10"), qr/Index Scan using $indexes[$order] on items/, "$database: $indexes[$order] is used");
    }
    is(answers($database, 'SET vectorq.target_recall = 1'), $answers, "$database: and so do the indexes, if all is to be found");
    is(sql($database, "SELECT count(*) FROM vectorq_check('$_')"), '0', "$database: $_ is sound") for @indexes;
}

my @ah = ('CREATE INDEX CONCURRENTLY items_ah ON items USING ah (embedding vector_l2_ops)', 'CREATE INDEX CONCURRENTLY items_half ON items USING ah (half halfvec_cosine_ops)');
pgvector_database('old');
my ($values, $answers) = (values_of('old'), answers('old', 'SET enable_indexscan = off'));

# ---- nothing to move; hnsw and ivfflat to ah in place
sql('postgres', 'CREATE DATABASE place TEMPLATE old');
my $file = sql('place', q{SELECT pg_relation_filepath('items')});
sql('place', 'CREATE EXTENSION vectorq_pgvector', @ah);
is(sql('place', q{SELECT pg_relation_filepath('items')}), $file, 'the table stays as it is');
SKIP:
{
    # Its estimate of hnsw knows a few rows only, whatever a scan visits.
    skip "pgvector $1", 1 if sql("place", "SELECT extversion FROM pg_extension WHERE extname = 'vector'") =~ /^(0\.7.*)/;
    like(sql("place", "EXPLAIN SELECT id FROM items ORDER BY $orders[0] LIMIT 10"), qr/using items_ah/, "beside hnsw the planner takes ah, whose scan costs less");
}
like(sql('place', "BEGIN; DROP INDEX items_ah; EXPLAIN SELECT id FROM items ORDER BY $orders[0] LIMIT 10; ROLLBACK"), qr/using items_hnsw/, 'without it hnsw, as before');
cmp_ok(sql('place', q{SELECT recall FROM vectorq_recall('items_ah', (SELECT array_agg(embedding) FROM items WHERE id % 50 = 7), 10)}), '>=', 0.9, 'recall of the new index');
sql('place', 'DROP INDEX CONCURRENTLY items_hnsw', 'DROP INDEX CONCURRENTLY items_flat');
arrived('place', $values, $answers, 'items_ah', 'items_half');
sql('place', "SET vectorq.iterative_scan = $_") for qw(off relaxed_order strict_order);

# ---- and back
sql('place', 'CREATE INDEX CONCURRENTLY items_hnsw ON items USING hnsw (embedding vector_l2_ops)', 'DROP EXTENSION vectorq_pgvector CASCADE');
is(sql('place', q{SELECT string_agg(indexrelid::regclass::text, ' ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 'items'::regclass}), 'items_hnsw items_pkey', 'DROP EXTENSION takes its indexes only');
is(values_of('place'), $values, 'and no value');

# ---- to vectorq's types in place, and back
sql('postgres', 'CREATE DATABASE types TEMPLATE old');
sub types_in_place
{
    my ($to, $from, $extension) = @_;
    sql('types', "CREATE SCHEMA moving", "CREATE EXTENSION $to SCHEMA moving", "ALTER TABLE items ALTER embedding TYPE moving.vector(32) USING embedding::real[]::moving.vector,
        ALTER half TYPE moving.halfvec(32) USING half::real[]::moving.halfvec", "DROP EXTENSION $from", "ALTER EXTENSION $to SET SCHEMA public", 'DROP SCHEMA moving');
    sql('types', "CREATE EXTENSION $extension") if $extension;
    sql('types', @ah);
    arrived('types', $values, $answers, 'items_ah', 'items_half');
}
sql('types', 'DROP INDEX items_hnsw, items_flat');
types_in_place('vectorq', 'vector', '');
sql('types', 'DROP INDEX items_ah, items_half');
types_in_place('vector', 'vectorq', 'vectorq_pgvector');
SKIP: {
    skip 'no type sparsevec', 1 unless sql('types', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'vectorq'}) && -e "$ENV{VQ_TREE}/sql/install/30_sparsevec.sql";
    sql('types', 'DROP EXTENSION vectorq_pgvector CASCADE', 'CREATE SCHEMA own', 'CREATE EXTENSION vectorq SCHEMA own', "CREATE TABLE sparse AS SELECT '{1:1.5,7:-2}/9'::sparsevec AS v",
        'ALTER TABLE sparse ALTER v TYPE own.sparsevec USING v::text::own.sparsevec');
    is(sql('types', 'SELECT v, pg_typeof(v) FROM sparse'), '{1:1.5,7:-2}/9|own.sparsevec', 'sparsevec by its text');
}

# ---- by dump: the lines of the page
my @lines = grep { /pg_dump/ } map { $_->{text} } grep { $_->{language} eq 'sh' } blocks(read_page("$ENV{VQ_TREE}/docs/migrate.md"));
is(scalar @lines, 2, 'the page has a line for each direction');
sub by_dump
{
    my ($line, $from, $to) = @_;
    sql('postgres', "CREATE DATABASE $to");
    my $command = $line =~ s/--no-comments old/--no-comments $from/r =~ s/-d new/-q -d $to/r;
    local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);
    command_ok([ 'bash', '-c', "set -e -o pipefail; $command" ], "$from to $to");
    sql($to, 'ANALYZE items');
}
by_dump($lines[0], 'old', 'dumped');
is(sql('dumped', q{SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension WHERE extname ~ 'vector'}), 'vectorq', 'vectorq alone');
arrived('dumped', $values, $answers, 'items_hnsw', 'items_flat');
by_dump($lines[1], 'dumped', 'back');
is(sql('back', q{SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension WHERE extname ~ 'vector'}), 'vector vectorq_pgvector', 'pgvector and its indexes');
arrived('back', $values, $answers, 'items_hnsw', 'items_flat');
by_dump($lines[0], 'back', 'again');
arrived('again', $values, $answers, 'items_hnsw', 'items_flat');

# ---- with vectorq alone, as the page's table has it
for (['CREATE EXTENSION vector', qr/42710:.*type "vector" already exists/], ['CREATE INDEX ON items USING hnsw (embedding vector_l2_ops)', qr/42704:.*access method "hnsw" does not exist/],
    ['CREATE INDEX ON items USING ivfflat (embedding) WITH (lists = 100)', qr/42704:.*access method "ivfflat" does not exist/],
    ['CREATE INDEX ON items USING ah (embedding) WITH (m = 16)', qr/22023:.*unrecognized parameter "m"/])
{
    my ($statement, $words) = @$_;
    my ($ret, $out, $err) = $node->psql('dumped', $statement, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    like($err, $words, "$statement: refused");
}
sql('dumped', 'SET hnsw.ef_search = 100');
$node->stop;
done_testing();
