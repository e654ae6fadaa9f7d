# Every command and SQL statement of README.md and docs/*.md does what the page says. Blocks of SQL run in order, those of
# one page in one session and a fresh database, which has what the README's first block makes. A block `result` shows what
# the block before it returns. Blocks that cannot run are marked: ```sql no-run REASON. Of shell commands, `make` must know the
# targets; the quick ones run. What stands in a line of text as `SET …`, `USING …` or `make …` is tried, too. Code in other languages names a
# file of test/clients that has the same lines: make check-clients runs it.
# A page that begins with <!-- extension: vectorq_pgvector --> begins with an empty database, and all its indexes are used in the end. It is run with
# VQ_TYPES=pgvector, and the others are not.
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib "$ENV{VQ_TREE}/test/docs";
use Docs qw(read_page blocks inline_code table_problem make_commands anchors links);

# Test::Utils' handles take bytes.
sub bytes { my ($text) = @_; utf8::encode($text); return $text; }

my $tree = $ENV{VQ_TREE};
my %quick = map { $_ => 1 } qw(help);

# Why a block cannot be tested; undef if it can.
sub unfit
{
    my ($block, $before) = @_;
    my ($language, $words) = @$block{qw(language words)};
    if ($language eq 'sql' || $language eq 'sh') {
        return if $words eq '' || $words =~ /^no-run \S+/;
        return "unknown words after $language: $words";
    }
    return if $language eq 'text';
    return unlike_client($block) if $language =~ /^(python|js|go)$/;
    return 'a result without a block of SQL before it' if $language eq 'result' && !($before && $before->{language} eq 'sql' && $before->{words} eq '');
    return if $language eq 'result';
    return "unknown language: $language";
}

# Which line of a block is not in the file of test/clients that the block names, whatever the indentation.
sub unlike_client
{
    my ($block) = @_;
    my $file = "$tree/test/clients/$block->{words}";
    return "names no file of test/clients: $block->{words}" unless $block->{words} ne '' && -f $file;
    my %has = map { s/^\s+|\s+$//gr => 1 } split /\n/, read_page($file);
    my ($line) = grep { $_ ne '' && !$has{$_} } map { s/^\s+|\s+$//gr } split /\n/, $block->{text};
    return defined $line ? "test/clients/$block->{words} has no line: $line" : undef;
}

# Runs blocks of SQL in one session; (outputs of the blocks that ended, messages).
sub run_sql
{
    my ($node, $database, @texts) = @_;
    my ($script, $out, $err) = ('');
    $script .= $texts[$_] . "\n\\echo @@ end of block $_\n" for 0 .. $#texts;
    utf8::encode($script);
    IPC::Run::run(['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database)], '<', \$script, '>', \$out, '2>', \$err);
    utf8::decode($out);
    utf8::decode($err);
    my @outputs = split /@@ end of block \d+\n/, $out;
    my $ended = () = $out =~ /^@@ end of block \d+$/mg;
    return ($ended, \@outputs, $err);
}

# Lines of a recipe that call make again run even under make -n. This shell runs what the Makefile reads, and no recipe. The
# Makefile hands some goals to a make of its own: VQ_INNER is set there.
my $shell = "$ENV{TESTDIR}/no_recipes";
append_to_file($shell, "#!/bin/sh\n[ -z \"\$MAKELEVEL\" ] || exit 0\nexec /bin/sh \"\$@\"\n");
chmod 0755, $shell;
delete @ENV{qw(MAKELEVEL MAKEFLAGS MFLAGS MAKEOVERRIDES)};

sub make_problem
{
    my (@arguments) = @_;
    my ($out, $err) = ('', '');
    my @dry = grep({ $quick{$_} } @arguments) ? () : ('-n', "SHELL=$shell");
    IPC::Run::run(['make', '--no-print-directory', @dry, '-C', $tree, 'VQ_INNER=yes', 'VQ_BOOTSTRAPPED=yes', @arguments], '>', \$out, '2>', \$err);
    return $? == 0 ? undef : substr "$err$out", -1000;
}

my @pages = map { s|^\Q$tree\E/||r } "$tree/README.md", grep { !m|/measurements/| } sort glob "$tree/docs/*.md";
my $for_pgvector = ($ENV{VQ_TYPES} // 'own') eq 'pgvector';
@pages = grep { (read_page("$tree/$_") =~ /^<!-- extension: vectorq_pgvector -->/) == $for_pgvector } @pages;
my (%blocks, %inline);
for my $page (@pages) {
    my $text = read_page("$tree/$page");
    $blocks{$page} = [blocks($text)];
    $inline{$page} = [inline_code($text)];
    my @problems;
    for my $number (0 .. $#{ $blocks{$page} }) {
        my $problem = unfit($blocks{$page}[$number], $number ? $blocks{$page}[$number - 1] : undef);
        push @problems, "$page:$blocks{$page}[$number]{line}: $problem" if $problem;
    }
    is(bytes(join "\n", @problems), '', "$page: each block can be run, or says why not");
}

# The test itself finds what is wrong.
ok(unfit((blocks("```\nls\n```\n"))[0]), 'a block without a language is refused');
ok(unfit((blocks("```bash\nls\n```\n"))[0]), 'so is an unknown one');
ok(unfit((blocks("```sql no-run\nx\n```\n"))[0]), 'and no-run without a reason');
ok(unfit((blocks("```go\nx\n```\n"))[0]), 'and code of no client');
ok(unfit((blocks("```python use_django.py\nx = 1\n```\n"))[0]), 'and code that the client does not have');
ok(!unfit((blocks("```python use_django.py\nimport django\n```\n"))[0]), 'but not what it has');
ok(unfit((blocks("```sql\nSELECT 1;\n"))[0]), 'and a block without an end');
ok(!eval { make_commands("ls -l\n"); 1 }, 'a shell command other than make is refused');
is_deeply([make_commands("make a # b\nmake && sudo make b X='c d'\n")], [['make', 'a'], ['make'], ['make', 'b', 'X=c d']], 'calls of make are found');
my $table = " a |  b  \n---+-----\n 1 | 0.5 \n 2 | x\n(2 rows)\n";
is(table_problem($table, $table), undef, 'a table is like itself');
is(table_problem($table =~ s/x/…/r, $table =~ s/0\.5/0.505/r), undef, 'and like one with other fractions, or where it leaves it open');
ok(table_problem($table, $table =~ s/0\.5/0.6/r), 'not like one with another number');
ok(table_problem($table, $table =~ s/ 2 \| x\n//r), 'or with other rows');
is_deeply([anchors("# A `b`: c, d\n## x\n## x\n")], ['a-b-c-d', 'x', 'x-1'], 'anchors of headings');
is_deeply([links("see [a](b.md#c)\n`[no](link)`\n")], [[1, 'b.md#c']], 'links');

my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\nshared_buffers = 256MB\nshared_preload_libraries = 'vectorq'\n");
$node->start;

# Neither blocks nor statements of these pages need what the README makes.
if ($for_pgvector) {
    for my $page (@pages) {
        my @sql = grep { $_->{language} eq 'sql' && $_->{words} eq '' } @{ $blocks{$page} };
        next unless @sql;
        my $database = $page =~ s/\W/_/gr;
        $node->safe_psql('postgres', "CREATE DATABASE $database");
        my ($ended, undef, $messages) = run_sql($node, $database, map { $_->{text} } @sql);
        is($ended, scalar @sql, "$page: SQL runs") or diag(bytes("$page:$sql[$ended]{line}: $messages"));
        is($node->safe_psql($database, q{SELECT count(*) FROM pg_stat_user_indexes s JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam
            WHERE amname IN ('ah', 'ivf', 'pq')}) > 0, 1, "$page: there are indexes");
        is($node->safe_psql($database, q{SELECT string_agg(indexrelname, ' ') FROM pg_stat_user_indexes s JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam
            WHERE amname IN ('ah', 'ivf', 'pq', 'hnsw', 'gin') AND idx_scan = 0}), '', "$page: each index is used");
    }
    $node->stop;
    done_testing();
    exit;
}

my ($first) = grep { $_->{language} eq 'sql' && $_->{words} eq '' } @{ $blocks{'README.md'} };
$node->safe_psql('postgres', 'CREATE DATABASE start');
my ($started, undef, $start_messages) = run_sql($node, 'start', $first->{text});
is($started, 1, 'README.md: the first block') or diag($start_messages);

for my $page (@pages) {
    my @sql = grep { $_->{language} eq 'sql' && $_->{words} eq '' && $_ != $first } @{ $blocks{$page} };
    next unless @sql;
    my $database = $page =~ s/\W/_/gr;
    $node->safe_psql('postgres', "CREATE DATABASE \"$database\" TEMPLATE start");
    my ($ended, $outputs, $messages) = run_sql($node, $database, map { $_->{text} } @sql);
    is($ended, scalar @sql, "$page: SQL runs") or diag(bytes("$page:$sql[$ended]{line}: $messages"));
    my $number = -1;
    for my $block (@{ $blocks{$page} }) {
        $number++ if grep { $_ == $block } @sql;
        next unless $block->{language} eq 'result';
        my $output = $number < 0 ? '' : $outputs->[$number] // '';
        is(bytes(table_problem($block->{text}, $output) // 'as shown'), 'as shown', "$page:$block->{line}: the result is as shown") or diag(bytes($output));
    }
}

# The first example is one that works: an exact scan returns the same rows.
my @readme = @{ $blocks{'README.md'} };
my ($shown) = grep { $readme[$_]{language} eq 'result' } 0 .. $#readme;
my ($example, $answer) = @readme[$shown - 1, $shown];
my (undef, $exact) = run_sql($node, 'start', "SET enable_indexscan = off;\n$example->{text}");
is(bytes(table_problem($answer->{text}, $exact->[0]) // 'the true rows'), 'the true rows', 'README.md: the first query finds the true rows');

# Statements in a line of text, on an empty table: names and values of options and settings.
$node->safe_psql('start', 'CREATE TABLE nothing (embedding vector(128))');
for my $page (@pages) {
    my %tried;
    for my $code (grep { !$tried{$_}++ } @{ $inline{$page} }) {
        my $statement = $code =~ /^(SET|ALTER SYSTEM SET) \S+ = / ? $code : $code =~ /^USING \S+ \(/ ? "CREATE INDEX ON nothing $code" : next;
        $statement =~ s/\(…\)/(embedding)/;
        next if $statement =~ /…/;
        my ($ended, undef, $messages) = run_sql($node, 'start', "$statement;");
        is($ended, 1, bytes("$page: $code")) or diag(bytes($messages));
    }
}
$node->stop;

my %page_of;
for my $page (@pages) {
    my @commands = map { make_commands($_->{text}) } grep { $_->{language} eq 'sh' && $_->{words} eq '' } @{ $blocks{$page} };
    push @commands, map { make_commands($_) } grep { /^make( |$)/ && !/…/ } @{ $inline{$page} };
    $page_of{"@$_"} //= [$page, @$_] for @commands;
}
ok(defined make_problem('no-such-target'), 'a target that make does not know is found');
for my $command (sort keys %page_of) {
    my ($page, undef, @arguments) = @{ $page_of{$command} };
    my $problem = make_problem(@arguments);
    ok(!defined $problem, bytes("$page: $command")) or diag($problem);
}
done_testing();
