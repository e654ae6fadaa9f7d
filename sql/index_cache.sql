-- What a session keeps of an index: not read again after a VACUUM or ANALYZE that changes nothing, given up when the
-- index is gone, read anew when its file is another.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS vectorq;
SET enable_seqscan = off;
SELECT setseed(0.5);
CREATE TABLE cached (id int, v vector(16));
INSERT INTO cached SELECT i, (SELECT array_agg(random() + 0 * (i + j))::vector FROM generate_series(1, 16) j) FROM generate_series(1, 3000) i;
CREATE INDEX cached_v ON cached USING ah (v vector_l2_ops) WITH (lists = 100);
-- Pages that one query's scan looks at.
CREATE FUNCTION pages_of_scan() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT id FROM cached ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector LIMIT 5' INTO plan;
    plan := plan -> 0 -> 'Plan' -> 'Plans' -> 0;
    RETURN (plan ->> 'Shared Hit Blocks')::bigint + (plan ->> 'Shared Read Blocks')::bigint;
END $$;
CREATE FUNCTION kept_indexes() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'vectorq index cache'$$;
VACUUM ANALYZE cached;
\c
SET enable_seqscan = off;
CREATE TEMP TABLE pages AS SELECT pages_of_scan() AS first;
ALTER TABLE pages ADD later bigint;
UPDATE pages SET later = pages_of_scan();
SELECT first > later AS first_reads_more FROM pages;
SELECT kept_indexes();
VACUUM cached;
SELECT pages_of_scan() = later AS not_read_again FROM pages;
ANALYZE cached;
SELECT pages_of_scan() = later AS not_read_again FROM pages;
ALTER TABLE cached ALTER v SET STATISTICS 10;
SELECT pages_of_scan() = later AS not_read_again FROM pages;
REINDEX INDEX cached_v;
SELECT pages_of_scan() > later AS read_again FROM pages;
SELECT kept_indexes();
BEGIN; TRUNCATE cached; SELECT count(*) FROM (SELECT id FROM cached ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector) s; ROLLBACK;
SELECT count(*) AS rows FROM (SELECT id FROM cached ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector LIMIT 5) s;
SELECT kept_indexes();
DROP INDEX cached_v;
SELECT kept_indexes();
DROP TABLE cached;
DROP FUNCTION pages_of_scan, kept_indexes;
