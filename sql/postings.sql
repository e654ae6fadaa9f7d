-- Where rows lie: short lists share pages, long codes have pages of their own. Small as FAISS's lists, and no
-- row lost by inserts, vacuum and reuse of the room.
SET client_min_messages = warning;
SELECT setseed(0.25);
CREATE FUNCTION rv(dims int, salt int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() + salt * 0)::vector FROM generate_series(1, dims)';
-- rows that the index does not return exactly once, when it searches all lists
CREATE FUNCTION lost_or_twice(t text, dims int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; d bigint; total bigint;
BEGIN
    SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL vectorq.nprobe = 10000; SET LOCAL vectorq.max_scan_rows = 0;
    EXECUTE format('SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM %I ORDER BY v <-> array_fill(0.5, ARRAY[%s])::vector LIMIT 1000000) s', t, dims) INTO n, d;
    SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on;
    EXECUTE format('SELECT count(*) FROM %I', t) INTO total;
    RETURN abs(total - n) + abs(total - d);
END $$;
CREATE TABLE short (id int, v vector(16)) WITH (autovacuum_enabled = off);
INSERT INTO short SELECT g, rv(16, g) FROM generate_series(1, 4000) g;
-- 400 lists of ten rows: 64 bytes of code, 6 of tid, and little beside them. Vacuum gives no room back, so inserts have it
CREATE INDEX short_v ON short USING ivf (v) WITH (lists = 400, maintain = off);
SELECT (pg_relation_size('short_v') - 2 * 8192) / 4000 < 64 + 6 + 26 AS flat_is_small;  -- beside a page of counters and the calibration
SELECT lost_or_twice('short', 16) AS flat;
INSERT INTO short SELECT g, rv(16, g) FROM generate_series(4001, 6000) g;
SELECT lost_or_twice('short', 16) AS flat;
SELECT (pg_relation_size('short_v') - 8192) / 6000 < 64 + 6 + 75 AS still_small;
SELECT * FROM vectorq_check('short_v');
DELETE FROM short WHERE id % 3 <> 0;
VACUUM short;
SELECT * FROM vectorq_check('short_v');
SELECT pg_relation_size('short_v') AS before \gset
INSERT INTO short SELECT g, rv(16, g) FROM generate_series(6001, 9000) g;
SELECT pg_relation_size('short_v') < 1.3 * :before AS room_is_used_again;
SELECT lost_or_twice('short', 16) AS flat;
SELECT * FROM vectorq_check('short_v');
DROP INDEX short_v;
-- codes in blocks of 32 rows, a list in several segments
CREATE INDEX short_v ON short USING ivf (v) WITH (lists = 40, quantizer = pq, bits = 4, subvectors = 8, reorder = off);
SELECT (pg_relation_size('short_v') - 8192) / (SELECT count(*) FROM short) < 4 + 8 + 12 AS pq_is_small;  -- beside the calibration
SELECT lost_or_twice('short', 16) AS pq;
INSERT INTO short SELECT g, rv(16, g) FROM generate_series(9001, 11000) g;
DELETE FROM short WHERE id % 5 = 0;
VACUUM short;
INSERT INTO short SELECT g, rv(16, g) FROM generate_series(11001, 12000) g;
SELECT lost_or_twice('short', 16) AS pq;
SELECT * FROM vectorq_check('short_v');
DROP TABLE short;
-- lists that were empty when the index was built
CREATE TABLE sparse (id int, v vector(2));
INSERT INTO sparse SELECT g, ARRAY[g % 20, 0]::vector FROM generate_series(1, 400) g;
CREATE INDEX sparse_v ON sparse USING ivf (v) WITH (lists = 20, training_rows = 400);
DELETE FROM sparse;
VACUUM sparse;
REINDEX INDEX sparse_v;
SELECT lost_or_twice('sparse', 2) AS none;
INSERT INTO sparse SELECT g, ARRAY[g % 20, g]::vector FROM generate_series(1, 700) g;
SELECT lost_or_twice('sparse', 2) AS none;
SELECT * FROM vectorq_check('sparse_v');
DROP TABLE sparse;
-- 768 subvectors of 4 bits: a block of 32 rows takes two pages
CREATE TABLE wide (id int, v vector(1536)) WITH (autovacuum_enabled = off);
INSERT INTO wide SELECT g, rv(1536, g) FROM generate_series(1, 400) g;
CREATE INDEX wide_v ON wide USING ivf (v) WITH (lists = 3, quantizer = pq, bits = 4, subvectors = 768, reorder = off, seed = 3);
SELECT lost_or_twice('wide', 1536) AS wide;
-- half a byte a dimension tells each row from all others
CREATE FUNCTION not_nearest_to_itself() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r record; other bigint := 0; nearest int;
BEGIN
    SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL vectorq.nprobe = 10000;
    FOR r IN SELECT id, v FROM wide LOOP
        SELECT id INTO nearest FROM wide ORDER BY v <-> r.v LIMIT 1;
        IF nearest IS DISTINCT FROM r.id THEN other := other + 1; END IF;
    END LOOP;
    RETURN other;
END $$;
SELECT not_nearest_to_itself();
INSERT INTO wide SELECT g, rv(1536, g) FROM generate_series(401, 500) g;
DELETE FROM wide WHERE id % 2 = 0;
VACUUM wide;
INSERT INTO wide SELECT g, rv(1536, g) FROM generate_series(501, 800) g;
SELECT lost_or_twice('wide', 1536) AS wide;
SELECT not_nearest_to_itself();
SELECT * FROM vectorq_check('wide_v');
DROP TABLE wide;
-- one long list: rows run over the ends of pages, so that they take hardly more than code, tid and the pages' headers
CREATE TABLE long (id int, v vector(384)) WITH (autovacuum_enabled = off);
INSERT INTO long SELECT g, rv(384, g) FROM generate_series(1, 4000) g;
CREATE INDEX long_v ON long USING ivf (v) WITH (lists = 1, maintain = off);
SELECT pg_relation_size('long_v') / 4000 < 1600 AS flat_is_small;  -- code and tid are 1,542; whole rows on a page would be 1,638
SELECT lost_or_twice('long', 384) AS long;
DELETE FROM long WHERE id % 3 <> 0;
VACUUM long;
SELECT pg_relation_size('long_v') AS before \gset
INSERT INTO long SELECT g, rv(384, g) FROM generate_series(4001, 6600) g;
SELECT pg_relation_size('long_v') <= :before + 131072 AS room_is_used_again;
SELECT lost_or_twice('long', 384) AS long;
SELECT * FROM vectorq_check('long_v');
DROP TABLE long;
DROP FUNCTION not_nearest_to_itself, lost_or_twice, rv;
RESET client_min_messages;
