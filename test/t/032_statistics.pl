# Cumulative statistics: counts of all sessions, as vectorq_stats() has them of one; reset, drop, rights, restart, crash, a
# damaged file, a standby, more indexes than there is room for. Without preloading the view says so (before PostgreSQL 17).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'vectorq'\nautovacuum = off\nfsync = off\nvectorq.stat_indexes = 10\nmax_parallel_maintenance_workers = 0\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    SELECT setseed(0.5);
    CREATE TABLE t (id int, v vector(8));
    INSERT INTO t SELECT i, ARRAY[random(), random(), random(), random(), random(), random(), random(), random()]::vector FROM generate_series(1, 3000) i;
    CREATE INDEX t_a ON t USING ah (v) WITH (lists = 20);
    CREATE INDEX t_i ON t USING ivf (v vector_cosine_ops) WITH (lists = 20, maintain = off);
});
my $q = "'[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]'";
my $ask = "SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> $q LIMIT 10) s;";
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub counts { my ($columns, $index) = @_; return sql("SELECT $columns FROM vectorq_stat_indexes WHERE indexrelname = '" . ($index // 't_a') . "'") }

# ---- what is counted

is(sql("SELECT schemaname, relname, indexrelname, scans, since IS NULL FROM vectorq_stat_indexes ORDER BY indexrelname"),
    "public|t|t_a|0|t\npublic|t|t_i|0|t", 'each index has a row before it is used');
my $columns = 'rounds, lists_probed, pages_read, %s, %s, rows_returned';
my @one = split /\|/, (split /\n/, sql("$ask SELECT " . sprintf($columns, 'entries_scored', 'rows_reordered') . " FROM vectorq_stats()"))[1];
is(join('|', @one), counts(sprintf $columns, 'codes_scored', 'entries_reordered'), 'one scan counts as vectorq_stats() has it');
sql($ask) for 1 .. 4;
is(join('|', map { 5 * $_ } @one), counts(sprintf $columns, 'codes_scored', 'entries_reordered'), 'five sessions count five times as much');
is(counts('scans, short_scans, heap_rows_visited = entries_reordered + rows_returned, batches, inserts, choose_ms + search_ms + order_ms'), '5|0|t|0|0|0',
    'scans; no times without vectorq.track_timing');
is(counts('last_used > since AND last_used <= now()'), 't', 'when it was last used');
is(counts('scans, since IS NULL', 't_i'), '0|t', 'another index has counts of its own');
is(sql("SELECT idx_scan = 5 FROM pg_stat_user_indexes WHERE indexrelname = 't_a'"), 't', 'as pg_stat_user_indexes has it');

sql("SET vectorq.track_timing = on; $ask");
is(counts('choose_ms > 0 AND search_ms > 0 AND order_ms > 0 AND choose_ms + search_ms + order_ms < 10000'), 't', 'times of the stages');
sql("SET enable_seqscan = off; SET vectorq.nprobe = 1; SET vectorq.iterative_scan = off; SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> $q LIMIT 2500) s");
is(counts('scans, short_scans'), '7|1', 'a scan that ended short');
sql("SET enable_seqscan = off; SET enable_material = off; SELECT count(*) FROM generate_series(1, 3) i, LATERAL (SELECT id FROM t ORDER BY v <-> array_fill(i / 4.0, ARRAY[8])::vector LIMIT 5) s");
is(counts('scans'), '10', 'each start of a scan in a loop');
is(sql("SELECT count(*) FROM vectorq_knn('t_a', (SELECT array_agg(CAST($q AS vector)) FROM generate_series(1, 20)), 10)"), '200', 'a batch');
is(counts('scans, batches, batch_queries'), '10|1|20', 'is counted, and its queries');
my $before = counts('inserts');
sql("INSERT INTO t SELECT -i, array_fill(i / 10.0, ARRAY[8])::vector FROM generate_series(1, 7) i");
is(counts('inserts') - $before, 7, 'inserts');
is(counts('inserts', 't_i'), 7, 'into each index');
is(sql("SELECT vectorq_renew('t_a')"), 't', 'a renewal');
is(counts('renewals, renewal_seconds > 0'), '1|t', 'and its time');
sql("SET track_counts = off; $ask");
is(counts('scans'), '10', 'nothing is counted while track_counts is off');
$node->safe_psql('postgres', "BEGIN; $ask ROLLBACK");
is(counts('scans'), '11', 'a transaction that is rolled back has scanned');

my @sessions = map { $node->background_psql('postgres') } 1 .. 4;
$_->query_safe($ask) for (@sessions) x 5;
$_->quit for @sessions;
is(counts('scans'), '31', 'sessions side by side');

# ---- rights, reset, drop

sql('CREATE ROLE reader LOGIN');
is(sql("SET ROLE reader; SELECT scans FROM vectorq_stat_indexes WHERE indexrelname = 't_a'"), '31', 'everybody may read it, as pg_stat_user_indexes');
my ($status, $out, $err) = $node->psql('postgres', 'SET ROLE reader; SELECT vectorq_stat_reset()');
like($err, qr/permission denied for function vectorq_stat_reset/, 'not everybody may reset it');
sql("SELECT vectorq_stat_reset('t_i')");
is(counts('inserts', 't_i') . counts('inserts'), '07', 'one index is reset');
sql('SELECT vectorq_stat_reset()');
is(sql('SELECT sum(scans + inserts + renewals + batches) + sum(renewal_seconds + choose_ms), min(since) > now() - interval \'1 minute\' FROM vectorq_stat_indexes'), '0|t', 'all are');
is(sql('SELECT * FROM vectorq_stat_info()'), '2|10|0', 'two have entries');
sql("CREATE INDEX t_d ON t USING ivf (v) WITH (lists = 5); INSERT INTO t VALUES (0, '[1,1,1,1,1,1,1,1]'); DROP INDEX t_d");
is(sql('SELECT * FROM vectorq_stat_info()'), '2|10|0', 'that of a dropped index is gone');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', q{CREATE EXTENSION vectorq; CREATE TABLE o (v vector(2)); CREATE INDEX ON o USING ivf (v); INSERT INTO o VALUES ('[1,2]')});
is(sql('SELECT count(*) FROM vectorq_stat_indexes'), '2', 'indexes of other databases do not show');
is(sql('SELECT * FROM vectorq_stat_info()'), '3|10|0', 'but take room');
sql('DROP DATABASE other');
is(sql('SELECT * FROM vectorq_stat_info()'), '2|10|0', 'until their database is gone');

# ---- restart, crash

sql($ask) for 1 .. 3;
my $whole = sql('SELECT * FROM vectorq_stat_indexes ORDER BY indexrelid');
$node->restart;
is(sql('SELECT * FROM vectorq_stat_indexes ORDER BY indexrelid'), $whole, 'a restart keeps everything');
my $file = $node->data_dir . '/pg_stat/vectorq.stat';
ok(!-e $file, 'its file is gone');
$node->stop('immediate');
$node->start;
is(sql('SELECT * FROM vectorq_stat_indexes ORDER BY indexrelid'), $whole, 'an immediate shutdown, too');
my $postmaster = $node->{_pid};
$node->kill9;
# The next one may not start until all of it is gone. Its processes work in its folder.
for (1 .. 600) { last unless kill(0, $postmaster) || grep { (readlink // '') eq $node->data_dir } glob '/proc/[0-9]*/cwd'; select undef, undef, undef, 0.1 }
$node->start;
is(counts('scans, since IS NULL'), '0|t', 'a crash of the server begins anew');
sql($ask);
is(counts('scans'), '1', 'and counts on');
$node->stop;
ok(-e $file, 'a shutdown writes the file');
my $bytes = slurp_file($file);
for my $damage ([ 'shorter', substr($bytes, 0, length($bytes) - 9) ], [ 'changed', $bytes ^ ("\0" x 40 . "\1") ], [ 'empty', '' ], [ 'of another kind', "x$bytes" ])
{
    open(my $to, '>:raw', $file) or die $!;
    print $to $damage->[1];
    close $to;
    my $log_from = -s $node->logfile;
    $node->start;
    is(counts('scans'), '0', "a file that is $damage->[0] is left out");
    like(slurp_file($node->logfile, $log_from), qr/ignoring invalid data in file "pg_stat\/vectorq.stat"/, 'with a message');
    $node->stop;
}
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;
sql($ask);
my $victim = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $victim->query_safe('SELECT pg_backend_pid()');
kill 'KILL', $pid;
eval { $victim->quit };
$node->poll_query_until('postgres', "SELECT scans = 0 FROM vectorq_stat_indexes WHERE indexrelname = 't_a'");
is(counts('scans'), '0', 'a crash of a backend begins anew, too');

# ---- more indexes than there is room for: those unused for longest make room

sql("CREATE TABLE many_$_ (v vector(2)); CREATE INDEX many_${_}_v ON many_$_ USING ivf (v); INSERT INTO many_$_ VALUES ('[1,2]')") for 1 .. 12;
is(sql('SELECT * FROM vectorq_stat_info()'), '10|10|2', 'two made room');
is(sql("SELECT string_agg(indexrelname, ' ' ORDER BY indexrelid) FROM vectorq_stat_indexes WHERE inserts > 0"), join(' ', map { "many_${_}_v" } 3 .. 12), 'those used first');
$node->restart;
is(sql('SELECT indexes, max_indexes FROM vectorq_stat_info()'), '10|10', 'a full table through a restart');

# ---- a standby counts its own

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', "$ask SELECT scans, inserts FROM vectorq_stat_indexes WHERE indexrelname = 't_a'"), "10\n1|0", 'a standby counts its own scans');
$standby->stop;
$standby->start;
is($standby->safe_psql('postgres', "SELECT scans FROM vectorq_stat_indexes WHERE indexrelname = 't_a'"), '1', 'and keeps them over a restart');
$standby->stop;

# ---- not preloaded

$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
if ($node->pg_version < 17)
{
    ($status, $out, $err) = $node->psql('postgres', "$ask SELECT * FROM vectorq_stat_indexes");
    is($out, '10', 'queries run without preloading');
    like($err, qr/vectorq must be loaded via shared_preload_libraries.*HINT:.*shared_preload_libraries = 'vectorq'/s, 'and the view says what to do');
}
else
{
    sql($ask);
    is(counts('scans'), '1', 'without preloading, too');
    is(sql('SELECT max_indexes FROM vectorq_stat_info()'), '1000', 'a table of the usual size');
    sql('SELECT vectorq_stat_reset()');
    is(counts('scans'), '0', 'a reset');
}
$node->stop;
done_testing();
