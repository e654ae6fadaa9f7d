-- vectorq_index_info, vectorq_recall, vectorq_check, vectorq_stats: results, and who may call them.
SELECT setseed(0.7);
CREATE TABLE f (id int, v vector(4));
INSERT INTO f SELECT i, ARRAY[random(), random(), random(), random()]::vector(4) FROM generate_series(1, 5000) i;
CREATE INDEX f_v ON f USING ivf (v) WITH (lists = 40);
CREATE INDEX f_id ON f (id);
SELECT access_method, metric, code, trained, dims, rows, lists, lists_option, nprobe, training_rows, seed,
    list_rows_min <= list_rows_median AND list_rows_median <= list_rows_max AS ordered, imbalance >= 1 AS imbalance,
    bytes_total = bytes_lists + bytes_centroids + bytes_other AS adds_up, round(bytes_per_row) BETWEEN 20 AND 100 AS bytes_per_row
    FROM vectorq_index_info('f_v');
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
SELECT vectorq_index_info('f_id');
SELECT vectorq_index_info('f');
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
