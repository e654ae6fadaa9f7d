-- What a scan takes from its session and from the query that it runs in.
\set QUIET 1
SET client_min_messages = warning;
SET enable_seqscan = off;
SELECT setseed(0.25);
CREATE TABLE scan_rows (id int PRIMARY KEY, kind int, v vector(8));
INSERT INTO scan_rows SELECT i, i % 50, (SELECT array_agg(random() + 0 * (i + j))::vector FROM generate_series(1, 8) j) FROM generate_series(1, 4000) i;
CREATE INDEX scan_rows_v ON scan_rows USING ah (v vector_l2_ops) WITH (lists = 40);
ANALYZE scan_rows;

-- A SET between two FETCHes changes nothing: the settings are captured once.
CREATE FUNCTION cursor_rows(change text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE c refcursor; id int; ids int[];
BEGIN
    -- Teaches the session that few rows are taken: the cursor's scan has then to go on after the change, by rounds and further lists.
    PERFORM scan_rows.id FROM scan_rows ORDER BY v <-> array_fill(0.5, ARRAY[8])::vector LIMIT 10;
    OPEN c FOR EXECUTE 'SELECT id FROM scan_rows ORDER BY v <-> array_fill(0.5, ARRAY[8])::vector';
    FOR i IN 1 .. 1500 LOOP
        IF i = 11 THEN EXECUTE change; END IF;
        FETCH c INTO id;
        EXIT WHEN NOT FOUND;
        ids := ids || id;
    END LOOP;
    CLOSE c;
    RESET vectorq.iterative_scan; RESET vectorq.target_recall; RESET vectorq.reorder_rows; RESET vectorq.nprobe; RESET vectorq.max_scan_rows; RESET work_mem;
    RETURN ids;
END $$;
CREATE TABLE fetched AS SELECT cursor_rows('SELECT 1') AS before;
SELECT cardinality(before) AS rows FROM fetched;
SELECT change, cursor_rows(change) = before AS same FROM fetched,
    unnest(ARRAY['SET LOCAL vectorq.iterative_scan = off', 'SET LOCAL vectorq.iterative_scan = strict', 'SET LOCAL vectorq.target_recall = 0.5', 'SET LOCAL vectorq.reorder_rows = 3',
        'SET LOCAL vectorq.nprobe = 1', 'SET LOCAL vectorq.max_scan_rows = 1', 'SET LOCAL work_mem = 64']) change;

-- LIMIT and OFFSET whose sum is no bigint.
SELECT count(*) AS rows FROM (SELECT id FROM scan_rows ORDER BY v <-> array_fill(0.5, ARRAY[8])::vector LIMIT 9223372036854775807 OFFSET 100) s;

-- Little memory: rounds collect fewer entries, and no row is lost.
SET work_mem = 64; SET hash_mem_multiplier = 1; SET vectorq.cache_size = 64; SET vectorq.max_scan_rows = 0;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM scan_rows ORDER BY v <-> array_fill(0.5, ARRAY[8])::vector LIMIT 1000000) s;
-- A candidate takes at least 40 bytes in the collector, and as many to put it in order.
SELECT rows_collected >= 4000 AS all, rows_collected / rounds <= 64 * 1024 / 72 AS bounded FROM vectorq_stats();
RESET work_mem; RESET hash_mem_multiplier; RESET vectorq.cache_size; RESET vectorq.max_scan_rows;
SHOW vectorq.cache_size;

-- Nodes that take the rows for sorted get them sorted: Merge Append, incremental sort, groups of equal distances. Where a filter needs
-- so many rows that lists give some too late, Merge Append and incremental sort get these at the end, and no row is lost.
CREATE TABLE parted (id int, kind int, v vector(8)) PARTITION BY HASH (id);
SELECT format('CREATE TABLE parted_%s PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER %s)', i, i) FROM generate_series(0, 2) i \gexec
INSERT INTO parted SELECT id, kind, v FROM scan_rows;
INSERT INTO parted SELECT id + 10000, kind, v FROM scan_rows WHERE id % 3 = 0;
CREATE INDEX parted_v ON parted USING ah (v vector_l2_ops) WITH (lists = 20);
ANALYZE parted;
SET enable_sort = off; SET max_parallel_workers_per_gather = 0;
EXPLAIN (COSTS off) SELECT id FROM parted ORDER BY v <-> '[.5,.5,.5,.5,.5,.5,.5,.5]' LIMIT 10;
-- Rows, those that come before the first one whose distance falls, and those that differ from a sequential scan's.
CREATE FUNCTION out_of_order(query text, OUT rows bigint, OUT in_order bigint, OUT wrong bigint) LANGUAGE plpgsql AS $$
DECLARE got float8[]; exact float8[];
BEGIN
    EXECUTE format('SELECT array_agg(d) FROM (%s) s', query) INTO got;
    SET LOCAL enable_indexscan = off; SET LOCAL enable_sort = on;
    EXECUTE format('SELECT array_agg(d) FROM (%s) s', query) INTO exact;
    SET LOCAL enable_indexscan = on; SET LOCAL enable_sort = off;
    rows := cardinality(got);
    SELECT coalesce(min(i) - 1, cardinality(got)) INTO in_order FROM generate_series(2, cardinality(got)) i WHERE got[i] < got[i - 1];
    SELECT count(*) INTO wrong FROM generate_series(1, cardinality(exact)) i WHERE got[i] IS DISTINCT FROM exact[i];
END $$;
CREATE TABLE ordered_queries (name text, query text);
INSERT INTO ordered_queries VALUES
    ('Merge Append', 'SELECT id, v <-> ''[.5,.5,.5,.5,.5,.5,.5,.5]'' AS d FROM parted ORDER BY 2 LIMIT 200'),
    ('Merge Append, filter', 'SELECT id, v <-> ''[.5,.5,.5,.5,.5,.5,.5,.5]'' AS d FROM parted WHERE kind = 7 ORDER BY 2 LIMIT 60'),
    ('Merge Append, filter, id', 'SELECT id, v <-> ''[.5,.5,.5,.5,.5,.5,.5,.5]'' AS d FROM parted WHERE kind = 7 ORDER BY 2, id LIMIT 60'),
    ('incremental sort', 'SELECT id, v <-> ''[.5,.5,.5,.5,.5,.5,.5,.5]'' AS d FROM parted ORDER BY 2, id LIMIT 200'),
    ('groups', 'SELECT count(*), v <-> ''[.5,.5,.5,.5,.5,.5,.5,.5]'' AS d FROM parted GROUP BY 2 ORDER BY 2 LIMIT 200');
-- With the filter at 0.8 the last rows are such late ones.
SELECT name, target, o.rows, CASE WHEN name = 'Merge Append, filter' AND target = '0.8' THEN least(o.in_order, 30) ELSE o.in_order END AS in_order, CASE WHEN target = '1' THEN o.wrong END AS wrong
    FROM ordered_queries, unnest(ARRAY['0.8', '1']) target, LATERAL set_config('vectorq.target_recall', target, false), LATERAL out_of_order(query) o ORDER BY name, target;
-- So does a cursor, or whatever takes rows without a LIMIT: postgres_fdw's server merges what it fetches.
CREATE FUNCTION fetched_in_order(condition text, size int, times int, OUT rows bigint, OUT in_order bigint, OUT "all" boolean) LANGUAGE plpgsql AS $$
DECLARE r record; before float8 := '-infinity'; met boolean := false; ids int[];
BEGIN
    EXECUTE format('DECLARE cur CURSOR FOR SELECT id, v <-> ''[.5,.5,.5,.5,.5,.5,.5,.5]'' AS d FROM scan_rows %s ORDER BY 2', condition);
    in_order := 0;
    FOR t IN 1 .. times LOOP
        FOR r IN EXECUTE format('FETCH %s FROM cur', size) LOOP
            met := met OR r.d < before;
            IF NOT met THEN in_order := in_order + 1; END IF;
            before := r.d; ids := ids || r.id;
        END LOOP;
    END LOOP;
    EXECUTE 'CLOSE cur';
    rows := cardinality(ids);
    EXECUTE format('SELECT count(*) = %s FROM scan_rows %s', (SELECT count(DISTINCT id) FROM unnest(ids) id), condition) INTO "all";
END $$;
SET vectorq.target_recall = 0.5;
SELECT rows, in_order FROM fetched_in_order('', 10, 30);
SELECT rows, in_order >= 10 AS first_fetch_in_order, "all" FROM fetched_in_order('WHERE kind = 7', 10, 10);
RESET vectorq.target_recall;
DROP FUNCTION fetched_in_order;
RESET enable_sort; RESET max_parallel_workers_per_gather;
DROP TABLE scan_rows, parted, fetched, ordered_queries;
DROP FUNCTION cursor_rows, out_of_order;
