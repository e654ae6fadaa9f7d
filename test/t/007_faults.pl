# Walks the fault points (src/pg/fault.h): each is passed and raises an ERROR or crashes the server, in each of the
# write paths. Afterwards every index passes vectorq_check and holds exactly the rows of its table, and the same
# session, or the server after its recovery, goes on.
#
# make check raises an ERROR at one passage of each point in two paths (points of rebalancing: one), in turn the first, a middle one and the last,
# and crashes at every tenth. VQ_FAULT_ALL=1 takes all three in all paths, and crashes at each (make faults-long). VQ_SEED: the rows.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'needs the module with fault points: make fault-tree' unless $ENV{VQ_FAULT_INSTALL};
my $all = $ENV{VQ_FAULT_ALL};
my $every = $all ? 1 : 10;
my $seed = $ENV{VQ_SEED} || int time;
srand($seed);
note("VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('faults', install_path => $ENV{VQ_FAULT_INSTALL});
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nrestart_after_crash = on\nshared_buffers = 32MB\n"
    . "client_min_messages = warning\nmax_parallel_maintenance_workers = 1\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE EXTENSION dblink;
    CREATE FUNCTION vectorq_fault_hits() RETURNS text LANGUAGE c AS '$libdir/vectorq';
    CREATE FUNCTION rv(n int, i int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() + 0 * i)::vector FROM generate_series(1, n)';
    SET seed = SEED;
    CREATE FUNCTION far(n int, i int) RETURNS vector VOLATILE LANGUAGE sql AS
        'SELECT array_agg(CASE WHEN g % 2 = 0 THEN 9 ELSE 0 END + random() + 0 * i)::vector FROM generate_series(1, n) g';
    CREATE TABLE t (id bigserial PRIMARY KEY, v vector(16));
    CREATE TABLE w (id bigserial PRIMARY KEY, v vector(3000));
    CREATE TABLE e (id bigserial PRIMARY KEY, v vector(16));
    CREATE TABLE ew (id bigserial PRIMARY KEY, v vector(3000));
    INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 600) i;
    INSERT INTO w (v) SELECT rv(3000, i) FROM generate_series(1, 30) i;
    CREATE INDEX t_flat ON t USING ivf (v) WITH (lists = 8);
    CREATE INDEX t_sq8 ON t USING ivf (v vector_cosine_ops, id) WITH (lists = 8, quantizer = sq8);
    CREATE INDEX t_pq ON t USING pq (v vector_ip_ops) WITH (bits = 4, subvectors = 4);
    CREATE INDEX t_ah ON t USING ah ((v::halfvec(16)) halfvec_l2_ops) WITH (lists = 8, replicas = soar);
    CREATE INDEX t_k ON t USING ivf (v vector_l1_ops) WITH (lists = 8, replicas = closure, closure_epsilon = 1);
    CREATE INDEX t_bits ON t USING ivf ((binary_quantize(v - array_fill(0.5, ARRAY[16])::vector)::bit(16)) bit_jaccard_ops) WITH (lists = 8);
    CREATE INDEX w_v ON w USING ivf (v, id);
    CREATE INDEX t_records ON t USING ah ((v::halfvec(16)) halfvec_cosine_ops, id, (id::text)) WITH (lists = 8, reorder = sq8);
    CREATE TABLE c (id bigserial PRIMARY KEY, v vector(1536));
    INSERT INTO c (v) SELECT rv(1536, i) FROM generate_series(1, 260) i;
    CREATE INDEX c_records ON c USING ah (v vector_ip_ops) WITH (lists = 2, subvectors = 32, reorder = f32);
    CREATE TABLE r (id bigserial PRIMARY KEY, v vector(16));
    CREATE TABLE rw (id bigserial PRIMARY KEY, v vector(3000));
    CREATE TABLE rm (id bigserial PRIMARY KEY, v vector(2));
    CREATE TABLE base AS SELECT 1 AS what, rv(16, i) AS v, NULL::vector AS w, NULL::vector AS m FROM generate_series(1, 300) i
        UNION ALL SELECT 2, NULL, rv(3000, i), NULL FROM generate_series(1, 300) i UNION ALL SELECT 3, NULL, NULL, rv(2, i) FROM generate_series(1, 700) i
        UNION ALL SELECT 4, far(16, i), NULL, NULL FROM generate_series(1, 300) i UNION ALL SELECT 5, NULL, far(3000, i), NULL FROM generate_series(1, 150) i
        UNION ALL SELECT 6, NULL, NULL, far(2, i) FROM generate_series(1, 100) i;
    CREATE INDEX r_flat ON r USING ivf (v) WITH (lists = 8);
    CREATE INDEX r_ah ON r USING ah (v vector_ip_ops, id, (id % 3 = 0)) WITH (lists = 8, reorder = f16);
    CREATE INDEX r_bits ON r USING ivf ((binary_quantize(v - array_fill(0.5, ARRAY[16])::vector)::bit(16)) bit_hamming_ops) WITH (lists = 8);
    CREATE INDEX rw_v ON rw USING ivf (v) WITH (lists = 4);
    CREATE INDEX rm_v ON rm USING ivf (v, id) WITH (lists = 330);
    CREATE INDEX e_v ON e USING ivf (v, id);
    CREATE TABLE g (id serial, v vector(8)) WITH (autovacuum_enabled = off);
    INSERT INTO g (v) SELECT rv(8, i) FROM generate_series(1, 2700) i;
    CREATE INDEX g_v ON g USING ah (v) WITH (lists = 8);
    CREATE INDEX ew_v ON ew USING ivf (v);
    CREATE TABLE k (id serial, v vector(16));
    CREATE TABLE many AS SELECT rv(16, i) AS v FROM generate_series(1, 3000) i;
    CREATE INDEX k_v ON k USING ivf (v, id) WITH (lists = 8, quantizer = sq8, reorder = f16);
} =~ s/SEED/rand/er);
my %index = (t_flat => [ 't', 'v <->', 'vector(16)' ], t_sq8 => [ 't', 'v <=>', 'vector(16)' ], t_pq => [ 't', 'v <#>', 'vector(16)' ],
    t_ah => [ 't', 'v::halfvec(16) <->', 'halfvec(16)' ], w_v => [ 'w', 'v <->', 'vector(3000)' ],
    t_records => [ 't', 'v::halfvec(16) <=>', 'halfvec(16)' ], c_records => [ 'c', 'v <#>', 'vector(1536)' ],
    t_k => [ 't', 'v <+>', 'vector(16)' ], g_v => [ 'g', 'v <->', 'vector(8)' ], e_v => [ 'e', 'v <->', 'vector(16)' ], ew_v => [ 'ew', 'v <->', 'vector(3000)' ],
    r_flat => [ 'r', 'v <->', 'vector(16)' ], r_ah => [ 'r', 'v <#>', 'vector(16)' ], rw_v => [ 'rw', 'v <->', 'vector(3000)' ], rm_v => [ 'rm', 'v <->', 'vector(2)' ],
    k_v => [ 'k', 'v <->', 'vector(16)' ],
    t_bits => [ 't', 'binary_quantize(v - array_fill(0.5, ARRAY[16])::vector)::bit(16) <%>', 'bit(16)' ],
    r_bits => [ 'r', 'binary_quantize(v - array_fill(0.5, ARRAY[16])::vector)::bit(16) <~>', 'bit(16)' ],
    t_new => [ 't', 'v::halfvec(16) <#>', 'halfvec(16)' ]);

# Problems, and rows in the index but not in the table or the other way round or twice; empty when all is well.
sub verify_sql
{
    my ($name) = @_;
    my ($table, $expression, $type) = @{ $index{$name} };
    my ($dims) = $type =~ /(\d+)/;
    my $query = $type =~ /bit/ ? "repeat('1', $dims)::$type" : "array_fill(0.5, ARRAY[$dims])::$type";
    return qq{
        SELECT '$name', * FROM vectorq_check('$name');
        SELECT '$name', count(*), count(DISTINCT id), (SELECT count(*) FROM $table)
            FROM (SELECT id FROM $table ORDER BY $expression $query LIMIT 1000000) s
            HAVING count(*) <> (SELECT count(*) FROM $table) OR count(DISTINCT id) <> count(*);
    };
}
my $settings = 'SET client_min_messages = error; SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; SET vectorq.nprobe = 1000; SET vectorq.max_scan_rows = 0;';
my @sound = grep { $_ ne 't_new' } sort keys %index;
# The planner must take the index, or the comparison says nothing.
for my $name (@sound)
{
    my ($select) = verify_sql($name) =~ /(SELECT id FROM .*?)\) s/s;
    like($node->safe_psql('postgres', "$settings EXPLAIN $select"), qr/Index Scan using $name /, "$name is what the comparison scans");
}

my $connstr = $node->connstr('postgres') =~ s/'/''/gr;
my $broken = "SET vectorq.fault = 'renew.write:1:error'; DO \$\$BEGIN PERFORM vectorq_renew('t_records'); EXCEPTION WHEN OTHERS THEN NULL; END\$\$; RESET vectorq.fault;";
my %work = (
    # enough rows for new segments; few for tables of wide vectors
    insert => [ '', 'INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 60) i; INSERT INTO w (v) SELECT rv(3000, i) FROM generate_series(1, 3) i; INSERT INTO c (v) SELECT rv(1536, i) FROM generate_series(1, 12) i;', '' ],
    first => [ 'TRUNCATE e; TRUNCATE ew;', 'INSERT INTO e (v) SELECT rv(16, i) FROM generate_series(1, 300) i; INSERT INTO ew (v) SELECT rv(3000, i) FROM generate_series(1, 3) i;', '' ],
    vacuum => [ 'UPDATE t SET v = rv(16, id::int) WHERE id % 5 = 0; DELETE FROM w WHERE id % 4 = 1; INSERT INTO w (v) SELECT rv(3000, i) FROM generate_series(1, 4) i; UPDATE c SET v = rv(1536, id::int) WHERE id IN (SELECT id FROM c ORDER BY random() LIMIT 12);', "VACUUM t;\nVACUUM w;\nVACUUM c;", '' ],
    refill => [ 'VACUUM t; VACUUM c; VACUUM w; DELETE FROM w WHERE id IN (SELECT id FROM w ORDER BY id LIMIT 3); VACUUM w;', 'UPDATE t SET v = v WHERE id % 7 = 0; UPDATE w SET v = v WHERE id % 3 = 0; UPDATE c SET v = rv(1536, 1) WHERE id % 30 = 0;', '' ],
    # Rows of another place fill few lists, which are split; the next vacuum drops the lists that were replaced, and a third one
    # uses their pages and numbers again. The directory of rm_v grows.
    rebalance => [ 'TRUNCATE r, rw, rm; INSERT INTO r (v) SELECT v FROM base WHERE what = 1; INSERT INTO rw (v) SELECT w FROM base WHERE what = 2; INSERT INTO rm (v) SELECT m FROM base WHERE what = 3; '
        . 'REINDEX TABLE r; REINDEX TABLE rw; REINDEX TABLE rm; DELETE FROM r WHERE id % 3 = 0; DELETE FROM rw WHERE id % 3 = 0; DELETE FROM rm WHERE id % 3 = 0; '
        . 'INSERT INTO r (v) SELECT v FROM base WHERE what = 4; INSERT INTO rw (v) SELECT w FROM base WHERE what = 5; INSERT INTO rm (v) SELECT m FROM base WHERE what = 6;',
        "VACUUM r;\nVACUUM rw;\nVACUUM rm;\nDO 'BEGIN PERFORM txid_current(); END';\nVACUUM r;\nVACUUM rw;\nINSERT INTO r (v) SELECT v FROM base WHERE what = 1;\n"
        . "INSERT INTO rw (v) SELECT w FROM base WHERE what = 2 LIMIT 20;\nDELETE FROM r WHERE id % 4 = 1;\nVACUUM r;", '' ],
    # Another session has the index open while lists are replaced: they go once it has ended.
    held => [ 'TRUNCATE r; INSERT INTO r (v) SELECT v FROM base WHERE what = 1; REINDEX TABLE r; DELETE FROM r WHERE id % 3 = 0; INSERT INTO r (v) SELECT v FROM base WHERE what = 4; '
        . "DO \$\$BEGIN PERFORM dblink_connect('reader', '$connstr'); PERFORM dblink_exec('reader', 'SET enable_seqscan = off'); PERFORM dblink_exec('reader', 'BEGIN'); "
        . "PERFORM FROM dblink('reader', 'SELECT id FROM r ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector LIMIT 1') AS x (id bigint); END\$\$;",
        "VACUUM r;\nDO \$\$BEGIN PERFORM dblink_exec('reader', 'COMMIT'); PERFORM dblink_disconnect('reader'); PERFORM txid_current(); END\$\$;\nDELETE FROM r WHERE id % 4 = 1;\nVACUUM r;", '' ],
    # Nine tenths of the rows go: what is left is copied to the front of the file.
    compact => [ 'TRUNCATE k; INSERT INTO k (v) SELECT v FROM many; REINDEX TABLE k; DELETE FROM k WHERE id % 10 <> 0;', 'VACUUM (INDEX_CLEANUP on) k;', '' ],
    # A renewal in batches: rows go, and come, between the vacuums that copy them.
    rest => [ 'TRUNCATE k; INSERT INTO k (v) SELECT v FROM many LIMIT 700; REINDEX TABLE k; INSERT INTO k (v) SELECT v FROM many; SET vectorq.renew_rows = 1500;',
        "VACUUM k;\nDELETE FROM k WHERE id % 7 = 1;\nVACUUM k;\nINSERT INTO k (v) SELECT v FROM many LIMIT 200;\nVACUUM k;\nVACUUM k;", '' ],
    renew => [ '', "DO 'BEGIN PERFORM vectorq_renew(''t_records''); END';\nDO 'BEGIN PERFORM vectorq_renew(''t_flat''); END';", '' ],
    # A renewal that broke off: rows go into both epochs, and the next one gives it up.
    late => [ "$broken", 'INSERT INTO t (v) SELECT rv(16, i) FROM generate_series(1, 30) i;', '' ],
    give_up => [ "$broken", "DO 'BEGIN PERFORM vectorq_renew(''t_records''); END';", '' ],
    build => [ 'DROP INDEX IF EXISTS t_new;', 'CREATE INDEX t_new ON t USING ah ((v::halfvec(16)) halfvec_ip_ops) WITH (lists = 8, replicas = soar);', '' ],
    query => [ '', "DO 'BEGIN PERFORM id FROM g ORDER BY v <-> array_fill(0.5, ARRAY[8])::vector LIMIT 10; END';", '' ],
    calibrate => [ '', "SELECT vectorq_calibrate('t_flat', (SELECT array_agg(v) FROM t));", '' ],
    # a tenth of the rows changed: measured again
    measure => [ 'UPDATE g SET v = v WHERE id % 8 = 0;', 'VACUUM g;', '' ],
    truncate => [ 'INSERT INTO ew (v) SELECT rv(3000, i) FROM generate_series(1, 3) i;', 'TRUNCATE ew;', '' ],
    reindex => [ '', 'REINDEX INDEX CONCURRENTLY t_ah;', 'DROP INDEX IF EXISTS t_ah_ccnew; DROP INDEX IF EXISTS t_ah_ccold;' ],
    reindex_records => [ '', 'REINDEX INDEX CONCURRENTLY t_records;', 'DROP INDEX IF EXISTS t_records_ccnew; DROP INDEX IF EXISTS t_records_ccold;' ],
    reindex_wide => [ '', 'REINDEX INDEX CONCURRENTLY w_v;', 'DROP INDEX IF EXISTS w_v_ccnew; DROP INDEX IF EXISTS w_v_ccold;' ]);

my $file = 0;
# Statements one by one in one session, going on after errors; returns (stdout, stderr).
sub run_sql
{
    my ($sql) = @_;
    my ($out, $err) = ('', '');
    $sql = 'SET seed = ' . rand() . "; $sql";
    IPC::Run::run([ 'psql', '-XAtq', '-v', 'SHOW_CONTEXT=never', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$sql, '>', \$out, '2>', \$err);
    return ($out, $err);
}
my $starts = 0;
# A connection may still succeed before the postmaster has noticed a crash: the log tells.
sub wait_for_server
{
    for (1 .. 1200)
    {
        my $now = () = slurp_file($node->logfile) =~ /ready to accept connections/g;
        if ($now > $starts) { $starts = $now; return; }
        sleep 0.05;
    }
    BAIL_OUT('the server does not come back');
}
wait_for_server();

my ($struck, $crashes, $missed, $turn, %names, %struck, %hits_of) = (0, 0, 0, 0);
# Rebalancing has tables of its own.
my @rebalanced = qw(r_flat r_ah rw_v rm_v);
my %is_rebalanced = map { $_ => 1 } @rebalanced, 'k_v';
my $verify_others = join '', map { verify_sql($_) } grep { !$is_rebalanced{$_} } @sound;
my $verify_rebalanced = join '', map { verify_sql($_) } @rebalanced;
my $start = time;
for my $what (sort keys %work)
{
    my ($before, $statement, $after) = @{ $work{$what} };
    my $verify = $what =~ /^(rebalance|held)$/ ? $verify_rebalanced : $what =~ /^(compact|rest)$/ ? verify_sql('k_v') : $verify_others;
    my $enough = $what eq 'rebalance' ? 1 : 2;
    my ($hits, $err) = run_sql("$settings $before SELECT vectorq_fault_hits() IS NULL; $statement\nSELECT vectorq_fault_hits(); $after");
    is($err, '', "$what without a fault") or next;
    my %hits = $hits =~ /^([\w.]+) (\d+)$/mg;
    $hits_of{$what} = {%hits};
    $names{$_} = 1 for keys %hits;
    my @bad;
    for my $name (sort keys %hits)
    {
        next if !$all && ($struck{$name} // 0) >= $enough;
        my $middle = 1 + int($hits{$name} / 2);
        my @passages = (1, $middle, $hits{$name});
        my %strikes = map { $_ => 1 } $all ? @passages : $passages[ $turn % 3 ];
        my @trials = map { "$name:$_:error" } sort keys %strikes;
        push @trials, "$name:$middle:crash" if $turn++ % $every == 0;
        my $tries = 0;
        while (my $fault = shift @trials)
        {
            my $crash = $fault =~ /crash$/;
            # The rows that the next statement of the same session puts in must get there.
            my $go_on = 'RESET vectorq.fault; INSERT INTO t (v) VALUES (rv(16, 1)); INSERT INTO w (v) VALUES (rv(3000, 1));';
            my ($out, $err) = run_sql("$settings $before SET vectorq.fault = '$fault';\n$statement\n" . ($crash ? '' : "$go_on $after $verify"));
            my $met = $crash ? $err =~ /server closed the connection|connection to server was lost/ : $err =~ /ERROR:  fault point "\Q$name\E"/;
            if ($crash && $met)
            {
                wait_for_server();
                ($out, $err) = run_sql("$settings $after $verify");
            }
            $err =~ s/^.*ERROR:  fault point "\Q$name\E"\n//mg;
            push @bad, "$fault: $out$err" if $out ne '' || $err ne '';
            # What an earlier trial left behind may have room enough that this one passes the point less often, or not every time.
            if (!$met)
            {
                $missed++;
                push @trials, "$name:1:error" if $tries++ < ($struck{$name} ? 1 : 4);
                next;
            }
            $crash ? $crashes++ : $struck++;
            $struck{$name}++;
            last if @bad > 5;
        }
    }
    is(join("\n", @bad), '', sprintf '%s: sound after faults at its %d points', $what, scalar keys %hits);
}
my @known = sort keys %names;
note(sprintf '%d points, %d errors, %d crashes, %d not met, %.0f s', scalar @known, $struck, $crashes, $missed, time - $start);
is(join(' ', grep { !$struck{$_} } @known), '', 'a fault struck at every point');
my %in_source = map { $_ => 1 } split ' ', $ENV{VQ_FAULT_NAMES} // '';
is(join(' ', grep { !$names{$_} } sort keys %in_source), '', 'every point in the sources was passed');
is(join(' ', grep { !$in_source{$_} } @known), '', 'every point that was passed was found in the sources');
# The meta page is everybody's: locked exclusively, by those who add a segment, only to take a page that is free.
ok($hits_of{first}{'free.look'} > 0 && !$hits_of{first}{'free.meta'}, 'new segments leave the meta page alone when no page is free');

# A table that moves elsewhere takes its remembered buffers along: freed once, also if what comes next fails. Many pages, so that freeing
# them twice would not go unnoticed.
$node->safe_psql('postgres', q{
    CREATE TABLE tall (v vector(16), filler text);
    ALTER TABLE tall ALTER filler SET STORAGE plain;
    INSERT INTO tall SELECT rv(16, i), repeat('x', 7000) FROM generate_series(1, 2500) i;
    CREATE INDEX tall_v ON tall USING ivf (v) WITH (lists = 4, quantizer = sq8);
    SET allow_in_place_tablespaces = on;
    CREATE TABLESPACE elsewhere LOCATION ''});
my $near = "SELECT count(*) FROM (SELECT v FROM tall ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector LIMIT 10) s;\n";
my ($moved, $moved_err) = run_sql("$settings $near ALTER TABLE tall SET TABLESPACE elsewhere;\nSET vectorq.fault = 'cache.track_heap:1:error';\n$near"
    . "RESET vectorq.fault;\n$near $near");
is($moved, "10\n10\n10\n", 'the session goes on after a failure between two sets of remembered buffers');
like($moved_err, qr/\A(?:psql:\S+ )?ERROR:  fault point "cache.track_heap"\s*\z/, 'and the failure was the wanted one');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|terminated by signal (?!3\b|6: Quit)|WARNING:  (?:buffer refcount leak|.*leak)/, 'no leak, no signal, no PANIC in the log');

$node->stop;
done_testing();
