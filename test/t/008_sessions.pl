# What a session may go through: prepared transactions, savepoints, lock_timeout, being ended at any moment. And what
# its backend keeps: after many queries on all access methods, cancelled ones and repeated scans among them,
# its memory is what it was after a few. VQ_QUERIES sets how many (default 5000; make sessions-long: 100,000).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $queries = $ENV{VQ_QUERIES} || 5000;
my $seed = $ENV{VQ_SEED} || int time;
srand($seed);
note("VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('sessions');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nstatement_timeout = 60s\nmax_prepared_transactions = 5\nclient_min_messages = warning\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE FUNCTION rv(n int, i int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() + 0 * i)::vector FROM generate_series(1, n)';
    CREATE TABLE t (id bigserial PRIMARY KEY, v vector(16));
    CREATE TABLE w (id bigserial PRIMARY KEY, v vector(3000));
    INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 3000) i;
    INSERT INTO w (v) SELECT rv(3000, i) FROM generate_series(1, 60) i;
    CREATE INDEX t_flat ON t USING ivf (v) WITH (lists = 12);
    CREATE INDEX t_sq8 ON t USING ivf (v vector_cosine_ops) WITH (lists = 12, quantizer = sq8);
    CREATE INDEX t_pq ON t USING pq (v vector_ip_ops) WITH (bits = 4, subvectors = 4);
    CREATE INDEX t_ah ON t USING ah ((v::halfvec(16)) halfvec_l2_ops) WITH (lists = 12, replicas = soar);
    CREATE INDEX w_v ON w USING ivf (v);
    CREATE INDEX t_records ON t USING ah ((v::halfvec(16)) halfvec_cosine_ops) WITH (lists = 12, reorder = sq8);
    CREATE TABLE c (id bigserial PRIMARY KEY, v vector(1024));
    INSERT INTO c (v) SELECT rv(1024, i) FROM generate_series(1, 270) i;
    CREATE INDEX c_records ON c USING ah (v vector_ip_ops) WITH (lists = 3, subvectors = 32, reorder = f32);
});
my %scan = (t_flat => [ 't', 'v <->', 'vector(16)' ], t_sq8 => [ 't', 'v <=>', 'vector(16)' ], t_pq => [ 't', 'v <#>', 'vector(16)' ],
    t_ah => [ 't', 'v::halfvec(16) <->', 'halfvec(16)' ],
    t_records => [ 't', 'v::halfvec(16) <=>', 'halfvec(16)' ], c_records => [ 'c', 'v <#>', 'vector(1024)' ], w_v => [ 'w', 'v <->', 'vector(3000)' ]);
sub order_by
{
    my ($name, $query) = @_;
    my ($table, $expression, $type) = @{ $scan{$name} };
    my ($dims) = $type =~ /(\d+)/;
    return "FROM $table ORDER BY $expression " . ($query // "array_fill(0.5, ARRAY[$dims])::$type");
}
my $settings = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; SET vectorq.nprobe = 1000; SET vectorq.max_scan_rows = 0;';
sub sound
{
    my ($when, $locked) = @_;
    my $sql = $settings;
    for my $name (sort keys %scan)
    {
        my $table = $scan{$name}[0];
        # the check waits for writers
        $sql .= "SELECT '$name', * FROM vectorq_check('$name');" unless $locked;
        $sql .= "SELECT '$name', count(*), count(DISTINCT id), (SELECT count(*) FROM $table) FROM (SELECT id " . order_by($name) . " LIMIT 1000000) s"
            . " HAVING count(*) <> (SELECT count(*) FROM $table) OR count(DISTINCT id) <> count(*);";
    }
    is($node->safe_psql('postgres', $sql), '', "indexes are sound and whole: $when");
}

# Two-phase commit: rows of a prepared transaction appear when it is committed, after a crash too; a build in one.
$node->safe_psql('postgres', q{
    BEGIN; INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 500) i; INSERT INTO w (v) SELECT rv(3000, i) FROM generate_series(1, 5) i;
    DELETE FROM t WHERE id <= 50; PREPARE TRANSACTION 'kept';
    BEGIN; INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 500) i; PREPARE TRANSACTION 'dropped';
    BEGIN; CREATE TABLE p (v vector(16)); INSERT INTO p SELECT v FROM t; CREATE INDEX p_v ON p USING ah (v vector_l2_ops); PREPARE TRANSACTION 'built';
});
sound('while transactions are prepared', 1);
$node->stop('immediate');
$node->start;
sound('prepared transactions survived a crash', 1);
$node->safe_psql('postgres', "COMMIT PREPARED 'kept'");
$node->safe_psql('postgres', "ROLLBACK PREPARED 'dropped'");
$node->safe_psql('postgres', "COMMIT PREPARED 'built'");
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '3450', 'the committed rows alone');
is($node->safe_psql('postgres', "SELECT count(*) FROM vectorq_check('p_v')"), '0', 'an index built in a prepared transaction');
sound('after COMMIT and ROLLBACK PREPARED');
$node->safe_psql('postgres', 'VACUUM t; VACUUM w;');
sound('after VACUUM');

# Subtransactions: rows, builds and open scans rolled back to a savepoint.
$node->safe_psql('postgres', q{
    DO $$ BEGIN
        FOR i IN 1 .. 200 LOOP
            BEGIN
                INSERT INTO t (v) SELECT rv(16, j) FROM generate_series(1, 10) j;
                INSERT INTO w (v) VALUES (rv(3000, i));
                IF i % 2 = 0 THEN RAISE EXCEPTION 'no'; END IF;
            EXCEPTION WHEN raise_exception THEN NULL;
            END;
            IF i % 40 = 0 THEN
                BEGIN
                    CREATE INDEX s_v ON t USING ivf (v vector_l1_ops) WITH (lists = 4);
                    INSERT INTO t (v) VALUES (rv(16, i));
                    RAISE EXCEPTION 'no';
                EXCEPTION WHEN raise_exception THEN NULL;
                END;
            END IF;
        END LOOP;
    END $$;
});
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '4450', 'half of the blocks are rolled back');
sound('after subtransactions');
my $cursors = 'BEGIN;';
$cursors .= "SAVEPOINT s; DECLARE c_$_ CURSOR FOR SELECT id " . order_by($_) . "; FETCH 20 FROM c_$_; SAVEPOINT inner_s; MOVE 500 IN c_$_; INSERT INTO t (v) VALUES (rv(16, 1)); ROLLBACK TO inner_s; FETCH 5 FROM c_$_; ROLLBACK TO s; RELEASE s;"
    for sort keys %scan;
my ($ret, $out, $err) = $node->psql('postgres', "$settings $cursors COMMIT; SELECT 'end'");
like($out, qr/end$/, 'cursors opened, read and closed in savepoints');
is($err, '', 'without a word');
# A cursor outlives its transaction, and an index scan runs on while the same session changes the table.
is($node->safe_psql('postgres', "$settings BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT id " . order_by('t_ah') . "; COMMIT; DELETE FROM t WHERE id > 3100; MOVE ALL IN h; CLOSE h; SELECT 'held'"), 'held', 'a cursor WITH HOLD');
sound('after cursors');

# lock_timeout: a build and a check wait for a writer, and give up.
my ($hold_in, $hold_out) = ("BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE; SELECT 'locked';\n", '');
my $held = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$hold_in, '>', \$hold_out, '2>', \my $hold_err);
$held->pump until $hold_out =~ /locked/;
for my $sql ('CREATE INDEX l_v ON t USING ivf (v vector_l1_ops)', 'REINDEX INDEX t_ah', "SELECT * FROM vectorq_check('t_flat')")
{
    my ($ret, $out, $err) = $node->psql('postgres', "SET lock_timeout = '100ms'; $sql");
    like($err, qr/canceling statement due to lock timeout/, "lock_timeout: $sql");
}
$hold_in .= "COMMIT;\n\\q\n";
$held->finish;

# pg_terminate_backend at moments spread over the work; the others go on, and nothing is left behind.
my %ended = (
    'DO $$ BEGIN FOR i IN 1 .. 1000 LOOP CREATE INDEX e_v ON t USING ah (v vector_cosine_ops) WITH (lists = 200, replicas = soar); DROP INDEX e_v; END LOOP; END $$' => 0,
    'INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 20000) i' => 0,
    'INSERT INTO w (v) SELECT rv(3000, i) FROM generate_series(1, 400) i' => 0,
    'VACUUM t' => 0,
    "DO \$\$ BEGIN FOR i IN 1 .. 100000 LOOP PERFORM id " . order_by('t_sq8') . " LIMIT 1000; PERFORM id " . order_by('w_v') . "; END LOOP; END \$\$" => 0);
for my $sql (sort keys %ended)
{
    for my $i (1 .. 4)
    {
        $node->safe_psql('postgres', 'UPDATE t SET v = v WHERE id % 3 = 0') if $sql =~ /VACUUM/;
        my ($out, $err) = ('', '');
        my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $settings, '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
        for (1 .. 100) { last if $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND backend_type = 'client backend'"); }
        sleep(rand() * 0.1 * $i);
        my $begin = time;
        $node->safe_psql('postgres', "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
        IPC::Run::finish($run);
        $ended{$sql}++ if $err =~ /terminating connection due to administrator command/;
        cmp_ok(time - $begin, '<', 10, 'ends soon') if time - $begin >= 10;
    }
}
note(join ', ', map { substr($_, 0, 70) . "… ended $ended{$_} of 4 times" } sort keys %ended);
cmp_ok((grep { $ended{$_} } keys %ended), '>=', 4, 'sessions were ended in the middle of builds, inserts and scans');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname = 'e_v'}), '0', 'no index of an ended build');
$node->safe_psql('postgres', 'DROP INDEX IF EXISTS e_v; VACUUM t; VACUUM w;');
sound('after sessions were ended');

# Memory of one backend.
my $script = '';
my @names = sort keys %scan;
my $memory = "SELECT 'memory ' || (SELECT sum(total_bytes) FROM pg_backend_memory_contexts) || ' ' || (SELECT count(*) FROM pg_backend_memory_contexts) || ' ' || (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status'), 'RssAnon:\\s+(\\d+)'))[1];\n";
sub some_queries
{
    my ($count) = @_;
    my $sql = '';
    for my $i (1 .. $count)
    {
        my $name = $names[ $i % @names ];
        my $id = 1 + int rand 2000;
        if ($i % 50 == 7)    # rescans: a nested loop
        {
            $sql .= "SELECT count(*) FROM (SELECT v FROM t WHERE id BETWEEN $id AND $id + 9) q, LATERAL (SELECT id FROM t ORDER BY v <-> q.v LIMIT 5) s;\n";
        }
        elsif ($i % 100 == 13)    # an error and a cancel in the middle
        {
            $sql .= "SELECT count(1 / (id - $id)) FROM (SELECT id " . order_by($name) . ") s;\n";
            $sql .= "SET statement_timeout = 1; SELECT count(*) FROM (SELECT id " . order_by('t_ah') . ") s, generate_series(1, 100); SET statement_timeout = 60000;\n";
        }
        elsif ($i % 100 == 51) { $sql .= "INSERT INTO t (v) VALUES (rv(16, 1)); DELETE FROM t WHERE id = (SELECT max(id) FROM t);\n"; }
        elsif ($i % 100 == 77) { $sql .= "BEGIN; DECLARE c CURSOR FOR SELECT id " . order_by($name) . "; MOVE 30 IN c; ROLLBACK;\n"; }
        else { $sql .= "SELECT id " . order_by($name) . " LIMIT " . (1 + $i % 40) . ";\n"; }
    }
    return $sql;
}
$script = "SET enable_seqscan = off; SET enable_sort = off; SET vectorq.nprobe = 3;\n" . some_queries(1000) . $memory;
my $block = some_queries(1000);
$script .= $block . $memory for 1 .. int(($queries + 999) / 1000);
($ret, $out, $err) = (0, '', '');
IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$script, '>', \$out, '2>', \$err);
my @memory = $out =~ /^memory (.*)$/mg;
my ($first, $last) = @memory[ 0, -1 ];
note("$queries queries; bytes of contexts, contexts, kB resident: $first at first, $last at last");
my ($bytes0, $contexts0, $rss0) = split ' ', $first;
my ($bytes1, $contexts1, $rss1) = split ' ', $last;
cmp_ok($bytes1, '<=', $bytes0 + 200_000, "memory contexts do not grow over $queries queries");
cmp_ok($contexts1, '<=', $contexts0 + 10, 'nor their number');
cmp_ok($rss1, '<=', $rss0 + 2048 + $rss0 / 20, 'nor what the process holds');
my @other = grep { !/division by zero|statement timeout|^\s*$/ } split /\n/, $err;
is("@other", '', 'no other error');
unlike(slurp_file($node->logfile), qr/leak|PANIC|terminated by signal|still referenced/, 'no leak of pins in the log');
$node->stop;
done_testing();
