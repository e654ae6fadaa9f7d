-- reorder = f32, f16, sq8: records of the rows in the index instead of visits to the table.
SET client_min_messages = warning;
SELECT setseed(0.35);
CREATE TABLE r (id int, v vector(24), h halfvec(24)) WITH (autovacuum_enabled = off);
INSERT INTO r SELECT i, x::vector, x::halfvec FROM (
    SELECT i, (SELECT array_agg((sin(i % 41 + d) + (random() - 0.5)) * (1 + (i % 5) / 5.0)) FROM generate_series(1, 24) d) AS x
    FROM generate_series(1, 2500) i) s;
-- what the index finds for 15 rows of the table, ten nearest each
CREATE FUNCTION found(t text, col text, op text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE one int[]; all_found int[] := '{}'; q text;
BEGIN
    SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL vectorq.reorder_rows = 60;
    FOR q IN EXECUTE format('SELECT %I::text FROM %I WHERE id %% 170 = 7 ORDER BY id', col, t) LOOP
        EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %I ORDER BY %I %s %L LIMIT 10) s', t, col, op, q) INTO one;
        all_found := all_found || one;
    END LOOP;
    RETURN all_found;
END $$;
\set ECHO none
\i sql/include/answers.sql
\i sql/include/details.sql
\set ECHO all
-- every method, type and metric: records find what the heap finds, f32 exactly, the others nearly; all rows once
DO $$
DECLARE am text; col text; metric text; op text; source text; heap int[]; mine int[]; same numeric;
BEGIN
    FOREACH am IN ARRAY ARRAY['ivf (%s) WITH (lists = 12, quantizer = sq8,', 'ivf (%s) WITH (lists = 12, quantizer = pq, bits = 4,', 'ivf (%s) WITH (lists = 12, quantizer = pq, transform = opq6,',
                              'pq (%s) WITH (subvectors = 8,', 'ah (%s) WITH (lists = 12,', 'ah (%s) WITH (lists = 12, replicas = soar,'] LOOP
        FOREACH col IN ARRAY ARRAY['v', 'h'] LOOP
            FOREACH metric IN ARRAY ARRAY['l2', 'ip', 'cosine'] LOOP
                CONTINUE WHEN col = 'h' AND metric = 'ip';
                op := CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END;
                FOREACH source IN ARRAY ARRAY['heap', 'f32', 'f16', 'sq8'] LOOP
                    EXECUTE format('CREATE INDEX r_i ON r USING ' || am || ' reorder = %s)',
                                   format('%s %s_%s_ops', col, CASE col WHEN 'v' THEN 'vector' ELSE 'halfvec' END, metric), source);
                    mine := found('r', col, op);
                    IF source = 'heap' THEN heap := mine; END IF;
                    -- the same neighbours in the same places
                    SELECT avg((mine[i] IS NOT DISTINCT FROM heap[i])::int) INTO same FROM generate_subscripts(heap, 1) i;
                    IF same < (CASE source WHEN 'sq8' THEN 0.8 WHEN 'f16' THEN 0.97 ELSE 0.99 END) THEN RAISE WARNING '% % % %: % alike', am, col, metric, source, same; END IF;
                    SELECT avg((h = ANY (mine[(i - 1) / 10 * 10 + 1 : (i - 1) / 10 * 10 + 10]))::int) INTO same FROM unnest(heap) WITH ORDINALITY AS u (h, i);
                    IF same < (CASE source WHEN 'sq8' THEN 0.95 WHEN 'f16' THEN 0.99 ELSE 1 END) THEN RAISE WARNING '% % % %: recall of heap''s %', am, col, metric, source, same; END IF;
                    IF source <> 'heap' AND (problems('r_i') <> 0 OR lost_or_twice('r', op, col) <> 0) THEN
                        RAISE WARNING '% % % %: % problems, % lost', am, col, metric, source, problems('r_i'), lost_or_twice('r', op, col);
                    END IF;
                    DROP INDEX r_i;
                END LOOP;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
-- what the index says of itself, and that no heap visit is needed for the order
CREATE INDEX r_i ON r USING ivf (v) WITH (lists = 12, quantizer = pq, subvectors = 8, reorder = sq8);
SELECT reorder, bytes_records > 0 AS bytes, bytes_records / rows BETWEEN 24 + 12 AND 60 AS small,
    bytes_total = bytes_lists + bytes_records + bytes_centroids + bytes_other AS adds_up FROM details('r_i');
SET enable_seqscan = off;
SELECT count(*) AS rows FROM (SELECT id FROM r ORDER BY v <-> (SELECT v FROM r WHERE id = 5) LIMIT 10) s;
SELECT rows_reordered > 10 AS reordered FROM vectorq_stats();
-- strict order holds for what records say
SET vectorq.iterative_scan = strict;
SET vectorq.nprobe = 1;
SELECT count(*) > 100 AS rows, count(*) FILTER (WHERE d < before - 0.05) AS out_of_order FROM (SELECT d, lag(d) OVER (ORDER BY n) AS before FROM (SELECT v <-> (SELECT v FROM r WHERE id = 1) AS d, row_number() OVER () AS n
    FROM (SELECT v FROM r ORDER BY v <-> (SELECT v FROM r WHERE id = 1) LIMIT 500) a) b) c;
RESET vectorq.iterative_scan;
RESET vectorq.nprobe;
SELECT count(*) AS rows FROM (SELECT id FROM r ORDER BY v <-> NULL LIMIT 10) s;
DROP INDEX r_i;
-- inserts, updates, deletes, vacuum, room used again: narrow rows, and with a replica in a second list
CREATE INDEX r_1 ON r USING ivf (v) WITH (lists = 12, quantizer = pq, bits = 4, reorder = f16, maintain = off);
CREATE INDEX r_2 ON r USING ah (h halfvec_cosine_ops) WITH (lists = 12, replicas = soar, reorder = sq8);
DO $$
DECLARE problems_found bigint := 0;
BEGIN
    FOR round IN 1..5 LOOP
        INSERT INTO r SELECT id + 10000 * round, v, h FROM r WHERE id <= 700;
        UPDATE r SET v = v, h = h WHERE id % 7 = round;
        DELETE FROM r WHERE id % 11 = round AND id > 10000;
        problems_found := problems_found + problems('r_1') + problems('r_2');
    END LOOP;
    IF problems_found > 0 THEN RAISE WARNING '% problems', problems_found; END IF;
END $$;
SELECT problems('r_1'), problems('r_2');
VACUUM r;
SELECT problems('r_1'), problems('r_2');
DELETE FROM r WHERE id % 3 = 0;
VACUUM r;
SELECT problems('r_1'), problems('r_2');
SELECT bytes_records AS before FROM details('r_1') \gset
INSERT INTO r SELECT id + 100000, v, h FROM r WHERE id % 4 = 1;
SELECT bytes_records <= :before AS room_is_used_again FROM details('r_1');
SELECT problems('r_1'), problems('r_2');
DROP INDEX r_2;
SELECT lost_or_twice('r', '<->', 'v');
DROP INDEX r_1;
CREATE INDEX r_2 ON r USING ah (h halfvec_cosine_ops) WITH (lists = 12, replicas = soar, reorder = f32, maintain = off);
INSERT INTO r SELECT id + 200000, v, h FROM r WHERE id % 4 = 1;
SELECT lost_or_twice('r', '<=>', 'h'), problems('r_2');
-- an aborted insert leaves records that vacuum frees
BEGIN;
INSERT INTO r SELECT id + 300000, v, h FROM r WHERE id % 4 = 2;
ROLLBACK;
SELECT lost_or_twice('r', '<=>', 'h'), problems('r_2');
VACUUM r;
SELECT bytes_records AS before FROM details('r_2') \gset
INSERT INTO r SELECT id + 300000, v, h FROM r WHERE id % 4 = 2;
SELECT bytes_records = :before AS room_is_used_again FROM details('r_2');
SELECT lost_or_twice('r', '<=>', 'h'), problems('r_2');
DROP TABLE r;
-- TOASTed rows whose records take several pages
CREATE FUNCTION rv(dims int, salt int) RETURNS vector VOLATILE LANGUAGE sql AS 'SELECT array_agg(random() + salt * 0)::vector FROM generate_series(1, dims)';
CREATE FUNCTION not_nearest_to_itself(t text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE q record; other bigint := 0; nearest int;
BEGIN
    SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL vectorq.nprobe = 10000; SET LOCAL vectorq.reorder_rows = 5000;
    FOR q IN EXECUTE format('SELECT id, v FROM %I WHERE id %% 4 = 1', t) LOOP
        EXECUTE format('SELECT id FROM %I ORDER BY v <-> %L LIMIT 1', t, q.v) INTO nearest;
        IF nearest IS DISTINCT FROM q.id THEN other := other + 1; END IF;
    END LOOP;
    RETURN other;
END $$;
CREATE TABLE wide (id int, v vector(1536)) WITH (autovacuum_enabled = off);
CREATE TABLE wider (id int, v vector(3000)) WITH (autovacuum_enabled = off);
INSERT INTO wide SELECT g, rv(1536, g) FROM generate_series(1, 300) g;
INSERT INTO wider SELECT g, rv(3000, g) FROM generate_series(1, 300) g;
DO $$
DECLARE t text; am text; source text; n bigint := 400;
BEGIN
    FOREACH t IN ARRAY ARRAY['wide', 'wider'] LOOP
        FOREACH am IN ARRAY ARRAY['ivf (v) WITH (lists = 3, quantizer = pq, bits = 4, subvectors = 96,', 'ah (v) WITH (lists = 3, subvectors = 96, replicas = soar,'] LOOP
            FOREACH source IN ARRAY ARRAY['f32', 'f16', 'sq8'] LOOP
                n := n + 40;
                EXECUTE format('CREATE INDEX wide_i ON %I USING ' || am || ' reorder = %s)', t, source);
                EXECUTE format('DELETE FROM %I WHERE id %% 5 = %s', t, n / 40 % 5);
                EXECUTE format('INSERT INTO %I SELECT g, rv(%s, g) FROM generate_series(%s, %s) g', t, CASE t WHEN 'wide' THEN 1536 ELSE 3000 END, n, n + 39);
                IF lost_or_twice(t, '<->', 'v') + not_nearest_to_itself(t) + problems('wide_i') <> 0 THEN
                    RAISE WARNING '% % %: % lost, % not found, % problems', t, am, source, lost_or_twice(t, '<->', 'v'), not_nearest_to_itself(t), problems('wide_i');
                END IF;
                DROP INDEX wide_i;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
CREATE INDEX wide_i ON wide USING pq (v) WITH (subvectors = 96, reorder = f32);
CREATE INDEX wider_i ON wider USING ah (v) WITH (lists = 3, subvectors = 96, reorder = sq8);
DELETE FROM wide WHERE id % 2 = 0;
DELETE FROM wider WHERE id % 2 = 0;
VACUUM wide;
VACUUM wider;
SELECT problems('wide_i'), problems('wider_i');
SELECT bytes_records AS before FROM details('wide_i') \gset
INSERT INTO wide SELECT g, rv(1536, g) FROM generate_series(2001, 2100) g;
INSERT INTO wider SELECT g, rv(3000, g) FROM generate_series(2001, 2100) g;
SELECT bytes_records = :before AS room_is_used_again FROM details('wide_i');
SELECT lost_or_twice('wide', '<->', 'v'), not_nearest_to_itself('wide'), problems('wide_i');
SELECT lost_or_twice('wider', '<->', 'v'), not_nearest_to_itself('wider'), problems('wider_i');
DROP TABLE wide, wider;
-- values beyond half precision
CREATE TABLE big (id int, v vector(4));
INSERT INTO big SELECT i, ARRAY[i, i % 10, 1, 70000]::vector FROM generate_series(1, 1000) i;
CREATE INDEX ON big USING pq (v) WITH (reorder = f16);
CREATE INDEX big_i ON big USING pq (v vector_cosine_ops) WITH (reorder = f16);
UPDATE big SET v = '[1,2,3,4]' WHERE id <= 1000;
CREATE INDEX big_j ON big USING pq (v) WITH (reorder = f16);
INSERT INTO big VALUES (0, '[1,2,3,66000]');
SELECT problems('big_i'), problems('big_j');
-- too few rows: exact, no records
CREATE TABLE few (id int, v vector(4));
CREATE INDEX few_i ON few USING ivf (v) WITH (quantizer = sq8, reorder = f32);
INSERT INTO few SELECT i, ARRAY[i, 0, 0, 0]::vector FROM generate_series(1, 300) i;
SELECT code, reorder, bytes_records FROM details('few_i');
SELECT id FROM few ORDER BY v <-> '[7,0,0,0]' LIMIT 1;
REINDEX INDEX few_i;
SELECT code, reorder, bytes_records FROM details('few_i');
SELECT id FROM few ORDER BY v <-> '[7,0,0,0]' LIMIT 1;
-- refused
CREATE INDEX ON few USING ivf (v) WITH (reorder = f32);
CREATE INDEX ON few USING ivf (v vector_l1_ops) WITH (reorder = sq8);
CREATE INDEX ON few USING pq (v) WITH (reorder = sq4);
DROP TABLE big, few;
DROP FUNCTION found, recall, lost_or_twice, problems, rv, not_nearest_to_itself;
RESET client_min_messages;
