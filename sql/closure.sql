-- replicas = closure: rows near a border lie in further lists, too, and come out once. Each code, metric and kind of records.
SET client_min_messages = warning;
SELECT setseed(0.4);
CREATE TABLE k (id int, v vector(8), h halfvec(8)) WITH (autovacuum_enabled = off);
INSERT INTO k SELECT i, x::vector, x::halfvec FROM (
    SELECT i, (SELECT array_agg(random() - 0.5) FROM generate_series(1, 8) d WHERE i = i + 0 * d) AS x FROM generate_series(1, 3000) i) s;
CREATE TABLE q AS SELECT v, h FROM k WHERE id % 150 = 7;
\set ECHO none
\i sql/include/answers.sql
\i sql/include/pages.sql
\i sql/include/details.sql
\set ECHO all
DO $$
DECLARE am text; col text; metric text; op text; info record; r numeric; n bigint;
BEGIN
    FOREACH am IN ARRAY ARRAY['ivf (%s) WITH (', 'ivf (%s) WITH (quantizer = f16,', 'ivf (%s) WITH (quantizer = sq8,', 'ivf (%s) WITH (quantizer = pq, subvectors = 4,',
                              'ivf (%s) WITH (quantizer = pq, subvectors = 8, bits = 4, reorder = f16,', 'ivf (%s) WITH (quantizer = sq8, transform = rr, reorder = f32,',
                              'ah (%s) WITH (subvectors = 8,', 'ah (%s) WITH (subvectors = 8, reorder = sq8,'] LOOP
        FOREACH col IN ARRAY ARRAY['v', 'h'] LOOP
            FOREACH metric IN ARRAY ARRAY['l2', 'ip', 'cosine'] LOOP
                op := CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END;
                EXECUTE format('CREATE INDEX k_i ON k USING ' || am || ' lists = 20, replicas = closure, closure_epsilon = 1)',
                               format('%s %s_%s_ops', col, CASE col WHEN 'v' THEN 'vector' ELSE 'halfvec' END, metric));
                SELECT * INTO info FROM details('k_i');
                IF info.rows <> 3000 OR info.entries_per_row NOT BETWEEN 1.05 AND 8 THEN
                    RAISE WARNING '% % %: % rows, % entries a row', am, col, metric, info.rows, info.entries_per_row; END IF;
                r := recall('k', op, col);
                IF r < 0.85 THEN RAISE WARNING '% % %: recall %', am, col, metric, r; END IF;
                PERFORM set_config('vectorq.nprobe', '1', true);
                n := lost_or_twice('k', op, col);
                PERFORM set_config('vectorq.nprobe', '20', true);
                n := n + lost_or_twice('k', op, col);
                PERFORM set_config('vectorq.nprobe', '0', true);
                IF n <> 0 OR problems('k_i') <> 0 THEN RAISE WARNING '% % %: % rows lost or twice, % problems', am, col, metric, n, problems('k_i'); END IF;
                DROP INDEX k_i;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
-- L1, whose lists are those of L2
CREATE INDEX k_i ON k USING ivf (v vector_l1_ops) WITH (lists = 20, replicas = closure, closure_epsilon = 1);
SELECT recall('k', '<+>', 'v') > 0.9 AS l1, lost_or_twice('k', '<+>', 'v'), problems('k_i');
DROP INDEX k_i;
-- a wider epsilon gives more replicas, 0 next to none; in as many lists more is found
CREATE INDEX k_i ON k USING ivf (v) WITH (lists = 40, replicas = none);
SET vectorq.nprobe = 2;
SELECT recall('k', '<->', 'v') AS plain \gset
DROP INDEX k_i;
CREATE INDEX k_i ON k USING ivf (v) WITH (lists = 40, replicas = closure, closure_epsilon = 0);
SELECT replicas, closure_epsilon, entries_per_row < 1.01 AS none FROM details('k_i');
DROP INDEX k_i;
CREATE INDEX k_i ON k USING ivf (v) WITH (lists = 40, replicas = closure, closure_epsilon = 0.1);
SELECT entries_per_row AS narrow FROM details('k_i') \gset
DROP INDEX k_i;
CREATE INDEX k_i ON k USING ivf (v) WITH (lists = 40, replicas = closure, closure_epsilon = 2);
SELECT closure_epsilon, entries_per_row > :narrow AS more, rows FROM details('k_i');
SELECT recall('k', '<->', 'v') > :plain + 0.02 AS more_found;
RESET vectorq.nprobe;
-- inserts, updates, deletes, vacuum: entries a row as a build gives them, and rows counted once
SELECT entries_per_row AS built FROM details('k_i') \gset
CREATE INDEX k_2 ON k USING ah (h halfvec_cosine_ops) WITH (lists = 20, subvectors = 8, replicas = closure, closure_epsilon = 1, reorder = f16);
INSERT INTO k SELECT id + 10000, v, h FROM k;
SELECT rows, abs(entries_per_row / :built - 1) < 0.02 AS as_built FROM details('k_i');
UPDATE k SET v = v WHERE id % 10 = 0;
DELETE FROM k WHERE id % 4 = 1;
SELECT lost_or_twice('k', '<->', 'v'), lost_or_twice('k', '<=>', 'h'), problems('k_i'), problems('k_2');
VACUUM k;
SELECT problems('k_i'), problems('k_2');
SELECT rows = (SELECT count(*) FROM k) AS rows, abs(entries_per_row / :built - 1) < 0.02 AS as_built FROM details('k_i');
SELECT (SELECT reltuples FROM pg_class WHERE relname = 'k_i') = (SELECT count(*) FROM k) AS reltuples;
INSERT INTO k SELECT id + 20000, v, h FROM k WHERE id % 3 = 0;
SELECT lost_or_twice('k', '<->', 'v'), lost_or_twice('k', '<=>', 'h'), problems('k_i'), problems('k_2');
-- strict order, and a filter that few rows pass
SET enable_seqscan = off; SET enable_sort = off; SET vectorq.nprobe = 2; SET vectorq.iterative_scan = strict;
SELECT count(*) AS rows, count(DISTINCT id) AS different, bool_and(d >= before) AS in_order FROM (
    SELECT id, d, lag(d, 1, d) OVER () AS before FROM (SELECT id, v <-> (SELECT v FROM q LIMIT 1) AS d FROM k ORDER BY v <-> (SELECT v FROM q LIMIT 1) LIMIT 50) s) t;
SET vectorq.iterative_scan = relaxed;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM k WHERE id % 100 = 3 ORDER BY v <-> (SELECT v FROM q LIMIT 1) LIMIT 30) s;
RESET enable_seqscan; RESET enable_sort; RESET vectorq.nprobe; RESET vectorq.iterative_scan;
DROP INDEX k_i, k_2;
-- the same rows, options and seed: the same index
CREATE INDEX k_1 ON k USING ah (v) WITH (lists = 20, replicas = closure, closure_epsilon = 0.5);
CREATE INDEX k_2 ON k USING ah (v) WITH (lists = 20, replicas = closure, closure_epsilon = 0.5);
CHECKPOINT;
SELECT pages_that_differ('k_1', 'k_2');
-- one list, or too few rows, has no replicas
CREATE INDEX k_one ON k USING ivf (v) WITH (lists = 1, replicas = closure);
SELECT replicas, rows = (SELECT count(*) FROM k) AS rows FROM details('k_one');
CREATE TABLE few (id int, v vector(8));
CREATE INDEX few_v ON few USING ivf (v) WITH (replicas = closure);
INSERT INTO few SELECT id, v FROM k;
SELECT trained, replicas, rows FROM details('few_v');
REINDEX INDEX few_v;
SELECT trained, replicas, rows, problems('few_v') FROM details('few_v');
-- refused
CREATE INDEX ON k USING ivf (v) WITH (replicas = closure, closure_epsilon = -1);
CREATE INDEX ON k USING pq (v) WITH (replicas = closure);
DROP TABLE k, q, few CASCADE;
DROP FUNCTION recall, lost_or_twice, problems, pages_that_differ;
