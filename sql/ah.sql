-- Access method ah: score-aware 4-bit codes in lists, reordered; a second list for each row (SOAR).
SET client_min_messages = warning;
SELECT setseed(0.75);
CREATE TABLE a (id int, v vector(32), h halfvec(32)) WITH (autovacuum_enabled = off);
-- clustered rows of different lengths: for inner products the long ones win
INSERT INTO a SELECT i, x::vector, x::halfvec FROM (
    SELECT i, (SELECT array_agg((sin(i % 37 + d) + (random() - 0.5)) * (1 + (i % 7) / 7.0)) FROM generate_series(1, 32) d) AS x
    FROM generate_series(1, 6000) i) s;
CREATE TABLE q AS SELECT v, h FROM a WHERE id % 300 = 7;
\set ECHO none
\i sql/include/answers.sql
\i sql/include/pages.sql
\set ECHO all
-- everything automatic
CREATE INDEX a_v ON a USING ah (v);
SELECT access_method, metric, code, subvectors, bits, anisotropic_threshold, lengths, replicas, reorder, trained, rows FROM vectorq_index_info('a_v');
SELECT recall('a', '<->', 'v') > 0.9 AS l2;
SELECT lost_or_twice('a', '<->', 'v');
DROP INDEX a_v;
-- every metric, type and kind of replicas: all rows once however a scan goes on, and recall
DO $$
DECLARE col text; metric text; op text; replicas text; threshold text; n bigint; r numeric;
BEGIN
    FOREACH col IN ARRAY ARRAY['v', 'h'] LOOP
        FOREACH metric IN ARRAY ARRAY['l2', 'ip', 'cosine'] LOOP
            op := CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END;
            FOREACH replicas IN ARRAY ARRAY['none', 'soar'] LOOP
                FOREACH threshold IN ARRAY ARRAY['0', '0.2'] LOOP
                    EXECUTE format('CREATE INDEX a_i ON a USING ah (%I %s_%s_ops) WITH (lists = 30, replicas = %s, anisotropic_threshold = %s)',
                                   col, CASE col WHEN 'v' THEN 'vector' ELSE 'halfvec' END, metric, replicas, threshold);
                    r := recall('a', op, col);
                    IF r < 0.85 THEN RAISE WARNING '% % % %: recall %', col, metric, replicas, threshold, r; END IF;
                    PERFORM set_config('vectorq.nprobe', '1', true);
                    n := lost_or_twice('a', op, col);
                    IF n <> 0 THEN RAISE WARNING '% % % %: % rows lost or twice', col, metric, replicas, threshold, n; END IF;
                    PERFORM set_config('vectorq.nprobe', '0', true);
                    DROP INDEX a_i;
                END LOOP;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
-- a second list costs bytes and finds more in as many lists
CREATE INDEX a_v ON a USING ah (v) WITH (lists = 60, replicas = none);
SET vectorq.nprobe = 3;
SELECT recall('a', '<->', 'v') AS plain, pg_relation_size('a_v') AS plain_bytes \gset
DROP INDEX a_v;
CREATE INDEX a_v ON a USING ah (v) WITH (lists = 60, replicas = soar);
SELECT recall('a', '<->', 'v') > :plain AS better, pg_relation_size('a_v') > :plain_bytes AS larger;
SELECT rows, replicas, list_rows_max * lists > rows AS uneven FROM vectorq_index_info('a_v');
RESET vectorq.nprobe;
SELECT * FROM vectorq_check('a_v');
-- strict order, and a filter that few rows pass
SET enable_seqscan = off; SET enable_sort = off; SET vectorq.nprobe = 2; SET vectorq.iterative_scan = strict;
SELECT count(*) AS rows, count(DISTINCT id) AS different, bool_and(d >= before) AS in_order FROM (
    SELECT id, d, lag(d, 1, d) OVER () AS before FROM (SELECT id, v <-> (SELECT v FROM q LIMIT 1) AS d FROM a ORDER BY v <-> (SELECT v FROM q LIMIT 1) LIMIT 50) s) t;
SET vectorq.iterative_scan = relaxed;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM a WHERE id % 100 = 3 ORDER BY v <-> (SELECT v FROM q LIMIT 1) LIMIT 40) s;
RESET enable_seqscan; RESET enable_sort; RESET vectorq.nprobe; RESET vectorq.iterative_scan;
-- inserts, updates, deletes, vacuum
INSERT INTO a SELECT id + 10000, v, h FROM a WHERE id % 3 = 0;
UPDATE a SET v = v WHERE id % 10 = 0;
DELETE FROM a WHERE id % 4 = 1;
SELECT lost_or_twice('a', '<->', 'v');
VACUUM a;
SELECT * FROM vectorq_check('a_v');
SELECT rows = (SELECT count(*) FROM a) AS rows FROM vectorq_index_info('a_v');
INSERT INTO a SELECT id + 20000, v, h FROM a WHERE id % 3 = 0;
SELECT lost_or_twice('a', '<->', 'v');
SELECT recall('a', '<->', 'v') > 0.9 AS l2;
DROP INDEX a_v;
-- an index built on half of the rows is as good as one built on all
CREATE TABLE half AS SELECT * FROM a;
DELETE FROM a WHERE id % 2 = 0;
CREATE INDEX a_v ON a USING ah (v) WITH (lists = 40);
INSERT INTO a SELECT * FROM half WHERE id % 2 = 0;
SET vectorq.nprobe = 6;
SELECT recall('a', '<->', 'v') AS grown \gset
REINDEX INDEX a_v;
SELECT recall('a', '<->', 'v') - :grown <= 0.02 AS as_good;
RESET vectorq.nprobe;
DROP INDEX a_v;
-- replicas for exact codes
CREATE INDEX a_v ON a USING ivf (v) WITH (lists = 30, replicas = soar);
SET vectorq.nprobe = 1;
SELECT lost_or_twice('a', '<->', 'v');
RESET vectorq.nprobe;
SELECT * FROM vectorq_check('a_v');
DROP INDEX a_v;
-- same rows, options and seed: the same index
CREATE INDEX a_1 ON a USING ah (v) WITH (lists = 20, replicas = soar);
CREATE INDEX a_2 ON a USING ah (v) WITH (lists = 20, replicas = soar);
CHECKPOINT;
SELECT pages_that_differ('a_1', 'a_2');
DROP INDEX a_1, a_2;
-- few rows: exact, without replicas, until a REINDEX trains it
RESET client_min_messages;
CREATE TABLE few (id int, v vector(32));
CREATE INDEX few_v ON few USING ah (v) WITH (replicas = soar);
INSERT INTO few SELECT id, v FROM a;
SELECT trained, replicas, rows FROM vectorq_index_info('few_v');
SELECT * FROM vectorq_check('few_v');
REINDEX INDEX few_v;
SELECT trained, replicas FROM vectorq_index_info('few_v');
SELECT * FROM vectorq_check('few_v');
-- rows that moved within their page (HOT), rows in TOAST, and an expression over them: reordering reads the same
CREATE TABLE moved (id int, note text, v vector(32)) WITH (fillfactor = 40, autovacuum_enabled = off);
INSERT INTO moved SELECT id, 'first', v FROM a WHERE id < 4000;
CREATE INDEX moved_v ON moved USING ah (v) WITH (lists = 10);
UPDATE moved SET note = 'second' WHERE id % 2 = 0;
UPDATE moved SET note = 'third' WHERE id % 4 = 0;
CREATE TABLE wide (id int, v vector(2000));
ALTER TABLE wide ALTER COLUMN v SET STORAGE EXTERNAL;
INSERT INTO wide SELECT g, (SELECT array_agg(sin(g * d) + random()) FROM generate_series(1, 2000) d)::vector FROM generate_series(1, 400) g;
CREATE INDEX wide_v ON wide USING ah (v) WITH (lists = 4);
CREATE INDEX wide_half ON wide USING ah ((v::halfvec(2000)) halfvec_l2_ops) WITH (lists = 4);
SELECT v AS query FROM wide WHERE id = 7 \gset
SET enable_seqscan = off; SET enable_sort = off; SET vectorq.nprobe = 100; SET vectorq.reorder_rows = 1000;
CREATE TEMP TABLE by_index AS SELECT id, note, v <-> (SELECT v FROM q LIMIT 1) AS d FROM moved ORDER BY v <-> (SELECT v FROM q LIMIT 1) LIMIT 20;
CREATE TEMP TABLE wide_by_index AS SELECT id, v <-> :'query' AS d FROM wide ORDER BY v <-> :'query' LIMIT 20;
CREATE TEMP TABLE half_by_index AS SELECT id FROM wide ORDER BY v::halfvec(2000) <-> (:'query')::vector::halfvec(2000) LIMIT 20;
RESET enable_seqscan; RESET enable_sort; RESET vectorq.nprobe; RESET vectorq.reorder_rows;
SET enable_indexscan = off;
SELECT count(*) AS of_20_nearest FROM by_index JOIN (SELECT id, note FROM moved ORDER BY v <-> (SELECT v FROM q LIMIT 1), id LIMIT 20) s USING (id, note);
SELECT count(*) AS of_20_nearest FROM wide_by_index JOIN (SELECT id FROM wide ORDER BY v <-> :'query' LIMIT 20) s USING (id);
SELECT count(*) > 17 AS as_good FROM half_by_index JOIN wide_by_index USING (id);
RESET enable_indexscan;
SELECT * FROM vectorq_check('wide_v');
DROP TABLE moved, wide, by_index, wide_by_index, half_by_index;
-- rows of 512 dimensions whose variance lies in some of their directions are coded in these, unless told otherwise
CREATE TABLE turned (id int, v vector(512));
INSERT INTO turned SELECT i, (SELECT array_agg(sin(i * (1 + d % 8) * 0.37 + d) + 0.02 * random()) FROM generate_series(1, 512) d)::vector FROM generate_series(1, 2600) i;
CREATE INDEX turned_v ON turned USING ah (v) WITH (lists = 8);
SELECT transform, subvectors, bytes_lists / rows < 300 AS small, chosen LIKE 'transform = pcar256: nine tenths of the rows'' variance, in these of 512 directions%subvectors = 128: half of the 256 dimensions%' AS said
    FROM vectorq_index_info('turned_v');
INSERT INTO turned SELECT id + 10000, v FROM turned WHERE id % 7 = 1;
CREATE TABLE asked AS SELECT * FROM turned WHERE id % 300 = 5;
CREATE FUNCTION found_of_exact() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r record; near int[]; found bigint := 0;
BEGIN
    FOR r IN SELECT v FROM asked LOOP
        SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on;
        near := ARRAY(SELECT id FROM turned ORDER BY v <-> r.v, id LIMIT 10);
        SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off;
        found := found + (SELECT count(*) FROM (SELECT id FROM turned ORDER BY v <-> r.v LIMIT 11) s WHERE id = ANY (near));
    END LOOP;
    RETURN found;
END $$;
SELECT found_of_exact() >= 0.9 * 10 * count(*) AS good FROM asked;
SELECT lost_or_twice('turned', '<->', 'v'), problems('turned_v');
ALTER INDEX turned_v SET (transform = 'none');
REINDEX INDEX turned_v;
SELECT transform, subvectors, chosen LIKE '%transform%' AS said FROM vectorq_index_info('turned_v');
ALTER INDEX turned_v RESET (transform);
ALTER INDEX turned_v SET (subvectors = 64);
REINDEX INDEX turned_v;
SELECT transform, subvectors FROM vectorq_index_info('turned_v');
DROP TABLE turned, asked;
DROP FUNCTION found_of_exact;
-- rows of very different lengths: codes keep the lengths, so that the first rows by their codes are the nearest
CREATE TABLE uneven (id int, v vector(24));
INSERT INTO uneven SELECT i, (SELECT array_agg((random() - 0.5) * l + 0 * d) FROM generate_series(1, 24) d)::vector
    FROM (SELECT i, exp(2.4 * (random() + random() + random() - 1.5)) AS l FROM generate_series(1, 4000) i OFFSET 0) s;
CREATE TABLE asked AS SELECT id, (SELECT array_agg(random() - 0.5 + 0 * (id + d)) FROM generate_series(1, 24) d)::vector AS v FROM uneven WHERE id <= 30;
CREATE FUNCTION of_first(op text, n int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE r record; near int[]; found bigint := 0; c bigint;
BEGIN
    SET LOCAL vectorq.nprobe = 20; SET LOCAL vectorq.iterative_scan = off;
    FOR r IN SELECT v FROM asked LOOP
        SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on;
        EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM uneven ORDER BY v %s $1, id LIMIT 10) s', op) INTO near USING r.v;
        SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;
        EXECUTE format('SELECT count(*) FROM (SELECT id FROM uneven ORDER BY v %s $1 LIMIT %s) s WHERE id = ANY ($2)', op, n) INTO c USING r.v, near;
        found := found + c;
    END LOOP;
    RETURN round(found / (10.0 * (SELECT count(*) FROM asked)), 2);
END $$;
DO $$
DECLARE metric text; op text; lengths text; r numeric[];
BEGIN
    FOREACH metric IN ARRAY ARRAY['l2', 'ip', 'cosine'] LOOP
        op := CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END;
        r := '{}';
        FOREACH lengths IN ARRAY ARRAY['off', 'on'] LOOP
            EXECUTE format('CREATE INDEX uneven_i ON uneven USING ah (v vector_%s_ops) WITH (lists = 20, reorder = off, lengths = %s)', metric, lengths);
            r := r || of_first(op, 15);
            IF problems('uneven_i') <> 0 OR lost_or_twice('uneven', op, 'v') <> 0 THEN RAISE WARNING '% %: unsound', metric, lengths; END IF;
            DROP INDEX uneven_i;
        END LOOP;
        IF r[2] < 0.75 OR r[2] < r[1] + CASE metric WHEN 'l2' THEN 0.5 WHEN 'ip' THEN 0.03 ELSE -0.02 END THEN RAISE WARNING '%: %', metric, r; END IF;
    END LOOP;
END $$;
-- rows without a direction, and ones that are too long to square
INSERT INTO uneven SELECT 5000 + i, (SELECT v FROM uneven WHERE id = 1) FROM generate_series(1, 5) i;
INSERT INTO uneven SELECT 6000 + i, array_fill(0, ARRAY[24])::vector FROM generate_series(1, 5) i;
INSERT INTO uneven VALUES (7000, array_fill(1e19, ARRAY[24])::vector), (7001, array_fill(-1e19, ARRAY[24])::vector);
-- it may have fewer lists beside such rows
SET client_min_messages = warning;
CREATE INDEX uneven_i ON uneven USING ah (v) WITH (lists = 20);
RESET client_min_messages;
INSERT INTO uneven VALUES (7002, array_fill(2e19, ARRAY[24])::vector), (7003, array_fill(0, ARRAY[24])::vector);
SELECT lost_or_twice('uneven', '<->', 'v'), problems('uneven_i');
DELETE FROM uneven WHERE id % 3 = 0;
VACUUM uneven;
SELECT lost_or_twice('uneven', '<->', 'v'), problems('uneven_i');
DROP TABLE uneven, asked;
DROP FUNCTION of_first;
-- refused
CREATE INDEX ON a USING ah (v) WITH (bits = 8);
CREATE INDEX ON a USING ah (v) WITH (quantizer = flat);
CREATE INDEX ON a USING ah (v) WITH (anisotropic_threshold = 1.5);
CREATE INDEX ON a USING ah (v) WITH (lengths = 3);
CREATE INDEX ON a USING ah (v) WITH (replicas = many);
CREATE INDEX ON a USING ah (v vector_l1_ops);
CREATE INDEX ON a USING pq (v) WITH (replicas = soar);
CREATE INDEX ON a USING ivf (v) WITH (anisotropic_threshold = 0.2);
DROP TABLE a, q, few, half CASCADE;
DROP FUNCTION recall, lost_or_twice, problems, pages_that_differ;
