-- Little memory makes the same kind of index: transform, code, lists, calibration. What is lost for want of it is said once, with the memory that keeps it.
SET max_parallel_maintenance_workers = 0;
SELECT setseed(0.4);
-- twelve directions among 512: an index looks for them, trains on all rows and measures recall
CREATE TABLE directions AS SELECT n, d, random() - 0.5 AS x FROM generate_series(1, 12) n, generate_series(1, 512) d;
CREATE TABLE wide (id int, v vector(512));
INSERT INTO wide SELECT id, (SELECT array_agg(x ORDER BY d) FROM (SELECT d, sum(x * sin(id * n * 0.7)) AS x FROM directions GROUP BY d) s)::vector FROM generate_series(1, 3000) id;
CREATE FUNCTION built(index regclass) RETURNS TABLE (transform text, training_rows text, calibrated bool) LANGUAGE sql AS $$
    SELECT max(value) FILTER (WHERE name = 'transform'), max(value) FILTER (WHERE name = 'training_rows'), EXISTS (SELECT FROM vectorq_recall_curve(index))
    FROM vectorq_index_details(index) $$;
SET maintenance_work_mem = '256MB';
CREATE INDEX wide_v ON wide USING ah (v);
SELECT * FROM built('wide_v');
SET maintenance_work_mem = '16MB';
REINDEX INDEX wide_v;
SELECT * FROM built('wide_v');
SET maintenance_work_mem = '1MB';
REINDEX INDEX wide_v;
SELECT * FROM built('wide_v');
-- records of a byte a dimension know their ranges from rows as they were
DROP INDEX wide_v;
CREATE INDEX wide_v ON wide USING ah (v vector_cosine_ops) WITH (reorder = sq8);
SELECT * FROM built('wide_v');
SET enable_seqscan = off;
SELECT count(*) >= 18 AS found FROM (SELECT id FROM wide WHERE id <= 20) q, LATERAL
    (SELECT id FROM wide ORDER BY v <=> (SELECT v FROM wide WHERE id = q.id) LIMIT 1) found WHERE found.id = q.id;
RESET enable_seqscan;
-- many lists are trained on fewer rows
DROP INDEX wide_v;
CREATE INDEX wide_v ON wide USING ivf (v) WITH (lists = 250);
SELECT * FROM built('wide_v');
-- principal components of 1,536 dimensions take more than the little that a build may take beyond what it is given: that is said
CREATE TABLE broad AS SELECT id, (SELECT array_agg(sin(id * n * 0.7)) FROM generate_series(1, 1536) n)::vector(1536) AS v FROM generate_series(1, 600) id;
CREATE INDEX broad_v ON broad USING ivf (v) WITH (lists = 20, transform = 'pca16');
SELECT * FROM built('broad_v');
-- as much as it says is enough
SET maintenance_work_mem = '66MB';
REINDEX INDEX broad_v;
SELECT * FROM built('broad_v');
-- what the options take away is no loss
SET maintenance_work_mem = '1MB';
DROP INDEX wide_v;
CREATE INDEX wide_v ON wide USING ah (v) WITH (training_rows = 1000, transform = none);
-- replicas need a second list
RESET maintenance_work_mem;
CREATE INDEX wide_one ON wide USING ivf (v) WITH (lists = 1, replicas = soar);
DROP TABLE wide, broad, directions;
DROP FUNCTION built;
