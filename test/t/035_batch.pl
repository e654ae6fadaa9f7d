# vectorq_knn as other sessions and errors meet it: cut short at any moment, its backend ended, indexes dropped or renewed
# meanwhile, a standby whose primary vacuums; its memory is flat.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $seed = $ENV{VQ_SEED} || int time;
srand($seed);
note("VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nshared_buffers = 256MB\nmaintenance_work_mem = 128MB\nclient_min_messages = warning\nwal_keep_size = 2GB\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE FUNCTION rv(i int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() + i % 7)::vector FROM generate_series(1, 32)';
    CREATE TABLE t (id int, v vector(32));
    INSERT INTO t SELECT i, rv(i) FROM generate_series(1, 20000) i;
    CREATE TABLE q AS SELECT id, v FROM t WHERE id % 4 = 0;
    CREATE INDEX t_v ON t USING ah (v vector_l2_ops);
    CREATE INDEX t_r ON t USING ah (v vector_l2_ops) WITH (reorder = f16);
});
sub session
{
    my ($out, $err, @statements) = @_;
    return IPC::Run::start([ 'psql', '-XAtq', '-p', $node->port, '-h', $node->host, '-d', 'postgres', map { ('-c', $_) } @statements ],
        '<', \undef, '>', $out, '2>', $err);
}
my $threads = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'Threads:\s+(\d+)'))[1]};
my $batch = "SELECT count(*) FROM vectorq_knn('t_v', 'SELECT id, v FROM q', 10)";
my $records = "SELECT count(*) FROM vectorq_knn('t_r', 'SELECT id, v FROM q', 10)";
# Several rounds, so that the lists of one are scored while rows of the one before are read.
my $settings = "SET vectorq.batch_threads = 3; SET vectorq.target_recall = 0.99;";

# ---- timeouts at moments spread over a batch, in one session
my $start = time;
$node->safe_psql('postgres', "$settings $batch");
my $whole = 1000 * (time - $start);
my $sql = $settings;
for my $i (1 .. 40)
{
    $sql .= sprintf "SET statement_timeout = %d; %s; SET statement_timeout = 0; $threads;\n", 1 + rand($whole), $i % 2 ? $batch : $records;
}
my ($ret, $out, $err) = $node->psql('postgres', $sql . "$batch;", on_error_stop => 0);
my $cut = () = $err =~ /canceling statement due to statement timeout/g;
cmp_ok($cut, '>', 5, "timeouts met the batch ($cut of 40)");
is($err =~ s/^.*canceling statement due to statement timeout(\n|\z)//gmr, '', 'and are the only errors');
is_deeply([ grep { $_ ne '50000' } split /\n/, $out ], [ ('1') x 40 ], 'no thread is left behind');
like($out, qr/50000$/, 'the session goes on');

# ---- a backend that is ended while its threads work
my $ended = 0;
for my $i (1 .. 8)
{
    my ($o, $e) = ('', '');
    my $victim = session(\$o, \$e, "SET application_name = 'victim'; $settings", $batch);
    $node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'victim' AND query LIKE '%vectorq_knn%')");
    sleep(rand($whole / 1000));
    $node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'");
    IPC::Run::finish($victim);
    $ended++ if $e =~ /terminating connection/;
}
note("$ended of 8 were ended before their answer");
cmp_ok($ended, '>', 0, 'backends were ended amid a batch');
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'victim'");
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC/, 'and did not take the server with them');

# ---- an index that is to be dropped waits for the transaction
{
    my ($o, $e) = ('', '');
    my $reader = session(\$o, \$e, 'BEGIN', $batch, 'SELECT pg_sleep(5)', 'COMMIT');
    $node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(5)%' AND pid <> pg_backend_pid() AND wait_event = 'PgSleep')");
    ($ret, $out, $err) = $node->psql('postgres', "SET lock_timeout = '100ms'; DROP INDEX t_v");
    like($err, qr/lock timeout/, 'DROP INDEX waits');
    IPC::Run::finish($reader);
    is($e, '', 'for the batch, which is not disturbed');
}

# ---- lists that vacuum makes anew while queries come in: one generation is seen
$node->safe_psql('postgres', q{
    CREATE TABLE g (id int, v vector(32));
    INSERT INTO g SELECT i, rv(i) FROM generate_series(1, 1000) i;
    CREATE INDEX g_v ON g USING ah (v vector_l2_ops);
    INSERT INTO g SELECT i, rv(i) FROM generate_series(1001, 12000) i;
});
{
    my ($o, $e) = ('', '');
    my $all = "SET vectorq.target_recall = 1; SELECT count(*), count(DISTINCT (query, row)), bool_and(ok) FROM (SELECT query, row, n.distance <= (SELECT max(x.d) FROM (SELECT g.v <-> q.v AS d FROM g, q WHERE q.id = n.query ORDER BY 1 LIMIT 5) x) + 1e-5 AS ok FROM vectorq_knn('g_v', 'SELECT id, v FROM q WHERE id < 400 AND pg_sleep(0.02) IS NOT NULL', 5) n) s";
    my $reader = session(\$o, \$e, $all);
    $node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid() AND wait_event = 'PgSleep')");
    $node->safe_psql('postgres', 'VACUUM g');
    my $lists = $node->safe_psql('postgres', "SELECT lists FROM vectorq_index_info('g_v')");
    IPC::Run::finish($reader);
    is("$o$e", "495|495|t\n", "the batch has the true rows, though vacuum made the index anew meanwhile ($lists lists)");
    is($node->safe_psql('postgres', $all), '495|495|t', 'and so has the next one');
}

# ---- memory
my $few = "PERFORM count(*) FROM vectorq_knn('t_v', 'SELECT id, v FROM q LIMIT 40', 10); PERFORM count(*) FROM vectorq_knn('t_r', ARRAY(SELECT v FROM q LIMIT 3), 10);";
my $memory = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmRSS:\s+(\d+)'))[1]::int};
my $loop = "DO \$\$ BEGIN FOR i IN 1 .. %d LOOP $few BEGIN PERFORM count(*) FROM vectorq_knn('t_v', '(SELECT v FROM q LIMIT 40) UNION ALL SELECT ''[1]''::vector', 3); EXCEPTION WHEN data_exception THEN NULL; END; END LOOP; END \$\$;";
my ($first, $last) = split /\n/, $node->safe_psql('postgres', "SET vectorq.batch_threads = 2; " . sprintf($loop, 100) . "$memory; " . sprintf($loop, 1000) . "$memory;");
cmp_ok($last - $first, '<', 4096, "memory is flat over 1,000 batches of each kind: $first kB, then $last kB");

# ---- a standby: right answers, or a conflict with recovery
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 100ms\nhot_standby_feedback = off\n");
$standby->start;
my ($o, $e) = ('', '');
my $writer = session(\$o, \$e, map {
        ("DELETE FROM t WHERE id % 200 = $_", 'VACUUM t', 'INSERT INTO t SELECT i, rv(i) FROM generate_series(1, 20000, 200) i', 'VACUUM g')
    } 1 .. 15);
my %met;
for my $i (1 .. 60)
{
    my ($r, $found, $problem) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\n$settings SELECT count(*) = 50000 AND count(DISTINCT (query, row)) = 50000 FROM vectorq_knn('t_v', 'SELECT id, v FROM q', 10) n JOIN t ON t.ctid = n.row AND n.distance >= 0;", on_error_stop => 0);
    $met{ $problem eq '' ? "answer $found" : $problem =~ /(\w{5})\s*$/ ? "error $1" : $problem }++;
}
IPC::Run::finish($writer);
note(join ', ', map { "$_: $met{$_}" } sort keys %met);
ok($met{'answer t'}, 'a standby answers');
is_deeply([ grep { $_ ne 'answer t' && $_ ne 'error 40001' } keys %met ], [], 'rightly, or with 40001');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $batch), $node->safe_psql('postgres', $batch), 'and as the primary does afterwards');
unlike(slurp_file($_->logfile), qr/was terminated by signal|PANIC/, 'no server has crashed') for $node, $standby;
$standby->stop;
$node->stop;
done_testing();
