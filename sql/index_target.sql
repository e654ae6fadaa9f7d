-- Which target a scan has: the session's SET, else the index's option, else ALTER ROLE / DATABASE or the configuration, else the default.
SET client_min_messages = warning;
SELECT setseed(0.6);
CREATE TABLE aimed (id int, v vector(8)) WITH (autovacuum_enabled = off);
INSERT INTO aimed SELECT i, (SELECT array_agg(random() + 0 * (i + j))::vector FROM generate_series(1, 8) j) FROM generate_series(1, 4000) i;
CREATE INDEX aimed_v ON aimed USING ah (v vector_l2_ops) WITH (lists = 40);
-- The target of a scan, and where it is from.
CREATE FUNCTION target(OUT target real, OUT target_from text, OUT shown text) LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL enable_seqscan = off;
    PERFORM id FROM aimed ORDER BY v <-> array_fill(0.5, ARRAY[8])::vector LIMIT 3;
    SELECT s.target, s.target_from INTO target, target_from FROM vectorq_stats() s;
    shown := current_setting('vectorq.target_recall');
END $$;
SELECT target, target_from FROM vectorq_stats();
SELECT * FROM target();
ALTER INDEX aimed_v SET (target_recall = 0.7);
SELECT * FROM target();
SELECT reloptions FROM pg_class WHERE relname = 'aimed_v';
-- A SET wins, for as long as it holds.
SET vectorq.target_recall = 0.9;
SELECT * FROM target();
RESET vectorq.target_recall;
SELECT * FROM target();
BEGIN;
SET LOCAL vectorq.target_recall = 0.8;
SELECT * FROM target();
COMMIT;
SELECT * FROM target();
BEGIN;
SET vectorq.target_recall = 0.8;
SAVEPOINT s;
SET vectorq.target_recall = 0.85;
SELECT * FROM target();
ROLLBACK TO s;
SELECT * FROM target();
ROLLBACK;
SELECT * FROM target();
-- Even a SET to the value that is in force anyway.
SET vectorq.target_recall = 0.95;
SELECT * FROM target();
RESET ALL;
SET client_min_messages = warning;
SELECT * FROM target();
-- A function's SET is its session's.
CREATE FUNCTION target_set() RETURNS text LANGUAGE sql SET vectorq.target_recall = 0.75 AS 'SELECT t::text FROM target() t';
SELECT target_set();
SELECT * FROM target();
-- An ALTER INDEX that is rolled back, and RESET.
BEGIN;
ALTER INDEX aimed_v SET (target_recall = 0.99);
SELECT * FROM target();
ROLLBACK;
SELECT * FROM target();
-- ALTER DATABASE and ALTER ROLE are below the index, above the default.
SELECT current_database() AS db \gset
ALTER DATABASE :db SET vectorq.target_recall = 0.6;
\c -
SELECT * FROM target();
ALTER INDEX aimed_v RESET (target_recall);
SELECT * FROM target();
SET vectorq.target_recall = 0.9;
SELECT * FROM target();
RESET vectorq.target_recall;
SELECT * FROM target();
DROP ROLE IF EXISTS aiming;
CREATE ROLE aiming LOGIN;
GRANT SELECT ON aimed TO aiming;
ALTER ROLE aiming SET vectorq.target_recall = 0.65;
\c - aiming
SELECT * FROM target();
\c - postgres
ALTER DATABASE :db RESET vectorq.target_recall;
\c -
SELECT * FROM target();
-- A client's own options are the session's: a foreign server gives a target so.
ALTER INDEX aimed_v SET (target_recall = 0.7);
SELECT format('dbname=%s options=''-c vectorq.target_recall=0.55''', current_database()) AS with_target, format('dbname=%s options=''''', current_database()) AS without \gset
\c :with_target
SELECT * FROM target();
RESET vectorq.target_recall;
SELECT * FROM target();
\c :without
SET client_min_messages = warning;
-- Planner and details reckon with it.
CREATE FUNCTION nprobe() RETURNS int LANGUAGE sql AS $$SELECT value::int FROM vectorq_index_details('aimed_v') WHERE name = 'nprobe'$$;
ALTER INDEX aimed_v SET (target_recall = 1);
SELECT nprobe();
SELECT value, source FROM vectorq_index_details('aimed_v') WHERE name = 'target_recall';
ALTER INDEX aimed_v SET (target_recall = 0.5);
SELECT nprobe() < 20 AS fewer;
-- A batch has the target of the index, too.
SELECT count(*) FROM vectorq_knn('aimed_v', (SELECT array_agg(v) FROM aimed WHERE id <= 3), 3);
SELECT target, target_from FROM vectorq_stats();
-- vectorq.max_scan_rows counts rows there, too: with two entries a row all lists may be read for as many as there are.
CREATE INDEX aimed_twice ON aimed USING ivf (v vector_l2_ops) WITH (lists = 40, replicas = soar);
SET vectorq.max_scan_rows = 4000;
SELECT count(*) FROM vectorq_knn('aimed_twice', (SELECT array_agg(v) FROM aimed WHERE id = 1), 3000);
SELECT lists_probed > 25 AS more_than_half FROM vectorq_stats();
RESET vectorq.max_scan_rows;
DROP INDEX aimed_twice;
-- By hand there is no target.
SET vectorq.nprobe = 3;
SELECT * FROM target();
RESET vectorq.nprobe;
-- Partitions and other access methods; limits.
CREATE TABLE aimed_parts (id int, v vector(8)) PARTITION BY HASH (id);
CREATE INDEX ON aimed_parts USING ivf (v) WITH (target_recall = 0.8);
CREATE TABLE aimed_part PARTITION OF aimed_parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT reloptions FROM pg_class WHERE relname = 'aimed_part_v_idx';
CREATE INDEX ON aimed USING pq (v) WITH (target_recall = 0.8);
CREATE INDEX ON aimed USING ah (v) WITH (target_recall = 1.5);
ALTER INDEX aimed_v SET (target_recall = -1);
-- The same limits as the setting's.
ALTER INDEX aimed_v SET (target_recall = 0.009);
SET vectorq.target_recall = 0.009;
ALTER INDEX aimed_v SET (target_recall = 0.01);
ALTER INDEX aimed_v RESET (target_recall);
-- What a scan reckons with whose LIMIT cannot be seen: the rows that the first FETCH asks for, at least as many as vectorq.expected_rows
-- says, else as many as the last scan gave. Where that is enough, there is one round.
\c -
CREATE FUNCTION fetch_rounds(size int, times int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE c refcursor;
BEGIN
    SET LOCAL enable_seqscan = off;
    OPEN c FOR SELECT id FROM aimed ORDER BY v <-> array_fill(0.5, ARRAY[8])::vector;
    FOR i IN 1 .. times LOOP EXECUTE format('MOVE FORWARD %s FROM %s', size, quote_ident(c::text)); END LOOP;
    RETURN (SELECT rounds FROM vectorq_stats());
END $$;
SELECT fetch_rounds(100, 1) AS one_fetch;
\c -
SELECT fetch_rounds(10, 10) > 1 AS fetches_of_unknown_number;
SELECT fetch_rounds(10, 10) AS second_scan;
\c -
SET vectorq.expected_rows = 100;
SELECT fetch_rounds(10, 10) AS told;
RESET vectorq.expected_rows;
DROP FUNCTION fetch_rounds;
DROP TABLE aimed, aimed_parts;
DROP FUNCTION target, target_set, nprobe;
DROP OWNED BY aiming;
DROP ROLE aiming;
