-- Options, settings, and everything that is refused, with its SQLSTATE and hint.
\set ECHO none
\i sql/include/details.sql
\set ECHO all
\set VERBOSITY verbose
\set SHOW_CONTEXT never
CREATE TABLE o (id int, v vector(3), u vector, h halfvec(3));
INSERT INTO o SELECT i, ARRAY[i, 1, 2]::vector, ARRAY[i, 1, 2]::vector, ARRAY[i, 1, 2]::vector(3) FROM generate_series(1, 500) i;
\set VERBOSITY sqlstate
CREATE INDEX ON o USING ivf (v) WITH (lists = -1);
CREATE INDEX ON o USING ivf (v) WITH (lists = 1000001);
CREATE INDEX ON o USING ivf (v) WITH (lists = ten);
CREATE INDEX ON o USING ivf (v) WITH (quantizer = pq9);
CREATE INDEX ON o USING ivf (v) WITH (training_rows = -5);
CREATE INDEX ON o USING ivf (v) WITH (nosuch = 1);
CREATE INDEX ON o USING ivf (v) WITH (balance = -1);
CREATE INDEX ON o USING ivf (v) WITH (balance = 101);
CREATE INDEX ON o USING pq (v) WITH (balance = 2);
CREATE INDEX ON o USING ivf (v vector_l1_ops) WITH (quantizer = sq8);
CREATE INDEX ON o USING ivf (u);
CREATE INDEX ON o USING ivf (id);
CREATE INDEX ON o USING ivf (v, h);
CREATE UNIQUE INDEX ON o USING ivf (v);
CREATE INDEX ON o USING ivf (v) INCLUDE (id);
CREATE INDEX ON o USING btree (v) WITH (lists = 1);
SET vectorq.nprobe = -1;
SET vectorq.nprobe = 1000001;
SET vectorq.target_recall = 0;
SET vectorq.iterative_scan = sometimes;
-- pgvector's words
SET vectorq.iterative_scan = strict_order;
SHOW vectorq.iterative_scan;
SET vectorq.iterative_scan = relaxed_order;
SHOW vectorq.iterative_scan;
RESET vectorq.iterative_scan;
SET vectorq.nosuch = 1;
\set VERBOSITY default
CREATE INDEX ON o USING ivf (v) WITH (quantizer = pq9);
CREATE INDEX ON o USING ivf (u);
CREATE INDEX ON o USING ivf (v vector_l1_ops) WITH (quantizer = sq8);
-- more lists than rows: as many as there are
CREATE INDEX o_v ON o USING ivf (v) WITH (lists = 10000, seed = 7);
SELECT lists <= 500 AS fits, (SELECT source FROM vectorq_index_details('o_v') WHERE name = 'lists') AS lists_from, seed FROM details('o_v');
SELECT name, setting, min_val, max_val, enumvals, context, short_desc FROM pg_settings WHERE name LIKE 'vectorq.%' ORDER BY name;
-- other dimensions
SET enable_seqscan = off;
SELECT id FROM o ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT id FROM o ORDER BY v <-> '[1,2,3,4]' LIMIT 1;
INSERT INTO o (id, v) VALUES (1, '[1,2]');
-- values beyond half precision
DROP INDEX o_v;
INSERT INTO o (id, v) VALUES (9999, '[100000,0,0]');
CREATE INDEX o_v ON o USING ivf (v) WITH (lists = 3, quantizer = f16);
DELETE FROM o WHERE id = 9999;
CREATE INDEX o_v ON o USING ivf (v) WITH (lists = 3, quantizer = f16);
INSERT INTO o (id, v) VALUES (9999, '[100000,0,0]');
-- the same table, options and seed give the same index; another seed another
CREATE TABLE big AS SELECT i AS id, ARRAY[i * 7919 % 1009, i * 104729 % 997, i % 10]::vector(3) AS v FROM generate_series(1, 5000) i;
CREATE INDEX b1 ON big USING ivf (v) WITH (lists = 20);
CREATE INDEX b2 ON big USING ivf (v) WITH (lists = 20);
CREATE INDEX b3 ON big USING ivf (v) WITH (lists = 20, seed = 1);
CHECKPOINT;
\set ECHO none
\i sql/include/pages.sql
\set ECHO all
SELECT pages_that_differ('b1', 'b2') = 0 AS same_seed, pages_that_differ('b1', 'b3') = 0 AS other_seed;
-- a dense clump of a third of the rows is cut into lists of the size of the others
CREATE TABLE clump AS SELECT i AS id, CASE WHEN i % 3 = 0
    THEN ARRAY[500 + i * 7919 % 1009 / 1e3, 500 + i * 104729 % 997 / 1e3, 5]::vector(3)
    ELSE ARRAY[i * 7919 % 1009, i * 104729 % 997, i % 10]::vector(3) END AS v FROM generate_series(1, 6000) i;
CREATE INDEX c_plain ON clump USING ivf (v) WITH (lists = 30, balance = 0);
CREATE INDEX c_even ON clump USING ivf (v) WITH (lists = 30);
CREATE INDEX c_ah ON clump USING ah (v) WITH (lists = 30, balance = 1.5, replicas = none);
SELECT i, lists, list_entries_max > 5 * rows / lists AS uneven, list_entries_max <= 2 * rows / lists AS even
FROM unnest(ARRAY['c_plain', 'c_even', 'c_ah']) i, details(i::regclass);
DROP TABLE o, big, clump;
DROP FUNCTION pages_that_differ;
-- the operator classes are sound
SELECT opcname, amvalidate(o.oid) FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'ivf' AND opcname ~ '_(l2|ip|cosine|l1|hamming|jaccard)_' ORDER BY 1;
