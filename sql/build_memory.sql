-- What an index loses for want of memory is said once, with the memory that keeps it. One thread: its buffers are a part of that.
SET max_parallel_maintenance_workers = 0;
SELECT setseed(0.4);
-- twelve directions among 512: an index looks for them, trains on all rows and measures recall
CREATE TABLE directions AS SELECT n, d, random() - 0.5 AS x FROM generate_series(1, 12) n, generate_series(1, 512) d;
CREATE TABLE wide (id int, v vector(512));
INSERT INTO wide SELECT id, (SELECT array_agg(x ORDER BY d) FROM (SELECT d, sum(x * sin(id * n * 0.7)) AS x FROM directions GROUP BY d) s)::vector FROM generate_series(1, 3000) id;
CREATE FUNCTION built(index regclass) RETURNS TABLE (transform text, training_rows text, calibrated bool) LANGUAGE sql AS $$
    SELECT max(value) FILTER (WHERE name = 'transform'), max(value) FILTER (WHERE name = 'training_rows'), EXISTS (SELECT FROM vectorq_recall_curve(index))
    FROM vectorq_index_details(index) $$;
SET maintenance_work_mem = '16MB';
CREATE INDEX wide_v ON wide USING ah (v);
SELECT * FROM built('wide_v');
-- as much as it says is enough: nothing is said, and nothing lost
SET maintenance_work_mem = '29MB';
REINDEX INDEX wide_v;
SELECT * FROM built('wide_v');
SET maintenance_work_mem = '8MB';
REINDEX INDEX wide_v;
SELECT * FROM built('wide_v');
-- not that there are too few rows
SET maintenance_work_mem = '1MB';
REINDEX INDEX wide_v;
SELECT * FROM built('wide_v');
-- what the options take away is no loss
SET maintenance_work_mem = '16MB';
DROP INDEX wide_v;
CREATE INDEX wide_v ON wide USING ah (v) WITH (training_rows = 1000, transform = none);
-- replicas need a second list
RESET maintenance_work_mem;
CREATE INDEX wide_one ON wide USING ivf (v) WITH (lists = 1, replicas = soar);
DROP TABLE wide, directions;
DROP FUNCTION built;
