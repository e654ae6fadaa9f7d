# Summaries of key columns: exact after a build, as wide as the rows after inserts, narrow again after a vacuum; and never narrower
# than the rows, whoever comes between an insert and a vacuum.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs the module with fault points: make fault-tree' unless $ENV{VQ_FAULT_INSTALL};
my $node = PostgreSQL::Test::Cluster->new('summaries', install_path => $ENV{VQ_FAULT_INSTALL});
$node->init(no_data_checksums => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id serial PRIMARY KEY, v vector(2), n int4);
    INSERT INTO t (v, n) SELECT ARRAY[i % 2 * 100, sin(i)]::vector, CASE WHEN i % 2 = 0 THEN i % 50 ELSE 1000 + i % 50 END FROM generate_series(1, 1000) i;
    CREATE INDEX t_v ON t USING ivf (v, n) WITH (lists = 2, maintain = off);
});
my $file = $node->data_dir . '/' . sql("SELECT pg_relation_filepath('t_v')");

# What the directory says of each list: least .. greatest and whether there are nulls, in the order of the least value.
sub summaries
{
    $node->safe_psql('postgres', 'CHECKPOINT');
    my $bytes = slurp_binary($file);
    my @found;
    for my $page (map { substr $bytes, $_ * 8192, 8192 } 0 .. length($bytes) / 8192 - 1)
    {
        next if unpack('x8186 v', $page) != 5;  # PageTail.kind: a directory
        for my $list (0 .. 1)
        {
            my ($nulls, $values, $least, $greatest) = unpack 'V V q< q<', substr $page, 24 + 48 * $list + 24, 24;
            push @found, [ $least, $greatest, $nulls & 1 ];
        }
    }
    return join ' ', map { "$_->[0]..$_->[1]" . ($_->[2] ? '+null' : '') } sort { $a->[0] <=> $b->[0] } @found;
}
sub slurp_binary { my ($name) = @_; open my $in, '<:raw', $name or die "$name: $!"; local $/; return <$in>; }
sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }
sub sound { my ($what) = @_; is(sql("SELECT * FROM vectorq_check('t_v')"), '', "$what: sound"); }
# The rows with that number, by the index's condition.
sub found
{
    my ($n) = @_;
    return sql("SET enable_seqscan = off; SET enable_sort = off; SELECT count(*) FROM (SELECT 1 FROM t WHERE n = $n ORDER BY v <-> '[0,0]' LIMIT 100) s");
}

is(summaries(), '0..48 1001..1049', 'exact after the build');
sql("INSERT INTO t (v, n) VALUES ('[0,0]', 70000), ('[100,0]', NULL), ('[0,0]', -3)");
is(summaries(), '-3..70000 1001..1049+null', 'wider after inserts');
sound('after inserts');
sql('DELETE FROM t WHERE n IS NULL OR n NOT BETWEEN 0 AND 2000');
is(summaries(), '-3..70000 1001..1049+null', 'no narrower after deletes');
sql('VACUUM (INDEX_CLEANUP on) t');
is(summaries(), '0..48 1001..1049', 'narrow after a vacuum');
sql('VACUUM (INDEX_CLEANUP on) t');
is(summaries(), '0..48 1001..1049', 'and after another');

# Two sessions: `waits` stops at the fault point until `meanwhile` is done.
sub at_fault_point
{
    my ($point, $waits, $meanwhile) = @_;
    my ($in, $out, $timer) = ("SELECT pg_advisory_lock(20);\n\\echo locked\n", '', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
    my @psql = ('psql', '-XAtq', '-d', $node->connstr('postgres'));
    my $holder = IPC::Run::start([ @psql, '-f', '-' ], '<', \$in, '>&', \$out, $timer);
    $holder->pump until $out =~ /^locked$/m;
    my $session = IPC::Run::start([ @psql, '-c', "SET vectorq.fault = '$point:1:wait'", '-c', $waits ], '<', \undef);
    ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'advisory'"), "$point is met");
    sql($meanwhile);
    $in .= "\\q\n";
    $holder->finish;
    ok($session->finish, "$point: the other session goes on");
}
sql("INSERT INTO t (v, n) VALUES ('[0,0]', 80000)");
sql('DELETE FROM t WHERE n = 80000');
# The pass has read all pages and writes the summaries when the insert has been.
at_fault_point('vacuum.lists', 'VACUUM (INDEX_CLEANUP on) t', "INSERT INTO t (v, n) VALUES ('[0,0]', 60000)");
is(summaries(), '0..80000 1001..1049', 'a vacuum leaves the summary of a list that a row has come to');
is(found(60000), 1, 'that row is found');
sound('an insert between a pass and its end');
sql('DELETE FROM t WHERE id = 12');  # a vacuum without dead rows makes no pass
sql('VACUUM (INDEX_CLEANUP on) t');
is(summaries(), '0..60000 1001..1049', 'the next vacuum narrows it');
sql('DELETE FROM t WHERE n = 60000');
# The insert has seen that the summary covers its row; a vacuum begins and ends before the row is there.
at_fault_point('insert.covered', "INSERT INTO t (v, n) VALUES ('[0,0]', 50000)", 'VACUUM (INDEX_CLEANUP on) t');
is(summaries(), '0..50000 1001..1049', 'an insert widens the summary again after a vacuum');
is(found(50000), 1, 'its row is found');
sound('a vacuum between an insert and its row');
sql("DELETE FROM t WHERE n = 50000");
sql('VACUUM (INDEX_CLEANUP on) t');
# Lists that are made anew have exact summaries from the start: the pass that would narrow them does not come.
my ($ret, $said, $err) = $node->psql('postgres', "SET vectorq.fault = 'renew.switched:1:error'; SELECT vectorq_renew('t_v')");
like($err, qr/fault point "renew.switched"/, 'a renewal ends with its switch');
is(summaries(), '0..48 0..48 1001..1049 1001..1049', 'exact after a renewal, in both epochs');
sound('a renewal');
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) t');
$node->safe_psql('postgres', q{
    CREATE TABLE r (id serial PRIMARY KEY, v vector(2), n int4);
    INSERT INTO r (v, n) SELECT ARRAY[i % 20 * 10, sin(i)]::vector, i FROM generate_series(1, 2000) i;
    CREATE INDEX r_v ON r USING ivf (v, n) WITH (lists = 20);
    INSERT INTO r (v, n) SELECT ARRAY[50 + i % 7, cos(i)]::vector, -i FROM generate_series(1, 2000) i;
    DELETE FROM r WHERE n % 7 = 0;
});
($ret, $said, $err) = $node->psql('postgres', "SET vectorq.fault = 'rebalance.switched:1:error'; VACUUM (INDEX_CLEANUP on) r");
like($err, qr/fault point "rebalance.switched"/, 'a rebalancing ends with its switch');
is(sql("SELECT * FROM vectorq_check('r_v')"), '', 'new lists have summaries that cover their rows');
# A summary that says too little is damage, and the check says so.
$node->stop;
my $bytes = slurp_binary($file);
for my $page (0 .. length($bytes) / 8192 - 1)
{
    next if unpack('x8186 v', substr $bytes, $page * 8192, 8192) != 5;
    substr($bytes, $page * 8192 + 24 + 24 + 8, 16) = pack 'q< q<', 40, 41;  # of list 0
}
open my $out, '+<:raw', $file or die;
print $out $bytes;
close $out;
$node->start;
like(sql("SELECT problem FROM vectorq_check('t_v')"), qr/^the summary of list 0 does not cover its rows$/m, 'the check notices a summary that is too narrow');
$node->stop;
done_testing();
