# Extension upgrades: every chain of update scripts that leads from a released version to this one makes the catalog that a
# fresh CREATE EXTENSION makes, object for object (as pg_dump --binary-upgrade writes the members of an extension). test/data/released
# holds the install script of each released version. So that this says something before there are two, the install script
# itself is cut into three versions as well; and one that lacks its last statement must be told from the whole.
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
my $whole = slurp_file("$folder/vectorq--$this.sql");

my @released = map { m{vectorq--([^-]+)\.sql$} ? $1 : () } glob "$ENV{TESTDIR}/released/vectorq--*.sql";
for my $version (@released)
{
    my $script = slurp_file("$ENV{TESTDIR}/released/vectorq--$version.sql");
    if ($version eq $this) { is($script, $whole, "the install script of $version is as it was released"); }
    else { append_to_file("$folder/vectorq--$version.sql", $script); }
}
# Statements end at the end of a line; those of the tail belong to no statement.
my @statements = $whole =~ /(.*?;\n)/gs;
cmp_ok(scalar @statements, '>', 100, 'statements of the install script');
my ($one, $two) = (int(@statements / 3), int(2 * @statements / 3));
append_to_file("$folder/vectorq--0.0.1.sql", join '', @statements[ 0 .. $one - 1 ]);
append_to_file("$folder/vectorq--0.0.1--0.0.2.sql", join '', @statements[ $one .. $two - 1 ]);
append_to_file("$folder/vectorq--0.0.2--$this.sql", join '', @statements[ $two .. $#statements ]);
append_to_file("$folder/vectorq--0.0.0.sql", join '', @statements[ 0 .. $#statements - 1 ]);
append_to_file("$folder/vectorq--0.0.0--$this.sql", "-- lacks the last statement\n");

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
        push @objects, $object if $object =~ /^ ?Name: /;
    }
    return join "\n", sort @objects;
}
sub installed
{
    my ($database, @sql) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, $_) for @sql;
    is($node->safe_psql($database, "SELECT extversion FROM pg_extension WHERE extname = 'vectorq'"), $this, "$database: version $this");
    return members($database);
}

my $fresh = installed('fresh', 'CREATE EXTENSION vectorq');
my $objects = () = $fresh =~ /Name: /g;
cmp_ok($objects, '>', 100, "$objects objects in the dump of a fresh extension");
is(() = $fresh =~ /Type: ACCESS METHOD/g, 3, 'three access methods among them');

my @paths = split /\n/, $node->safe_psql('postgres', "SELECT source, path FROM pg_extension_update_paths('vectorq') WHERE target = '$this' AND path IS NOT NULL ORDER BY 1");
my %path = map { split /\|/ } @paths;
ok($path{$_}, "a path from $_ to $this") for grep { $_ ne $this } '0.0.1', @released;
my $number = 0;
for my $source (sort keys %path)
{
    next unless -e "$folder/vectorq--$source.sql" && $source ne '0.0.0';
    # in one go, and step by step
    my @steps = split /--/, $path{$source};
    shift @steps;
    my $n = ++$number;
    is(installed("chain_$n", "CREATE EXTENSION vectorq VERSION '$source'", 'ALTER EXTENSION vectorq UPDATE'), $fresh, "$path{$source}: the catalog of a fresh extension");
    is(installed("steps_$n", "CREATE EXTENSION vectorq VERSION '$source'", map { "ALTER EXTENSION vectorq UPDATE TO '$_'" } @steps), $fresh, "the same step by step");
}
cmp_ok($number, '>=', 1, 'chains were walked');
isnt(installed('lacking', "CREATE EXTENSION vectorq VERSION '0.0.0'", 'ALTER EXTENSION vectorq UPDATE'), $fresh, 'one statement less is noticed');

# Columns and indexes live through an upgrade: of the cut script, and of each released one.
for my $source (grep { $_ ne $this } '0.0.2', @released)
{
    (my $database = "lives_$source") =~ tr/./_/;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, "CREATE EXTENSION vectorq VERSION '$source'; CREATE TABLE t (v vector(3)); INSERT INTO t SELECT ARRAY[i, 1, 2]::vector FROM generate_series(1, 50) i");
    my $indexed = $node->safe_psql($database, "SELECT count(*) FROM pg_opclass WHERE opcname = 'vector_l2_ops'");
    $node->safe_psql($database, 'CREATE INDEX t_v ON t USING ivf (v)') if $indexed;
    $node->safe_psql($database, 'ALTER EXTENSION vectorq UPDATE');
    $node->safe_psql($database, 'CREATE INDEX t_v ON t USING ivf (v)') unless $indexed;
    is($node->safe_psql($database, "SET enable_seqscan = off; SELECT v FROM t ORDER BY v <-> '[7,1,2]' LIMIT 1"), '[7,1,2]', "$source: rows and indexes after the upgrade");
}
$node->stop;
done_testing();
