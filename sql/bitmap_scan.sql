-- Bitmaps of other indexes inside the scan of a vector index: plans, and the same rows as a sequential scan has.
\set QUIET 1
SET client_min_messages = warning;
SELECT setseed(0.25);
CREATE TABLE goods (id int PRIMARY KEY, kind int, tags int[], day int, flag bool, v vector(8), filler text);
ALTER TABLE goods ALTER filler SET STORAGE plain;
INSERT INTO goods SELECT i, i % 50, ARRAY[i % 7, i % 11], i / 100, i % 97 = 0, (SELECT array_agg(random() + 0 * (i + j))::vector FROM generate_series(1, 8) j), repeat('x', 500) FROM generate_series(1, 12000) i;
CREATE INDEX goods_v ON goods USING ah (v vector_l2_ops);
CREATE INDEX goods_kind ON goods (kind);
CREATE INDEX goods_tags ON goods USING gin (tags);
CREATE INDEX goods_day ON goods USING brin (day) WITH (pages_per_range = 2);
CREATE TABLE questions AS SELECT i AS id, i % 60 AS kind, (SELECT array_agg(random() + 0 * (i + j))::vector FROM generate_series(1, 8) j) AS q FROM generate_series(1, 200) i;
VACUUM ANALYZE goods, questions;
CREATE FUNCTION middle() RETURNS vector LANGUAGE sql IMMUTABLE AS $$ SELECT array_fill(0.5, ARRAY[8])::vector $$;

-- The first query of a session: nothing was loaded before.
\c
SET client_min_messages = warning; SET max_parallel_workers_per_gather = 0;
EXPLAIN (COSTS off) SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> '[.5,.5,.5,.5,.5,.5,.5,.5]' LIMIT 5;

-- All lists, so that the rows are exactly those of a sequential scan.
SET vectorq.target_recall = 1; SET enable_seqscan = off; SET enable_sort = off;
-- Rows that only one of the two has, in another place, and whether the plan is ours.
CREATE FUNCTION compare(query text, OUT rows bigint, OUT differ bigint, OUT joined boolean) LANGUAGE plpgsql AS $$
DECLARE line text; got text[]; want text[];
BEGIN
    joined := false;
    FOR line IN EXECUTE 'EXPLAIN ' || query LOOP joined := joined OR line LIKE '%VectorqBitmap%'; END LOOP;
    EXECUTE format('SELECT array_agg(s::text) FROM (%s) s', query) INTO got;
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'on', true), set_config('enable_seqscan', 'on', true);
    EXECUTE format('SELECT array_agg(s::text) FROM (%s) s', query) INTO want;
    PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_bitmapscan', 'on', true), set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true);
    rows := coalesce(cardinality(got), 0);
    SELECT count(*) INTO differ FROM unnest(got, want) u(a, b) WHERE a IS DISTINCT FROM b;
END $$;
CREATE TABLE cases (n int, query text);
INSERT INTO cases VALUES
    (1, 'SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 20'),
    (2, 'SELECT id FROM goods WHERE kind IN (7, 8, 9) ORDER BY v <-> middle() LIMIT 20'),
    (3, 'SELECT id FROM goods WHERE tags @> ARRAY[3, 4] ORDER BY v <-> middle() LIMIT 20'),
    (4, 'SELECT id FROM goods WHERE day BETWEEN 30 AND 35 ORDER BY v <-> middle() LIMIT 20'),
    (5, 'SELECT id FROM goods WHERE kind < 3 AND tags @> ARRAY[3, 4] ORDER BY v <-> middle() LIMIT 5'),
    (6, 'SELECT id FROM goods WHERE kind = 7 OR day = 11 ORDER BY v <-> middle() LIMIT 20'),
    (7, 'SELECT id FROM goods WHERE kind = 7 AND id % 3 = 0 ORDER BY v <-> middle() LIMIT 20'),
    (8, 'SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle()'),
    (9, 'SELECT id FROM goods WHERE kind = -1 ORDER BY v <-> middle() LIMIT 20'),
    (10, 'SELECT id, v <-> middle() AS d, kind + 1 AS e FROM goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 20 OFFSET 3'),
    (11, 'SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> (SELECT q FROM questions WHERE id = 3) LIMIT 20'),
    (12, 'SELECT id FROM goods WHERE kind = (SELECT 9) AND EXISTS (SELECT FROM questions x WHERE x.kind = goods.id % 100) ORDER BY v <-> (SELECT q FROM questions WHERE id = 3) LIMIT 20'),
    (13, 'SELECT x.id, n.id AS near FROM questions x CROSS JOIN LATERAL (SELECT g.id FROM goods g WHERE g.kind = x.kind ORDER BY g.v <-> x.q LIMIT 3) n ORDER BY x.id, n.id'),
    (14, 'SELECT x.id, n.id AS near FROM questions x CROSS JOIN LATERAL (SELECT g.id FROM goods g WHERE g.kind = 5 ORDER BY g.v <-> x.q LIMIT 3) n ORDER BY x.id, n.id'),
    (15, 'SELECT g.id, x.id AS other FROM (SELECT * FROM goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 20) g JOIN questions x USING (kind) ORDER BY g.id, x.id'),
    (16, 'SELECT count(*) FROM (SELECT v <-> middle() AS d FROM goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 100) s WHERE d > 0');
SELECT n, (compare(query)).* FROM cases ORDER BY n;

-- Plans.
EXPLAIN (COSTS off) SELECT id FROM goods WHERE kind < 3 AND tags @> ARRAY[3, 4] AND id % 3 = 0 ORDER BY v <-> middle() LIMIT 5;
EXPLAIN (COSTS off) SELECT id FROM goods WHERE kind = 7 OR day = 11 ORDER BY v <-> (SELECT q FROM questions WHERE id = 3) LIMIT 20;
EXPLAIN (COSTS off) SELECT x.id, n.id AS near FROM questions x CROSS JOIN LATERAL (SELECT g.id FROM goods g WHERE g.kind = x.kind ORDER BY g.v <-> x.q LIMIT 3) n;
EXPLAIN (COSTS off, VERBOSE) SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 5;
-- A bitmap that does not change is made once.
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT x.id, n.id AS near FROM questions x CROSS JOIN LATERAL (SELECT g.id FROM goods g WHERE g.kind = 5 ORDER BY g.v <-> x.q LIMIT 3) n;
-- Blocks whose rows the bitmap does not know are looked at again: of BRIN always, of others where it has little memory.
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT id FROM goods WHERE day = 30 ORDER BY v <-> middle();
CREATE TABLE wide_goods (id int, kind int, filler text, v vector(8));
INSERT INTO wide_goods SELECT id, id % 3, repeat('x', 1500), v FROM goods;
CREATE INDEX ON wide_goods USING ah (v vector_l2_ops);
CREATE INDEX ON wide_goods (kind);
VACUUM ANALYZE wide_goods;
SET work_mem = '64kB';
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT id FROM wide_goods WHERE kind = 1 ORDER BY v <-> middle() LIMIT 10;
SELECT * FROM compare('SELECT id FROM (SELECT id FROM wide_goods WHERE kind = 1 ORDER BY v <-> middle() LIMIT 5000) s ORDER BY id');
RESET work_mem;

-- No rows: the vector index is not scanned.
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT id FROM goods WHERE kind = -1 ORDER BY v <-> middle() LIMIT 5;

-- Nulls: as the query, and compared with.
SELECT count(*) AS rows FROM (SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> NULL::vector LIMIT 20) s;

-- Generic plans.
SET plan_cache_mode = force_generic_plan;
PREPARE near(vector, int) AS SELECT id FROM goods WHERE kind = $2 ORDER BY v <-> $1 LIMIT 5;
EXPLAIN (COSTS off) EXECUTE near('[.5,.5,.5,.5,.5,.5,.5,.5]', 7);
EXECUTE near('[.5,.5,.5,.5,.5,.5,.5,.5]', 7);
EXECUTE near('[.9,.5,.5,.5,.5,.5,.5,.1]', 9);
EXECUTE near('[.9,.5,.5,.5,.5,.5,.5,.1]', NULL);
EXECUTE near(NULL, 51);
SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> '[.5,.5,.5,.5,.5,.5,.5,.5]' LIMIT 5;
DEALLOCATE near;
RESET plan_cache_mode;

-- Cursors: forward, from the start again, with SCROLL backwards.
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle();
FETCH 3 FROM c;
MOVE ABSOLUTE 0 FROM c;
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
DECLARE d NO SCROLL CURSOR FOR SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle();
FETCH 2 FROM d;
FETCH BACKWARD 1 FROM d;
ROLLBACK;

-- Rows that are changed.
BEGIN;
WITH near AS (SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 5 FOR UPDATE) UPDATE goods SET kind = -7 FROM near WHERE goods.id = near.id;
SELECT * FROM compare('SELECT id FROM goods WHERE kind = -7 ORDER BY v <-> middle() LIMIT 20');
SELECT * FROM compare('SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 20');
DELETE FROM goods WHERE id IN (SELECT id FROM goods WHERE kind = 8 ORDER BY v <-> middle() LIMIT 5);
SELECT * FROM compare('SELECT id FROM goods WHERE kind = 8 ORDER BY v <-> middle()');
ROLLBACK;

-- Partial indexes, of either kind.
CREATE INDEX goods_part_v ON goods USING ivf (v vector_ip_ops) WHERE flag;
CREATE INDEX goods_part_day ON goods (day) WHERE id % 2 = 0;
SELECT * FROM compare('SELECT id FROM goods WHERE flag AND day BETWEEN 20 AND 60 ORDER BY v <#> middle() LIMIT 10');
SELECT * FROM compare('SELECT id FROM goods WHERE id % 2 = 0 AND day BETWEEN 20 AND 22 ORDER BY v <-> middle() LIMIT 10');
SELECT * FROM compare('SELECT id FROM goods WHERE id % 2 = 0 AND day BETWEEN 20 AND 22 ORDER BY v <-> middle() LIMIT 10 FOR UPDATE');
DROP INDEX goods_part_v, goods_part_day;

-- Conditions on key columns of the vector index beside the bitmap.
CREATE TABLE keyed AS SELECT * FROM goods;
CREATE INDEX keyed_v ON keyed USING ah (v vector_l2_ops, kind, day);
CREATE INDEX ON keyed USING gin (tags);
VACUUM ANALYZE keyed;
EXPLAIN (COSTS off) SELECT id FROM keyed WHERE day < 60 AND tags @> ARRAY[3, 4] ORDER BY v <-> middle() LIMIT 5;
SELECT * FROM compare('SELECT id FROM keyed WHERE day < 60 AND tags @> ARRAY[3, 4] ORDER BY v <-> middle() LIMIT 20');
SELECT * FROM compare('SELECT id FROM keyed WHERE day < 60 AND kind IN (1, 2, 3) AND tags @> ARRAY[3, 4] AND id % 2 = 1 ORDER BY v <-> middle() LIMIT 20');

-- Partitions: rows of each come in order to Merge Append.
CREATE TABLE parts (id int, kind int, v vector(8), filler text) PARTITION BY HASH (id);
SELECT format('CREATE TABLE parts_%s PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER %s)', i, i) FROM generate_series(0, 2) i \gexec
INSERT INTO parts SELECT id, kind, v, filler FROM goods;
CREATE INDEX parts_v ON parts USING ah (v vector_l2_ops);
CREATE INDEX parts_kind ON parts (kind);
VACUUM ANALYZE parts;
EXPLAIN (COSTS off) SELECT id FROM parts WHERE kind = 7 ORDER BY v <-> middle() LIMIT 20;
SELECT * FROM compare('SELECT id FROM parts WHERE kind = 7 ORDER BY v <-> middle() LIMIT 20');
SELECT * FROM compare('SELECT id FROM parts WHERE kind = 7 ORDER BY v <-> middle()');
-- By few lists at a time, too, no row is out of order, and none is lost.
SET vectorq.nprobe = 1;
SELECT cardinality(d) AS rows, (SELECT count(*) FROM generate_series(2, cardinality(d)) i WHERE d[i] < d[i - 1]) AS before_last_ones FROM
    (SELECT array_agg(d) AS d FROM (SELECT v <-> middle() AS d FROM parts WHERE kind IN (7, 8) ORDER BY v <-> middle() LIMIT 400) s) s;
RESET vectorq.nprobe;
CREATE TABLE heirs () INHERITS (goods);
INSERT INTO heirs SELECT id + 100000, kind, tags, day, flag, v, filler FROM goods WHERE id < 3000;
CREATE INDEX ON heirs USING ah (v vector_l2_ops);
CREATE INDEX ON heirs (kind);
VACUUM ANALYZE heirs;
SELECT * FROM compare('SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle(), id LIMIT 20');
SELECT * FROM compare('SELECT id FROM ONLY goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 20');
DROP TABLE heirs;

-- Row-level security. The policy's condition goes into the bitmap. A user's function that may tell what it sees does not: it is asked
-- about rows that have passed the policy, also where it has an index.
CREATE FUNCTION tells(int) RETURNS int LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN $1; END $$;
SET client_min_messages = error;
CREATE INDEX goods_tells ON goods (tells(day));
SET client_min_messages = notice;
ALTER TABLE goods ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON goods USING (kind = current_setting('goods.kind')::int);
CREATE ROLE bitmap_tenant;
GRANT SELECT ON goods TO bitmap_tenant;
SET ROLE bitmap_tenant; SET goods.kind = 7;
EXPLAIN (COSTS off) SELECT id FROM goods ORDER BY v <-> '[.5,.5,.5,.5,.5,.5,.5,.5]' LIMIT 5;
SELECT id % 50 AS kind FROM goods ORDER BY v <-> '[.5,.5,.5,.5,.5,.5,.5,.5]' LIMIT 3;
EXPLAIN (COSTS off) SELECT id FROM goods WHERE tells(day) = 20 ORDER BY v <-> '[.5,.5,.5,.5,.5,.5,.5,.5]' LIMIT 5;
SELECT id % 50 AS kind FROM goods WHERE tells(id % 50) > 0 ORDER BY v <-> '[.5,.5,.5,.5,.5,.5,.5,.5]' LIMIT 2;
RESET ROLE;
ALTER TABLE goods DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON goods;
DROP OWNED BY bitmap_tenant; DROP ROLE bitmap_tenant;
DROP INDEX goods_tells;
SET client_min_messages = warning;

-- Beside parallel workers.
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET force_parallel_mode = on;
SELECT n, (compare(query)).* FROM cases WHERE n IN (1, 7, 11, 14) ORDER BY n;
RESET force_parallel_mode; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; SET max_parallel_workers_per_gather = 0;

-- Memory stays flat over rescans with other bitmaps each time.
CREATE FUNCTION grown() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE c refcursor; early bigint; late bigint; id int;
BEGIN
    OPEN c FOR SELECT n.id FROM generate_series(1, 2000) i JOIN questions x ON x.id = i % 199 + 1
        CROSS JOIN LATERAL (SELECT g.id FROM goods g WHERE g.kind = i % 50 ORDER BY g.v <-> x.q LIMIT 1) n;
    FOR i IN 1 .. 300 LOOP FETCH c INTO id; END LOOP;
    SELECT sum(used_bytes) INTO early FROM pg_backend_memory_contexts;
    FOR i IN 1 .. 1500 LOOP FETCH c INTO id; END LOOP;
    SELECT sum(used_bytes) INTO late FROM pg_backend_memory_contexts;
    CLOSE c;
    RETURN late > early + 100000;
END $$;
SELECT grown();

-- The setting.
SHOW vectorq.bitmap_scan;
SET vectorq.bitmap_scan = off;
EXPLAIN (COSTS off) SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 5;
RESET vectorq.bitmap_scan;
SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT id FROM goods WHERE kind = 7 ORDER BY v <-> middle() LIMIT 5;
DROP TABLE goods, questions, wide_goods, keyed, parts, cases;
DROP FUNCTION middle, compare, tells, grown;
