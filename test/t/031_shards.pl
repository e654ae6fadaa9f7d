# Shards by postgres_fdw: ORDER BY distance reaches each shard's index, rows come in order, a shard that is down or slow is an error.
use strict;
use warnings;
use IO::Uncompress::Gunzip qw(gunzip);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shards = 4;
my $rows = 12000;
my $extensions = ($ENV{VQ_TYPES} // 'own') eq 'pgvector' ? 'vectorq_pgvector, vector' : 'vectorq';
my $whole = PostgreSQL::Test::Cluster->new('whole');
$whole->init;
$whole->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$whole->start;
plan skip_all => 'no postgres_fdw' if $whole->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) eq '0';

# The vectors of a file of test/data as COPY's lines: id, kind, vector, half.
sub lines_of
{
    my ($file, $keep) = @_;
    gunzip("$ENV{VQ_TREE}/test/data/$file.u8.gz" => \my $bytes) or die $file;
    return join('', map { my $v = '[' . join(',', unpack('C128', substr($bytes, 128 * $_, 128))) . ']'; "$_\t" . ($_ % 20) . "\t$v\t$v\n" } grep { $keep->($_) } 0 .. $rows - 1);
}
sub load
{
    my ($node, $table, $file, $keep) = @_;
    my $path = $node->basedir . "/$file.copy";
    open(my $out, '>', $path) or die $path;
    print $out lines_of($file, $keep);
    close $out;
    $node->safe_psql('postgres', "COPY $table (id, kind, v, h) FROM '$path'");
}
my $table = 'CREATE TABLE items (id bigint PRIMARY KEY, kind int, v vector(128), h halfvec(128)) WITH (autovacuum_enabled = off)';
$whole->safe_psql('postgres', "CREATE EXTENSION vectorq; CREATE EXTENSION postgres_fdw; $table; CREATE TABLE q (LIKE items)");
load($whole, 'items', 'sift_base', sub { 1 });
load($whole, 'q', 'sift_query', sub { $_[0] < 100 });
$whole->safe_psql('postgres', q{ANALYZE;
    CREATE TABLE parted (shard int, id bigint, kind int, v vector(128), h halfvec(128)) PARTITION BY LIST (shard);
    CREATE TABLE estimated (shard int, id bigint, kind int, v vector(128), h halfvec(128)) PARTITION BY LIST (shard)});
my @shard;
for my $i (0 .. $shards - 1)
{
    my $node = $shard[$i] = PostgreSQL::Test::Cluster->new("shard$i");
    $node->init;
    $node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nsession_preload_libraries = 'auto_explain'\nauto_explain.log_min_duration = 0\n");
    $node->start;
    $node->safe_psql('postgres', "CREATE EXTENSION vectorq; $table");
    load($node, 'items', 'sift_base', sub { $_[0] % $shards == $i });
    $node->safe_psql('postgres', qq{ALTER TABLE items ADD shard int NOT NULL DEFAULT $i;
        CREATE INDEX items_v ON items USING ah (v vector_l2_ops, kind) WITH (target_recall = 0.9);
        CREATE INDEX items_h ON items USING ah (h halfvec_l2_ops);
        CREATE VIEW expected AS SELECT current_setting('vectorq.expected_rows') AS rows;
        CREATE VIEW last_scan AS SELECT rounds, rows_returned, target, target_from FROM vectorq_stats();
        VACUUM ANALYZE items});
    my $at = sprintf("host '%s', port '%s', dbname 'postgres'", $node->host, $node->port);
    $whole->safe_psql('postgres', qq{
        CREATE SERVER s$i FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($at, extensions '$extensions', fetch_size '10', async_capable 'true', connect_timeout '3', options '-c statement_timeout=2000');
        CREATE SERVER e$i FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($at, extensions '$extensions', fetch_size '10', use_remote_estimate 'true', options '-c enable_seqscan=off -c vectorq.expected_rows=25');
        CREATE USER MAPPING FOR CURRENT_USER SERVER s$i; CREATE USER MAPPING FOR CURRENT_USER SERVER e$i;
        CREATE FOREIGN TABLE items_$i PARTITION OF parted FOR VALUES IN ($i) SERVER s$i OPTIONS (table_name 'items');
        CREATE FOREIGN TABLE estimated_$i PARTITION OF estimated FOR VALUES IN ($i) SERVER e$i OPTIONS (table_name 'items');
        CREATE FOREIGN TABLE last_$i (rounds bigint, rows_returned bigint, target real, target_from text) SERVER s$i OPTIONS (table_name 'last_scan');
        CREATE FOREIGN TABLE expected_$i (rows text) SERVER e$i OPTIONS (table_name 'expected');
        ANALYZE items_$i; ANALYZE estimated_$i});
}

# ---- plans

my $vector = $whole->safe_psql('postgres', 'SELECT v FROM q WHERE id = 7');
sub plan_of { return $whole->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS off) $_[0]") }
my $plan = plan_of("SELECT id FROM parted ORDER BY v <-> '$vector' LIMIT 10");
like($plan, qr/Merge Append/, 'the coordinator merges');
is(() = $plan =~ /Remote SQL: SELECT id, v FROM public\.items ORDER BY \(v OPERATOR\(public\.<->\) '[^']*'\) ASC NULLS LAST/g, $shards, 'each shard is asked in order of distance');
unlike($plan, qr/Sort\n/, 'nothing is sorted by the coordinator');
$plan = plan_of("SELECT id FROM parted WHERE kind = 3 ORDER BY v <-> '$vector' LIMIT 10");
is(() = $plan =~ /WHERE \(\(kind = 3\)\) ORDER BY/g, $shards, 'filters are pushed');
$plan = plan_of("SELECT id FROM parted WHERE shard = 2 ORDER BY v <-> '$vector' LIMIT 10");
is(() = $plan =~ /Remote SQL/g, 1, 'one shard is asked where the key says which');
like(plan_of("SELECT id FROM items_2 ORDER BY v <-> '$vector' LIMIT 10"), qr/LIMIT 10::bigint/, 'a foreign table itself is told the LIMIT');
like(plan_of("SELECT id FROM parted ORDER BY h <-> '$vector'::halfvec(128) LIMIT 10"), qr/ORDER BY \(h OPERATOR\(public\.<->\) '[^']*'\) ASC/, 'halfvec');
like(plan_of("SELECT id FROM estimated ORDER BY v <-> '$vector' LIMIT 10"), qr/Merge Append.*ORDER BY/s, 'with use_remote_estimate, where shards may not scan tables');
my $union = 'SELECT id, d FROM (' . join(' UNION ALL ', map { "(SELECT id, v <-> '%s' AS d FROM items_$_ ORDER BY 2 LIMIT 10)" } 0 .. $shards - 1) . ') s ORDER BY d + 0 LIMIT 10';
(my $async = $union) =~ s/%s/$vector/g;
$plan = plan_of($async);
is(() = $plan =~ /Async Foreign Scan/g, $shards, 'shards are asked at once where each has a LIMIT of its own');
is(() = $plan =~ /LIMIT 10::bigint/g, $shards, 'which reaches it');
like($whole->safe_psql('postgres', "SET plan_cache_mode = force_generic_plan; PREPARE p(vector) AS SELECT id FROM parted ORDER BY v <-> \$1 LIMIT 10; EXPLAIN (VERBOSE, COSTS off) EXECUTE p('$vector')"),
    qr/OPERATOR\(public\.<->\) \$1::public\.vector\)/, 'a generic plan sends the vector as a parameter');

# ---- answers

# Recall of `k` rows, rows out of order, and answers of fewer rows, over the queries of q; %s in the query is the vector.
$whole->safe_psql('postgres', q{CREATE FUNCTION tried(query text, exact text, k int, OUT recall numeric, OUT disorder bigint, OUT short bigint) LANGUAGE plpgsql AS $$
DECLARE q record; got bigint[]; d float8[]; near bigint[]; hits bigint := 0; n bigint := 0;
BEGIN
    disorder := 0; short := 0;
    FOR q IN SELECT v::text AS v FROM q ORDER BY id LIMIT 100 LOOP
        EXECUTE format('SELECT array_agg(id), array_agg(d) FROM (%s) s', replace(query, '%s', q.v)) INTO got, d;
        EXECUTE format('SELECT array_agg(id) FROM (%s) s', replace(exact, '%s', q.v)) INTO near;
        hits := hits + (SELECT count(*) FROM unnest(got) x WHERE x = ANY (near));
        n := n + cardinality(near);
        short := short + (cardinality(got) < cardinality(near))::int;
        disorder := disorder + (SELECT count(*) FROM generate_series(2, cardinality(d)) i WHERE d[i] < d[i - 1]);
    END LOOP;
    recall := hits::numeric / n;
END $$});
sub tried
{
    my ($name, $query, $exact, $k, $least) = @_;
    my ($recall, $disorder, $short) = split /\|/, $whole->safe_psql('postgres', "SELECT * FROM tried(\$q\$$query\$q\$, \$q\$$exact\$q\$, $k)");
    note "$name: recall $recall";
    cmp_ok($recall, '>=', $least, "$name: recall");
    is($disorder, 0, "$name: rows in order");
    is($short, 0, "$name: no answer lacks a row");
}
for my $k (10, 100)
{
    tried("LIMIT $k", "SELECT id, v <-> '%s' AS d FROM parted ORDER BY 2 LIMIT $k", "SELECT id FROM items ORDER BY v <-> '%s' LIMIT $k", $k, 0.93);
}
tried('filter', "SELECT id, v <-> '%s' AS d FROM parted WHERE kind IN (3, 7) ORDER BY 2 LIMIT 60", "SELECT id FROM items WHERE kind IN (3, 7) ORDER BY v <-> '%s' LIMIT 60", 60, 0.9);
tried('halfvec', "SELECT id, h <-> '%s'::halfvec(128) AS d FROM parted ORDER BY 2 LIMIT 10", "SELECT id FROM items ORDER BY v <-> '%s' LIMIT 10", 10, 0.93);
tried('at once', $union, "SELECT id FROM items ORDER BY v <-> '%s' LIMIT 10", 10, 0.93);
tried('estimated', "SELECT id, v <-> '%s' AS d FROM estimated ORDER BY 2 LIMIT 10", "SELECT id FROM items ORDER BY v <-> '%s' LIMIT 10", 10, 0.93);
my $answer = q{SELECT array_agg(id) FROM (SELECT id FROM parted ORDER BY v <-> '%s' LIMIT 10) s};
(my $plain = $answer) =~ s/%s/$vector/;
is($whole->safe_psql('postgres', "SET plan_cache_mode = force_generic_plan; PREPARE p(vector) AS SELECT array_agg(id) FROM (SELECT id FROM parted ORDER BY v <-> \$1 LIMIT 10) s; EXECUTE p('$vector')"),
    $whole->safe_psql('postgres', $plain), 'a generic plan has the same answer');
# Many queries: of each shard the nearest, then the nearest of these.
is($whole->safe_psql('postgres', q{SELECT count(*) FROM (SELECT id, v FROM q ORDER BY id LIMIT 5) q CROSS JOIN LATERAL (SELECT p.id FROM parted p ORDER BY p.v <-> q.v LIMIT 3) n}), 15, 'a batch of queries by LATERAL');

# ---- what shards did

for my $i (0 .. $shards - 1)
{
    my $log = slurp_file($shard[$i]->logfile);
    like($log, qr/Index Scan using items_v on items/, "shard $i used its index");
    like($log, qr/Index Scan using items_v on items[^\n]*\n\s*Index Cond: \(kind = ANY/, "shard $i answered conditions by its key column");
    is(() = $log =~ /Query Text: DECLARE c\d+ CURSOR.*?ORDER BY.*?\n[^\n]*\n?\s*Sort /g, 0, "shard $i sorted nothing");
}
my $session = "SELECT count(*) FROM (SELECT id FROM parted ORDER BY v <-> '$vector' LIMIT 10) s;";
is($whole->safe_psql('postgres', "$session $session " . join(' UNION ALL ', map { "SELECT format('%s %s %s', rounds, target, target_from) FROM last_$_" } 0 .. $shards - 1)),
    join("\n", 10, 10, ('1 0.9 index') x $shards), 'one round is enough for a fetch; a shard keeps to the target of its index');
is($whole->safe_psql('postgres', 'SELECT rows FROM expected_1'), 25, 'a server option says what to expect');

# ---- shards that are slow or down: an error, never fewer rows

my $holder = $shard[1]->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE;');
for my $query ($plain, "SELECT array_agg(id) FROM ($async) s")
{
    my ($status, $out, $error) = $whole->psql('postgres', $query);
    is($status, 3, 'a slow shard is an error');
    is($out, '', 'and no rows');
    like($error, qr/canceling statement due to statement timeout/, 'in words');
}
$holder->query_safe('ROLLBACK;');
$holder->quit;
$shard[3]->stop('fast');
for my $query ($plain, "SELECT array_agg(id) FROM ($async) s")
{
    my ($status, $out, $error) = $whole->psql('postgres', $query);
    is($status, 3, 'a shard that is down is an error');
    is($out, '', 'and no rows');
    like($error, qr/could not connect to server "s3"/, 'that names it');
}
$shard[3]->start;
is($whole->safe_psql('postgres', "SELECT cardinality(a) FROM ($plain) s(a)"), 10, 'and it is asked again when it is up');
$_->stop for $whole, @shard;
done_testing();
