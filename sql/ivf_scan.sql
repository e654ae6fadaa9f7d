-- Scans inside plans: filters, joins, rescans, cursors, prepared statements, LIMIT/OFFSET, CTEs.
SELECT setseed(0.1);
CREATE TABLE items (id int PRIMARY KEY, category int, v vector(4));
INSERT INTO items SELECT i, i % 100, ARRAY[random() * 100, random() * 100, random() * 100, random() * 100]::vector(4) FROM generate_series(1, 10000) i;
CREATE INDEX items_v ON items USING ivf (v) WITH (lists = 50);
ANALYZE items;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
-- a filter that keeps a hundredth, a thousandth, nothing: k rows whenever there are k
SELECT count(*) AS of_ten FROM (SELECT id FROM items WHERE category = 7 ORDER BY v <-> '[50,50,50,50]' LIMIT 10) s;
SELECT count(*) AS of_a_hundred FROM (SELECT id FROM items WHERE category = 7 ORDER BY v <-> '[50,50,50,50]' LIMIT 1000) s;
SELECT count(*) AS of_ten FROM (SELECT id FROM items WHERE id % 1000 = 7 ORDER BY v <-> '[50,50,50,50]' LIMIT 10) s;
SELECT count(*) AS of_none FROM (SELECT id FROM items WHERE category = 700 ORDER BY v <-> '[50,50,50,50]' LIMIT 10) s;
SET vectorq.max_scan_rows = 1000;
SELECT count(*) BETWEEN 1 AND 99 AS bounded FROM (SELECT id FROM items WHERE category = 7 ORDER BY v <-> '[50,50,50,50]' LIMIT 1000) s;
RESET vectorq.max_scan_rows;
SELECT entries_scored BETWEEN 1000 AND 2000 AS scored, lists_probed BETWEEN 2 AND 49 AS lists, rows_returned BETWEEN 1 AND entries_scored AS returned FROM vectorq_stats();
SELECT count(*) AS rows FROM (SELECT id FROM items ORDER BY v <-> '[50,50,50,50]' LIMIT 10) s;
SELECT index, rounds, lists_probed, pages_read > 0 AS pages, entries_scored > 0 AS scored, rows_returned FROM vectorq_stats();
-- exact when all lists are searched
SET vectorq.nprobe = 50;
CREATE TEMP TABLE exact AS SELECT 1 AS id LIMIT 0;
SET enable_indexscan = off;
INSERT INTO exact SELECT id FROM items ORDER BY v <-> '[50,50,50,50]' LIMIT 25;
SET enable_indexscan = on;
SELECT count(*) AS of_25_nearest FROM exact JOIN (SELECT id FROM items ORDER BY v <-> '[50,50,50,50]' LIMIT 25) s USING (id);
-- OFFSET, ties broken by a second column
SELECT (SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY v <-> '[50,50,50,50]' OFFSET 5 LIMIT 3) a)
     = (SELECT (array_agg(id))[6:8] FROM (SELECT id FROM items ORDER BY v <-> '[50,50,50,50]' LIMIT 10) b) AS offset_works;
SELECT count(*) AS rows FROM (SELECT id FROM items ORDER BY v <-> '[50,50,50,50]', id LIMIT 3) s;
-- LATERAL: the scan is started anew for each outer row
EXPLAIN (COSTS OFF) SELECT a.id, b.id FROM items a, LATERAL (SELECT id FROM items ORDER BY v <-> a.v LIMIT 2) b WHERE a.id <= 5;
SELECT a.id, count(*) AS rows, bool_or(a.id = b.id) AS finds_itself FROM items a, LATERAL (SELECT id FROM items ORDER BY v <-> a.v LIMIT 2) b WHERE a.id <= 5 GROUP BY a.id ORDER BY a.id;
-- two scans at once
SELECT (SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[1,1,1,1]' LIMIT 3) a) + (SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[99,1,1,1]' LIMIT 4) b) AS seven;
-- prepared statements, generic plans
PREPARE nearest(vector) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT 1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest('[1,2,3,4]');
SELECT v AS v1 FROM items WHERE id = 1 \gset
SELECT v AS v2 FROM items WHERE id = 2 \gset
EXECUTE nearest(:'v1');
EXECUTE nearest(:'v2');
-- no order is asked for: any row will do
CREATE TEMP TABLE unordered AS EXECUTE nearest(NULL);
SELECT count(*) AS rows, count(DISTINCT id) FILTER (WHERE id BETWEEN 1 AND 10000) AS of_the_table FROM unordered;
RESET plan_cache_mode;
-- cursors go forward only
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> :'v1';
FETCH 1 FROM c;
MOVE 20 FROM c;
FETCH BACKWARD 1 FROM c;
ROLLBACK;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> :'v1';
FETCH 1 FROM c;
MOVE 20 FROM c;
MOVE ABSOLUTE 0 FROM c;
FETCH 1 FROM c;
ROLLBACK;
-- CTE, sub-select, aggregate over the nearest
WITH near AS MATERIALIZED (SELECT id, category FROM items ORDER BY v <-> '[50,50,50,50]' LIMIT 20) SELECT count(*) AS rows, count(DISTINCT id) AS different FROM near;
SELECT count(*) AS rows FROM items WHERE id IN (SELECT id FROM items ORDER BY v <-> '[50,50,50,50]' LIMIT 20);
-- parallel workers elsewhere in the plan
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_seqscan = on;
SELECT count(*) AS rows_of_category FROM items a WHERE a.category = (SELECT category FROM items ORDER BY v <-> '[50,50,50,50]' LIMIT 1);
RESET enable_seqscan;
-- without an order the index cannot be used
SET enable_seqscan = off;
DO $$ DECLARE line text; BEGIN
    FOR line IN EXPLAIN (COSTS OFF) SELECT count(*) FROM items WHERE v <-> '[1,2,3,4]' < 5 LOOP
        IF line ~ 'Index' THEN RAISE EXCEPTION 'uses an index: %', line; END IF;
    END LOOP;
END $$;
-- a snapshot sees its rows, whatever others did since (here: itself, in a subtransaction)
BEGIN;
SAVEPOINT a;
INSERT INTO items VALUES (20000, 1, '[1000,1000,1000,1000]');
SELECT id FROM items ORDER BY v <-> '[1000,1000,1000,1000]' LIMIT 1;
ROLLBACK TO a;
SELECT id <> 20000 AS gone FROM items ORDER BY v <-> '[1000,1000,1000,1000]' LIMIT 1;
COMMIT;
RESET vectorq.nprobe;
DROP TABLE items;
-- a cursor that asks for more searches its lists again: rows that came in between move no row's distance, so
-- each row is returned once. The last one of the first 256 stands at the end of its page, where scoring
-- takes another path.
SET client_min_messages = warning;
CREATE TABLE places (id int, v vector(13));
CREATE INDEX ON places USING ivf (v) WITH (lists = 1);
CREATE FUNCTION twice(direction float8, total int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE c refcursor; one int; seen int[] := '{}';
BEGIN
    TRUNCATE places;
    INSERT INTO places SELECT g, (SELECT array_agg(g + sin(direction * g * d)) FROM generate_series(1, 13) d)::vector
        FROM (SELECT g FROM generate_series(1, total) g ORDER BY g BETWEEN 255 AND 257, g) s;
    OPEN c FOR SELECT id FROM places ORDER BY v <-> '[0,0,0,0,0,0,0,0,0,0,0,0,0]';
    FOR i IN 1 .. 256 LOOP FETCH c INTO one; seen := seen || one; END LOOP;
    INSERT INTO places SELECT 0, array_fill(1000, ARRAY[13])::vector FROM generate_series(1, 3);
    LOOP FETCH c INTO one; EXIT WHEN NOT FOUND; seen := seen || one; END LOOP;
    CLOSE c;
    RETURN (SELECT abs(count(*) - total) + total - count(DISTINCT x) FROM unnest(seen) x);
END $$;
SELECT sum(twice(g * 0.37, 320 + g % 4)) AS lost_or_twice FROM generate_series(1, 40) g;
DROP TABLE places;
DROP FUNCTION twice;
-- A scan that is asked for ever more rows than it reckons with widens its window again and again: each row once, also where
-- the nearest rows of a list that joined late lie before what the other lists had given already.
CREATE TABLE places (id int, v vector(24));
INSERT INTO places SELECT i, (SELECT array_agg((sin(i % 41 + d) + (random() - 0.5)) * (1 + (i % 5) / 5.0)) FROM generate_series(1, 24) d)::vector
    FROM generate_series(1, 4000) i;
CREATE FUNCTION lost_or_twice() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE q vector; one int; seen int[]; bad bigint := 0;
BEGIN
    SET LOCAL enable_sort = off; SET LOCAL vectorq.max_scan_rows = 0;
    FOR q IN SELECT v FROM places WHERE id % 100 = 7 ORDER BY id LOOP
        PERFORM id FROM places ORDER BY v <-> q LIMIT 10;
        seen := '{}';
        FOR one IN SELECT id FROM places ORDER BY v <-> q LOOP seen := seen || one; END LOOP;
        bad := bad + (SELECT abs(count(*) - 4000) + 4000 - count(DISTINCT x) FROM unnest(seen) x);
    END LOOP;
    RETURN bad;
END $$;
CREATE INDEX places_v ON places USING ivf (v) WITH (lists = 13, quantizer = pq, bits = 4);
SELECT lost_or_twice();
DROP INDEX places_v;
CREATE INDEX places_v ON places USING ivf (v) WITH (lists = 30, quantizer = pq, bits = 4, reorder = f16);
SELECT lost_or_twice();
DROP INDEX places_v;
CREATE INDEX places_v ON places USING ivf (v) WITH (lists = 13);
SELECT lost_or_twice();
DROP TABLE places;
DROP FUNCTION lost_or_twice;
RESET client_min_messages;
