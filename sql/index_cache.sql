-- What a session keeps of an index: not read again after a VACUUM or ANALYZE that changes nothing, given up when the
-- index is gone, read anew when its file is another.
SET client_min_messages = warning;
SET enable_seqscan = off;
SELECT setseed(0.5);
CREATE TABLE cached (id int, v vector(16));
INSERT INTO cached SELECT i, (SELECT array_agg(random() + 0 * (i + j))::vector FROM generate_series(1, 16) j) FROM generate_series(1, 3000) i;
CREATE INDEX cached_v ON cached USING ah (v vector_l2_ops) WITH (lists = 100, rebalance = off);
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
-- These tell all sessions that the index's catalog row has changed, which is nothing to the cache.
ALTER INDEX cached_v RENAME TO cached_w;
SELECT pages_of_scan() = later AS not_read_again FROM pages;
ALTER INDEX cached_w RENAME TO cached_v;
DELETE FROM cached WHERE id % 100 = 0;
VACUUM cached;
SELECT pages_of_scan() - later < (first - later) / 2 AS not_read_again FROM pages;
-- By another session: one that builds an index has read it by then.
\setenv database :DBNAME
\! psql -qX -d "$database" -c 'REINDEX INDEX cached_v'
SELECT pages_of_scan() > later + (first - later) / 2 AS read_again FROM pages;
SELECT kept_indexes();
BEGIN; TRUNCATE cached; SELECT count(*) FROM (SELECT id FROM cached ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector) s; ROLLBACK;
SELECT count(*) AS rows FROM (SELECT id FROM cached ORDER BY v <-> array_fill(0.5, ARRAY[16])::vector LIMIT 5) s;
SELECT kept_indexes();
DROP INDEX cached_v;
SELECT kept_indexes();
DROP TABLE cached;
DROP FUNCTION pages_of_scan, kept_indexes;

-- Where the mean of all centroids is needed, for encoding alone, only a session that encodes reads them all: too many to be kept.
CREATE TABLE wide (v vector(64));
INSERT INTO wide SELECT (SELECT array_agg(random() + 0 * (i + j))::vector FROM generate_series(1, 64) j) FROM generate_series(1, 1500) i;
CREATE INDEX wide_v ON wide USING ah (v vector_l2_ops) WITH (lists = 300);
CREATE FUNCTION pages_of(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || statement INTO plan;
    plan := plan -> 0 -> 'Plan';
    RETURN (plan ->> 'Shared Hit Blocks')::bigint + (plan ->> 'Shared Read Blocks')::bigint;
END $$;
CREATE TABLE statements (name text, statement text);
INSERT INTO statements VALUES ('query', 'SELECT v FROM wide ORDER BY v <-> array_fill(0.5, ARRAY[64])::vector LIMIT 5'), ('insert', 'INSERT INTO wide SELECT array_fill(0.5, ARRAY[64])::vector');
\c
SET enable_seqscan = off; SET vectorq.cache_size = 64; SET vectorq.nprobe = 3;
SELECT name, pages_of(statement) - pages_of(statement) >= 300 AS first_reads_all_centroids FROM statements ORDER BY name DESC;

-- What indexes share a small cache: those not used for longest go, and answers stay right.
CREATE TABLE many (id int, v vector(64));
INSERT INTO many SELECT i, (SELECT array_agg(random() + 0 * (i + j))::vector FROM generate_series(1, 64) j) FROM generate_series(1, 1500) i;
SELECT format('CREATE TABLE many_%s AS SELECT id + %s AS id, v FROM many', i, 10000 * i), format('CREATE INDEX many_%s_v ON many_%s USING ivf (v) WITH (lists = 300)', i, i) FROM generate_series(1, 6) i \gexec
CREATE FUNCTION kept() RETURNS TABLE (indexes bigint, bytes numeric) LANGUAGE sql AS $$SELECT count(*), coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts WHERE name = 'vectorq index cache'$$;
-- Asks each index; how many answers differ from those without an index.
CREATE FUNCTION wrong_answers() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found int[]; wrong bigint := 0;
BEGIN
    FOR i IN 1 .. 6 LOOP
        EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM many_%s ORDER BY v <-> array_fill(0.5, ARRAY[64])::vector LIMIT 10) s', i) INTO found;
        wrong := wrong + (found <> (SELECT array_agg(id + 10000 * i) FROM (SELECT id FROM many ORDER BY v <-> array_fill(0.5, ARRAY[64])::vector, id LIMIT 10) s))::int;
    END LOOP;
    RETURN wrong;
END $$;
\c
SET enable_seqscan = off; SET vectorq.nprobe = 300;
SELECT wrong_answers();
SELECT indexes, bytes > 512 * 1024 AS more_than_small FROM kept();
\c
SET enable_seqscan = off; SET vectorq.nprobe = 300; SET vectorq.cache_size = 512;
SELECT wrong_answers() AS wrong, wrong_answers() AS wrong_again;
SELECT indexes BETWEEN 1 AND 5 AS some_went, bytes <= 512 * 1024 AS in_bounds FROM kept();
-- vectorq_memory() says which, the last one first.
SELECT count(*) = (SELECT indexes FROM kept()) AS all, sum(bytes) = (SELECT bytes FROM kept()) AS bytes, bool_or(in_use) AS in_use FROM vectorq_memory();
SELECT index, compact_centroids, exact_centroids FROM vectorq_memory() LIMIT 1;
SELECT (SELECT string_agg(index::text, ' ') FROM vectorq_memory() WHERE in_use) AS in_use FROM many_6 ORDER BY v <-> array_fill(0.5, ARRAY[64])::vector LIMIT 1;
SET vectorq.cache_size = 64;
SELECT count(*) FROM (SELECT id FROM many_2 ORDER BY v <-> array_fill(0.5, ARRAY[64])::vector LIMIT 10) s;
SELECT index, exact_centroids FROM vectorq_memory();
DROP TABLE wide, statements, many, many_1, many_2, many_3, many_4, many_5, many_6;
DROP FUNCTION pages_of, kept, wrong_answers;
