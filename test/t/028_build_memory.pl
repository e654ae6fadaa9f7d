# A build in next to no memory makes the same kind of index as one in plenty, and takes 64 MB more than it is given at
# most. VmHWM is the most that a session has had at once; shared buffers are a part of it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs /proc' unless -r '/proc/self/status';
my $buffers = 8;
my $node = PostgreSQL::Test::Cluster->new('build_memory');
$node->init;
$node->append_conf('postgresql.conf', "shared_buffers = ${buffers}MB\nfsync = off\nautovacuum = off\nclient_min_messages = warning\n");
$node->start;
# Rows of forty directions, and a little noise in all.
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    SELECT setseed(0.3);
    CREATE FUNCTION rv(n int, i int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() - 0.5 + 0 * i)::vector FROM generate_series(1, n)';
    CREATE TABLE directions AS SELECT n, rv(1536, n) AS x FROM generate_series(1, 40) n;
    CREATE TABLE wide (id int, v vector(1536));
    ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
    INSERT INTO wide SELECT id, (SELECT sum(x * array_fill(random() + 0 * id, ARRAY[1536])::vector) FROM directions) FROM generate_series(1, 6400) id;
    CREATE TABLE narrow (id int, v vector(32));
    INSERT INTO narrow SELECT id, rv(32, id) FROM generate_series(1, 20000) id;
});

# (megabytes taken beside shared buffers, what the index is)
sub build
{
    my ($memory, $what) = @_;
    my $sql = qq{
        SET maintenance_work_mem = '${memory}MB';
        SELECT count(v) FROM narrow;
        SELECT substring(pg_read_file('/proc/self/status') FROM 'VmRSS:\\s+(\\d+)');
        CREATE INDEX made ON $what;
        SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)');
        SELECT string_agg(name || '=' || value, ' ' ORDER BY name) FROM vectorq_index_details('made')
            WHERE name IN ('lists', 'subvectors', 'transform', 'replicas', 'reorder');
        SELECT count(*) > 0 FROM vectorq_recall_curve('made');
        DROP INDEX made;
    };
    my (undef, $before, $most, $kind, $calibrated) = split /\n/, $node->safe_psql('postgres', $sql);
    my $taken = ($most - $before) / 1024;
    note(sprintf('%s in %d MB: %.0f MB, %s', $what, $memory, $taken, $kind));
    return ($taken, "$kind calibrated=$calibrated");
}

for my $what ('wide USING ah (v)', 'wide USING ah (v) WITH (reorder = sq8)', 'narrow USING ah (v)', 'narrow USING ivf (v) WITH (quantizer = sq8)',
    'narrow USING pq (v)')
{
    my (undef, $kind) = build(256, $what);
    like($kind, qr/transform=pcar256/, "$what has a transform") if $what =~ /wide/;
    like($kind, qr/calibrated=t/, "$what is calibrated") unless $what =~ /pq/;
    for my $memory (1, 16)
    {
        my ($taken, $same) = build($memory, $what);
        is($same, $kind, "$what is the same in $memory MB");
        cmp_ok($taken, '<=', $memory + 64 + $buffers, "and takes 64 MB more at most");
    }
}
$node->stop;
done_testing();
