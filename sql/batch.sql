-- vectorq_knn: for each code, distance and way of reordering the rows of many queries are those of single scans.
SELECT setseed(0.5);
CREATE TABLE kb (id int PRIMARY KEY, v vector(16), h halfvec(16), b bit(64), grp int);
INSERT INTO kb SELECT i, v, v::halfvec, b, i % 5 FROM (
    SELECT i, ARRAY(SELECT random() + (i * 7 + j) % 13 FROM generate_series(1, 16) j)::vector(16) AS v,
           (SELECT string_agg((random() < 0.5)::int::text, '') FROM generate_series(1, 64) WHERE i > 0)::bit(64) AS b
    FROM generate_series(1, 3000) i) s;
CREATE TABLE kq (id bigint, v vector(16), h halfvec(16), b bit(64));
INSERT INTO kq SELECT id, v, h, b FROM kb WHERE id % 30 = 1;
SET enable_seqscan = off;
-- rows of a batch; how many more of the true neighbours single scans find; whether distances are those of SQL
CREATE FUNCTION differ(col text, op text, idx regclass, k int DEFAULT 10) RETURNS TABLE (rows bigint, missing bigint, distances bool) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('WITH exact AS MATERIALIZED (SELECT q.id AS query, (SELECT kb.%1$s %2$s q.%1$s AS d FROM kb ORDER BY 0.0 + (kb.%1$s %2$s q.%1$s) OFFSET %4$s - 1 LIMIT 1) AS farthest FROM kq q),
        one AS (SELECT q.id AS query, s.d FROM kq q CROSS JOIN LATERAL
            (SELECT kb.%1$s %2$s q.%1$s AS d FROM kb ORDER BY kb.%1$s %2$s q.%1$s LIMIT %4$s) s),
        many AS MATERIALIZED (SELECT n.*, kb.%1$s %2$s kq.%1$s AS d FROM vectorq_knn(%3$L::regclass, ''SELECT id, %1$s FROM kq'', %4$s) n JOIN kb ON kb.ctid = n.row JOIN kq ON kq.id = n.query)
        SELECT (SELECT count(*) FROM many),
            (SELECT count(*) FROM one JOIN exact USING (query) WHERE d <= farthest + 1e-5) - (SELECT count(*) FROM many JOIN exact USING (query) WHERE d <= farthest + 1e-5),
            (SELECT bool_and(abs(distance - d) <= 0.03 * (1 + abs(d))) FROM many)',
        col, op, idx, k);
END $$;
CREATE FUNCTION try(col text, class text, op text, how text, k int DEFAULT 10) RETURNS TABLE (rows bigint, few_missing bool, distances bool) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE INDEX kb_i ON kb USING %s', replace(how, '$', col || ' ' || class));
    RETURN QUERY SELECT d.rows, d.missing <= 5, d.distances FROM differ(col, op, 'kb_i', k) d;
    DROP INDEX kb_i;
END $$;
SET client_min_messages = warning;
SELECT how, (try('v', 'vector_l2_ops', '<->', how)).* FROM unnest(ARRAY['ah ($)', 'ah ($) WITH (lists = 1)', 'ah ($) WITH (lists = 30)', 'ah ($) WITH (lists = 30, replicas = closure)',
    'ah ($) WITH (lists = 30, replicas = none, lengths = off)', 'ah ($) WITH (reorder = f32)', 'ah ($) WITH (reorder = f16)', 'ah ($) WITH (reorder = sq8)',
    'ivf ($) WITH (lists = 20)', 'ivf ($) WITH (quantizer = f16)', 'ivf ($) WITH (quantizer = sq8)', 'ivf ($) WITH (quantizer = pq)', 'ivf ($) WITH (lists = 20, replicas = soar)',
    'pq ($)', 'pq ($) WITH (bits = 4)', 'ah ($) WITH (lists = 20, transform = ''rr'')']) how;
SELECT class, how, (try('v', class, op, how)).* FROM (VALUES ('vector_ip_ops', '<#>'), ('vector_cosine_ops', '<=>')) c(class, op),
    unnest(ARRAY['ah ($) WITH (lists = 30)', 'ah ($) WITH (reorder = sq8)', 'ivf ($) WITH (lists = 20)', 'ivf ($) WITH (quantizer = sq8)', 'pq ($)']) how;
SELECT how, (try('v', 'vector_l1_ops', '<+>', how)).* FROM unnest(ARRAY['ivf ($) WITH (lists = 20)']) how;
SELECT how, (try('h', 'halfvec_l2_ops', '<->', how)).* FROM unnest(ARRAY['ah ($) WITH (lists = 30)', 'ivf ($) WITH (lists = 20)']) how;
SELECT class, (try('b', class, op, 'ivf ($) WITH (lists = 10)')).rows FROM (VALUES ('bit_hamming_ops', '<~>'), ('bit_jaccard_ops', '<%>')) c(class, op);
RESET client_min_messages;
CREATE INDEX kb_ah ON kb USING ah (v) WITH (lists = 30);
-- as an array: the query is its place; NULLs have no rows
SELECT query, count(*), min(distance) FROM vectorq_knn('kb_ah', (SELECT array_agg(v ORDER BY id) FROM kq WHERE id < 100) || NULL::vector || (SELECT v FROM kb WHERE id = 7), 3) GROUP BY 1 ORDER BY 1;
-- a text without numbers: its row's place
SELECT query, count(*), min(distance) FROM vectorq_knn('kb_ah', 'SELECT v FROM kq WHERE id < 100 ORDER BY id', 3) GROUP BY 1 ORDER BY 1;
SELECT query, count(*) FROM vectorq_knn('kb_ah', 'SELECT NULLIF(id, 31), CASE WHEN id > 1 THEN v END FROM kq WHERE id < 100', 3) GROUP BY 1 ORDER BY 1;
-- nearest first, one query's rows one after another
SELECT bool_and(ordered) FROM (SELECT distance >= lag(distance) OVER (PARTITION BY query ORDER BY n) AS ordered FROM (SELECT query, distance, row_number() OVER () AS n FROM vectorq_knn('kb_ah', 'SELECT id, v FROM kq', 5)) s) s WHERE ordered IS NOT NULL;
-- settings are those of the session
SET vectorq.nprobe = 30;
SELECT count(*), count(DISTINCT (query, "row")) FROM vectorq_knn('kb_ah', 'SELECT id, v FROM kq', 10);
SELECT lists_probed <= 30 AS once, entries_scored > 300000 AS all_queries FROM vectorq_stats();
SET vectorq.batch_threads = 1;
SELECT count(*) AS rows FROM vectorq_knn('kb_ah', 'SELECT id, v FROM kq', 10);
SET vectorq.batch_threads = 3;
SELECT count(*) AS rows FROM vectorq_knn('kb_ah', 'SELECT id, v FROM kq', 10);
RESET vectorq.batch_threads;
SET vectorq.distance = sdc;
SELECT count(*) AS rows FROM vectorq_knn('kb_ah', 'SELECT id, v FROM kq', 10);
RESET vectorq.distance;
RESET vectorq.nprobe;
SET vectorq.target_recall = 1;
SELECT rows, missing FROM differ('v', '<->', 'kb_ah');
RESET vectorq.target_recall;
-- k beyond the rows of the table
SELECT count(*), count(DISTINCT "row") FROM vectorq_knn('kb_ah', ARRAY(SELECT v FROM kq LIMIT 2), 5000);
-- rows that only some transactions see, and versions of rows that HOT updates made
BEGIN;
DELETE FROM kb WHERE id % 3 = 0;
UPDATE kb SET grp = grp + 1 WHERE id % 3 = 1;
SELECT rows, missing <= 5 AS few_missing, distances FROM differ('v', '<->', 'kb_ah');
SELECT count(*) AS of_no_row FROM vectorq_knn('kb_ah', 'SELECT id, v FROM kq', 10) n LEFT JOIN kb ON kb.ctid = n.row WHERE kb.id IS NULL;
ROLLBACK;
CREATE INDEX kb_flat ON kb USING ivf (v) WITH (lists = 10);
BEGIN;
DELETE FROM kb WHERE id % 10 <> 0;
SELECT rows, missing <= 5 AS few_missing, distances FROM differ('v', '<->', 'kb_flat');
ROLLBACK;
-- a partial index and an expression
CREATE INDEX kb_part ON kb USING ivf (v) WITH (lists = 1) WHERE grp = 2;
SELECT count(*), bool_and(grp = 2) FROM vectorq_knn('kb_part', 'SELECT id, v FROM kq', 4) n JOIN kb ON kb.ctid = n.row;
CREATE INDEX kb_expr ON kb USING ah (((v + v)::vector(16))) WITH (lists = 10);
SELECT count(*), min(distance) FROM vectorq_knn('kb_expr', 'SELECT id, v + v FROM kq', 4);
-- a zero vector has no cosine: k rows in any order, as from a single scan
CREATE INDEX kb_cos ON kb USING ivf (v vector_cosine_ops) WITH (lists = 10);
SELECT count(*), min(distance) FROM vectorq_knn('kb_cos', ARRAY[array_fill(0, ARRAY[16])::vector], 4);
-- an index that was not trained; an empty one; no queries
CREATE TABLE ke (v vector(16));
SET client_min_messages = warning;
CREATE INDEX ke_i ON ke USING ah (v);
RESET client_min_messages;
SELECT count(*) AS rows FROM vectorq_knn('ke_i', 'SELECT v FROM kq');
INSERT INTO ke SELECT v FROM kb LIMIT 50;
SELECT count(*) AS rows FROM vectorq_knn('ke_i', 'SELECT v FROM kq');
SELECT count(*) AS rows FROM vectorq_knn('kb_ah', '{}'::vector[], 3);
SELECT count(*) AS rows FROM vectorq_knn('kb_ah', 'SELECT v FROM kq WHERE false', 3);
SELECT count(*) AS rows FROM vectorq_knn('kb_ah', NULL::vector[], 3);
-- bad input
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; RETURN 'none'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM; END $$;
SELECT pg_temp.error_of(s) FROM unnest(ARRAY[
    $$SELECT vectorq_knn('kb_ah', ARRAY['[1,2]']::vector[], 3)$$,
    $$SELECT vectorq_knn('kb_ah', ARRAY[array_fill(1, ARRAY[16])::vector, '[1,2]'], 3)$$,
    $$SELECT vectorq_knn('kb_ah', 'SELECT v FROM kq', 0)$$,
    $$SELECT vectorq_knn('kb_ah', 'SELECT v FROM kq', -1)$$,
    $$SELECT vectorq_knn('kb_ah', 'SELECT v FROM kq', 1000000)$$,
    $$SELECT vectorq_knn('kb_ah', ARRAY[1, 2], 3)$$,
    $$SELECT vectorq_knn('kb_ah', ARRAY(SELECT h FROM kq), 3)$$,
    $$SELECT vectorq_knn('kb_ah', 'SELECT h FROM kq', 3)$$,
    $$SELECT vectorq_knn('kb_ah', 'SELECT id, v, 1 FROM kq', 3)$$,
    $$SELECT vectorq_knn('kb_ah', 'SELECT id::text, v FROM kq', 3)$$,
    $$SELECT vectorq_knn('kb_ah', 'DELETE FROM kq', 3)$$,
    $$SELECT vectorq_knn('kb_ah', 'DELETE FROM kq RETURNING v', 3)$$,
    $$SELECT vectorq_knn('kb_ah', 'SELECT v FROM kq; SELECT v FROM kq', 3)$$,
    $$SELECT vectorq_knn('kb_ah', 'nonsense', 3)$$,
    $$SELECT vectorq_knn('kb_ah', '', 3)$$,
    $$SELECT vectorq_knn('kb_pkey', 'SELECT v FROM kq', 3)$$,
    $$SELECT vectorq_knn('kb', 'SELECT v FROM kq', 3)$$]) s;
SELECT count(*) AS rows FROM kq;
-- rights: those to the column suffice; row-level security refuses
CREATE ROLE vq_batch;
GRANT USAGE ON SCHEMA public TO vq_batch;
GRANT SELECT ON kq TO vq_batch;
SET ROLE vq_batch;
SELECT pg_temp.error_of($$SELECT vectorq_knn('kb_ah', 'SELECT v FROM kq', 3)$$);
RESET ROLE;
GRANT SELECT (v) ON kb TO vq_batch;
SET ROLE vq_batch;
SELECT count(*) AS rows FROM vectorq_knn('kb_ah', 'SELECT v FROM kq', 3);
SELECT pg_temp.error_of($$SELECT vectorq_knn('kb_expr', 'SELECT v FROM kq', 3)$$);
RESET ROLE;
ALTER TABLE kb ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON kb USING (id < 10);
SET ROLE vq_batch;
SELECT pg_temp.error_of($$SELECT vectorq_knn('kb_ah', 'SELECT v FROM kq', 3)$$);
RESET ROLE;
DROP TABLE kb, kq, ke;
REVOKE USAGE ON SCHEMA public FROM vq_batch;
DROP ROLE vq_batch;
DROP FUNCTION differ, try;
