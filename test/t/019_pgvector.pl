# vectorq_pgvector: indexes on pgvector's own columns, wherever the two extensions lie; words and hints where names are in the
# way; hnsw, ivfflat and ah beside each other; dump and restore; relocation. Skipped where pgvector is not installed.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

chomp(my $sharedir = qx(pg_config --sharedir));
plan skip_all => 'pgvector is not installed (scripts/pgvector.sh)' unless -e "$sharedir/extension/vector.control";

my $node = PostgreSQL::Test::Cluster->new('pgvector');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$node->start;

sub database { my ($name, @sql) = @_; $node->safe_psql('postgres', "CREATE DATABASE $name"); $node->safe_psql($name, $_) for @sql; }
# SQLSTATE, message and hint of a statement that must fail.
sub refused
{
    my ($database, $sql, $words, $what) = @_;
    my ($ret, $out, $err) = $node->psql($database, $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    isnt($ret, 0, "$what: refused");
    like($err, $words, "$what: says what to do");
}
my $rows = 'INSERT INTO t SELECT i, (SELECT array_agg(sin(i * 0.37 + j * j)) FROM generate_series(1, 16) j)::float4[] FROM generate_series(1, 3000) i';

# ---- in one line
database('simple', 'CREATE EXTENSION vectorq_pgvector CASCADE', 'CREATE TABLE t (id int, v vector(16), h halfvec(16))',
    $rows, 'UPDATE t SET h = v', 'CREATE INDEX t_ah ON t USING ah (v)', 'CREATE INDEX t_half ON t USING ah (h halfvec_cosine_ops)', 'CREATE INDEX t_ivf ON t USING ivf (v vector_l1_ops)');
is($node->safe_psql('simple', q{SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension WHERE extname LIKE '%vector%'}), 'vector vectorq_pgvector', 'CASCADE brings pgvector');
is($node->safe_psql('simple', q{SELECT extname FROM pg_extension e JOIN pg_depend d ON refobjid = e.oid WHERE classid = 'pg_type'::regclass AND objid = 'vector'::regtype AND deptype = 'e'}), 'vector', 'the type is pgvector\'s');
for (['v <->', 't_ah'], ['h <=>', 't_half'], ['v <+>', 't_ivf'])
{
    my ($order, $index) = @$_;
    my $column = substr $order, 0, 1;
    my $query = "SELECT id FROM t ORDER BY $order (SELECT $column FROM t WHERE id = 77) LIMIT 20";
    like($node->safe_psql('simple', "SET enable_seqscan = off; EXPLAIN $query"), qr/Index Scan using $index/, "$order goes through $index");
    is($node->safe_psql('simple', "SET enable_seqscan = off; SET vectorq.target_recall = 1; $query"),
        $node->safe_psql('simple', "SET enable_indexscan = off; $query"), "$order: the rows of a sequential scan, in its order");
    is($node->safe_psql('simple', "SELECT count(*) FROM vectorq_check('$index')"), '0', "$index is sound");
}
cmp_ok($node->safe_psql('simple', q{SELECT recall FROM vectorq_recall('t_ah', (SELECT array_agg(v) FROM t WHERE id % 100 = 0))}), '>=', 0.9, 'recall is measured with queries of pgvector\'s type');
$node->safe_psql('simple', q{SELECT vectorq_calibrate('t_ah', (SELECT array_agg(v) FROM t WHERE id % 30 = 0))});

# ---- beside pgvector's own indexes
$node->safe_psql('simple', 'CREATE INDEX t_hnsw ON t USING hnsw (v vector_l2_ops); CREATE INDEX t_flat ON t USING ivfflat (v vector_l2_ops) WITH (lists = 10); ANALYZE t');
my $nearest = 'SELECT id FROM t ORDER BY v <-> (SELECT v FROM t WHERE id = 5) LIMIT 1';
is($node->safe_psql('simple', "SET hnsw.ef_search = 100; $nearest"), '5', 'four kinds of indexes on one column');
# By cost, the stock settings: a scan that meets its target is cheaper than pgvector's. ivfflat's estimate knows no target: one probe
# of many lists costs less.
sub chosen { my ($without) = @_; my $plan = $node->safe_psql('simple', "BEGIN; $without EXPLAIN $nearest; ROLLBACK"); return $plan =~ /Index Scan using (\w+) on t  \(cost=(\S+?)\.\./; }
my @chosen = map { [ chosen($_) ] } '', 'DROP INDEX t_ah;', 'DROP INDEX t_ah, t_flat;', 'DROP INDEX t_flat; CREATE INDEX t_many ON t USING ivfflat (v vector_l2_ops) WITH (lists = 100);';
note('startup costs: ' . join ', ', map { "$_->[0] $_->[1]" } @chosen);
is(join(' ', map { $_->[0] } @chosen), 't_ah t_flat t_hnsw t_many', 'the planner prefers ah to hnsw and to ivfflat, but one probe of a hundred lists to both');
$node->safe_psql('simple', "INSERT INTO t (id, v) SELECT 10000 + id, v FROM t WHERE id <= 10; DELETE FROM t WHERE id = 5; VACUUM t");
is($node->safe_psql('simple', $nearest =~ s/id = 5/id = 10005/r), '10005', 'and they follow the rows');
$node->safe_psql('simple', 'DROP INDEX t_ah; REINDEX TABLE t');

# ---- dependencies
refused('simple', 'DROP EXTENSION vector', qr/2BP01:.*extension vectorq_pgvector depends on extension vector/s, 'DROP EXTENSION vector');
refused('simple', 'CREATE EXTENSION vectorq', qr/42710:.*"vectorq_pgvector" is in this database.*HINT:  .*DROP EXTENSION vectorq_pgvector/s, 'vectorq after vectorq_pgvector');
$node->safe_psql('simple', 'DROP INDEX t_half, t_ivf; DROP EXTENSION vectorq_pgvector');
is($node->safe_psql('simple', $nearest =~ s/id = 5/id = 77/r), '77', 'pgvector goes on without vectorq_pgvector');
$node->safe_psql('simple', 'CREATE EXTENSION vectorq_pgvector; CREATE INDEX t_ah ON t USING ah (v)');

# ---- names in the way
database('beside', 'CREATE EXTENSION vector');
refused('beside', 'CREATE EXTENSION vectorq', qr/42710:.*type "vector" of pgvector is in schema "public" already.*HINT:  CREATE EXTENSION vectorq_pgvector/s, 'vectorq where pgvector is');
my ($ret, $out, $err) = $node->psql('beside', 'CREATE SCHEMA own; CREATE EXTENSION vectorq SCHEMA own');
is($ret, 0, 'both kinds of types, in two schemas');
like($err, qr/NOTICE:  pgvector is in this database, too.*HINT:  Write the schema/s, 'a notice says so');
$node->safe_psql('beside', "CREATE TABLE m (v public.vector(3), w own.vector(3)); INSERT INTO m VALUES ('[1,2,3]'); UPDATE m SET w = v::real[]::own.vector");
is($node->safe_psql('beside', 'SELECT w FROM m'), '[1,2,3]', 'rows move from one type to the other');
refused('beside', 'CREATE EXTENSION vectorq_pgvector', qr/42710:.*"vectorq" is in this database.*HINT:  DROP EXTENSION vectorq/s, 'vectorq_pgvector after vectorq');
database('own', 'CREATE TYPE halfvec AS (a int)');
refused('own', 'CREATE EXTENSION vectorq', qr/42710:.*type "halfvec" of somebody else.*HINT:  Name another schema/s, 'a type of the user\'s');
database('old', "CREATE EXTENSION vector VERSION '0.6.2'") if -e "$sharedir/extension/vector--0.6.2.sql";
refused('old', 'CREATE EXTENSION vectorq_pgvector', qr/42704:.*needs pgvector 0\.7 or later.*HINT:  .*ALTER EXTENSION vector UPDATE/s, 'an old pgvector') if -e "$sharedir/extension/vector--0.6.2.sql";
refused('own', 'CREATE FUNCTION f() RETURNS void AS $$$libdir/vectorq$$, $$vectorq_begin_install$$ LANGUAGE C; SELECT f()', qr/55000:.*for CREATE EXTENSION only/s, 'the check by hand');

# ---- schemas that no search_path names
database('schemas', 'CREATE SCHEMA p; CREATE SCHEMA q; CREATE EXTENSION vector SCHEMA p; CREATE EXTENSION vectorq_pgvector SCHEMA q', 'CREATE TABLE t (id int, v p.vector(16))', $rows,
    'CREATE INDEX t_ah ON t USING ah (v); CREATE INDEX t_ip ON t USING ah (v q.vector_ip_ops)');
my $query = 'SELECT id FROM t ORDER BY v OPERATOR(p.<->) (SELECT v FROM t WHERE id = 9) LIMIT 10';
like($node->safe_psql('schemas', "SET enable_seqscan = off; EXPLAIN $query"), qr/Index Scan using t_ah/, 'an index is used in other schemas');
my $answers = $node->safe_psql('schemas', "SET enable_seqscan = off; SET vectorq.target_recall = 1; $query");
is($answers, $node->safe_psql('schemas', "SET enable_indexscan = off; $query"), 'and has the right rows');
is($node->safe_psql('schemas', q{SELECT recall FROM q.vectorq_recall('t_ah', ARRAY[(SELECT v FROM t WHERE id = 9)], 1)}), '1', 'functions by their schema');
$node->safe_psql('schemas', 'CREATE SCHEMA r; ALTER EXTENSION vectorq_pgvector SET SCHEMA r; ALTER EXTENSION vector SET SCHEMA q');
is($node->safe_psql('schemas', "SET enable_seqscan = off; SET vectorq.target_recall = 1; " . $query =~ s/p\./q./r), $answers, 'both moved to other schemas');
$node->safe_psql('schemas', 'REINDEX INDEX CONCURRENTLY t_ah');
is($node->safe_psql('schemas', q{SELECT count(*) FROM r.vectorq_check('t_ah')}), '0', 'REINDEX CONCURRENTLY afterwards');

# ---- dump and restore
for my $database ('simple', 'schemas')
{
    my $file = $node->basedir . "/$database.dump";
    $node->command_ok([ 'pg_dump', '-Fc', '-f', $file, '-d', $node->connstr($database) ], "$database: pg_dump");
    $node->safe_psql('postgres', "CREATE DATABASE restored_$database");
    $node->command_ok([ 'pg_restore', '-d', $node->connstr("restored_$database"), $file ], "$database: pg_restore");
    my $indexes = q{SELECT indexdef FROM pg_indexes WHERE tablename = 't' ORDER BY 1};
    is($node->safe_psql("restored_$database", $indexes), $node->safe_psql($database, $indexes), "$database: the same indexes");
}
$node->stop;
done_testing();
