# A backend that runs out of memory in a build (RLIMIT_AS on its process) and a disk that is full during a build or
# inserts (a small tmpfs as tablespace; needs root's help, else skipped): a clean error, and the server goes on.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('limits');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nrestart_after_crash = off\nclient_min_messages = warning\n"
    . "maintenance_work_mem = 256MB\nmax_parallel_maintenance_workers = 3\nstatement_timeout = 60s\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id serial PRIMARY KEY, v vector(64));
    CREATE FUNCTION rv(n int, i int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() + 0 * i)::vector FROM generate_series(1, n)';
    INSERT INTO t (v) SELECT rv(64, i) FROM generate_series(1, 12000) i;
});

# Statements in one session whose backend may have so many MB more than it has.
sub with_memory
{
    my ($mb, $sql) = @_;
    my ($in, $out, $err) = ("SELECT pg_backend_pid();\nSELECT '[1]'::vector IS NULL;\n", '', '');
    my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err);
    $psql->pump until $out =~ /^\d+\nf\n/;
    my ($pid) = $out =~ /^(\d+)/;
    my ($now) = slurp_file("/proc/$pid/status") =~ /VmSize:\s+(\d+)/;
    my $limit = ($now + $mb * 1024) * 1024;
    system('prlimit', "--pid=$pid", "--as=$limit:$limit") == 0 or die 'prlimit';
    $in .= "$sql\nSELECT 'alive';\n\\q\n";
    $psql->finish;
    return ($out =~ /alive$/ ? 1 : 0, $err);
}
SKIP:
{
    skip 'prlimit is not there', 1 if system('prlimit --version > /dev/null 2>&1') != 0;
    my %seen;
    my @bad;
    for my $build ('ivf (v) WITH (lists = 100)', 'ivf (v) WITH (lists = 50, quantizer = sq8, transform = \'pca32\')',
        'ah (v vector_l2_ops) WITH (lists = 100, replicas = soar)', 'pq (v) WITH (bits = 8, transform = \'opq8\')',
        'ah (v vector_ip_ops) WITH (lists = 50, reorder = f32)')
    {
        for my $mb (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128)
        {
            my ($alive, $err) = with_memory($mb, "CREATE INDEX t_v ON t USING $build; DROP INDEX IF EXISTS t_v;");
            my ($what) = $err =~ /ERROR:  (.*)/;
            $what //= $err eq '' ? 'built' : $err;
            $what =~ s/of size \d+|\d+ bytes|"t_v"//g;
            $seen{$what}++;
            push @bad, "$build, $mb MB: $err" unless $alive && ($err eq '' || $err =~ /^[^\n]*ERROR:  .*out of memory/ || $err =~ /ERROR:  could not .*(memory|Cannot allocate)/);
        }
    }
    note(join ', ', map { "$_: $seen{$_}" } sort keys %seen);
    is(join("\n", @bad), '', 'a build with too little memory ends in an error, and its session goes on');
    cmp_ok($seen{built} // 0, '>', 0, 'with enough it ends well');
    cmp_ok((grep { /memory/ } keys %seen), '>', 0, 'with little it does not');
}

SKIP:
{
    my $small = $ENV{VQ_SMALL_DISK};
    skip 'no small file system: run_tap.sh mounts one as root', 1 unless $small;
    $node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$small'");
    my ($ret, $out, $err) = $node->psql('postgres', 'CREATE INDEX t_v ON t USING ivf (v) TABLESPACE small');
    like($err, qr/ERROR:  could not extend file .*No space left/, 'disk full while building');
    is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 't_v'"), '0', 'no index');
    $node->safe_psql('postgres', q{
        CREATE TABLE s (id serial, v vector(64));
        INSERT INTO s (v) SELECT v FROM t LIMIT 1000;
        CREATE INDEX s_v ON s USING ivf (v) WITH (lists = 10) TABLESPACE small;
        CREATE INDEX s_records ON s USING ah (v vector_ip_ops) WITH (lists = 10, reorder = sq8) TABLESPACE small;
        CREATE TABLE w (id serial, v vector(3000));
        CREATE INDEX w_v ON w USING ivf (v) TABLESPACE small;
    });
    for my $insert ('s (v) SELECT v FROM t', 'w (v) SELECT array_fill(i, ARRAY[3000])::vector FROM generate_series(1, 2000) i', 's (v) SELECT v FROM t LIMIT 100')
    {
        ($ret, $out, $err) = $node->psql('postgres', "INSERT INTO $insert");
        # the small one may still find room
        my $full = $insert =~ /LIMIT/ ? qr/^$|No space left/ : qr/ERROR:  could not extend file .*No space left/;
        like($err, $full, "disk full: INSERT INTO $insert");
    }
    is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('s_v'); SELECT * FROM vectorq_check('w_v'); SELECT * FROM vectorq_check('s_records')"), '', 'indexes are sound');
    is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off; SET vectorq.nprobe = 100; SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM s ORDER BY v <-> array_fill(0, ARRAY[64])::vector LIMIT 100000) x"),
        $node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id) FROM s'), 'and whole');
    # Lists that vacuum replaces need room, too.
    my $vacuum_err = '';
    $node->psql('postgres', 'VACUUM s', stderr => \$vacuum_err);
    like($vacuum_err, qr/^$|No space left/, 'disk full: VACUUM');
    is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('s_v'); SELECT * FROM vectorq_check('s_records')"), '', 'indexes are sound');
    $node->safe_psql('postgres', "ALTER INDEX $_ SET (rebalance = off)") for qw(s_v w_v s_records);
    $node->safe_psql('postgres', 'VACUUM s; VACUUM w; DROP INDEX w_v; INSERT INTO s (v) SELECT v FROM t LIMIT 100');
    is($node->safe_psql('postgres', "SELECT * FROM vectorq_check('s_v'); SELECT * FROM vectorq_check('s_records')"), '', 'once there is room again, rows go in');
    $node->safe_psql('postgres', 'DROP TABLE s; DROP TABLE w; DROP TABLESPACE small');
}
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|server process .* exited with|leak/, 'nothing in the log');
$node->stop;
done_testing();
