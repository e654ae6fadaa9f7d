-- Vacuum copies an index that has much room within it to the front of its file: entries, codes and records stay what they
-- were, whatever the code, and the file gets shorter.
SET client_min_messages = warning;
SET enable_seqscan = off;
CREATE TABLE roomy (id int PRIMARY KEY, v vector(16)) WITH (autovacuum_enabled = off);
CREATE FUNCTION row16() RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random())::vector FROM generate_series(1, 16)';
SET seed = 0.25;
INSERT INTO roomy SELECT i, row16() FROM generate_series(1, 12000) i;
CREATE INDEX roomy_pq4 ON roomy USING ah (v) WITH (lists = 20);
CREATE INDEX roomy_flat ON roomy USING ivf (v vector_l1_ops) WITH (lists = 20);
CREATE INDEX roomy_sq8 ON roomy USING ivf (v vector_cosine_ops) WITH (lists = 20, quantizer = sq8, reorder = f16);
CREATE INDEX roomy_closure ON roomy USING ivf (v vector_ip_ops) WITH (lists = 20, quantizer = pq, bits = 4, replicas = closure, reorder = sq8);
-- Few rows are put in order by their vectors, so that codes decide.
SET vectorq.nprobe = 20;
SET vectorq.reorder_rows = 20;
CREATE FUNCTION recalls() RETURNS TABLE (index text, recall float8) LANGUAGE sql AS $$
    SELECT c.relname::text, r.recall FROM pg_class c, (SELECT array_agg(v) q FROM (SELECT v FROM roomy WHERE id % 10 = 0 ORDER BY id LIMIT 100) s) q,
        LATERAL vectorq_recall(c.oid, q.q, 10) r WHERE c.relname LIKE 'roomy\_%' AND c.relname <> 'roomy_pkey' $$;
DELETE FROM roomy WHERE id % 10 <> 0;
CREATE TABLE before AS SELECT r.*, pg_relation_size(r.index::regclass) AS bytes FROM recalls() r;
SELECT index, recall > 0.6 AS right FROM before ORDER BY 1;
VACUUM (INDEX_CLEANUP on) roomy;
SELECT b.index, r.recall > b.recall - 0.02 AS "not worse", pg_relation_size(b.index::regclass) < 0.5 * b.bytes AS shorter FROM before b JOIN recalls() r USING (index) ORDER BY 1;
SELECT c.relname AS index, problem.* FROM pg_class c, LATERAL vectorq_check(c.oid) problem WHERE c.relname IN (SELECT index FROM before);
-- Inserts go on where it was.
INSERT INTO roomy SELECT i, row16() FROM generate_series(20001, 20300) i;
SELECT c.relname AS index, problem.* FROM pg_class c, LATERAL vectorq_check(c.oid) problem WHERE c.relname IN (SELECT index FROM before);
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM roomy ORDER BY v <-> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 10000) s;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM roomy ORDER BY v <#> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 10000) s;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM roomy ORDER BY v <=> '[1,2,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 10000) s;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM roomy ORDER BY v <+> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 10000) s;
DROP TABLE roomy, before;
DROP FUNCTION recalls(), row16();
