-- Many lists: a search goes through groups of centroids. Every list is searched once in the end.
SELECT setseed(0.3);
CREATE TABLE many (id int PRIMARY KEY, v vector(4));
INSERT INTO many SELECT i, ARRAY[random() * 100, random() * 100, random() * 100, random() * 100]::vector(4) FROM generate_series(1, 9000) i;
CREATE INDEX many_v ON many USING ivf (v) WITH (lists = 3000);
SELECT lists BETWEEN 2800 AND 3000 AS many_lists FROM vectorq_index_info('many_v');
SELECT * FROM vectorq_check('many_v');
ANALYZE many;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
-- window after window, from one list on
SET vectorq.max_scan_rows = 0;
SET vectorq.nprobe = 1;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM many ORDER BY v <-> '[50,50,50,50]' LIMIT 1000000) s;
SELECT entries_scored >= 9000 AS all_rows, lists_probed > 2800 AS all_lists FROM vectorq_stats();
SET vectorq.nprobe = 100;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM many ORDER BY v <-> '[1,99,1,99]' LIMIT 1000000) s;
-- all at once
SET vectorq.nprobe = 3000;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM many ORDER BY v <-> '[50,50,50,50]' LIMIT 1000000) s;
RESET vectorq.max_scan_rows;
-- few lists, found through groups, have nearly all of the nearest rows
RESET vectorq.nprobe;
CREATE TEMP TABLE queries AS SELECT i AS q, ARRAY[random() * 100, random() * 100, random() * 100, random() * 100]::vector(4) AS v FROM generate_series(1, 100) i;
CREATE FUNCTION nearest(vector) RETURNS int[] LANGUAGE sql AS 'SELECT array_agg(id) FROM (SELECT id FROM many ORDER BY v <-> $1 LIMIT 10) s';
CREATE TEMP TABLE found AS SELECT q, unnest(nearest(v)) AS id FROM queries;
SELECT max(lists_probed) < 100 AS few_lists FROM vectorq_stats();
SET enable_indexscan = off;
SET enable_sort = on;
CREATE TEMP TABLE exact AS SELECT q, unnest(nearest(v)) AS id FROM queries;
SET enable_indexscan = on;
SET enable_sort = off;
SELECT count(*) >= 980 AS recall FROM found JOIN exact USING (q, id);
-- new rows get to their list
INSERT INTO many SELECT 10000 + i, ARRAY[random() * 100, random() * 100, random() * 100, random() * 100]::vector(4) FROM generate_series(1, 300) i;
SET vectorq.nprobe = 3;
SELECT count(*) >= 297 AS find_themselves FROM many m, LATERAL (SELECT id FROM many ORDER BY v <-> m.v LIMIT 1) n WHERE m.id > 10000 AND n.id = m.id;
RESET vectorq.nprobe;
SELECT * FROM vectorq_check('many_v');
-- other metrics, with replicas in second lists
CREATE INDEX many_ah ON many USING ah (v vector_ip_ops) WITH (lists = 2500, replicas = soar);
DROP INDEX many_v;
SET vectorq.max_scan_rows = 0;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM many ORDER BY v <#> '[1,2,3,4]' LIMIT 1000000) s;
SELECT * FROM vectorq_check('many_ah');
DROP TABLE many;
DROP FUNCTION nearest(vector);
-- so many that a search looks at coarse codes of centroids first
CREATE TABLE very_many (id int PRIMARY KEY, v vector(48));
INSERT INTO very_many SELECT i, (SELECT array_agg(sin(d * a + b) + 0.3 * sin(d * c)) FROM generate_series(1, 48) d)::vector(48) FROM (SELECT i, random() * 3 AS a, random() * 6 AS b, random() * 3 AS c FROM generate_series(1, 30000) i OFFSET 0) s;
CREATE INDEX very_many_v ON very_many USING ivf (v) WITH (lists = 20000);
SELECT lists > 18000 AS many_lists FROM vectorq_index_info('very_many_v');
SELECT * FROM vectorq_check('very_many_v');
SET vectorq.nprobe = 1;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM very_many ORDER BY v <-> (SELECT v FROM very_many WHERE id = 7) LIMIT 1000000) s;
SET vectorq.nprobe = 20000;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM very_many ORDER BY v <-> (SELECT v FROM very_many WHERE id = 8) LIMIT 1000000) s;
-- the nearest lists: with 200 of them nearly all of the nearest rows, in few of the rows
SET vectorq.max_scan_rows = 1;
SET vectorq.nprobe = 200;
CREATE FUNCTION nearest(op text, OUT hits bigint, OUT few_rows boolean) LANGUAGE plpgsql AS $$
DECLARE r record; near int[];
BEGIN
    hits := 0;
    FOR r IN SELECT v FROM very_many WHERE id <= 100 LOOP
        SET LOCAL enable_indexscan = off; SET LOCAL enable_sort = on;
        EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM very_many ORDER BY v %s $1 LIMIT 10) s', op) INTO near USING r.v;
        SET LOCAL enable_indexscan = on; SET LOCAL enable_sort = off;
        EXECUTE format('SELECT $3 + count(*) FROM (SELECT id FROM very_many ORDER BY v %s $1 LIMIT 10) s WHERE id = ANY ($2)', op) INTO hits USING r.v, near, hits;
    END LOOP;
    SELECT entries_scored < 2000 INTO few_rows FROM vectorq_stats();
END $$;
SELECT hits >= 980 AS found, few_rows FROM nearest('<->');
INSERT INTO very_many SELECT 100000 + i, (SELECT array_agg(sin(d * a + b) + 0.3 * sin(d * c)) FROM generate_series(1, 48) d)::vector(48) FROM (SELECT i, random() * 3 AS a, random() * 6 AS b, random() * 3 AS c FROM generate_series(1, 300) i OFFSET 0) s;
SET vectorq.nprobe = 3;
SELECT count(*) >= 297 AS find_themselves FROM very_many m, LATERAL (SELECT id FROM very_many ORDER BY v <-> m.v LIMIT 1) n WHERE m.id > 100000 AND n.id = m.id;
-- a query that coarse codes cannot tell anything about
SELECT count(*) AS rows FROM (SELECT id FROM very_many ORDER BY v <-> array_fill(3e38, ARRAY[48])::vector LIMIT 5) s;
-- and one so far off that distances are infinite
SET vectorq.max_scan_rows = 0;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM very_many ORDER BY v <-> array_fill(1e19, ARRAY[48])::vector LIMIT 1000000) s;
SET vectorq.max_scan_rows = 1;
DROP INDEX very_many_v;
CREATE INDEX very_many_ah ON very_many USING ah (v vector_ip_ops) WITH (lists = 20000);
SET vectorq.nprobe = 200;
SELECT hits >= 980 AS found FROM nearest('<#>');
RESET vectorq.max_scan_rows;
SELECT * FROM vectorq_check('very_many_ah');
DROP TABLE very_many;
DROP FUNCTION nearest(text);
