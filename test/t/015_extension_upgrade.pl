# Extension upgrades: every chain of update scripts that leads from a released version to this one makes the catalog that a
# fresh CREATE EXTENSION makes, object for object (as pg_dump --binary-upgrade writes the members of an extension). test/data/released
# holds the install script of each released version. So that this says something before there are two, the install script
# itself is cut into three versions as well; and one that lacks its last statement must be told from the whole. All of it for
# vectorq and, where pgvector is installed, for vectorq_pgvector.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A copy of the server's tree, for versions that are not to be seen elsewhere.
my %dir = map { chomp(my $path = qx(pg_config --$_)); $_ => $path } qw(bindir sharedir pkglibdir);
my @up = split m{/}, $dir{bindir};
pop @up while grep { index("$_/", join('/', @up) . '/') != 0 } values %dir;
my ($top, $copy) = (join('/', @up), PostgreSQL::Test::Utils::tempdir());
for my $path (values %dir)
{
    my $to = $copy . substr $path, length $top;
    system("mkdir -p '$to' && cp -a '$path/.' '$to'") == 0 or die "cp $path";
}
my $install = $copy . substr $dir{bindir}, length $top;
$install =~ s{/bin$}{};
my $folder = $copy . substr($dir{sharedir}, length $top) . '/extension';
my ($this) = slurp_file("$folder/vectorq.control") =~ /default_version = '(.*)'/;
my @extensions = ('vectorq', -e "$folder/vector.control" ? 'vectorq_pgvector' : ());
note('pgvector is not installed (scripts/pgvector.sh): vectorq alone') unless @extensions > 1;

# Released versions of an extension, each with its install script in the folder; the cut ones 0.0.0 to 0.0.2 beside them.
sub add_versions
{
    my ($extension) = @_;
    my $whole = slurp_file("$folder/$extension--$this.sql");
    my @released = map { m{$extension--([^-]+)\.sql$} ? $1 : () } glob "$ENV{TESTDIR}/released/$extension--*.sql";
    for my $version (@released)
    {
        my $script = slurp_file("$ENV{TESTDIR}/released/$extension--$version.sql");
        if ($version eq $this) { is($script, $whole, "the install script of $extension $version is as it was released"); }
        else { append_to_file("$folder/$extension--$version.sql", $script); }
    }
    # Statements end at the end of a line; those of the tail belong to no statement.
    my @statements = $whole =~ /(.*?;\n)/gs;
    cmp_ok(scalar @statements, '>', $extension eq 'vectorq' ? 100 : 40, "statements of the install script of $extension");
    my ($one, $two) = (int(@statements / 3), int(2 * @statements / 3));
    append_to_file("$folder/$extension--0.0.1.sql", join '', @statements[ 0 .. $one - 1 ]);
    append_to_file("$folder/$extension--0.0.1--0.0.2.sql", join '', @statements[ $one .. $two - 1 ]);
    append_to_file("$folder/$extension--0.0.2--$this.sql", join '', @statements[ $two .. $#statements ]);
    append_to_file("$folder/$extension--0.0.0.sql", join '', @statements[ 0 .. $#statements - 1 ]);
    append_to_file("$folder/$extension--0.0.0--$this.sql", "-- lacks the last statement\n");
    return @released;
}
my %released = map { $_ => [ add_versions($_) ] } @extensions;

my $node = PostgreSQL::Test::Cluster->new('upgrade', install_path => $install);
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;

# The members of the extension in a database, in an order that does not depend on when they were made.
sub members
{
    my ($database) = @_;
    my ($out, $err) = run_command([ "$install/bin/pg_dump", '--binary-upgrade', '--schema-only', '-d', $node->connstr($database) ]);
    is($err, '', "$database: dumped");
    my @objects;
    for my $object (split /^(?=-- Name: )/m, $out)
    {
        # Numbers of this database, and what the dump calls itself by.
        $object =~ s/^SELECT pg_catalog\.binary_upgrade_set_next.*\n//mg;
        $object =~ s/^-- For binary upgrade.*\n//mg;
        $object =~ s/^\\(?:un)?restrict .*\n//mg;
        $object =~ s/^--\n?//mg;
        $object =~ s/\s+$//mg;
        # pg_dump writes a family's operators of one strategy in any order.
        $object = join "\n", sort map { s/\s*[,;]$//r } split /\n/, $object if $object =~ /^ALTER OPERATOR FAMILY .* ADD$/m;
        push @objects, $object if $object =~ /^ ?Name: /;
    }
    return join "\n", sort @objects;
}
sub installed
{
    my ($extension, $database, @sql) = @_;
    $database = "${extension}_$database";
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, $_) for @sql;
    is($node->safe_psql($database, "SELECT extversion FROM pg_extension WHERE extname = '$extension'"), $this, "$database: version $this");
    return members($database);
}

# Every chain makes the catalog of a fresh extension.
sub check_chains
{
    my ($extension) = @_;
    my $create = "CREATE EXTENSION $extension CASCADE";
    my $fresh = installed($extension, 'fresh', $create);
    my $objects = () = $fresh =~ /Name: /g;
    cmp_ok($objects, '>', 100, "$objects objects in the dump of a fresh $extension");
    is(() = $fresh =~ /Name: (?:ah|ivf|pq); Type: ACCESS METHOD/g, 3, 'three access methods among them');

    my @paths = split /\n/, $node->safe_psql('postgres', "SELECT source, path FROM pg_extension_update_paths('$extension') WHERE target = '$this' AND path IS NOT NULL ORDER BY 1");
    my %path = map { split /\|/ } @paths;
    ok($path{$_}, "a path from $extension $_ to $this") for grep { $_ ne $this } '0.0.1', @{ $released{$extension} };
    my $number = 0;
    for my $source (sort keys %path)
    {
        next unless -e "$folder/$extension--$source.sql" && $source ne '0.0.0';
        # in one go, and step by step
        my @steps = split /--/, $path{$source};
        shift @steps;
        my $n = ++$number;
        my $begin = "CREATE EXTENSION $extension VERSION '$source' CASCADE";
        is(installed($extension, "chain_$n", $begin, "ALTER EXTENSION $extension UPDATE"), $fresh, "$path{$source}: the catalog of a fresh $extension");
        is(installed($extension, "steps_$n", $begin, map { "ALTER EXTENSION $extension UPDATE TO '$_'" } @steps), $fresh, 'the same step by step');
    }
    cmp_ok($number, '>=', 1, 'chains were walked');
    isnt(installed($extension, 'lacking', "CREATE EXTENSION $extension VERSION '0.0.0' CASCADE", "ALTER EXTENSION $extension UPDATE"), $fresh, 'one statement less is noticed');
}

# Columns and indexes live through an upgrade: of the cut script, and of each released one.
sub check_life
{
    my ($extension) = @_;
    for my $source (grep { $_ ne $this } '0.0.2', @{ $released{$extension} })
    {
        (my $database = "${extension}_lives_$source") =~ tr/./_/;
        $node->safe_psql('postgres', "CREATE DATABASE $database");
        $node->safe_psql($database, "CREATE EXTENSION $extension VERSION '$source' CASCADE; CREATE TABLE t (v vector(3)); INSERT INTO t SELECT ARRAY[i, 1, 2]::vector FROM generate_series(1, 50) i");
        my $indexed = $node->safe_psql($database, "SELECT count(*) FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod WHERE opcname = 'vector_l2_ops' AND amname = 'ivf'");
        $node->safe_psql($database, 'CREATE INDEX t_v ON t USING ivf (v)') if $indexed;
        $node->safe_psql($database, "ALTER EXTENSION $extension UPDATE");
        $node->safe_psql($database, 'CREATE INDEX t_v ON t USING ivf (v)') unless $indexed;
        is($node->safe_psql($database, "SET enable_seqscan = off; SELECT v FROM t ORDER BY v <-> '[7,1,2]' LIMIT 1"), '[7,1,2]', "$extension $source: rows and indexes after the upgrade");
    }
}
for my $extension (@extensions)
{
    check_chains($extension);
    check_life($extension);
}
$node->stop;
done_testing();
