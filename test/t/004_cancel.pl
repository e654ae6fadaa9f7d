# Cancel and statement_timeout in each phase of a build and in a long scan: answered soon (the bound here is
# generous, since the machine may be busy; the figure is printed), and the session goes on.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $seed = $ENV{VQ_SEED} || time;
srand($seed);
note("VQ_SEED=$seed");
my $node = PostgreSQL::Test::Cluster->new('cancel');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nshared_buffers = 256MB\nmaintenance_work_mem = 256MB\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id int, v vector(64));
    INSERT INTO t SELECT i, (SELECT array_agg(random()) FROM generate_series(1, 64) j WHERE i = i)::vector FROM generate_series(1, 60000) i;
});
my @phases = ('sampling rows', 'training lists', 'assigning rows to lists', 'writing lists');
my %seen;
# Cancels at moments spread over the build; each is told apart by the phase it met.
my $worst = 0;
my $start = time;
$node->safe_psql('postgres', 'CREATE INDEX whole ON t USING ivf (v) WITH (lists = 800); DROP INDEX whole');
my $whole = time - $start;
# On a busy machine builds differ in length, and a short phase may be missed: then at further moments.
for my $i (0 .. 149)
{
    last if $i >= 25 && $seen{'training lists'} && $seen{'assigning rows to lists'};
    my ($out, $err) = ('', '');
    my $build = IPC::Run::start(
        [ 'psql', '-XAtq', '-p', $node->port, '-h', $node->host, '-d', 'postgres', '-c', 'CREATE INDEX t_v ON t USING ivf (v) WITH (lists = 800)', '-c', 'SELECT 1' ],
        '<', \undef, '>', \$out, '2>', \$err);
    sleep(0.05 + $whole * ($i % 25 + ($i < 25 ? 0.5 : rand)) / 25);
    my $phase = $node->safe_psql('postgres', q{
        SELECT coalesce(split_part(p.phase, ': ', 2), '') || '|' || pg_cancel_backend(pid) FROM pg_stat_progress_create_index p LIMIT 1});
    my $cancelled = time;
    IPC::Run::finish($build);
    my $took = time - $cancelled;
    my ($name) = split /\|/, $phase;
    if (defined $name && $err =~ /canceling statement due to user request/)
    {
        $seen{$name} = $took if !defined $seen{$name} || $took > $seen{$name};
        $worst = $took if $took > $worst;
    }
    $node->safe_psql('postgres', 'DROP INDEX IF EXISTS t_v');
}
note("a build takes $whole s; longest answers to a cancel: ", join ', ', map { sprintf '%s %.3f s', $_, $seen{$_} } sort keys %seen);
ok($seen{'training lists'}, 'cancelled while training');
ok($seen{'assigning rows to lists'}, 'cancelled while assigning');
cmp_ok($worst, '<', 5, sprintf 'each cancel is answered soon (worst %.3f s)', $worst);
my ($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = '150ms'; CREATE INDEX t_v ON t USING ivf (v) WITH (lists = 2000)");
like($err, qr/canceling statement due to statement timeout/, 'statement_timeout');
is($node->safe_psql('postgres', q{
    BEGIN; SAVEPOINT a; SET LOCAL statement_timeout = '150ms';
    DO $$ BEGIN CREATE INDEX t_v ON t USING ivf (v) WITH (lists = 2000); EXCEPTION WHEN query_canceled THEN NULL; END $$;
    SET LOCAL statement_timeout = 0; CREATE INDEX t_v ON t USING ivf (v) WITH (lists = 20); COMMIT;
    SELECT * FROM vectorq_check('t_v')}), '', 'the same session builds after a timeout');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND query LIKE 'CREATE%' AND state = 'active'"), '0', 'nobody builds any more');
$node->stop;
done_testing();
