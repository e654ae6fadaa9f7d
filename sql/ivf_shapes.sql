-- Tables of every shape: empty, one row, all rows equal, fewer distinct rows than lists, NULLs, partial
-- and expression indexes, partitions, unlogged, temporary, REINDEX, CONCURRENTLY, CLUSTER, wide vectors.
SET enable_seqscan = off;
\set VERBOSITY terse
CREATE TABLE s (id int PRIMARY KEY, v vector(3));
CREATE INDEX s_v ON s USING ivf (v);
SELECT id FROM s ORDER BY v <-> '[1,2,3]' LIMIT 5;
INSERT INTO s VALUES (1, '[1,2,3]'), (2, '[4,5,6]'), (3, NULL);
SELECT id FROM s ORDER BY v <-> '[4,4,4]' LIMIT 5;
SELECT trained, rows, lists FROM vectorq_index_info('s_v');
REINDEX INDEX s_v;
SELECT id FROM s ORDER BY v <-> '[4,4,4]' LIMIT 5;
-- sq8 is not trained on nothing: the rows stay exact
DROP INDEX s_v;
CREATE INDEX s_v ON s USING ivf (v) WITH (quantizer = sq8, lists = 100);
SELECT code, trained FROM vectorq_index_info('s_v');
INSERT INTO s SELECT i, ARRAY[i, i, i]::vector FROM generate_series(10, 1009) i;
SELECT id FROM s ORDER BY v <-> '[500.4,500.4,500.4]' LIMIT 2;
REINDEX INDEX s_v;
SELECT code, trained, lists > 1 AS lists FROM vectorq_index_info('s_v');
SELECT id FROM s ORDER BY v <-> '[500.4,500.4,500.4]' LIMIT 2;
SELECT * FROM vectorq_check('s_v');
REINDEX INDEX CONCURRENTLY s_v;
SELECT id FROM s ORDER BY v <-> '[500.4,500.4,500.4]' LIMIT 2;
DROP INDEX s_v;
CREATE INDEX CONCURRENTLY s_v ON s USING ivf (v) WITH (lists = 5);
SELECT id FROM s ORDER BY v <-> '[500.4,500.4,500.4]' LIMIT 2;
CLUSTER s USING s_pkey;
VACUUM FULL s;
SELECT count(*) AS rows FROM (SELECT id FROM s ORDER BY v <-> '[1,1,1]' LIMIT 2000) x;
TRUNCATE s;
SELECT id FROM s ORDER BY v <-> '[1,1,1]' LIMIT 5;
INSERT INTO s VALUES (7, '[7,7,7]');
SELECT id FROM s ORDER BY v <-> '[1,1,1]' LIMIT 5;
-- truncated and filled in the transaction that sees it
BEGIN; TRUNCATE s; INSERT INTO s VALUES (8, '[8,8,8]'); SELECT id FROM s ORDER BY v <-> '[1,1,1]' LIMIT 5; ROLLBACK;
SELECT id FROM s ORDER BY v <-> '[1,1,1]' LIMIT 5;
DROP TABLE s;

-- all rows equal; fewer distinct rows than lists
CREATE TABLE s (id int, v vector(3));
INSERT INTO s SELECT i, '[1,2,3]' FROM generate_series(1, 2500) i;
CREATE INDEX s_v ON s USING ivf (v) WITH (lists = 20);
SELECT lists FROM vectorq_index_info('s_v');
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM s ORDER BY v <-> '[0,0,0]' LIMIT 3000) x;
UPDATE s SET v = ARRAY[id % 3, 0, 0]::vector;
VACUUM s;
REINDEX INDEX s_v;
SELECT lists FROM vectorq_index_info('s_v');
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM s ORDER BY v <-> '[0,0,0]' LIMIT 3000) x;
CREATE INDEX s_cos ON s USING ivf (v vector_cosine_ops) WITH (lists = 20);
-- zero vectors have no direction: not in a cosine index
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM s ORDER BY v <=> '[1,0,0]' LIMIT 3000) x;
SELECT count(*) AS rows_with_a_direction FROM s WHERE v <> '[0,0,0]';
SELECT count(*) AS rows FROM (SELECT id FROM s ORDER BY v <=> '[0,0,0]' LIMIT 7) x;
SELECT count(*) AS rows FROM (SELECT id FROM s ORDER BY v <-> NULL LIMIT 7) x;
DROP TABLE s;

-- partial and expression indexes
CREATE TABLE s (id int, kind int, v vector(3), w float4[]);
INSERT INTO s SELECT i, i % 4, ARRAY[i, i % 5, 0]::vector, ARRAY[i, 1, 2] FROM generate_series(1, 2000) i;
CREATE INDEX s_part ON s USING ivf (v) WITH (lists = 5) WHERE kind = 1;
EXPLAIN (COSTS OFF) SELECT id FROM s WHERE kind = 1 ORDER BY v <-> '[100,1,0]' LIMIT 3;
SELECT id FROM s WHERE kind = 1 ORDER BY v <-> '[101,1,0]' LIMIT 3;
SELECT rows FROM vectorq_index_info('s_part');
INSERT INTO s VALUES (5000, 1, '[101,1,0.1]', NULL), (5001, 2, '[101,1,0.1]', NULL);
SELECT id FROM s WHERE kind = 1 ORDER BY v <-> '[101,1,0]' LIMIT 2;
CREATE INDEX s_expr ON s USING ivf ((w::vector(3))) WITH (lists = 5);
SELECT id FROM s ORDER BY w::vector(3) <-> '[1000,1,2]' LIMIT 1;
SELECT recall FROM vectorq_recall('s_part', ARRAY['[100,2,0]', '[700,0,0]']::vector[], 10);
DROP TABLE s;

-- partitions
CREATE TABLE s (id int, v vector(2)) PARTITION BY RANGE (id);
CREATE TABLE s1 PARTITION OF s FOR VALUES FROM (0) TO (1000);
CREATE TABLE s2 PARTITION OF s FOR VALUES FROM (1000) TO (3000);
INSERT INTO s SELECT i, ARRAY[i, -i]::vector FROM generate_series(1, 1999) i;
CREATE INDEX s_v ON s USING ivf (v) WITH (lists = 4);
EXPLAIN (COSTS OFF) SELECT id FROM s ORDER BY v <-> '[1000,-1000]' LIMIT 3;
SELECT id FROM (SELECT id FROM s ORDER BY v <-> '[1000,-1000]' LIMIT 3) x ORDER BY id;
DROP TABLE s;

-- unlogged, temporary
CREATE UNLOGGED TABLE s (id int, v vector(2));
CREATE INDEX s_v ON s USING ivf (v);
INSERT INTO s SELECT i, ARRAY[i, i]::vector FROM generate_series(1, 100) i;
SELECT id FROM s ORDER BY v <-> '[50,50]' LIMIT 1;
ALTER TABLE s SET LOGGED;
SELECT id FROM s ORDER BY v <-> '[50,50]' LIMIT 1;
DROP TABLE s;
CREATE TEMP TABLE s (id int, v vector(2));
CREATE INDEX s_v ON s USING ivf (v) WITH (lists = 3);
INSERT INTO s SELECT i, ARRAY[i, i]::vector FROM generate_series(1, 1000) i;
REINDEX INDEX s_v;
SELECT id FROM s ORDER BY v <-> '[50,50]' LIMIT 1;
DROP TABLE s;

-- vectors larger than a page
CREATE TABLE s (id int, v vector(3072));
INSERT INTO s SELECT i, (SELECT array_agg(i + j % 13) FROM generate_series(1, 3072) j)::vector FROM generate_series(1, 400) i;
CREATE INDEX s_v ON s USING ivf (v) WITH (lists = 6);
SET vectorq.nprobe = 6;
SELECT id FROM s ORDER BY v <-> (SELECT v FROM s WHERE id = 123) LIMIT 3;
INSERT INTO s SELECT 400 + i, (SELECT array_agg(400 + i + j % 13) FROM generate_series(1, 3072) j)::vector FROM generate_series(1, 100) i;
DELETE FROM s WHERE id % 3 = 0;
VACUUM s;
INSERT INTO s SELECT 1000 + i, (SELECT array_agg(i + 0.25 + j % 13) FROM generate_series(1, 3072) j)::vector FROM generate_series(1, 200) i;
SELECT id FROM s ORDER BY v <-> (SELECT v FROM s WHERE id = 125) LIMIT 3;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM s ORDER BY v <-> (SELECT v FROM s WHERE id = 125) LIMIT 3000) x;
SELECT count(*) AS rows_in_table FROM s;
SELECT * FROM vectorq_check('s_v');
REINDEX INDEX s_v;
SELECT id FROM s ORDER BY v <-> (SELECT v FROM s WHERE id = 125) LIMIT 3;
ALTER TABLE s ALTER v TYPE halfvec(3072), ALTER v SET STORAGE plain;
DROP TABLE s;
CREATE TABLE s (id int, v vector(16000));
INSERT INTO s SELECT i, array_fill(i, ARRAY[16000])::vector FROM generate_series(1, 300) i;
CREATE INDEX s_v ON s USING ivf (v) WITH (lists = 3);
SELECT id FROM s ORDER BY v <-> (SELECT v FROM s WHERE id = 123) LIMIT 1;
INSERT INTO s SELECT i, array_fill(i, ARRAY[16000])::vector FROM generate_series(301, 310) i;
SELECT id FROM s ORDER BY v <-> (SELECT v FROM s WHERE id = 309) LIMIT 1;
DROP INDEX s_v;
CREATE INDEX s_v ON s USING ivf (v) WITH (lists = 3, quantizer = sq8);
SELECT id FROM s ORDER BY v <-> (SELECT v FROM s WHERE id = 123) LIMIT 1;
SELECT * FROM vectorq_check('s_v');
DROP TABLE s;
RESET vectorq.nprobe;
