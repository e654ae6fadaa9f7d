-- vectorq_index_info, vectorq_recall, vectorq_check, vectorq_stats: results, and who may call them.
\set ECHO none
\i sql/include/details.sql
\set ECHO all
SELECT setseed(0.7);
CREATE TABLE f (id int, v vector(4));
INSERT INTO f SELECT i, ARRAY[random(), random(), random(), random()]::vector(4) FROM generate_series(1, 5000) i;
CREATE INDEX f_v ON f USING ivf (v) WITH (lists = 40);
CREATE INDEX f_id ON f (id);
SELECT access_method, distance, code, trained, dims, rows, lists, (SELECT source FROM vectorq_index_details('f_v') WHERE name = 'lists') AS lists_from, nprobe, training_rows, seed,
    list_entries_min <= list_entries_median AND list_entries_median <= list_entries_max AS ordered, imbalance >= 1 AS imbalance,
    bytes_total = bytes_lists + bytes_centroids + bytes_other AS adds_up, round(bytes_per_row) BETWEEN 20 AND 100 AS bytes_per_row
    FROM details('f_v');
-- one line fits a terminal; the rest, a line each: facts, then options and where they are from
SELECT * FROM vectorq_index_info('f_v');
SELECT name, CASE WHEN name ~ 'bytes_|list_|imbalance' THEN 'x' ELSE value END AS value, source, meaning FROM vectorq_index_details('f_v');
-- options that do not apply are left out, and choices are named with their rule
CREATE TABLE g AS SELECT id, v FROM f LIMIT 600;
CREATE INDEX g_v ON g USING ah (v vector_cosine_ops) WITH (lists = 4, replicas = closure, seed = 42, rebalance = off, balance = 2.5);
SELECT name, value, source FROM vectorq_index_details('g_v') WHERE source IS NOT NULL;
SELECT * FROM vectorq_index_info('g_v');
DROP TABLE g;
CREATE TABLE g (v halfvec(3));
CREATE INDEX g_v ON g USING pq (v halfvec_ip_ops);
SELECT name, value, source, meaning FROM vectorq_index_details('g_v') WHERE name !~ 'bytes';
DROP TABLE g;
-- options and settings as a table
SELECT name, scope, access_methods, type, default_value, min, max, choices FROM vectorq_options();
-- each setting of the server is in it with the server's own default and limits, and nothing else
SELECT count(*) AS settings, count(*) FILTER (WHERE CASE unit WHEN 'kB' THEN pg_size_bytes(s.boot_val || unit) = pg_size_bytes(o.default_value) ELSE s.boot_val = o.default_value END AND s.short_desc = o.description
    AND (s.min_val::float8, s.max_val::float8, s.enumvals) IS NOT DISTINCT FROM (o.min, o.max, o.choices)) AS alike
    FROM pg_settings s FULL JOIN (SELECT * FROM vectorq_options() WHERE scope = 'session') o USING (name) WHERE name LIKE 'vectorq.%' OR o.scope IS NOT NULL;
-- a name has one row for an access method
SELECT name, method FROM vectorq_options(), unnest(access_methods) method GROUP BY 1, 2 HAVING count(*) > 1;
SELECT array_agg(v) AS queries FROM (SELECT v FROM f ORDER BY id LIMIT 50) s \gset
SET vectorq.nprobe = 40;
SELECT recall, low, high, queries_measured FROM vectorq_recall('f_v', :'queries'::vector[], 10);
SET vectorq.nprobe = 1;
SELECT recall < 0.9 AS lower, low <= recall AND recall <= high AS interval FROM vectorq_recall('f_v', :'queries'::vector[], 10);
RESET vectorq.nprobe;
SELECT recall > 0.8 AS automatic FROM vectorq_recall('f_v', :'queries'::vector[]);
SELECT * FROM vectorq_check('f_v');
SELECT vectorq_prewarm('f_v') = pg_relation_size('f_v') AS all_of_it, vectorq_prewarm('f_v', 100000), vectorq_prewarm('f_v', 8191);
CREATE TEMP TABLE ft AS SELECT * FROM f LIMIT 1000;
CREATE INDEX ft_v ON ft USING ah (v) WITH (lists = 10, subvectors = 2, reorder = f16);
SELECT vectorq_prewarm('ft_v') = pg_relation_size('ft_v') AS all_of_a_temporary_one;
DROP TABLE ft;
\set VERBOSITY sqlstate
SELECT vectorq_recall('f_v', ARRAY[]::vector[], 10);
SELECT vectorq_recall('f_v', ARRAY[NULL]::vector[], 10);
SELECT vectorq_recall('f_v', ARRAY['[1,2]']::vector[], 10);
SELECT vectorq_recall('f_v', ARRAY['[1,2,3,4]']::halfvec[], 10);
SELECT vectorq_recall('f_v', ARRAY['[1,2,3,4]']::vector[], 0);
\set VERBOSITY default
SELECT vectorq_index_info('f_id');
SELECT vectorq_index_info('f');
SELECT vectorq_index_details('f');
CREATE TABLE g (id int);
CREATE VIEW g_seen AS TABLE g;
SELECT vectorq_index_info('g');
SELECT vectorq_index_info('g_seen');
SELECT vectorq_index_info(0);
DROP TABLE g CASCADE;
CREATE TABLE g (id int, v vector(2)) PARTITION BY RANGE (id);
CREATE INDEX g_v ON g USING ah (v);
SELECT vectorq_index_info('g_v');
SELECT vectorq_index_info('g');
SET client_min_messages = warning;
CREATE TABLE g_1 PARTITION OF g FOR VALUES FROM (0) TO (10);
CREATE TABLE g_2 PARTITION OF g FOR VALUES FROM (10) TO (20);
RESET client_min_messages;
SELECT vectorq_index_info('g_v');
SELECT vectorq_index_info('g');
DROP TABLE g;
-- so do all functions that take an index
CREATE VIEW f_seen AS TABLE f;
CREATE FUNCTION said(call text, relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; hint text;
BEGIN
    EXECUTE format(call, relation);
    RETURN 'nothing';
EXCEPTION WHEN wrong_object_type THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN message || ' / ' || hint;
END $$;
SELECT relation, said(call, relation), count(*) AS functions FROM unnest(ARRAY['f', 'f_id', 'f_seen']) relation,
    unnest(ARRAY['SELECT vectorq_index_info(%L)', 'SELECT vectorq_index_details(%L)', 'SELECT vectorq_check(%L)', 'SELECT vectorq_recall_curve(%L)', 'SELECT vectorq_prewarm(%L)',
        $$SELECT vectorq_recall(%L, ARRAY['[1,2,3,4]']::vector[], 10)$$, $$SELECT vectorq_calibrate(%L, ARRAY['[1,2,3,4]']::vector[])$$]) call GROUP BY 1, 2 ORDER BY 1;
DROP VIEW f_seen;
DROP FUNCTION said;
\set VERBOSITY sqlstate
SELECT vectorq_check('f_id');
SELECT vectorq_recall('f_id', ARRAY['[1,2]']::vector[], 10);
SELECT vectorq_check(0);
SELECT vectorq_check(NULL);
SELECT vectorq_prewarm('f_id');
SELECT vectorq_prewarm('f');
SELECT vectorq_prewarm('f_v', -1);
-- rights
CREATE ROLE vq_nobody;
GRANT USAGE ON SCHEMA public TO vq_nobody;
SET ROLE vq_nobody;
SELECT vectorq_index_info('f_v');
SELECT vectorq_check('f_v');
SELECT vectorq_recall('f_v', ARRAY['[1,2,3,4]']::vector[], 10);
SELECT vectorq_prewarm('f_v');
RESET ROLE;
GRANT SELECT ON f TO vq_nobody;
SET ROLE vq_nobody;
SELECT rows FROM vectorq_index_info('f_v');
SELECT * FROM vectorq_check('f_v');
SELECT queries_measured FROM vectorq_recall('f_v', ARRAY['[1,2,3,4]']::vector[], 10);
SELECT vectorq_prewarm('f_v', 8192);
RESET ROLE;
-- row-level security: recall would tell of rows that the caller may not see; an index scan shows what a
-- sequential scan does
ALTER TABLE f ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON f USING (id <= 20);
SET ROLE vq_nobody;
SELECT vectorq_recall('f_v', ARRAY['[1,2,3,4]']::vector[], 10);
SET enable_seqscan = off;
SELECT count(*) AS rows, max(id) FROM (SELECT id FROM f ORDER BY v <-> '[1,2,3,4]' LIMIT 100) s;
RESET ROLE;
RESET enable_seqscan;
DROP TABLE f;
REVOKE USAGE ON SCHEMA public FROM vq_nobody;
DROP ROLE vq_nobody;
\set VERBOSITY default
-- the functions that take a relation have a fixed search_path
SELECT proname, proconfig FROM pg_proc WHERE proname LIKE 'vectorq\_%' AND 'regclass'::regtype = ANY (proargtypes) ORDER BY 1;
