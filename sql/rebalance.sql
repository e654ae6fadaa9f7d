-- Vacuum splits lists that have outgrown the others, and dissolves those that have shrunk.
SET client_min_messages = warning;
\set ECHO none
\i sql/include/details.sql
\set ECHO all
CREATE TABLE rebalanced (id serial PRIMARY KEY, v vector(4));
CREATE FUNCTION near(n int, place float8) RETURNS vector LANGUAGE sql IMMUTABLE AS
    $$ SELECT ARRAY[place + n % 7, place + n % 11, place + n % 13, place + n % 17 + n / 1000.0]::real[]::vector $$;
CREATE FUNCTION list_sizes(index regclass) RETURNS TABLE (lists int, largest bigint) LANGUAGE sql AS
    'SELECT lists, list_entries_max FROM details(index)';
INSERT INTO rebalanced (v) SELECT near(n, 0) FROM generate_series(1, 800) n;
CREATE INDEX rebalanced_on ON rebalanced USING ivf (v) WITH (lists = 20);
CREATE INDEX rebalanced_off ON rebalanced USING ivf (v vector_l1_ops) WITH (lists = 20, rebalance = off);
CREATE INDEX rebalanced_soar ON rebalanced USING ah (v vector_ip_ops) WITH (lists = 20, replicas = soar);
CREATE INDEX rebalanced_closure ON rebalanced USING ivf (v vector_cosine_ops) WITH (lists = 20, replicas = closure);
-- As many rows again, far away: one list or few take them all.
INSERT INTO rebalanced (v) SELECT near(n, 100) FROM generate_series(1, 800) n;
SELECT largest >= 200 AS uneven FROM list_sizes('rebalanced_on');
-- Nothing is dead, but the table has grown by more than a quarter.
VACUUM rebalanced;
SELECT lists > 20 AS split, largest < 200 AS even FROM list_sizes('rebalanced_on');
SELECT lists = 20 AS "not split", largest >= 200 AS uneven FROM list_sizes('rebalanced_off');
SELECT lists > 20 AS split FROM list_sizes('rebalanced_soar');
SELECT lists > 20 AS split FROM list_sizes('rebalanced_closure');
SELECT index, problem.* FROM unnest(ARRAY['rebalanced_on', 'rebalanced_off', 'rebalanced_soar', 'rebalanced_closure']) index, vectorq_check(index::regclass) problem;
-- Each row once, and the nearest first.
SET enable_seqscan = off;
SET enable_sort = off;
SET vectorq.max_scan_rows = 0;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM rebalanced ORDER BY v <-> '[100,100,100,100]' LIMIT 10000) s;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM rebalanced ORDER BY v <#> '[1,1,1,1]' LIMIT 10000) s;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM rebalanced ORDER BY v <=> '[1,2,1,1]' LIMIT 10000) s;
SET vectorq.nprobe = 100;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM rebalanced WHERE id % 1 = 0 ORDER BY (v <-> '[103,104,105,106]') + 0, id LIMIT 5) e) AS as_without_index
FROM (SELECT id FROM rebalanced ORDER BY v <-> '[103,104,105,106]' LIMIT 5) s;
RESET vectorq.nprobe;
-- Rows that come later find the new lists; rows that go leave small ones, which are dissolved.
INSERT INTO rebalanced (v) SELECT near(n, 100) FROM generate_series(801, 900) n;
DELETE FROM rebalanced WHERE id <= 780;
-- A transaction goes by before each vacuum, so that it may free what an earlier one replaced.
SELECT txid_current() \gset
VACUUM rebalanced;
SELECT txid_current() \gset
VACUUM rebalanced;
-- 20 rows are left of what half of the lists had.
SELECT list_entries_min >= 10 AS dissolved FROM details('rebalanced_on');
SELECT index, problem.* FROM unnest(ARRAY['rebalanced_on', 'rebalanced_off', 'rebalanced_soar', 'rebalanced_closure']) index, vectorq_check(index::regclass) problem;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM rebalanced ORDER BY v <-> '[0,0,0,0]' LIMIT 10000) s;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM rebalanced ORDER BY v <#> '[1,1,1,1]' LIMIT 10000) s;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM rebalanced ORDER BY v <=> '[1,2,1,1]' LIMIT 10000) s;
SELECT rows FROM vectorq_index_info('rebalanced_on');
-- Switched on later.
ALTER INDEX rebalanced_off SET (rebalance = on);
DELETE FROM rebalanced WHERE id % 10 = 0;
VACUUM rebalanced;
-- as many lists as were asked for, since all are replaced
SELECT value::int > 0 AS replaced, lists FROM vectorq_index_details('rebalanced_off'), list_sizes('rebalanced_off') WHERE name = 'generation';
SELECT * FROM vectorq_check('rebalanced_off');
CREATE INDEX ON rebalanced USING ivf (v) WITH (rebalance = perhaps);
DROP TABLE rebalanced;
-- Rows move to and fro: the number of lists, which the rule chose, stays near it.
CREATE TABLE moved (id serial PRIMARY KEY, v vector(4));
INSERT INTO moved (v) SELECT near(n, 0) FROM generate_series(1, 2500) n;
CREATE INDEX moved_v ON moved USING ivf (v);
CREATE TABLE at_start AS SELECT lists FROM list_sizes('moved_v');
\set ECHO none
SELECT 'DELETE FROM moved WHERE id IN (SELECT id FROM moved ORDER BY id LIMIT 1250)', format('INSERT INTO moved (v) SELECT near(n, %s) FROM generate_series(%s, %s) n', 20 * (round % 2), 1300 * round, 1300 * round + 1249),
    $$DO 'BEGIN PERFORM txid_current(); END'$$, 'VACUUM moved' FROM generate_series(1, 20) round \gexec
\set ECHO all
SELECT at_start.lists AS "lists at start", now.lists <= 1.3 * at_start.lists AS "not many more", count(*) AS rows FROM at_start, list_sizes('moved_v') now, moved GROUP BY 1, 2;
SELECT * FROM vectorq_check('moved_v');
DROP TABLE moved, at_start;
DROP FUNCTION near, list_sizes;
