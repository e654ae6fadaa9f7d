-- Order and btree indexes of both types; also what the planner builds on them.
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, vector_cmp(a, b)
FROM (VALUES ('[1,2]'::vector, '[1,2]'::vector), ('[1,2]', '[1,3]'), ('[1,2]', '[1]'), ('[1,2]', '[2]'), ('[0]', '[-0]'), ('[-1]', '[1]')) t(a, b);
CREATE TABLE bt (id int, v vector);
INSERT INTO bt SELECT i, ARRAY[i % 10, i]::vector FROM generate_series(1, 1000) i;
INSERT INTO bt VALUES (0, NULL), (-1, '[5]'), (-2, '[5,5,5]');
CREATE UNIQUE INDEX bt_v ON bt (v);
ANALYZE bt;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM bt WHERE v = '[7,17]';
SELECT id FROM bt WHERE v = '[7,17]';
SELECT id FROM bt WHERE v >= '[5]' AND v < '[5,25]' ORDER BY v;
SELECT id FROM bt WHERE v > '[9,979]' ORDER BY v DESC;
SELECT count(*) AS rows FROM bt WHERE v <= '[5]';
INSERT INTO bt VALUES (1, '[7,17]');
RESET enable_seqscan;
SELECT min(id), count(*) AS rows FROM bt GROUP BY subvector(v, 1, 1) ORDER BY 1;
SELECT count(DISTINCT v) AS different, count(*) AS rows FROM bt a JOIN bt b USING (v);
SELECT count(*) AS rows FROM (SELECT v FROM bt UNION SELECT v FROM bt) u;
DROP TABLE bt;
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, halfvec_cmp(a, b)
FROM (VALUES ('[1,2]'::halfvec, '[1,2]'::halfvec), ('[1,2]', '[1,3]'), ('[1,2]', '[1]'), ('[1,2]', '[2]'), ('[0]', '[-0]'), ('[-1]', '[1]')) t(a, b);
CREATE TABLE bt (id int, v halfvec);
INSERT INTO bt SELECT i, ARRAY[i % 10, i]::halfvec FROM generate_series(1, 1000) i;
INSERT INTO bt VALUES (0, NULL), (-1, '[5]'), (-2, '[5,5,5]');
CREATE UNIQUE INDEX bt_v ON bt (v);
ANALYZE bt;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM bt WHERE v = '[7,17]';
SELECT id FROM bt WHERE v = '[7,17]';
SELECT id FROM bt WHERE v >= '[5]' AND v < '[5,25]' ORDER BY v;
SELECT id FROM bt WHERE v > '[9,979]' ORDER BY v DESC;
SELECT count(*) AS rows FROM bt WHERE v <= '[5]';
INSERT INTO bt VALUES (1, '[7,17]');
RESET enable_seqscan;
SELECT min(id), count(*) AS rows FROM bt GROUP BY subvector(v, 1, 1) ORDER BY 1;
SELECT count(DISTINCT v) AS different, count(*) AS rows FROM bt a JOIN bt b USING (v);
SELECT count(*) AS rows FROM (SELECT v FROM bt UNION SELECT v FROM bt) u;
DROP TABLE bt;
