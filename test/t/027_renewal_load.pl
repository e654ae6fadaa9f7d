# Vacuum renews indexes again and again while others write and read: no row is lost, none is there twice, in every snapshot; through
# writers that stand between two steps, through cancels, errors and crashes. VQ_SEED: rows and moments; VQ_KILLS, VQ_SECONDS: a long form.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 't';
use Load;
use Time::HiRes qw(sleep);

plan skip_all => 'needs the module with fault points: make fault-tree' unless $ENV{VQ_FAULT_INSTALL};
my $seed = $ENV{VQ_SEED} || time;
srand($seed);
note("VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('load', install_path => $ENV{VQ_FAULT_INSTALL});
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nmax_connections = 50\nmax_prepared_transactions = 2\nclient_min_messages = warning\n");
$node->start;
sub sql { $node->safe_psql('postgres', $_[0]) }
# t sways between a few hundred rows and thousands, so that each vacuum finds it grown or shrunk. Some codes are the rows, others come
# from the table; rows with one entry, with two, with a varying number; records; vectors out of line, on several pages.
sql(q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id bigserial PRIMARY KEY, v vector(8));
    CREATE TABLE w (id bigserial PRIMARY KEY, v vector(2500));
    CREATE TABLE mismatches (what text);
    CREATE FUNCTION rv(n int, i int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() + 0 * i)::vector FROM generate_series(1, n)';
    CREATE TABLE pool AS SELECT i, rv(8, i) AS v FROM generate_series(1, 6000) i;
    CREATE TABLE wide AS SELECT i, rv(2500, i) AS v FROM generate_series(1, 300) i;
    CREATE INDEX t_flat ON t USING ivf (v);
    CREATE INDEX t_sq8 ON t USING ivf (v vector_cosine_ops, id) WITH (quantizer = sq8);
    CREATE INDEX t_ah ON t USING ah (v vector_ip_ops, id);
    CREATE INDEX t_k ON t USING ivf (v vector_l1_ops) WITH (replicas = closure, closure_epsilon = 0.5);
    CREATE INDEX t_c ON t USING ivf ((v::halfvec(8)) halfvec_l2_ops, id) WITH (quantizer = pq, bits = 4, subvectors = 4, reorder = f16);
    CREATE INDEX w_v ON w USING ivf (v);
    CREATE INDEX w_ah ON w USING ah (v vector_ip_ops, id) WITH (subvectors = 50, reorder = sq8);
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
    CREATE FUNCTION queries() RETURNS text[] LANGUAGE sql AS $$ SELECT ARRAY['t ORDER BY v <-> ''[1,1,1,1,1,1,1,1]''', 't ORDER BY v <=> ''[1,2,1,1,1,1,1,1]''',
        't ORDER BY v <#> ''[1,1,1,1,1,1,1,1]''', 't ORDER BY v <+> ''[1,1,1,1,1,1,1,1]''', 't ORDER BY v::halfvec(8) <-> ''[1,1,1,1,1,1,1,1]''::halfvec(8)',
        'w ORDER BY v <-> array_fill(0, ARRAY[2500])::vector', 'w ORDER BY v <#> array_fill(1, ARRAY[2500])::vector'] $$;
    CREATE FUNCTION compare() RETURNS SETOF text LANGUAGE plpgsql AS $$
    DECLARE q text; in_table bigint[]; found bigint[];
    BEGIN
        FOREACH q IN ARRAY queries() LOOP
            in_table := all_ids(split_part(q, ' ', 1));
            found := ids(q);
            IF found IS DISTINCT FROM in_table THEN
                RETURN NEXT format('%s: index %s rows, table %s: %s', q, cardinality(found), cardinality(in_table),
                    (SELECT array_agg(x) FROM (SELECT x FROM (SELECT unnest(found) AS x EXCEPT ALL SELECT unnest(in_table)) more
                        UNION ALL SELECT -x FROM (SELECT unnest(in_table) AS x EXCEPT ALL SELECT unnest(found)) less LIMIT 9) d));
            END IF;
        END LOOP;
    END $$;
    -- Takes what is left of cursor c; says what differs from at_start but for the one row that was fetched before.
    CREATE FUNCTION drain() RETURNS text LANGUAGE plpgsql AS $$
    DECLARE c refcursor := 'c'; r bigint; n bigint := 0; rows bigint;
    BEGIN
        LOOP
            FETCH c INTO r;
            EXIT WHEN NOT FOUND;
            n := n + 1;
        END LOOP;
        SELECT count(*) INTO rows FROM at_start;
        RETURN CASE WHEN n <> greatest(rows - 1, 0) THEN format('cursor: %s rows, table %s', n + 1, rows) END;
    END $$;
});
my @indexes = qw(t_flat t_sq8 t_ah t_k t_c w_v w_ah);
my $settings = 'SET vectorq.max_scan_rows = 0; SET vectorq.nprobe = 3;';
my $by_index = "$settings SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;";
my %used = map { $_ => 1 } map { sql("$by_index EXPLAIN SELECT id FROM $_ LIMIT 1000000") =~ /Index Scan using (\w+)/ } split /\n/, sql('SELECT unnest(queries())');
is(join(' ', sort keys %used), join(' ', sort @indexes), 'the comparison goes through the indexes');
sub all_is_well
{
    my ($when) = @_;
    is(sql("$settings SELECT compare()"), '', "$when: each row once");
    is(sql('SELECT what FROM mismatches'), '', "$when: and so in every snapshot before");
    is(sql(join ' ', map { "SELECT '$_', * FROM vectorq_check('$_');" } @indexes), '', "$when: the indexes are sound");
}
sub renewals { sql("SELECT sum(value::int) FROM unnest('{" . join(',', @indexes) . "}'::text[]) i, vectorq_index_details(i::regclass) WHERE name = 'renewals'") }

# 1. Writers of all kinds, and readers whose snapshots and cursors outlive the lists.
my %script = (
    write => q{
\set r random(0, 30)
INSERT INTO t (v) SELECT rv(8, i) FROM generate_series(1, 30) i;
UPDATE t SET v = rv(8, 1) WHERE id % 61 = :r;
DELETE FROM t WHERE id % 97 = :r;
BEGIN;
INSERT INTO t (v) SELECT rv(8, i) FROM generate_series(1, 20) i;
SAVEPOINT s;
INSERT INTO w (v) SELECT v FROM wide WHERE i % 60 = :r;
ROLLBACK TO s;
UPDATE t SET v = rv(8, 1) WHERE id % 101 = :r;
ROLLBACK;
INSERT INTO w (v) SELECT v FROM wide WHERE i % 60 = :r;
},
    # One long statement, begun before a renewal and ended after the next.
    long => "INSERT INTO t (v) SELECT v FROM pool, pg_sleep(0.0005) WHERE i % 10 = 1;\n",
    read => "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT set_config('vectorq.nprobe', '3', true), set_config('vectorq.max_scan_rows', '0', true);\n"
        . "CREATE TEMP TABLE at_start ON COMMIT DROP AS SELECT unnest(all_ids('t')) AS id;\n"
        . "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true), set_config('enable_indexscan', 'on', true);\n"
        . "DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> '[1,1,1,1,1,1,1,1]';\nFETCH 1 FROM c;\nINSERT INTO mismatches SELECT compare();\nSELECT pg_sleep(0.2);\n"
        . "INSERT INTO mismatches SELECT compare();\nINSERT INTO mismatches SELECT d FROM drain() d WHERE d IS NOT NULL;\nCOMMIT;\nSELECT pg_sleep(0.1);\n",
    # In one go, or in batches, which rest in between.
    vacuum => "\\set rows random(0, 3) * 700\nSET vectorq.renew_rows = :rows;\nVACUUM (PARALLEL 0) t;\nSET vectorq.renew_rows = 100;\nVACUUM w;\n",
    sway => "INSERT INTO t (v) SELECT v FROM pool;\nINSERT INTO w (v) SELECT v FROM wide;\nSELECT pg_sleep(0.3);\n"
        . "DELETE FROM t WHERE id < (SELECT max(id) - 500 FROM t);\nDELETE FROM w WHERE id < (SELECT max(id) - 20 FROM w);\nSELECT pg_sleep(0.3);\n");
sub under_load { my ($seconds, $kill) = @_; run_load($node, \%script, [ [ 'write', 2 ], [ 'long', 1 ], [ 'read', 2 ], [ 'vacuum', 1 ], [ 'sway', 1 ] ], $seconds, $kill) }
my $renewals = 0;
for (1 .. 5)
{
    under_load($ENV{VQ_SECONDS} || 8, 0);
    last if ($renewals = renewals()) >= 10;
}
cmp_ok($renewals, '>=', 10, "$renewals renewals under load");
all_is_well('after the load');

# 2. Crashes.
for my $round (1 .. ($ENV{VQ_KILLS} || 3))
{
    under_load(20, 1 + rand 2);
    all_is_well("crash $round");
}

# 3. Cancelled at any moment, the server's fast shutdown among them.
sub sway { sql("INSERT INTO t (v) SELECT v FROM pool; SELECT txid_current()") }
sub shrink { sql('DELETE FROM t WHERE id < (SELECT max(id) - 500 FROM t); SELECT txid_current()') }
for my $round (0 .. 13)
{
    $round % 2 ? shrink() : sway();
    $node->psql('postgres', 'SET statement_timeout = ' . int(5 + rand(30) * 1.3**$round) . '; VACUUM (PARALLEL 0) t;', on_error_stop => 0, stderr => \my $ignored);
    sql('INSERT INTO t (v) SELECT v FROM pool WHERE i <= 5; UPDATE t SET v = rv(8, 1) WHERE id % 97 = 1');
}
all_is_well('after cancels');
my @vacuums = map { ('VACUUM (PARALLEL 0) t', 'SELECT txid_current()') } 1 .. 3;
# The last one may have been cancelled before it shrank the index.
shrink();
sql($_) for @vacuums;
my $before = renewals();
sway();
sql($_) for @vacuums;
cmp_ok(renewals(), '>', $before, 'the next vacuums renew');
all_is_well('after that');

# 4. A writer stands between two steps while a vacuum goes on to another.
sub session
{
    my ($in, $out, $timer) = ('', '', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
    my $handle = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$in, '>&', \$out, $timer);
    my $ask = sub { $in .= "$_[0]\n\\echo done\n"; $timer->start; $handle->pump until $out =~ /^done$/m; my $answer = $out =~ s/^done\n//mr; $out = ''; return $answer; };
    # Sent, and not waited for.
    my $send = sub { $in .= "$_[0]\n"; $timer->start; $handle->pump_nb };
    return { ask => $ask, send => $send, end => sub { $in .= "\\q\n"; $handle->finish; return $out } };
}
my $keeper = session();
my ($vacuum_lock, $insert_lock) = (20, 21);
sub hold { $keeper->{ask}->("SELECT pg_advisory_lock($_[0]);") }
sub release { $keeper->{ask}->("SELECT pg_advisory_unlock($_[0]);") }
sub waits { $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = $_[0] AND NOT granted") }
# Starts a statement that will stand at a point.
sub stand
{
    my ($statement, $point, $nth, $lock) = @_;
    hold($lock);
    my $s = session();
    $s->{send}->("SET vectorq.fault = '$point:$nth:wait:$lock'; SELECT 'pid', pg_backend_pid();\n$statement\nRESET vectorq.fault;");
    ok(waits($lock), "$statement stands at $point");
    return $s;
}
my @of_h = ('ivf (v)', 'ivf (v) WITH (quantizer = sq8, reorder = f16)', 'ah (v)', 'ivf (v) WITH (replicas = closure, closure_epsilon = 5)', 'pq (v) WITH (bits = 4, subvectors = 4)');
my $turn = 0;
sub fresh
{
    my $index = $of_h[ $turn++ % @of_h ];
    sql("DROP TABLE IF EXISTS h; CREATE TABLE h (id bigserial PRIMARY KEY, v vector(8)); INSERT INTO h (v) SELECT v FROM pool WHERE i <= 100; CREATE INDEX h_v ON h USING $index; INSERT INTO h (v) SELECT v FROM pool WHERE i <= 900");
    return $index;
}
my $rows_of_h = "$by_index SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM h ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 1000000) s";
sub h_has { is(sql($rows_of_h), "$_[0]|$_[0]", "$_[1]: each row once") }
sub h_is_well
{
    my ($rows, $when) = @_;
    h_has($rows, $when);
    is(sql("SELECT * FROM vectorq_check('h_v')"), '', "$when: sound");
}
sub h_is_renewed
{
    my ($rows, $when) = @_;
    sql($_) for ('VACUUM h', 'SELECT txid_current()', 'VACUUM h', 'SELECT txid_current()', 'VACUUM h');
    is(sql("SELECT trained FROM vectorq_index_info('h_v')"), 't', "$when: trained in the end");
    h_is_well($rows, "$when, in the end");
}
my $three = 'INSERT INTO h (v) SELECT v FROM pool WHERE i BETWEEN 5001 AND 5003;';
for my $case (
    # the writer's point, its passage, the vacuum's point when the writer begins; what the vacuum does then
    [ 'insert.append', 1, undef, 'ends' ],
    [ 'insert.append', 2, undef, 'ends' ],
    [ 'insert.renewing', 1, 'renew.copy', 'ends' ],
    [ 'insert.renewing', 1, 'renew.copy', 'fails' ],
    [ 'insert.late', 1, 'renew.copy', 'ends' ],
    [ 'insert.late', 1, 'renew.copy', 'fails' ],
    [ 'insert.late', 2, 'renew.switch', 'ends' ],
    [ 'insert.append', 2, 'renew.copy', 'ends' ],
    [ 'insert.append', 2, 'renew.copy', 'fails' ],
    [ 'insert.append', 4, 'renew.attach', 'ends' ],
    [ 'insert.late', 3, 'renew.attach', 'fails' ])
{
    my ($point, $nth, $where, $what) = @$case;
    my $index = fresh();
    my $when = "$index: writer at $point $nth, vacuum " . ($where ? "$what from $where on" : $what);
    my $vacuum = $where ? stand('VACUUM h;', $where, 1, $vacuum_lock) : session();
    my $writer = stand($three, $point, $nth, $insert_lock);
    if (!$where) { sql('VACUUM h'); }
    elsif ($what eq 'ends') { release($vacuum_lock); $vacuum->{ask}->('SELECT 1;'); }
    else
    {
        sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'VACUUM h%'");
        like($vacuum->{ask}->('SELECT 1;'), qr/canceling statement/, "$when: cancelled");
        release($vacuum_lock);
        h_has(1000, "$when: meanwhile");
        sql('VACUUM h');
    }
    h_has(1000, "$when: before");
    sql('INSERT INTO h (v) SELECT v FROM pool WHERE i BETWEEN 4001 AND 4002');
    h_has(1002, "$when: others go on");
    release($insert_lock);
    unlike($writer->{ask}->('SELECT 1;'), qr/ERROR/, "$when: the writer has no error");
    h_is_well(1005, $when);
    h_is_renewed(1005, $when);
    $_->{end}->() for $vacuum, $writer;
}

# 5. A base backup while a vacuum stands in the middle of a renewal, and a prepared transaction has rows in both epochs, for
# which the check would wait.
for my $where ('renew.copy', 'renew.attach', 'renew.switched')
{
    my $when = fresh() . ": backup at $where";
    my $vacuum = stand('VACUUM h;', $where, 1, $vacuum_lock);
    sql('INSERT INTO h (v) SELECT v FROM pool WHERE i BETWEEN 4001 AND 4002');
    sql("BEGIN; $three PREPARE TRANSACTION 'three'");
    $node->backup($where);
    release($vacuum_lock);
    $vacuum->{ask}->('SELECT 1;');
    $vacuum->{end}->();
    my $source = $node;
    my $copy = PostgreSQL::Test::Cluster->new("copy_$where", install_path => $ENV{VQ_FAULT_INSTALL});
    $copy->init_from_backup($source, $where);
    $copy->start;
    for my $server ($copy, $source)
    {
        $node = $server;
        my $of = "$when, " . ($server == $copy ? 'the copy' : 'the server');
        h_has(1002, $of);
        is(sql("$settings SET enable_indexscan = off; SELECT count(*) FROM h"), '1002', "$of: as many as the table");
        sql("COMMIT PREPARED 'three'");
        h_is_well(1005, "$of, committed");
        h_is_renewed(1005, $of);
    }
    $copy->stop;
}
$keeper->{end}->();
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|WARNING:  (?:buffer refcount leak|.*leak)/, 'no leak, no PANIC in the log');
done_testing();
