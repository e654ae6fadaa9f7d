-- Key columns: all that changes an index carries their values and keeps the lists' summaries right, whatever the access method
-- and the code. vectorq_check tells, and scans with conditions, which return what a sequential scan does.
SET client_min_messages = warning;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
CREATE FUNCTION kc_row(dims int, i int) RETURNS vector IMMUTABLE LANGUAGE sql AS 'SELECT array_agg(sin(i * 0.7 + j * j * 1.3))::vector FROM generate_series(1, dims) j';
CREATE TABLE kc (id int PRIMARY KEY, v vector(16), tenant int4, flag bool, small int2, big int8, at timestamptz, score float8, name text, tags text[]);
CREATE FUNCTION kc_add(first int, last int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO kc SELECT i, kc_row(16, i), CASE WHEN i % 10 > 0 THEN i % 50 END, CASE WHEN i % 3 > 0 THEN i % 2 = 0 END, i % 1000, i * 10000000000, '2026-01-01'::timestamptz + i * interval '1 hour',
        CASE WHEN i % 7 > 0 THEN i / 8.0 END, CASE WHEN i % 4 > 0 THEN 'name ' || i % 100 END, CASE WHEN i % 5 > 0 THEN ARRAY['a' || i % 6, 'b' || i % 3] END FROM generate_series(first, last) i $$;
SELECT kc_add(1, 3000);
CREATE INDEX kc_ah ON kc USING ah (v, tenant, flag, small, big, at, score, name, tags) WITH (lists = 20);
CREATE INDEX kc_ivf ON kc USING ivf (v vector_cosine_ops, tenant) WITH (lists = 20);
CREATE INDEX kc_pq ON kc USING pq (v vector_ip_ops, flag, big) WITH (subvectors = 4);
CREATE INDEX kc_soar ON kc USING ah (v vector_l2_ops, name, small) WITH (lists = 20, replicas = soar, reorder = sq8);
CREATE INDEX kc_closure ON kc USING ivf (v vector_ip_ops, at, tenant) WITH (lists = 20, quantizer = sq8, replicas = closure, reorder = f16);
CREATE INDEX kc_part ON kc USING ivf (v vector_l1_ops, small) WITH (lists = 4) WHERE id % 2 = 0;
CREATE INDEX kc_expr ON kc USING ah ((v::halfvec(16)) halfvec_l2_ops, (tenant + small), lower(name)) WITH (lists = 20);
CREATE INDEX CONCURRENTLY kc_late ON kc USING ivf (v vector_cosine_ops, big, score) WITH (lists = 4);
-- An index scan by each index alone, with each condition: the condition is the index's, and the rows are those of a sequential scan.
CREATE TABLE kc_queries (index text, of text, ordering text, conditions text[]);
INSERT INTO kc_queries VALUES
    ('kc_ah', 'kc', 'v <-> kc_row(16, 5)', ARRAY['tenant = 7', 'tenant IS NULL', 'flag', 'small < 40', 'big >= 12000000000000 AND tenant BETWEEN 3 AND 9', 'at > ''2026-04-20''', 'score IS NULL AND NOT flag', 'score < 20', 'score = ''NaN''', 'name = ''name 33''', 'name IS NULL AND small IN (1, 3, 900)', 'tags && ''{a3}''', 'tags @> ''{a1,b1}'' AND flag', 'at < ''2000-01-01''']),
    ('kc_ivf', 'kc', 'v <=> kc_row(16, 5)', ARRAY['tenant = 7', 'tenant IS NULL', 'tenant < 0', 'tenant IS NOT NULL AND tenant > 900']),
    ('kc_pq', 'kc', 'v <#> kc_row(16, 5)', ARRAY['flag', 'flag IS NULL', 'big < 0', 'big BETWEEN 40000000000 AND 9000000000000']),
    ('kc_soar', 'kc', 'v <-> kc_row(16, 5)', ARRAY['name = ''name 33''', 'name IN (''other 3'', ''name 7'', ''new 1'')', 'name IS NULL', 'small >= 990', 'small < 0']),
    ('kc_closure', 'kc', 'v <#> kc_row(16, 5)', ARRAY['at BETWEEN ''2026-02-01'' AND ''2026-02-10''', 'tenant = 12', 'at = ''-infinity''', 'tenant > 1000']),
    ('kc_part', 'kc', 'v <+> kc_row(16, 5)', ARRAY['id % 2 = 0 AND small = 8', 'id % 2 = 0 AND small > 500']),
    ('kc_expr', 'kc', 'v::halfvec(16) <-> kc_row(16, 5)::halfvec(16)', ARRAY['tenant + small = 30', 'tenant + small IS NULL', 'lower(name) = ''name 33''']),
    ('kc_late', 'kc', 'v <=> kc_row(16, 5)', ARRAY['big = 170000000000', 'score > 400', 'score IS NULL']),
    ('kc_wide', 'kc2', 'v <-> array_fill(0.5, ARRAY[2500])::vector(2500)', ARRAY['n = 5', 'n IS NULL', 't = ''t2''', 'n > 10 AND t = ''t3''']),
    ('kc_wide_ah', 'kc2', 'v <#> array_fill(0.5, ARRAY[2500])::vector(2500)', ARRAY['n = 5', 'n IS NULL', 't = ''t2''', 'n > 10 AND t = ''t3''']);
CREATE FUNCTION kc_differences(wanted text) RETURNS TABLE (index text, condition text, problem text) LANGUAGE plpgsql AS $$
DECLARE q kc_queries; c text; line text; plan text; found bigint[]; there bigint[]; query text;
BEGIN
    SET LOCAL vectorq.nprobe = 10000;
    FOR q IN SELECT * FROM kc_queries k WHERE k.of = wanted LOOP
        UPDATE pg_index SET indisvalid = indexrelid = q.index::regclass WHERE indrelid = wanted::regclass AND NOT indisprimary;
        FOREACH c IN ARRAY q.conditions LOOP
            query := format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM %I WHERE %s ORDER BY %s LIMIT 1000000) s', wanted, c, q.ordering);
            plan := '';
            FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP plan := plan || line; END LOOP;
            IF plan !~ ('Index Scan using ' || q.index || ' .*Index Cond') OR plan ~ 'Filter' THEN RETURN QUERY SELECT q.index, c, plan; END IF;
            EXECUTE query INTO found;
            SET LOCAL enable_indexscan = off;
            SET LOCAL enable_seqscan = on;
            SET LOCAL enable_sort = on;
            EXECUTE query INTO there;
            SET LOCAL enable_indexscan = on;
            SET LOCAL enable_seqscan = off;
            SET LOCAL enable_sort = off;
            IF found IS DISTINCT FROM there THEN RETURN QUERY SELECT q.index, c, format('%s rows instead of %s', cardinality(found), cardinality(there)); END IF;
        END LOOP;
    END LOOP;
    UPDATE pg_index SET indisvalid = true WHERE indrelid = wanted::regclass;
END $$;
CREATE VIEW kc_problems AS SELECT c.relname AS index, problem.* FROM pg_class c, LATERAL vectorq_check(c.oid) problem WHERE c.relname LIKE 'kc\_%' AND c.relkind = 'i' AND c.relam <> 403 AND c.relpersistence <> 'u' ORDER BY 1;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
SELECT value FROM vectorq_index_details('kc_ah') WHERE name = 'key_columns';
SELECT value FROM vectorq_index_details('kc_expr') WHERE name = 'key_columns';
-- inserts, of values beyond those that there were, too
SELECT kc_add(3001, 3400);
INSERT INTO kc SELECT 10000 + i, kc_row(16, i), -i, NULL, -i, -i, '-infinity', 'NaN', 'other ' || i, ARRAY['other' || i] FROM generate_series(1, 40) i;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
UPDATE kc SET tenant = tenant + 1000, name = NULL, flag = NOT flag WHERE id % 9 = 0;
UPDATE kc SET v = kc_row(16, id + 5), score = NULL, tags = NULL WHERE id % 11 = 0;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
DELETE FROM kc WHERE id > 10000 OR id % 13 = 0;
VACUUM (INDEX_CLEANUP on) kc;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
SELECT kc_add(3401, 3600);
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
-- lists that are replaced: many rows where there were few
INSERT INTO kc SELECT 20000 + i, kc_row(16, 7) + kc_row(16, i) * array_fill(0.01, ARRAY[16])::vector, i % 5, true, i % 100, i, '2030-01-01', i, 'new ' || i % 3, ARRAY['n' || i % 3] FROM generate_series(1, 3000) i;
DELETE FROM kc WHERE id < 400;
VACUUM (INDEX_CLEANUP on) kc;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
SELECT generation > 0 AS replaced FROM vectorq_index_details('kc_ah') d, LATERAL (SELECT d.value::int AS generation) g WHERE d.name = 'generation';
-- trained anew
SELECT relname, vectorq_renew(oid) AS renewed FROM pg_class WHERE relname LIKE 'kc\_%' AND relkind = 'i' AND relam <> 403 ORDER BY 1;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
SELECT kc_add(5001, 5100);
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
-- copied to the front of the file
CREATE TABLE kc_before AS SELECT relname, pg_relation_size(oid) AS bytes FROM pg_class WHERE relname IN ('kc_ah', 'kc_closure', 'kc_soar');
DELETE FROM kc WHERE id > 20000 OR id % 8 <> 0;
VACUUM (INDEX_CLEANUP on) kc;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
SELECT relname, pg_relation_size(relname::regclass) < bytes AS shorter FROM kc_before ORDER BY 1;
REINDEX INDEX kc_ah;
REINDEX INDEX CONCURRENTLY kc_soar;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc');
-- an index without rows, and one of few, which is searched exactly; rows come to both, until a vacuum trains them
CREATE TABLE kc2 (id int, v vector(2500), n int4, t text);
ALTER TABLE kc2 ALTER v SET STORAGE EXTERNAL;
CREATE INDEX kc_wide ON kc2 USING ivf (v, n, t) WITH (lists = 3);
CREATE INDEX kc_wide_ah ON kc2 USING ah (v vector_ip_ops, t, n) WITH (lists = 3, reorder = f32);
INSERT INTO kc2 SELECT i, array_fill(sin(i), ARRAY[2500])::vector, i % 7, 't' || i % 5 FROM generate_series(1, 60) i;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc2');
INSERT INTO kc2 SELECT i, array_fill(sin(i), ARRAY[2500])::vector, nullif(i % 17, 3), 't' || i % 5 FROM generate_series(61, 400) i;
DELETE FROM kc2 WHERE id % 4 = 0;
VACUUM (INDEX_CLEANUP on) kc2;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc2');
INSERT INTO kc2 SELECT i, array_fill(cos(i), ARRAY[2500])::vector, i, NULL FROM generate_series(401, 430) i;
DELETE FROM kc2 WHERE id % 3 = 0;
VACUUM (INDEX_CLEANUP on) kc2;
SELECT * FROM kc_problems;
SELECT * FROM kc_differences('kc2');
-- unlogged: the index of the init fork has the columns, too
CREATE UNLOGGED TABLE kc3 AS SELECT * FROM kc;
CREATE INDEX kc3_v ON kc3 USING ah (v, tenant, name);
INSERT INTO kc3 SELECT * FROM kc;
SELECT * FROM vectorq_check('kc3_v');
-- as many columns as there may be, and more than a page takes
CREATE TABLE kc4 (v vector(8));
DO $$ BEGIN FOR c IN 1 .. 31 LOOP EXECUTE format('ALTER TABLE kc4 ADD c%s int8 DEFAULT %s', c, c); END LOOP; END $$;
INSERT INTO kc4 SELECT kc_row(8, i) FROM generate_series(1, 300) i;
SELECT 'CREATE INDEX kc_most ON kc4 USING ivf (v, ' || string_agg('c' || c, ', ') || ')' FROM generate_series(1, 31) c \gexec
SELECT 'CREATE INDEX kc_more ON kc4 USING ah (v, ' || string_agg('c' || c, ', ') || ')' FROM generate_series(1, 31) c \gexec
SELECT 'CREATE INDEX kc_less ON kc4 USING ah (v, ' || string_agg('c' || c, ', ') || ')' FROM generate_series(1, 29) c \gexec
INSERT INTO kc4 SELECT kc_row(8, i) FROM generate_series(301, 400) i;
SELECT * FROM kc_problems;
SELECT count(*) AS rows FROM (SELECT 1 FROM kc4 WHERE c1 = 1 AND c31 > 30 ORDER BY v <-> kc_row(8, 3) LIMIT 1000) s;
DROP TABLE kc_before, kc, kc2, kc3, kc4, kc_queries CASCADE;
DROP FUNCTION kc_add, kc_row, kc_differences;
