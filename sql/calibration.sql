-- vectorq.target_recall: what the build measured decides how many lists are probed and how many rows put in order.
SET client_min_messages = warning;
SELECT setseed(0.4);
CREATE TABLE c (id int, grp int, v vector(24)) WITH (autovacuum_enabled = off);
INSERT INTO c SELECT i, i % 100, (SELECT array_agg(sin(i % 61 + d) + 0.6 * (random() - 0.5)) FROM generate_series(1, 24) d)::vector
    FROM generate_series(1, 12000) i;
CREATE TABLE q AS SELECT i AS id, (SELECT array_agg(sin(i % 61 + d) + 0.6 * (random() - 0.5)) FROM generate_series(1, 24) d)::vector(24) AS v
    FROM generate_series(1, 200) i;
SELECT array_agg(v ORDER BY id) AS queries FROM q \gset
CREATE INDEX c_v ON c USING ah (v);
SET enable_seqscan = off;
SET enable_sort = off;
SHOW vectorq.target_recall;
-- the curve: more recall takes more lists and rows, more rows asked for too
SELECT count(*) AS points, bool_and(recall >= target - 0.01) AS reached, bool_and(nprobe >= 1) AS lists, min(k), max(k) FROM vectorq_recall_curve('c_v');
SELECT count(*) FILTER (WHERE nprobe < before OR reorder_rows < rows_before) AS falls FROM
    (SELECT *, lag(nprobe) OVER w AS before, lag(reorder_rows) OVER w AS rows_before FROM vectorq_recall_curve('c_v') WINDOW w AS (PARTITION BY k ORDER BY target)) s;
-- settings follow the target, and the target is met
CREATE FUNCTION work(target float8, k int, OUT lists bigint, OUT reordered bigint, OUT said real) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('vectorq.target_recall', target::text, true);
    -- twice: a scan reckons with what the one before was asked for
    FOR i IN 1 .. 2 LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT id FROM c ORDER BY v <-> (SELECT v FROM q WHERE id = 5) LIMIT %s) s', k);
    END LOOP;
    SELECT lists_probed, rows_reordered, s.target INTO lists, reordered, said FROM vectorq_stats() s;
END $$;
SELECT a.lists < b.lists AS lists, a.reordered < b.reordered AS reordered, a.said, b.said FROM work(0.5, 10) a, work(0.995, 10) b;
SELECT a.lists <= b.lists AS lists, a.reordered < b.reordered AS reordered FROM work(0.95, 1) a, work(0.95, 100) b;
SELECT (SELECT lists FROM work(1, 10)) = lists AS all_lists FROM vectorq_index_info('c_v');
-- "met": 200 queries know recall to a point or so
CREATE FUNCTION met(target float8, k int, queries vector[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    PERFORM set_config('vectorq.target_recall', target::text, true);
    SELECT * INTO r FROM vectorq_recall('c_v', queries, k);
    RETURN CASE WHEN r.recall >= target - 0.025 THEN 'met' ELSE format('%s of %s', r.recall, target) END;
END $$;
SELECT k, target, met(target, k, :'queries'::vector[]) FROM unnest(ARRAY[1, 10, 100]) k, unnest(ARRAY[0.7, 0.9, 0.95, 0.99]) target ORDER BY 1, 2;
-- a cursor that takes more than anybody could know: the scan goes on with the settings for more rows
SET vectorq.target_recall = 0.95;
SELECT count(*) AS rows FROM (SELECT id FROM c ORDER BY v <-> (SELECT v FROM q WHERE id = 5) LIMIT 1) s;
SELECT rounds FROM vectorq_stats();
BEGIN;
DECLARE far CURSOR FOR SELECT id FROM c ORDER BY v <-> (SELECT v FROM q WHERE id = 5);
MOVE 1 FROM far;
CREATE TEMP TABLE first AS SELECT * FROM vectorq_stats();
MOVE 200 FROM far;
SELECT a.rounds > b.rounds AS rounds, a.rows_reordered > b.rows_reordered AS rows, a.lists_probed >= b.lists_probed AS lists FROM vectorq_stats() a, first b;
ROLLBACK;
-- all rows once, whatever was promised; in strict order too
SET vectorq.max_scan_rows = 0;
SET vectorq.target_recall = 0.5;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM c ORDER BY v <-> (SELECT v FROM q WHERE id = 5) LIMIT 100000) s;
SET vectorq.iterative_scan = strict;
SELECT count(*) FILTER (WHERE d < before) AS out_of_order, count(*) - count(DISTINCT id) AS twice
    FROM (SELECT id, d, lag(d) OVER () AS before FROM (SELECT id, v <-> (SELECT v FROM q WHERE id = 5) AS d FROM c ORDER BY 2 LIMIT 2000) s) s;
RESET vectorq.iterative_scan;
RESET vectorq.max_scan_rows;
RESET vectorq.target_recall;
-- a filter: recall among the rows that match
CREATE FUNCTION filtered(groups int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE r record; exact int[]; found int[]; hits int := 0;
BEGIN
    FOR r IN SELECT v FROM q WHERE id <= 100 LOOP
        SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on;
        SELECT array_agg(id) INTO exact FROM (SELECT id FROM c WHERE grp < groups ORDER BY v <-> r.v LIMIT 10) s;
        SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;
        SELECT array_agg(id) INTO found FROM (SELECT id FROM c WHERE grp < groups ORDER BY v <-> r.v LIMIT 10) s;
        hits := hits + (SELECT count(*) FROM unnest(found) x WHERE x = ANY (exact));
    END LOOP;
    RETURN hits / 1000.0;
END $$;
SELECT g, CASE WHEN filtered(g) >= 0.92 THEN 'met' ELSE filtered(g)::text END FROM unnest(ARRAY[1, 10, 50]) g;
-- settings by hand win
SET vectorq.nprobe = 7;
SELECT lists, said FROM work(0.5, 10);
SELECT lists, said FROM work(0.99, 10);
RESET vectorq.nprobe;
SET vectorq.reorder_rows = 33;
SELECT reordered BETWEEN 17 AND 33 AS by_hand FROM work(0.99, 10);
RESET vectorq.reorder_rows;
SET vectorq.target_recall = 1.5;
SET vectorq.target_recall = -1;
-- nor is nothing a target
SET vectorq.target_recall = 0;
SET vectorq.target_recall = 0.01;
RESET vectorq.target_recall;
-- queries of another kind than the rows: measured, then kept
CREATE TABLE other AS SELECT i AS id, (SELECT array_agg(3 * (random() - 0.5)) FROM generate_series(1, 24) d WHERE i = i)::vector(24) AS v FROM generate_series(1, 300) i;
SELECT array_agg(v ORDER BY id) FILTER (WHERE id <= 200) AS train, array_agg(v ORDER BY id) FILTER (WHERE id > 200) AS test FROM other \gset
CREATE TEMP TABLE before AS SELECT * FROM vectorq_recall_curve('c_v');
SELECT recall AS missed FROM vectorq_recall('c_v', :'test'::vector[], 10) \gset
SELECT vectorq_calibrate('c_v', :'train'::vector[]);
SELECT :missed < 0.92 AS missed, recall > 0.92 AS repaired FROM vectorq_recall('c_v', :'test'::vector[], 10);
SELECT b.nprobe < a.nprobe AS more_lists FROM vectorq_recall_curve('c_v') a JOIN before b USING (k, target) WHERE k = 10 AND b.target BETWEEN 0.94 AND 0.96;
SELECT * FROM vectorq_check('c_v');
\set VERBOSITY sqlstate
SELECT vectorq_calibrate('c_v', ARRAY['[1,2]']::vector[]);
SELECT vectorq_calibrate('c_v', ARRAY[NULL]::vector[]);
SELECT vectorq_calibrate('c_v', ARRAY[]::vector[]);
SELECT vectorq_calibrate('c_v', (SELECT array_agg(v) FROM q WHERE id < 5));
SELECT vectorq_calibrate('c_v', (SELECT array_agg(v::halfvec) FROM q));
SELECT vectorq_calibrate('c', (SELECT array_agg(v) FROM q));
SET default_transaction_read_only = on;
SELECT vectorq_calibrate('c_v', (SELECT array_agg(v) FROM q));
RESET default_transaction_read_only;
CREATE ROLE vq_reader;
GRANT USAGE ON SCHEMA public TO vq_reader;
GRANT SELECT ON c, q TO vq_reader;
SET ROLE vq_reader;
SELECT vectorq_calibrate('c_v', (SELECT array_agg(v) FROM q));
SELECT count(*) AS points FROM vectorq_recall_curve('c_v');
RESET ROLE;
REVOKE ALL ON c, q FROM vq_reader;
REVOKE USAGE ON SCHEMA public FROM vq_reader;
DROP ROLE vq_reader;
\set VERBOSITY default
-- the same rows, options and seed: the same calibration
REINDEX INDEX c_v;
CREATE TEMP TABLE again AS SELECT * FROM vectorq_recall_curve('c_v');
REINDEX INDEX c_v;
SELECT (SELECT count(*) > 0 FROM again) AS measured, count(*) AS different FROM (SELECT * FROM again EXCEPT SELECT * FROM vectorq_recall_curve('c_v')) s;
SELECT (SELECT count(*) > 0 FROM before) AS measured, count(*) AS different FROM (SELECT * FROM before EXCEPT SELECT * FROM vectorq_recall_curve('c_v')) s;
DROP INDEX c_v;
-- every access method, metric and way to put in order
CREATE FUNCTION reached(op text, queries vector[], rows int DEFAULT 10) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r float8; want float8;
BEGIN
    SELECT recall INTO r FROM vectorq_recall('c_x', queries, rows);
    SELECT least(0.95, max(recall)) INTO want FROM vectorq_recall_curve('c_x') WHERE k = rows;
    RETURN CASE WHEN r >= want - 0.03 THEN 'met' ELSE format('%s of %s', r, want) END;
END $$;
CREATE INDEX c_x ON c USING ivf (v);
SELECT reached('<->', :'queries'::vector[]), (SELECT max(reorder_rows) FROM vectorq_recall_curve('c_x'));
DROP INDEX c_x;
CREATE INDEX c_x ON c USING ivf (v) WITH (replicas = soar);
SELECT reached('<->', :'queries'::vector[]);
DROP INDEX c_x;
CREATE INDEX c_x ON c USING ivf (v vector_l1_ops);
SELECT reached('<+>', :'queries'::vector[]);
DROP INDEX c_x;
CREATE INDEX c_x ON c USING ivf (v vector_cosine_ops) WITH (quantizer = sq8);
SELECT reached('<=>', :'queries'::vector[]);
DROP INDEX c_x;
CREATE INDEX c_x ON c USING ivf (v vector_ip_ops) WITH (quantizer = pq, reorder = off);
SELECT reached('<#>', :'queries'::vector[]);
DROP INDEX c_x;
CREATE INDEX c_x ON c USING pq (v);
SELECT reached('<->', :'queries'::vector[]), (SELECT max(nprobe) FROM vectorq_recall_curve('c_x'));
DROP INDEX c_x;
CREATE INDEX c_x ON c USING ah (v vector_cosine_ops) WITH (reorder = f32, transform = 'opq12');
SELECT reached('<=>', :'queries'::vector[]);
DROP INDEX c_x;
-- too few rows to measure anything: no curve, the rule of thumb
CREATE TABLE small AS SELECT id, v FROM c WHERE id <= 1000;
CREATE INDEX small_v ON small USING ivf (v) WITH (lists = 20);
SELECT count(*) AS points FROM vectorq_recall_curve('small_v');
ANALYZE small;
SELECT count(*) AS rows FROM (SELECT id FROM small ORDER BY v <-> (SELECT v FROM q WHERE id = 5) LIMIT 10) s;
SELECT target FROM vectorq_stats();
SELECT vectorq_calibrate('small_v', :'queries'::vector[]);
SELECT recall > 0.92 AS met FROM vectorq_recall('small_v', :'queries'::vector[], 10);
-- each row ten times: what tells how hard a question is are not the duplicates of a row that asks it
CREATE TABLE tens AS SELECT id, v FROM c, generate_series(1, 10) WHERE id <= 2000;
CREATE INDEX c_x ON tens USING ah (v);
SELECT k, reached('<->', :'queries'::vector[], k) FROM unnest(ARRAY[1, 10, 100]) k;
-- and one of them in a third of the table
UPDATE tens SET v = (SELECT v FROM c WHERE id = 7) WHERE id % 3 = 0;
REINDEX INDEX c_x;
SELECT reached('<->', :'queries'::vector[], 10);
DROP TABLE tens;
-- rows in turn of 100 places: no place is left out of the queries
SELECT setseed(0.7);
CREATE TABLE places AS SELECT i AS id, (SELECT array_agg(4 * random()) FROM generate_series(1, 24) d WHERE i = i)::vector(24) AS v FROM generate_series(1, 100) i;
CREATE FUNCTION near(place int) RETURNS vector LANGUAGE sql VOLATILE AS
    'SELECT v + (SELECT array_agg((random() - 0.5) * (1 + place % 5)) FROM generate_series(1, 24) d)::vector FROM places WHERE id = place';
CREATE TABLE turn AS SELECT i AS id, near(i % 100 + 1)::vector(24) AS v FROM generate_series(1, 4000) i;
CREATE INDEX c_x ON turn USING ivf (v);
SELECT reached('<->', (SELECT array_agg(near(i)) FROM generate_series(1, 100) i));
DROP TABLE places, turn;
DROP FUNCTION near;
-- an unlogged index and an empty one
CREATE UNLOGGED TABLE u (v vector(24));
CREATE INDEX u_v ON u USING ah (v);
SELECT count(*) AS points FROM vectorq_recall_curve('u_v');
-- rows without structure lie in most of the lists: some queries are followed through all of them
CREATE TABLE noise AS SELECT i AS id, (SELECT array_agg(random() + random() + random() - 1.5) FROM generate_series(1, 48) d WHERE i = i)::vector(48) AS v FROM generate_series(1, 4000) i;
CREATE INDEX noise_v ON noise USING ah (v);
SELECT max(recall) > 0.98 AS reached FROM vectorq_recall_curve('noise_v') WHERE k = 100;
DROP TABLE c, q, other, small, u, noise, before, again;
DROP FUNCTION work, met, filtered, reached;
RESET enable_seqscan;
RESET enable_sort;
