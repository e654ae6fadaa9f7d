# Conditions on key columns under load: whatever inserts, updates, vacuum, renewal and crashes do at the same time, an index scan with
# conditions returns the rows of a sequential scan in the same snapshot, on a standby, too. Then damage to what they go by.
# VQ_SEED: rows and moments; VQ_SECONDS, VQ_TRIALS: a long form.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 't';
use Load;
use Time::HiRes qw(time);

plan skip_all => 'needs the module with fault points: make fault-tree' unless $ENV{VQ_FAULT_INSTALL};
my $seconds = $ENV{VQ_SECONDS} || 6;
my $trials = $ENV{VQ_TRIALS} || 400;
my $seed = int($ENV{VQ_SEED} || time);
srand($seed);
note("VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('keys', install_path => $ENV{VQ_FAULT_INSTALL});
$node->init(allows_streaming => 1, no_data_checksums => 1);
$node->append_conf('postgresql.conf', "wal_consistency_checking = 'all'\nautovacuum = off\nfsync = off\nmax_connections = 50\nwal_keep_size = 4GB\nrestart_after_crash = on\nclient_min_messages = warning\n");
$node->start;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('keys_standby', install_path => $ENV{VQ_FAULT_INSTALL});
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
sub sql { return $node->safe_psql('postgres', $_[0]); }
# The rows' values follow their vectors or not, and move on with time, so that summaries widen and vacuum narrows them.
sql(q{
    CREATE EXTENSION vectorq;
    CREATE FUNCTION poke(index regclass, block int, at int, bytes bytea) RETURNS bytea LANGUAGE c AS '$libdir/vectorq', 'vectorq_fault_poke';
    CREATE SEQUENCE clock;
    CREATE TABLE t (id bigserial PRIMARY KEY, v vector(4), part int2, at int8, name text, tags int4[], flag bool);
    CREATE TABLE mismatches (what text);
    CREATE FUNCTION add(n int) RETURNS void VOLATILE LANGUAGE sql AS $$
        INSERT INTO t (v, part, at, name, tags, flag) SELECT ARRAY[p * 10 + random(), random(), random(), random()]::vector, nullif(p, 3), nextval('clock'), CASE WHEN i % 5 > 0 THEN 'n' || i % 40 END, ARRAY[i % 30, p], nullif(i % 4, 0) = 1
            FROM (SELECT i, (random() * 9)::int AS p FROM generate_series(1, n) i) s $$;
    SELECT add(2000);
    CREATE INDEX t_ivf ON t USING ivf (v, part, at, name, tags, flag) WITH (lists = 12);
    CREATE INDEX t_ah ON t USING ah (v vector_ip_ops, at, name, part) WITH (lists = 12, replicas = soar);
    CREATE INDEX t_pq ON t USING pq (v vector_cosine_ops, part, name, tags) WITH (bits = 4, subvectors = 2);
    CREATE INDEX t_records ON t USING ivf ((v::halfvec(4)) halfvec_l2_ops, flag, at) WITH (lists = 12, quantizer = pq, subvectors = 2, reorder = f16, replicas = closure, closure_epsilon = 1);
    CREATE FUNCTION conditions() RETURNS text[] VOLATILE LANGUAGE sql AS $$
        SELECT ARRAY[format('part = %s', (random() * 10)::int), format('at > %s', m - (random() * 300)::int), format('at BETWEEN %s AND %s', m / 2, m / 2 + 200), format('name IN (''n%s'', ''n%s'')', (random() * 41)::int, (random() * 41)::int),
            format('part = %s AND at > %s AND name IS NOT NULL', (random() * 9)::int, m - 1000), 'part IS NULL', 'name IS NULL AND part < 4', format('tags @> ''{%s}'' AND part > 1', (random() * 31)::int), 'flag', format('NOT flag AND at > %s', m - 2000), 'flag IS NULL']
        FROM (SELECT last_value AS m FROM clock) s $$;
    CREATE FUNCTION ids(query text) RETURNS bigint[] LANGUAGE plpgsql AS $$
    DECLARE r bigint[];
    BEGIN
        EXECUTE 'SELECT array_agg(id ORDER BY id) FROM (' || query || ') s' INTO r;
        RETURN r;
    END $$;
    -- in one snapshot, of a transaction that repeats its reads
    CREATE FUNCTION compare(OUT problem text, OUT compared int, OUT by_index int) LANGUAGE plpgsql AS $$
    DECLARE c text; o text; found bigint[]; there bigint[]; line text;
    BEGIN
        compared := 0; by_index := 0;
        FOREACH c IN ARRAY conditions() LOOP
            SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off;
            there := ids('SELECT id FROM t WHERE ' || c);
            SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off;
            FOREACH o IN ARRAY ARRAY['v <-> ''[50,1,1,1]''', 'v <#> ''[1,1,1,1]''', 'v <=> ''[1,1,0,1]''', 'v::halfvec(4) <-> ''[90,0,0,0]''::halfvec(4)'] LOOP
                found := ids(format('SELECT id FROM t WHERE %s ORDER BY %s LIMIT 1000000', c, o));
                compared := compared + 1;
                IF found IS DISTINCT FROM there THEN
                    problem := format('%s %s: index %s rows, table %s', c, o, cardinality(found), cardinality(there));
                    RETURN;
                END IF;
                FOR line IN EXECUTE format('EXPLAIN SELECT id FROM t WHERE %s ORDER BY %s LIMIT 1000000', c, o) LOOP
                    by_index := by_index + (line ~ 'Index Cond')::int;
                END LOOP;
            END LOOP;
        END LOOP;
    END $$;
    CREATE FUNCTION note_mismatch() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO mismatches SELECT problem FROM compare() WHERE problem IS NOT NULL; END $$;
});
my @indexes = qw(t_ivf t_ah t_pq t_records);
my %script = (
    keys_write => q{
\set r random(0, 50)
SELECT add(10);
UPDATE t SET name = 'n' || :r, at = nextval('clock') WHERE id % 101 = :r;
UPDATE t SET v = v WHERE id % 103 = :r;
DELETE FROM t WHERE id % 53 = :r;
BEGIN;
SELECT add(5);
UPDATE t SET part = part + 20, flag = NOT flag WHERE id % 97 = :r;
ROLLBACK;
},
    keys_read => "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT set_config('vectorq.target_recall', '1', true);\nSELECT note_mismatch();\nCOMMIT;\n",
    keys_iterate => "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT set_config('vectorq.nprobe', '1', true);\nSELECT note_mismatch();\nCOMMIT;\n",
    keys_vacuum => "VACUUM (INDEX_CLEANUP on) t;\n",
    keys_renew => "SELECT set_config('statement_timeout', '0', false);\n"
        . "DO \$\$ BEGIN PERFORM vectorq_renew('t_ivf'); EXCEPTION WHEN object_in_use OR lock_not_available THEN NULL; END \$\$;\n\\sleep 300 ms\n"
        . "DO \$\$ BEGIN PERFORM vectorq_renew('t_ah'); EXCEPTION WHEN object_in_use OR lock_not_available THEN NULL; END \$\$;\n\\sleep 300 ms\n",
);
my @runs = ([ 'keys_write', 2 ], [ 'keys_read', 1 ], [ 'keys_iterate', 1 ], [ 'keys_vacuum', 1 ]);
sub agree
{
    my ($what, $server) = @_;
    my ($problem, $compared, $by_index) = split /\|/, $server->safe_psql('postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT problem, compared, by_index FROM compare(); COMMIT'), -1;
    is($problem, '', "$what: $compared scans return the table's rows");
    cmp_ok($by_index, '>', $compared / 2, "$what: most have a condition of the index");
    is($server->safe_psql('postgres', join '', map { "SELECT '$_', * FROM vectorq_check('$_');" } @indexes), '', "$what: sound");
}
sub standby_agrees { my ($what) = @_; $node->wait_for_catchup($standby, 'replay', $node->lsn('insert')); agree("the standby $what", $standby); }

agree('after the build', $node);
run_load($node, \%script, \@runs, $seconds);
is(sql('SELECT what FROM mismatches LIMIT 5'), '', 'index and table agree in every snapshot beside vacuum');
agree('after that', $node);
standby_agrees('after that');
run_load($node, \%script, [ grep({ $_->[0] ne 'keys_vacuum' } @runs), [ 'keys_renew', 1 ] ], $seconds);
is(sql('SELECT what FROM mismatches LIMIT 5'), '', 'index and table agree in every snapshot beside renewals');
agree('after renewals', $node);
standby_agrees('after renewals');
# Crashes, errors and ends of sessions between a row and the second look at the summary, a vacuum between them.
run_load($node, \%script, \@runs, 3, 1 + rand 1.5);
agree('after a crash', $node);
sql('DELETE FROM t WHERE id % 7 = 0; VACUUM (INDEX_CLEANUP on) t');
agree('after a vacuum', $node);
standby_agrees('after a crash of the primary');
for my $end ('error', 'crash')
{
    my ($ret, $out, $err) = $node->psql('postgres', "SET vectorq.fault = 'insert.summary:3:$end'; SELECT add(3)");
    like($err, qr/fault point "insert.summary"|server closed|terminat/, "an insert that ends behind its row: $end");
    $node->poll_query_until('postgres', 'SELECT 1', '1') if $end eq 'crash';
    agree("after $end", $node);
}

# A session that has widened a summary ends before its row is in the list, and a vacuum has narrowed the summary meanwhile.
sql('DELETE FROM t WHERE at > 100; VACUUM (INDEX_CLEANUP on) t; DELETE FROM t WHERE id % 5 = 1');
my $timer = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
my @psql = ('psql', '-XAtq', '-d', $node->connstr('postgres'));
my ($in, $said) = ("SELECT pg_advisory_lock(20);\n\\echo locked\n", '');
my $holder = IPC::Run::start([ @psql, '-f', '-' ], '<', \$in, '>&', \$said, $timer);
$holder->pump until $said =~ /^locked$/m;
my $inserts = IPC::Run::start([ @psql, '-c', "SET vectorq.fault = 'insert.covered:1:wait'", '-c', 'SELECT add(1)' ], '<', \undef, '>&', \my $ended, $timer);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'advisory'");
sql('VACUUM (INDEX_CLEANUP on) t');
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'");
IPC::Run::finish($inserts);
$in .= "\\q\n";
$holder->finish;
agree('a session that ends before its row', $node);
standby_agrees('after all that');
$standby->stop;

# Damage. Each trial changes bytes of a page with postings or of the directory, and restores them: scans with conditions return rows of the
# table or an error of class XX, and nothing ends.
$node->append_conf('postgresql.conf', "wal_consistency_checking = ''\nrestart_after_crash = off\n");
$node->restart;
sql(q{
    SELECT setseed(0.3);
    SELECT add(500);
    VACUUM t;
    CREATE TABLE trials (index text, at text, state text, message text);
    CREATE FUNCTION trial(index text, block int, at int, bytes bytea, query text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE old bytea; n bigint; s text = ''; m text = '';
    BEGIN
        old := poke(index::regclass, block, at, bytes);
        BEGIN
            EXECUTE query INTO n;
            IF n > 0 THEN s := 'stray'; END IF;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT;
        END;
        INSERT INTO trials VALUES (index, format('%s:%s:%s', block, at, bytes), s, m);
        BEGIN
            INSERT INTO trials SELECT index, 'check', problem, '' FROM vectorq_check(index::regclass);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT;
            IF s !~ '^XX' THEN INSERT INTO trials VALUES (index, 'check', s, m); END IF;
        END;
        PERFORM poke(index::regclass, block, at, old);
    END $$;
});
my %order = (t_ivf => "v <-> '[50,1,1,1]'", t_ah => "v <#> '[1,1,1,1]'", t_pq => "v <=> '[1,1,0,1]'", t_records => "v::halfvec(4) <-> '[90,0,0,0]'::halfvec(4)");
my %condition = (t_ivf => [ 'part = 4 AND at > 50', "name IN ('n3', 'n4')", "tags && '{3,4,5}' AND NOT flag", 'part IS NULL' ], t_ah => [ 'at BETWEEN 10 AND 3000', "name = 'n7' AND part > 2", 'part IS NULL' ],
    t_pq => [ 'part IN (1, 3, 5)', "tags @> '{4}'", 'name IS NULL' ], t_records => [ 'flag', 'at < 1000', 'flag IS NULL' ]);
sub page { my ($bytes, $block) = @_; return substr $bytes, $block * 8192, 8192; }
sub file_of { my ($index) = @_; return $node->data_dir . '/' . sql("CHECKPOINT") . sql("SELECT pg_relation_filepath('$index')"); }
my $fuzz = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; SET statement_timeout = \'20s\';';
my %file = map { $_ => slurp_file(file_of($_)) } @indexes;
my %blocks;
for my $index (@indexes) { $blocks{$index} = [ grep { my $kind = unpack 'x8186 v', page($file{$index}, $_); $kind == 5 || $kind == 6 } 0 .. length($file{$index}) / 8192 - 1 ]; }
for my $i (1 .. $trials)
{
    my $index = $indexes[ $i % @indexes ];
    my $block = $blocks{$index}[ int rand @{ $blocks{$index} } ];
    my $at = 24 + int rand 8100;
    my $hex = join '', map { sprintf '%02x', rand() < 0.3 ? 255 : int rand 256 } 1 .. (1, 2, 4, 8, 64)[ int rand 5 ];
    my $condition = $condition{$index}[ int rand @{ $condition{$index} } ];
    $fuzz .= "SELECT trial('$index', $block, $at, '\\x$hex', \$q\$SELECT count(*) FROM (SELECT id FROM t WHERE $condition ORDER BY $order{$index} LIMIT 100000) s WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.id = s.id)\$q\$);\n";
}
my ($ret, $out, $err) = $node->psql('postgres', $fuzz);
is($err, '', "$trials trials: no statement ends");
is(sql("SELECT * FROM trials WHERE at <> 'check' AND state <> '' AND state !~ '^XX' OR at = 'check' AND message <> '' LIMIT 5"), '', 'rows of the table, or an error of class XX');
note(sql("SELECT string_agg(format('%s %s', state, n), ', ') FROM (SELECT state, count(*) AS n FROM trials WHERE at <> 'check' GROUP BY 1) s"));
is(sql(join '', map { "SELECT '$_', * FROM vectorq_check('$_');" } @indexes), '', 'restored pages are sound');
# What the check has to say of values, one bit at a time.
sql(q{
    CREATE TABLE few (v vector(2), n int4);
    INSERT INTO few SELECT ARRAY[i, 1]::vector, nullif(i, 2) * 1000 FROM generate_series(1, 3) i;
    CREATE INDEX few_v ON few USING ivf (v, n) WITH (lists = 1);
    INSERT INTO few VALUES ('[9,1]', 3000), ('[8,1]', NULL);  -- a segment with room
    TRUNCATE trials;
});
my $few = slurp_file(file_of('few_v'));
my ($posting) = reverse grep { unpack('x8186 v', page($few, $_)) == 6 } 0 .. length($few) / 8192 - 1;
sql('SET statement_timeout = 0;' . join ' ', map { sprintf "SELECT trial('few_v', $posting, %d, '\\x%02x', 'SELECT 0');", $_, 1 ^ ord substr page($few, $posting), $_, 1 } map { $_ * 4 } 6 .. 2042);
for my $problem ('the summary of list 0 does not cover its rows', 'a null has a value', 'values of key columns beyond the row count')
{
    cmp_ok(sql("SELECT count(*) FROM trials WHERE state = '$problem'"), '>', 0, "the check notices: $problem");
}
# An index whose file is of one with other columns.
sql(q{
    CREATE TABLE other (v vector(4), a int4, b int8, c text);
    INSERT INTO other SELECT v, part, at, name FROM t LIMIT 500;
    CREATE INDEX o_a ON other USING ivf (v, a);
    CREATE INDEX o_b ON other USING ivf (v, b);
    CREATE INDEX o_none ON other USING ivf (v);
    CREATE INDEX o_two ON other USING ivf (v, a, a);
    CREATE INDEX o_hash ON other USING ivf (v, c);
});
my @others = qw(o_a o_b o_none o_two o_hash);
my %path = map { $_ => file_of($_) } @others;
my %whole = map { $_ => slurp_file($path{$_}) } @others;
for my $pair ([ 'o_a', 'o_b' ], [ 'o_a', 'o_none' ], [ 'o_none', 'o_a' ], [ 'o_two', 'o_a' ], [ 'o_hash', 'o_a' ])
{
    my ($index, $from) = @$pair;
    $node->stop;
    for my $name (@others)
    {
        open my $file, '>:raw', $path{$name} or die;
        print $file $whole{ $name eq $index ? $from : $name };
        close $file;
    }
    $node->start;
    my $drop = join '', map { "DROP INDEX $_;" } grep { $_ ne $index } @others;
    for my $statement ("SET enable_seqscan = off; SELECT count(*) FROM (SELECT 1 FROM other ORDER BY v <-> '[1,1,1,1]' LIMIT 10) s", "INSERT INTO other VALUES ('[1,1,1,1]', 1, 1, 'c')", "SELECT * FROM vectorq_check('$index')")
    {
        ($ret, $out, $err) = $node->psql('postgres', "BEGIN; $drop $statement", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
        my $told = $statement =~ /check/ ? qr/^0\|built for other columns$/m : qr/ERROR:  XX\w+: index "$index" is damaged.*built for other columns.*HINT:  REINDEX/s;
        like($out . $err, $told, "$index with the file of $from: $statement");
    }
    sql("REINDEX INDEX $index");
    $path{$index} = file_of($index);
    is(sql("SELECT * FROM vectorq_check('$index')"), '', 'REINDEX repairs');
}
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|leak/, 'nothing in the log');
$node->stop;
done_testing();
