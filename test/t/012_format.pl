# Index files of each format that was ever released open, or are refused in words, on this build. test/data/format/N holds
# index files of format N (kFormatVersion in src/core/page/meta_page.h), made by `make format-sample` with the build that
# introduced it; schema.sql there makes the same tables row for row, so that the files fit.
#
# VQ_MAKE_FORMAT=DIR makes such a folder instead.
use strict;
use warnings;
use IO::Compress::Gzip qw(gzip);
use IO::Uncompress::Gunzip qw(gunzip);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Formats before the first release were never frozen: refused, with a hint. From the release on: read for ever.
my %refused = map { $_ => 1 } (2, 3, 4, 5, 6, 7, 8);

my %order_of_vectors = (f_flat => 'FROM f ORDER BY v <-> array_fill(0.5, ARRAY[8])::vector(8)', f_sq8 => 'FROM f ORDER BY v <=> array_fill(0.5, ARRAY[8])::vector(8)',
    f_pq => 'FROM f ORDER BY v <#> array_fill(0.5, ARRAY[8])::vector(8)', f_ah => 'FROM f ORDER BY v::halfvec(8) <-> array_fill(0.5, ARRAY[8])::halfvec(8)',
    f_copies => 'FROM f ORDER BY v::halfvec(8) <=> array_fill(0.5, ARRAY[8])::halfvec(8)', f_wide => 'FROM f ORDER BY w <-> array_fill(0.5, ARRAY[2500])::vector(2500)');
# In the samples from format 9 on.
my %order_of_bits = (f_hamming => 'FROM f ORDER BY b <~> 5::bit(40)', f_jaccard => 'FROM f ORDER BY b <%> 5::bit(40)');
my %order = (%order_of_vectors, %order_of_bits);
my $settings = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; SET vectorq.nprobe = 1000; SET vectorq.max_scan_rows = 0; SET vectorq.reorder_rows = 1000;';

sub cluster
{
    my ($name, $schema) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init(no_data_checksums => 1);
    $node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nclient_min_messages = warning\n");
    $node->start;
    $node->safe_psql('postgres', $schema);
    $node->safe_psql('postgres', 'CHECKPOINT');
    return $node;
}
sub file_of { my ($node, $index) = @_; return $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$index')"); }
sub slurp_binary { my ($file) = @_; open my $in, '<:raw', $file or die "$file: $!"; local $/; return <$in>; }
sub write_binary { my ($file, $bytes) = @_; open my $out, '>:raw', $file or die "$file: $!"; print $out $bytes; close $out; }
# As a new cluster may have them: positions in the log of another mean nothing there.
sub without_lsn { my ($bytes) = @_; substr($bytes, $_ * 8192, 8) = "\0" x 8 for 0 .. length($bytes) / 8192 - 1; return $bytes; }
sub format_of { my ($bytes) = @_; return unpack 'x24 x4 V', $bytes; }

sub whole
{
    my ($node) = @_;
    my $sql = $settings;
    $sql .= "SELECT '$_', * FROM vectorq_check('$_'); SELECT '$_', count(*), count(DISTINCT id) FROM (SELECT id $order{$_} LIMIT 1000000) s"
        . " HAVING count(*) <> (SELECT count(*) FROM f) OR count(DISTINCT id) <> count(*);"
        . "SELECT '$_', count(*) FROM (SELECT id " . ($order{$_} =~ s/ORDER/WHERE id BETWEEN 100 AND 180 ORDER/r) . " LIMIT 1000000) s"
        . " HAVING count(*) <> (SELECT count(*) FROM f WHERE abs(id) BETWEEN 100 AND 180);" for sort keys %order;
    return $node->safe_psql('postgres', $sql);
}
# The nearest ten by each index, of bit strings their distances, since many are as near as others; at these settings all
# are exact but for records of 8 bits.
sub nearest
{
    my ($node, $set) = @_;
    my @answers;
    for my $index (grep { $_ ne 'f_copies' } sort keys %order)
    {
        my $what = $order_of_bits{$index} ? $order{$index} =~ s/.* ORDER BY //r : 'id';
        push @answers, $node->safe_psql('postgres', "$set SELECT array_agg(x) FROM (SELECT $what AS x $order{$index} LIMIT 10) s");
    }
    return join "\n", @answers;
}

# An index file of a format that this build does not read: an error of class XX that says so, and REINDEX makes it good.
sub is_refused
{
    my ($node, $what) = @_;
    for my $index (sort keys %order)
    {
        for my $sql ("SELECT id $order{$index} LIMIT 5", 'INSERT INTO f SELECT 1000, v, w FROM f WHERE id = 1')
        {
            my ($ret, $out, $err) = $node->psql('postgres', $sql =~ /VACUUM/ ? $sql : "$settings $sql", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
            like($err, qr/XX002: .*made by another version of vectorq.*HINT:  REINDEX/s, "$what: $index refuses " . substr $sql, 0, 9);
        }
    }
    like($node->safe_psql('postgres', "SELECT problem FROM vectorq_check('f_ah')"), qr/made by another version of vectorq/, "$what: the check says so");
    $node->safe_psql('postgres', 'REINDEX TABLE f');
}

my $schema = q{
CREATE EXTENSION vectorq;
CREATE TABLE f (id int PRIMARY KEY, v vector(8), w vector(2500), b bit(40));
ALTER TABLE f ALTER w SET STORAGE EXTERNAL;
INSERT INTO f SELECT i, (SELECT array_agg(sin(i * 1.7 + j * j)) FROM generate_series(1, 8) j)::vector, array_fill(cos(i * 0.9), ARRAY[2500])::vector, (i * 2654435761)::bit(40) FROM generate_series(1, 280) i;
CREATE INDEX f_flat ON f USING ivf (v) WITH (lists = 4);
CREATE INDEX f_sq8 ON f USING ivf (v vector_cosine_ops, id, (id::text)) WITH (lists = 4, quantizer = sq8, transform = 'rr');
CREATE INDEX f_pq ON f USING pq (v vector_ip_ops) WITH (subvectors = 2, bits = 4);
CREATE INDEX f_ah ON f USING ah ((v::halfvec(8)) halfvec_l2_ops, id) WITH (lists = 4);
CREATE INDEX f_copies ON f USING ah ((v::halfvec(8)) halfvec_cosine_ops) WITH (lists = 4, reorder = sq8);
CREATE INDEX f_wide ON f USING ivf (w) WITH (lists = 2, quantizer = sq8);
CREATE INDEX f_hamming ON f USING ivf (b bit_hamming_ops, id) WITH (lists = 4);
CREATE INDEX f_jaccard ON f USING ivf (b bit_jaccard_ops) WITH (lists = 4);
INSERT INTO f SELECT i, (SELECT array_agg(sin(i * 1.7 + j * j)) FROM generate_series(1, 8) j)::vector, array_fill(cos(i * 0.9), ARRAY[2500])::vector, (i * 2654435761)::bit(40) FROM generate_series(281, 300) i;
DELETE FROM f WHERE id % 50 = 0;
VACUUM (INDEX_CLEANUP ON) f;
};

my $folder = $ENV{VQ_MAKE_FORMAT};
if ($folder)
{
    my $node = cluster('made', $schema);
    is(whole($node), '', 'indexes are sound and whole');
    my %bytes = map { $_ => slurp_binary(file_of($node, $_)) } keys %order;
    my $format = format_of($bytes{f_flat});
    mkdir "$folder/$format";
    for my $index (sort keys %order)
    {
        my $bytes = without_lsn($bytes{$index});
        gzip \$bytes => "$folder/$format/$index.gz", -Level => 9, Minimal => 1 or die;
    }
    write_binary("$folder/$format/schema.sql", $schema);
    note("format $format is in $folder");
    $node->stop;
    done_testing();
    exit;
}

my @stored = sort { $a <=> $b } map { m{/(\d+)$} ? $1 : () } glob "$ENV{TESTDIR}/format/*";
my $newest = 0;
for my $format (@stored)
{
    my $from = "$ENV{TESTDIR}/format/$format";
    %order = (%order_of_vectors, -e "$from/f_hamming.gz" ? %order_of_bits : ());
    my $node = cluster("format_$format", slurp_file("$from/schema.sql"));
    $newest = format_of(slurp_binary(file_of($node, 'f_flat')));
    my $exact = nearest($node, 'SET enable_indexscan = off;');
    my %file = map { $_ => file_of($node, $_) } keys %order;
    $node->stop;
    for my $index (sort keys %order)
    {
        my $bytes;
        gunzip "$from/$index.gz" => \$bytes or die;
        is(format_of($bytes), $format, "$index.gz is of format $format");
        write_binary($file{$index}, $bytes);
    }
    $node->start;
    if ($refused{$format}) { is_refused($node, "format $format"); }
    else
    {
        is(whole($node), '', "format $format: sound, and every row once");
        is(nearest($node, $settings), $exact, "format $format: the nearest are the nearest");
        $node->safe_psql('postgres', $_) for 'UPDATE f SET v = v, w = w WHERE id % 3 = 0', 'DELETE FROM f WHERE id % 7 = 0', 'VACUUM f', 'UPDATE f SET v = v WHERE id % 5 = 0';
        is(whole($node), '', "format $format: so after writes and a vacuum");
        $node->safe_psql('postgres', 'REINDEX TABLE f');
    }
    is(whole($node), '', "format $format: so after REINDEX");
    next if $format ne $stored[-1];
    # one of the future
    %file = map { $_ => file_of($node, $_) } keys %order;
    $node->stop;
    for my $file (values %file)
    {
        my $bytes = slurp_binary($file);
        substr($bytes, 28, 4) = pack 'V', $format + 1000;
        write_binary($file, $bytes);
    }
    $node->start;
    is_refused($node, 'a later format');
    is(whole($node), '', 'until REINDEX');
}
is((grep { $_ == $newest } @stored) ? '' : "format $newest", '', 'the format that this build writes is stored (make format-sample)');
done_testing();
