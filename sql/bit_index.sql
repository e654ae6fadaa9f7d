-- Indexes on bit(n): Hamming's and Jaccard's distance.
\set ECHO none
\set SHOW_CONTEXT never
SET client_min_messages = warning;
\i sql/include/details.sql
\i sql/include/answers.sql
-- bits around 40 centres, the same in every session; 203 are no whole number of bytes
CREATE FUNCTION around(i int, bits int) RETURNS bit LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE text text := ''; h bigint := i; c bigint := i % 40 + 1;
BEGIN
    FOR d IN 1..bits LOOP
        h := (h * 1103515245 + 12345 + d) % 2147483648;
        c := (c * 69069 + 7 + d) % 4294967296;
        text := text || (((c >> 16) % 3 = 0) <> ((h >> 16) % 10 = 0))::int;
    END LOOP;
    RETURN text::bit varying;
END $$;
-- distances of the first ten rows, as the index and as an exact scan have them: where rows tie, either may come
CREATE FUNCTION same_distances(t text, op text, q bit, n int DEFAULT 10, filter text DEFAULT 'true') RETURNS bool LANGUAGE plpgsql AS $$
DECLARE exact float8[]; found float8[]; plan json;
    query text := format('SELECT array_agg(d) FROM (SELECT b %s $1 AS d FROM %I WHERE %s ORDER BY b %s $1 LIMIT %s) s', op, t, filter, op, n);
BEGIN
    SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on;
    EXECUTE query INTO exact USING q;
    SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan USING q;
    IF plan::text NOT LIKE '%Index Scan%' THEN RAISE 'no index scan: %', plan; END IF;
    EXECUTE query INTO found USING q;
    RETURN exact IS NOT DISTINCT FROM found;
END $$;
\set ECHO all
CREATE TABLE bits (id int PRIMARY KEY, kind int, b bit(203));
INSERT INTO bits SELECT i, i % 10, around(i, 203) FROM generate_series(1, 3000) i;
CREATE INDEX bits_h ON bits USING ivf (b) WITH (rebalance = on);
CREATE INDEX bits_j ON bits USING ivf (b bit_jaccard_ops) WITH (replicas = none);
ANALYZE bits;
SELECT access_method, distance, code, dims, rows, lists, trained, calibrated_with FROM vectorq_index_info('bits_h');
SELECT access_method, distance, code, dims, rows, lists, trained, calibrated_with FROM vectorq_index_info('bits_j');
SELECT name, value FROM vectorq_index_details('bits_j') WHERE name IN ('operator', 'operator_class', 'type', 'code_bytes', 'quantizer', 'reorder', 'transform');
SELECT name, value, meaning FROM vectorq_index_details('bits_h') WHERE source = 'chosen' AND name IN ('lists', 'replicas', 'reorder');
EXPLAIN (COSTS OFF) SELECT id FROM bits ORDER BY b <~> (SELECT around(41, 203)) LIMIT 5;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM bits ORDER BY b <%> (SELECT around(41, 203)) LIMIT 5;
RESET enable_seqscan;

-- all lists: what an exact scan returns
SET vectorq.target_recall = 1;
SELECT bool_and(same_distances('bits', '<~>', around(i, 203))) AS hamming, bool_and(same_distances('bits', '<%>', around(i, 203))) AS jaccard
    FROM generate_series(5000, 5030) i;
RESET vectorq.target_recall;
-- the target is met by rows that calibration did not see
SELECT recall > 0.9 AS good FROM vectorq_recall('bits_h', (SELECT array_agg(around(i, 203)) FROM generate_series(5000, 5080) i));
SELECT recall > 0.9 AS good FROM vectorq_recall('bits_j', (SELECT array_agg(around(i, 203)) FROM generate_series(5000, 5080) i));
SELECT vectorq_calibrate('bits_j', (SELECT array_agg(around(i, 203)) FROM generate_series(5000, 5080) i));
SELECT recall > 0.9 AS good FROM vectorq_recall('bits_j', (SELECT array_agg(around(i, 203)) FROM generate_series(6000, 6080) i));
SELECT count(*) > 0 AS rungs FROM vectorq_recall_curve('bits_h');
SELECT vectorq_prewarm('bits_h') > 0 AS warm;
-- lists by hand find less and less
SET vectorq.nprobe = 1;
SELECT lists_probed FROM (SELECT count(*) FROM (SELECT id FROM bits ORDER BY b <~> around(41, 203) LIMIT 3) s) c, vectorq_stats();
RESET vectorq.nprobe;

-- a filter never gets fewer rows than there are
SELECT same_distances('bits', '<~>', around(41, 203), 300, 'kind = 7') AS hamming, same_distances('bits', '<%>', around(41, 203), 300, 'kind = 7') AS jaccard;
SELECT same_distances('bits', '<~>', around(41, 203), 50, 'id = 1234') AS "one row";
SET enable_seqscan = off; SET enable_sort = off;
-- strict order
SET vectorq.iterative_scan = strict; SET vectorq.nprobe = 1;
CREATE TABLE came AS SELECT d, row_number() OVER () AS n FROM (SELECT b <%> around(41, 203) AS d FROM bits WHERE kind < 5 ORDER BY b <%> around(41, 203) LIMIT 700) s;
SELECT bool_and(d >= before) AS "in order", count(*) > 20 AS some FROM (SELECT d, lag(d, 1, d) OVER (ORDER BY n) AS before FROM came) o;
DROP TABLE came;
SET vectorq.iterative_scan = off;
SELECT count(*) BETWEEN 1 AND 2999 AS "one window" FROM (SELECT id FROM bits ORDER BY b <~> around(41, 203) LIMIT 3000) s;
RESET vectorq.iterative_scan; RESET vectorq.nprobe;
-- no query: any order
SELECT count(*) AS rows FROM (SELECT id FROM bits ORDER BY b <~> NULL LIMIT 20) s;

-- rows that come, change and go
INSERT INTO bits SELECT i, i % 10, around(i, 203) FROM generate_series(3001, 3500) i;
INSERT INTO bits VALUES (0, 0, NULL), (-1, 1, repeat('0', 203)::bit(203)), (-2, 1, repeat('1', 203)::bit(203));
UPDATE bits SET b = ~b WHERE id BETWEEN 100 AND 200;
DELETE FROM bits WHERE id % 3 = 0 AND id > 0;
SET vectorq.target_recall = 1; SET vectorq.max_scan_rows = 0;
SELECT same_distances('bits', '<~>', ~around(140, 203)) AS hamming, same_distances('bits', '<%>', ~around(140, 203)) AS jaccard;
SELECT same_distances('bits', '<%>', repeat('0', 203)::bit(203)) AS "no bits", same_distances('bits', '<~>', repeat('1', 203)::bit(203)) AS "all bits";
VACUUM bits;
SELECT same_distances('bits', '<~>', ~around(140, 203)) AS hamming, same_distances('bits', '<%>', ~around(140, 203)) AS jaccard;
DELETE FROM bits WHERE id = 0;
SELECT lost_or_twice('bits', '<~>', 'b') AS hamming, lost_or_twice('bits', '<%>', 'b') AS jaccard;
-- as many rows again around new centres: vacuum splits their lists
CREATE FUNCTION largest(i regclass) RETURNS bigint LANGUAGE sql AS 'SELECT list_entries_max FROM details(i)';
INSERT INTO bits SELECT i, i % 10, ~around(i, 203) FROM generate_series(10000, 14000) i;
SELECT largest('bits_h') AS before_h, largest('bits_j') AS before_j \gset
VACUUM bits;
SELECT generation > 0 AS rebalanced, list_entries_max < :before_h AS smaller FROM details('bits_h');
SELECT generation > 0 AS rebalanced, list_entries_max < :before_j AS smaller FROM details('bits_j');
SELECT problems('bits_h') + problems('bits_j') AS problems, lost_or_twice('bits', '<~>', 'b') AS hamming, lost_or_twice('bits', '<%>', 'b') AS jaccard;
SELECT same_distances('bits', '<~>', ~around(10500, 203)) AS hamming, same_distances('bits', '<%>', ~around(10500, 203)) AS jaccard;
REINDEX TABLE bits;
REINDEX INDEX CONCURRENTLY bits_h;
SELECT problems('bits_h') + problems('bits_j') AS problems, same_distances('bits', '<~>', ~around(10500, 203)) AS hamming, same_distances('bits', '<%>', ~around(10500, 203)) AS jaccard;
DROP INDEX bits_h, bits_j;
-- replicas
CREATE INDEX bits_soar ON bits USING ivf (b bit_hamming_ops) WITH (replicas = soar, lists = 50);
CREATE INDEX bits_closure ON bits USING ivf (b bit_jaccard_ops) WITH (replicas = closure, lists = 50);
INSERT INTO bits SELECT i, i % 10, around(i, 203) FROM generate_series(20001, 21000) i;
DELETE FROM bits WHERE id BETWEEN 1 AND 700;
VACUUM bits;
SELECT entries_per_row FROM details('bits_soar');
SELECT problems('bits_soar') + problems('bits_closure') AS problems, lost_or_twice('bits', '<~>', 'b') AS hamming, lost_or_twice('bits', '<%>', 'b') AS jaccard;
SELECT same_distances('bits', '<~>', around(20500, 203)) AS hamming, same_distances('bits', '<%>', around(20500, 203)) AS jaccard;
RESET vectorq.target_recall; RESET vectorq.max_scan_rows;
DROP TABLE bits;

-- codes of several pages, and of one bit
CREATE TABLE bits (id int, b bit(20000));
INSERT INTO bits SELECT i, repeat(around(i, 200)::text, 100)::bit(20000) FROM generate_series(1, 400) i;
CREATE INDEX bits_h ON bits USING ivf (b bit_hamming_ops) WITH (lists = 8);
CREATE INDEX bits_j ON bits USING ivf (b bit_jaccard_ops) WITH (lists = 8);
INSERT INTO bits SELECT i, repeat(around(i, 200)::text, 100)::bit(20000) FROM generate_series(401, 500) i;
SET vectorq.target_recall = 1;
SELECT same_distances('bits', '<~>', (SELECT b FROM bits WHERE id = 450)) AS hamming, same_distances('bits', '<%>', (SELECT b FROM bits WHERE id = 450)) AS jaccard;
SELECT problems('bits_h') + problems('bits_j') AS problems, lost_or_twice('bits', '<~>', 'b') AS hamming, lost_or_twice('bits', '<%>', 'b') AS jaccard;
DELETE FROM bits WHERE id % 4 = 0; VACUUM bits;
SELECT problems('bits_h') + problems('bits_j') AS problems, lost_or_twice('bits', '<~>', 'b') AS hamming, lost_or_twice('bits', '<%>', 'b') AS jaccard;
DROP TABLE bits;
CREATE TABLE bits (id int, b bit(64000));
INSERT INTO bits SELECT i, repeat(around(i, 64)::text, 1000)::bit(64000) FROM generate_series(1, 300) i;
CREATE INDEX bits_h ON bits USING ivf (b bit_hamming_ops) WITH (lists = 3);
CREATE INDEX bits_j ON bits USING ivf (b bit_jaccard_ops) WITH (lists = 3);
SELECT same_distances('bits', '<~>', (SELECT b FROM bits WHERE id = 45)) AS hamming, same_distances('bits', '<%>', (SELECT b FROM bits WHERE id = 45)) AS jaccard, problems('bits_h') + problems('bits_j') AS problems;
DROP TABLE bits;
CREATE TABLE bits (id int, b bit);
INSERT INTO bits SELECT i, (i % 2)::bit FROM generate_series(1, 3000) i;
CREATE INDEX bits_h ON bits USING ivf (b bit_hamming_ops) WITH (lists = 10);
CREATE INDEX bits_j ON bits USING ivf (b bit_jaccard_ops) WITH (lists = 10);
SELECT lists, dims FROM vectorq_index_info('bits_h');
SELECT same_distances('bits', '<~>', B'1') AS hamming, same_distances('bits', '<%>', B'1') AS jaccard;
RESET vectorq.target_recall;
DROP TABLE bits;

-- empty, tiny, unlogged, partial
CREATE UNLOGGED TABLE bits (id int, b bit(8));
CREATE INDEX bits_h ON bits USING ivf (b bit_hamming_ops);
CREATE INDEX bits_j ON bits USING ivf (b bit_jaccard_ops) WHERE id > 1;
SELECT id FROM bits ORDER BY b <~> B'00000000' LIMIT 3;
INSERT INTO bits VALUES (1, B'00000001'), (2, B'00001111'), (3, NULL), (4, B'11111111'), (5, B'00000000');
SELECT id, b <~> B'00000000' AS d FROM bits ORDER BY b <~> B'00000000' LIMIT 3;
SELECT id, b <%> B'00000011' AS d FROM bits WHERE id > 1 ORDER BY b <%> B'00000011' LIMIT 9;
SELECT trained, rows FROM vectorq_index_info('bits_h');
REINDEX TABLE bits;
SELECT id, b <%> B'00000011' AS d FROM bits WHERE id > 1 ORDER BY b <%> B'00000011' LIMIT 9;
DROP TABLE bits;

-- bits of vectors: pgvector's recipe, with the best rows put in order by the vectors
CREATE TABLE items (id int, embedding vector(64));
INSERT INTO items SELECT i, (SELECT array_agg(sin(i % 50 * d) + cos(i * d * d) / 2) FROM generate_series(1, 64) d)::vector FROM generate_series(1, 3000) i;
CREATE INDEX items_bits ON items USING ivf ((binary_quantize(embedding)::bit(64)) bit_hamming_ops);
EXPLAIN (COSTS OFF) SELECT id FROM (SELECT * FROM items ORDER BY binary_quantize(embedding)::bit(64) <~> (SELECT binary_quantize(embedding) FROM items WHERE id = 42) LIMIT 40) rough
    ORDER BY embedding <-> (SELECT embedding FROM items WHERE id = 42) LIMIT 3;
SELECT id % 50 AS group, id = 42 AS itself FROM (SELECT * FROM items ORDER BY binary_quantize(embedding)::bit(64) <~> (SELECT binary_quantize(embedding) FROM items WHERE id = 42) LIMIT 40) rough
    ORDER BY embedding <-> (SELECT embedding FROM items WHERE id = 42) LIMIT 3;
SELECT recall > 0.9 AS good FROM vectorq_recall('items_bits', (SELECT array_agg(binary_quantize(embedding)) FROM items WHERE id % 50 = 7));
DROP TABLE items;

-- refused
CREATE TABLE bits (id int, b bit(8), v bit varying(8), long bit(64001), embedding vector(4));
INSERT INTO bits SELECT i, i::bit(8), i::bit(8) FROM generate_series(1, 300) i;
\set VERBOSITY default
CREATE INDEX ON bits USING ivf (v bit_hamming_ops);
CREATE INDEX ON bits USING ivf (v);
CREATE INDEX ON bits USING ivf ((binary_quantize(embedding)) bit_hamming_ops);
CREATE INDEX ON bits USING ivf (long bit_hamming_ops);
CREATE INDEX ON bits USING ivf (b bit_hamming_ops) WITH (quantizer = f16);
CREATE INDEX ON bits USING ivf (b bit_hamming_ops) WITH (quantizer = pq, subvectors = 2);
CREATE INDEX ON bits USING ivf (b bit_jaccard_ops) WITH (transform = 'rr');
CREATE INDEX ON bits USING ivf (b bit_hamming_ops) WITH (reorder = heap);
CREATE INDEX ON bits USING ivf (b bit_hamming_ops) WITH (reorder = sq8);
CREATE INDEX bits_h ON bits USING ivf (b bit_hamming_ops) WITH (reorder = off, quantizer = flat, transform = 'none');
\set VERBOSITY sqlstate
CREATE INDEX ON bits USING ah (b bit_hamming_ops);
CREATE INDEX ON bits USING pq (b);
CREATE INDEX ON bits USING ivf (embedding bit_hamming_ops);
\set VERBOSITY terse
SELECT id FROM bits ORDER BY b <~> B'1111' LIMIT 1;
SELECT id FROM bits ORDER BY b <~> repeat('1', 64000)::bit varying LIMIT 1;
SELECT * FROM vectorq_recall('bits_h', ARRAY[B'1111']);
SELECT * FROM vectorq_recall('bits_h', ARRAY['[1,2]']::vector[]);
SELECT * FROM vectorq_recall('bits_h', ARRAY[B'11110000']::bit varying[]);
SELECT vectorq_calibrate('bits_h', ARRAY[B'1']);
ALTER TABLE bits ALTER b TYPE bit(9) USING b::bit(9);
SELECT dims FROM vectorq_index_info('bits_h');
ALTER TABLE bits ALTER b TYPE bit varying(9);
DROP TABLE bits;
DROP FUNCTION recall, lost_or_twice, problems, around, same_distances, largest;
