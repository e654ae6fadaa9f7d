# Bytes of every page kind changed at random, many times over: the page is changed in the buffers by a function of the
# module with fault points, so a trial costs milliseconds and no restart. Each query and each check gives, in
# bounded time, rows of the table or an error of class XX with a hint; where a query gives a row twice or
# not at all, the check tells why.
# VQ_TRIALS: how many (default 1000; make damage-long: 10,000). VQ_SEED repeats a run. VQ_INDEXES: a pattern of the indexes to damage.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'needs the module with fault points: make fault-tree' unless $ENV{VQ_FAULT_INSTALL};
my $trials = $ENV{VQ_TRIALS} || 1000;
my $seed = $ENV{VQ_SEED} || time;
srand($seed);
my $pattern = $ENV{VQ_INDEXES} || '.';
note("$trials trials, VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('bytes', install_path => $ENV{VQ_FAULT_INSTALL});
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nrestart_after_crash = off\nshared_buffers = 64MB\nlog_statement = none\n"
    . "client_min_messages = warning\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE FUNCTION poke(index regclass, block int, at int, bytes bytea) RETURNS bytea LANGUAGE c AS '$libdir/vectorq', 'vectorq_fault_poke';
    CREATE FUNCTION rv(n int, i int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() + 0 * i)::vector FROM generate_series(1, n)';
    CREATE TABLE t (id int PRIMARY KEY, v vector(32));
    CREATE TABLE w (id int PRIMARY KEY, v vector(2500));
    INSERT INTO t SELECT i, rv(32, i) FROM generate_series(1, 500) i;
    INSERT INTO w SELECT i, rv(2500, i) FROM generate_series(1, 60) i;
    CREATE INDEX t_flat ON t USING ivf (v, id) WITH (lists = 6);
    CREATE INDEX t_sq8 ON t USING ivf (v vector_cosine_ops) WITH (lists = 6, quantizer = sq8);
    CREATE INDEX t_pq4 ON t USING pq (v vector_ip_ops) WITH (bits = 4, subvectors = 8, transform = 'rr');
    CREATE INDEX t_pq8 ON t USING ivf ((v::halfvec(32)) halfvec_cosine_ops) WITH (lists = 6, quantizer = pq, subvectors = 8);
    CREATE INDEX t_ah ON t USING ah ((v::halfvec(32)) halfvec_l2_ops, id, (id::text)) WITH (lists = 6, replicas = soar);
    CREATE INDEX t_records ON t USING ah ((v::halfvec(32)) halfvec_ip_ops) WITH (lists = 6, reorder = f16);
    CREATE INDEX t_k ON t USING ivf (v vector_l1_ops) WITH (lists = 6, replicas = closure, closure_epsilon = 1);
    CREATE INDEX t_hamming ON t USING ivf ((binary_quantize(v - array_fill(0.5, ARRAY[32])::vector)::bit(32)) bit_hamming_ops) WITH (lists = 6);
    CREATE INDEX t_jaccard ON t USING ivf ((binary_quantize(v - array_fill(0.5, ARRAY[32])::vector)::bit(32)) bit_jaccard_ops) WITH (lists = 6);
    CREATE INDEX w_v ON w USING ivf (v, id);
    CREATE TABLE c (id int PRIMARY KEY, v vector(1024));
    INSERT INTO c SELECT i, rv(1024, i) FROM generate_series(1, 280) i;
    CREATE INDEX c_records ON c USING ah (v vector_ip_ops) WITH (lists = 3, subvectors = 32, reorder = f32);
    INSERT INTO c SELECT i, rv(1024, i) FROM generate_series(281, 300) i;
    INSERT INTO t SELECT i, rv(32, i) FROM generate_series(501, 600) i;  -- segments added by inserts
    INSERT INTO w SELECT i, rv(2500, i) FROM generate_series(61, 70) i;
    VACUUM ANALYZE t;
    VACUUM ANALYZE w;
    VACUUM ANALYZE c;
    DO $$ BEGIN PERFORM vectorq_calibrate('t_flat', (SELECT array_agg(v) FROM t)); PERFORM vectorq_calibrate('t_ah', (SELECT array_agg(v::halfvec(32)) FROM t)); END $$;
    CREATE TABLE trials (index text, what text, state text, hint bool, message text, rows int, different int);
    -- The page is restored whatever happens; a statement_timeout or a crash is not caught, and ends the test.
    CREATE FUNCTION attempt(index text, what text, sql text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE n int; d int; s text; m text; h text;
    BEGIN
        BEGIN
            EXECUTE sql INTO n, d;
            INSERT INTO trials VALUES (index, what, '', true, '', n, d);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, h = PG_EXCEPTION_HINT;
            INSERT INTO trials VALUES (index, what, s, h <> '', m);
        END;
    END $$;
    CREATE FUNCTION trial(n int, index text, block int, at int, bytes bytea, query text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE old bytea; what text := format('%s:%s:%s:%s', n, block, at, bytes);
    BEGIN
        old := poke(index::regclass, block, at, bytes);
        PERFORM attempt(index, what || ' scan', query);
        PERFORM attempt(index, what || ' check', format('SELECT count(*), 0 FROM vectorq_check(%L)', index));
        PERFORM attempt(index, what || ' info', format('SELECT 1, 1 FROM vectorq_index_info(%L)', index));
        PERFORM poke(index::regclass, block, at, old);
    END $$;
    CHECKPOINT;
});
my %query = (
    t_flat => 'FROM t ORDER BY v <-> array_fill(0.5, ARRAY[32])::vector(32)', t_sq8 => 'FROM t ORDER BY v <=> array_fill(0.5, ARRAY[32])::vector(32)',
    t_pq4 => 'FROM t ORDER BY v <#> array_fill(0.5, ARRAY[32])::vector(32)', t_pq8 => 'FROM t ORDER BY v::halfvec(32) <=> array_fill(0.5, ARRAY[32])::halfvec(32)',
    t_ah => 'FROM t ORDER BY v::halfvec(32) <-> array_fill(0.5, ARRAY[32])::halfvec(32)',
    t_records => 'FROM t ORDER BY v::halfvec(32) <#> array_fill(0.5, ARRAY[32])::halfvec(32)',
    t_hamming => 'FROM t ORDER BY binary_quantize(v - array_fill(0.5, ARRAY[32])::vector)::bit(32) <~> 1431655765::bit(32)', t_jaccard => 'FROM t ORDER BY binary_quantize(v - array_fill(0.5, ARRAY[32])::vector)::bit(32) <%> 1431655765::bit(32)',
    c_records => 'FROM c ORDER BY v <#> array_fill(0.5, ARRAY[1024])::vector(1024)',
    t_k => 'FROM t ORDER BY v <+> array_fill(0.5, ARRAY[32])::vector(32)', w_v => 'FROM w ORDER BY v <-> array_fill(0.5, ARRAY[2500])::vector(2500)');
my @names = sort keys %query;
my %pages = map { $_ => $node->safe_psql('postgres', "SELECT pg_relation_size('$_') / 8192") } @names;
my $settings = "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; SET vectorq.nprobe = 1000; SET statement_timeout = '20s';\n";
for my $name (@names)
{
    like($node->safe_psql('postgres', "$settings EXPLAIN SELECT id $query{$name} LIMIT 100000"), qr/Index Scan using $name /, "$name is what is scanned");
}

sub random_bytes { my ($n) = @_; return join '', map { sprintf '%02x', int rand 256 } 1 .. $n; }
# Where things lie: the first and the last bytes of a page more often than the middle. Not the eight of the LSN, which are
# the server's.
sub random_place
{
    my $r = rand;
    return 24 + int rand 48 if $r < 0.35;
    return 8192 - 16 + int rand 16 if $r < 0.5;
    return 8 + int rand 16 if $r < 0.55;
    return 24 + int rand 8160;
}
my @damaged = grep { /$pattern/ } @names;
my $sql = $settings;
for my $i (1 .. $trials)
{
    my $name = $damaged[ $i % @damaged ];
    my $block = rand() < 0.2 ? 0 : int rand $pages{$name};
    my $at = random_place();
    my $n = (1, 1, 1, 2, 4, 8, 64)[ int rand 7 ];
    $n = 8192 - $at if $n > 8192 - $at;
    my $bytes = rand() < 0.2 ? 'ff' x $n : rand() < 0.2 ? '00' x $n : random_bytes($n);
    $sql .= "SELECT trial($i, '$name', $block, $at, '\\x$bytes', 'SELECT count(*), count(DISTINCT id) FROM (SELECT id $query{$name} LIMIT 100000) s');\n";
}
my ($out, $err) = ('', '');
my $start = time;
IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$sql, '>', \$out, '2>', \$err);
is($err, '', 'no crash, and no statement without an end');
is($node->safe_psql('postgres', "SELECT count(*) FROM trials WHERE what ~ 'info'"), $trials, sprintf 'all trials were made, in %.0f s', time - $start);
note($node->safe_psql('postgres', q{SELECT format('%s: %s answers, %s errors', split_part(what, ' ', 2), count(*) FILTER (WHERE state = ''), count(*) FILTER (WHERE state <> '')) FROM trials GROUP BY split_part(what, ' ', 2)}));
is($node->safe_psql('postgres', q{SELECT index, what, state, message FROM trials WHERE state <> '' AND state !~ '^XX' LIMIT 10}), '', 'errors are of class XX');
is($node->safe_psql('postgres', q{SELECT DISTINCT ON (split_part(what, ' ', 2), regexp_replace(message, '[0-9]+', '', 'g')) index, what, state, message FROM trials WHERE state <> '' AND NOT hint LIMIT 10}), '', 'and have a hint');
is($node->safe_psql('postgres', q{
    SELECT s.index, s.what, s.rows, s.different FROM trials s JOIN trials c ON c.index = s.index AND c.what = replace(s.what, 'scan', 'check')
    WHERE s.what ~ 'scan' AND s.state = '' AND s.rows <> s.different AND c.state = '' AND c.rows = 0 LIMIT 10}), '', 'a row given twice is a problem that the check reports');
is($node->safe_psql('postgres', q{
    SELECT s.index, s.what, s.rows, s.different FROM trials s JOIN trials c ON c.index = s.index AND c.what = replace(s.what, 'scan', 'check')
    WHERE s.what ~ 'scan' AND s.state = '' AND s.different < CASE WHEN s.index ~ '^w' THEN 70 WHEN s.index ~ '^c' THEN 300 ELSE 600 END AND c.state = '' AND c.rows = 0
    -- a closure has as many entries of a row as it likes: a tid that became another row's tells nothing
    AND s.index <> 't_k' LIMIT 10}), '', 'and so is a row lost');

# A row count that is too small would lose rows without a sign; every scan and the check notice it.
my ($smaller, @silent) = (0);
for my $name (@names)
{
    my $file = slurp_file($node->data_dir . '/' . $node->safe_psql('postgres', "CHECKPOINT; SELECT pg_relation_filepath('$name')"));
    for my $block (0 .. $pages{$name} - 1)
    {
        my ($part, $kind) = unpack 'x8176 x8 v v', substr($file, $block * 8192, 8192);
        my ($list, $count) = unpack 'x24 V v', substr($file, $block * 8192, 8192);
        next if $kind != 6 || $part != 0 || $count < 1;
        my $less = unpack 'H4', pack 'v', int rand $count;
        $node->safe_psql('postgres', "$settings SELECT trial(-1, '$name', $block, 28, '\\x$less', 'SELECT count(*), count(DISTINCT id) FROM (SELECT id $query{$name} LIMIT 100000) s')");
        $smaller++;
    }
}
is($node->safe_psql('postgres', q{SELECT index, what, state, rows FROM trials WHERE what ~ '^-1:.*(scan|check)' AND message !~ 'rows beyond the row count' AND (what ~ 'scan' OR rows = 0)}),
    '', "each of $smaller smaller row counts is noticed by the scan and by the check");
cmp_ok($smaller, '>', 20, 'of lists of all kinds');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM trials WHERE state <> ''"), '>', $trials / 20, 'damage is noticed');
# A row in one list twice is less than the entries that a closure may have of it: the second tid of a page becomes the first.
$node->safe_psql('postgres', q{
    CREATE FUNCTION twice_in_a_list(index text) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE first bytea; second bytea; n bigint; pages bigint := 0;
    BEGIN
        FOR b IN 1 .. pg_relation_size(index::regclass) / 8192 - 1 LOOP
            first := poke(index::regclass, b::int, 40, '\x000000000000');
            PERFORM poke(index::regclass, b::int, 40, first);
            second := poke(index::regclass, b::int, 46, first);
            BEGIN
                SELECT count(*) INTO n FROM vectorq_check(index::regclass) WHERE problem LIKE 'row % is in the index too often';
            EXCEPTION WHEN OTHERS THEN n := 0;
            END;
            PERFORM poke(index::regclass, b::int, 46, second);
            IF n > 0 THEN pages := pages + 1; END IF;
        END LOOP;
        RETURN pages;
    END $$;
});
cmp_ok($node->safe_psql('postgres', "SELECT twice_in_a_list('t_k')"), '>', 1, 'a row twice in a list is noticed');
is($node->safe_psql('postgres', join ' ', map { "SELECT * FROM vectorq_check('$_');" } @names), '', 'restored pages are sound');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|leak/, 'nothing in the log');
$node->stop;
done_testing();
