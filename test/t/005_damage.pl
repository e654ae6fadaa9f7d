# Bytes of the index file overwritten: every query and check gives rows of the table or an error of class XX
# with a hint, the server stays up, and REINDEX repairs.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

srand(7);
my $node = PostgreSQL::Test::Cluster->new('damage');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nrestart_after_crash = off\nshared_buffers = 16MB\n");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION vectorq;
    CREATE TABLE t (id int PRIMARY KEY, v vector(32));
    CREATE TABLE w (id int PRIMARY KEY, v vector(2500));
    INSERT INTO t SELECT i, (SELECT array_agg(random()) FROM generate_series(1, 32) j WHERE i = i)::vector FROM generate_series(1, 2000) i;
    INSERT INTO w SELECT i, array_fill(i, ARRAY[2500])::vector FROM generate_series(1, 300) i;
    CREATE INDEX t_v ON t USING ivf (v, id) WITH (lists = 12);
    CREATE INDEX t_s ON t USING ivf (v vector_cosine_ops) WITH (lists = 12, quantizer = sq8);
    CREATE INDEX t_p ON t USING ivf (v vector_ip_ops) WITH (lists = 12, quantizer = pq, bits = 4, transform = 'rr');
    CREATE INDEX t_a ON t USING ah ((v::halfvec(32)) halfvec_l2_ops) WITH (lists = 12, replicas = soar);
    CREATE INDEX w_v ON w USING ivf (v, id, (id::text)) WITH (lists = 4);
    CREATE INDEX t_k ON t USING ivf ((v::halfvec(32)) halfvec_ip_ops) WITH (lists = 12, replicas = closure, closure_epsilon = 1);
    CREATE INDEX t_c ON t USING ah ((v::halfvec(32)) halfvec_cosine_ops, id) WITH (lists = 12, replicas = soar, reorder = sq8);
    CREATE INDEX t_b ON t USING ivf ((binary_quantize(v - array_fill(0.5, ARRAY[32])::vector)::bit(32)) bit_jaccard_ops) WITH (lists = 12, replicas = soar);
    CREATE INDEX w_c ON w USING pq (v vector_ip_ops) WITH (subvectors = 50, reorder = f32);
    CHECKPOINT;
});
my %index = (
    t_v => "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <-> (SELECT v FROM t WHERE id = 5) LIMIT 5000) s",
    t_s => "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <=> (SELECT v FROM t WHERE id = 5) LIMIT 5000) s",
    t_p => "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <#> (SELECT v FROM t WHERE id = 5) LIMIT 5000) s",
    t_a => "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v::halfvec(32) <-> (SELECT v::halfvec(32) FROM t WHERE id = 6) LIMIT 5000) s",
    t_k => "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v::halfvec(32) <#> (SELECT v::halfvec(32) FROM t WHERE id = 6) LIMIT 5000) s",
    t_c => "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v::halfvec(32) <=> (SELECT v::halfvec(32) FROM t WHERE id = 6) LIMIT 5000) s",
    t_b => "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY binary_quantize(v - array_fill(0.5, ARRAY[32])::vector)::bit(32) <%> repeat('10', 16)::bit(32) LIMIT 5000) s",
    w_c => "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM w ORDER BY v <#> (SELECT v FROM w WHERE id = 5) LIMIT 5000) s",
    w_v => "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM w ORDER BY v <-> (SELECT v FROM w WHERE id = 5) LIMIT 5000) s");
my %path = map { $_ => $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$_')") } keys %index;
my %whole = map { $_ => slurp_binary($path{$_}) } keys %path;
sub slurp_binary { my ($file) = @_; open my $in, '<:raw', $file or die; local $/; return <$in>; }
sub write_binary { my ($file, $bytes) = @_; open my $out, '+<:raw', $file or die; print $out $bytes; truncate $out, length $bytes; close $out; }

my ($answers, $errors, $wrong, $trials) = (0, 0, 0, 0);
# One psql a batch: the damaged file is put in place while the index is out of the buffers.
sub try_damage
{
    my ($name, $bytes, $what) = @_;
    write_binary($path{$name}, $bytes);
    # evict: the buffers of a relation are dropped when its file is looked at anew after a restart; cheaper
    # here is a scan of a bigger table through the small shared_buffers
    $node->restart;
    my $clean = "SET enable_seqscan = off; SET enable_sort = off; SET statement_timeout = '20s'; SET vectorq.nprobe = 12;";
    for my $sql ($index{$name}, "SELECT count(*), count(*) FROM vectorq_check('$name')", "SELECT rows, rows FROM vectorq_index_info('$name')")
    {
        my ($ret, $out, $err) = $node->psql('postgres', $clean . $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
        $trials++;
        if ($ret == 0) { $answers++; my @f = split /\|/, $out; $wrong++, diag("$what: $sql: $out") if $f[0] ne $f[1]; }
        elsif ($err =~ /ERROR:  XX\w\w\w/) { $errors++; $wrong++, diag("$what: no hint: $err") if $err !~ /HINT/ && $err =~ /vectorq|damaged/; }
        else { $wrong++; diag("$what: $sql: $err"); }
    }
}
for my $name (sort keys %index)
{
    my $pages = length($whole{$name}) / 8192;
    # the meta page, one page of each other region (they come first), and list pages
    for my $page (0, 1, 2, 3, int($pages / 2), $pages - 2, $pages - 1)
    {
        my @damage = ([ 'zeroed', sub { "\0" x 8192 } ], [ 'random', sub { join '', map { chr int rand 256 } 1 .. 8192 } ],
            [ 'tail', sub { my $p = shift; substr($p, 8176, 16) = join '', map { chr int rand 256 } 1 .. 16; $p } ],
            [ 'head', sub { my $p = shift; substr($p, 24, 24) = "\xff" x 24; $p } ]);
        my ($what, $change) = @{ $damage[ int rand @damage ] };
        my $bytes = $whole{$name};
        substr($bytes, $page * 8192, 8192) = $change->(substr($bytes, $page * 8192, 8192));
        try_damage($name, $bytes, "$name page $page $what");
    }
    try_damage($name, substr($whole{$name}, 0, 8192 * int($pages / 2)), "$name cut in half");
    write_binary($path{$name}, $whole{$name});
}
note("$trials statements on damaged indexes: $answers answers, $errors errors of class XX");
is($wrong, 0, 'every statement gave rows of the table, once each, or an error of class XX');
cmp_ok($errors, '>', 10, 'damage is noticed');
my $bytes = $whole{t_v};
substr($bytes, 0, 8192) = "\0" x 8192;
write_binary($path{t_v}, $bytes);
$node->restart;
my ($ret, $out, $err) = $node->psql('postgres', "SET enable_seqscan = off; $index{t_v}");
like($err, qr/damaged at block 0.*HINT:  REINDEX/s, 'a damaged meta page says what to do');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '2000', 'the table is whole');
$node->safe_psql('postgres', 'REINDEX INDEX t_v');
is($node->safe_psql('postgres', "SET enable_seqscan = off; SET vectorq.nprobe = 12; $index{t_v}"), '2000|2000', 'REINDEX repairs');
$node->stop;
done_testing();
