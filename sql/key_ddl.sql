-- Key columns and what becomes of their types, columns and indexes: new and renamed labels of an enum, other column types, REINDEX,
-- the text of the index; long values, composites, domains, columns that go.
SET client_min_messages = warning;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
CREATE TYPE kd_mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE kd_point AS (x int, y numeric);
CREATE DOMAIN kd_code AS text CHECK (VALUE <> '');
CREATE DOMAIN kd_codes AS kd_code[];
CREATE TABLE kd (id int PRIMARY KEY, v vector(4), mood kd_mood, n int4, name varchar(30), code kd_code, codes kd_codes, points kd_point[], note text, amounts numeric[], gone int);
CREATE FUNCTION kd_add(first int, last int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO kd SELECT i, ARRAY[sin(i), cos(i * 0.7), sin(i * 1.3), i % 5]::vector, (ARRAY['sad', 'ok', 'happy', NULL])[1 + i % 4]::kd_mood, i % 20 - 3, 'name' || i % 10, 'code' || i % 6,
        CASE WHEN i % 3 > 0 THEN ARRAY['code' || i % 6, 'code' || i % 4] END, CASE WHEN i % 4 > 0 THEN ARRAY[ROW(i % 3, i % 2)::kd_point, NULL] END,
        CASE WHEN i % 10 = 0 THEN repeat('long text ' || i % 3, 3000) ELSE 'note' || i % 7 END, ARRAY[i % 4, 1.0, NULL], i FROM generate_series(first, last) i $$;
SELECT kd_add(1, 1000);
CREATE INDEX kd_v ON kd USING ah (v, mood, n, name, code, codes, points, note, amounts) WITH (lists = 10);
ANALYZE kd;
-- conditions whose rows differ between an index scan and a sequential scan, or that the index does not know
CREATE FUNCTION kd_differences(VARIADIC conditions text[]) RETURNS TABLE (condition text, problem text) LANGUAGE plpgsql AS $$
DECLARE c text; line text; said text; found int[]; there int[];
BEGIN
    FOREACH c IN ARRAY conditions LOOP
        said := '';
        FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM kd WHERE %s ORDER BY v <-> ''[1,0,1,2]'' LIMIT 100000', c) LOOP said := said || line || E'\n'; END LOOP;
        IF said !~ 'Index Cond' OR said ~ 'Filter' THEN RETURN QUERY SELECT c, said; END IF;
        EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM kd WHERE %s ORDER BY v <-> ''[1,0,1,2]'' LIMIT 100000) s', c) INTO found;
        EXECUTE format('SELECT array_agg(id ORDER BY id) FROM kd WHERE %s', c) INTO there;
        IF found IS DISTINCT FROM there THEN RETURN QUERY SELECT c, format('%s rows instead of %s', cardinality(found), cardinality(there)); END IF;
        IF there IS NULL THEN RETURN QUERY SELECT c, 'has no rows'; END IF;
    END LOOP;
END $$;
CREATE FUNCTION kd_all() RETURNS TABLE (condition text, problem text) LANGUAGE sql AS $$
    SELECT * FROM kd_differences('mood = ''ok''', 'mood >= ''ok''', 'mood < ''happy''', 'mood IN (''sad'', ''happy'')', 'mood IS NULL', 'n < 5', 'n = 7', 'name = ''name3''', 'name IN (''name3'', ''name4'')', 'code = ''code2''',
        'codes @> ''{code2}''', 'codes && ''{code1,code3}''', 'points @> ARRAY[ROW(1, 1.00)::kd_point]', 'points && ARRAY[ROW(2, 0)::kd_point]', 'note = repeat(''long text 1'', 3000)', 'note IN (''note3'', repeat(''long text 2'', 3000))',
        'amounts @> ''{1}''', 'amounts && ''{3.000}''', 'n BETWEEN -1 AND 3 AND mood = ''ok'' AND code = ''code3'' AND codes IS NULL')
    UNION ALL SELECT 'vectorq_check', problem FROM vectorq_check('kd_v') $$;
SELECT * FROM kd_all();
-- labels: renamed, added before others, compared in a plan that is older than they are
PREPARE kd_p(kd_mood) AS SELECT count(*) FROM (SELECT id FROM kd WHERE mood < $1 ORDER BY v <-> '[1,0,1,2]' LIMIT 100000) s;
SET plan_cache_mode = force_generic_plan;
EXECUTE kd_p('ok');
ALTER TYPE kd_mood RENAME VALUE 'sad' TO 'blue';
ALTER TYPE kd_mood ADD VALUE 'sad' BEFORE 'blue';
ALTER TYPE kd_mood ADD VALUE 'glad' AFTER 'ok';
EXECUTE kd_p('ok');
EXECUTE kd_p('sad');
EXECUTE kd_p('blue');
INSERT INTO kd (id, v, mood) SELECT 2000 + i, '[1,1,1,1]', CASE WHEN i % 2 = 0 THEN 'sad' ELSE 'glad' END::kd_mood FROM generate_series(1, 10) i;
EXECUTE kd_p('ok');
EXECUTE kd_p('blue');
RESET plan_cache_mode;
SELECT * FROM kd_all();
SELECT * FROM kd_differences('mood < ''blue''', 'mood > ''ok''', 'mood = ''glad''', 'mood <= ''glad''', 'mood BETWEEN ''ok'' AND ''glad''');
ALTER TYPE kd_mood RENAME TO kd_feeling;
SELECT * FROM kd_all();
ALTER TYPE kd_feeling RENAME TO kd_mood;
-- a label that was added in the same transaction
BEGIN;
ALTER TYPE kd_mood ADD VALUE 'new' BEFORE 'happy';
SELECT count(*) FROM (SELECT id FROM kd WHERE mood >= 'happy' ORDER BY v <-> '[1,0,1,2]' LIMIT 100000) s;
SELECT count(*) FROM (SELECT id FROM kd WHERE mood > 'new' ORDER BY v <-> '[1,0,1,2]' LIMIT 100000) s;
ROLLBACK;
-- column types: the table is written anew, or only the type is another
ALTER TABLE kd ALTER n TYPE int8;
INSERT INTO kd (id, v, n) VALUES (3000, '[1,1,1,1]', 5000000000);
SELECT * FROM kd_all();
SELECT * FROM kd_differences('n > 3000000000', 'n = 5000000000');
ALTER TABLE kd ALTER name TYPE text, ALTER n TYPE numeric;
SELECT * FROM kd_differences('n = 5000000000.0', 'name = ''name3''');
DELETE FROM kd WHERE id = 3000;
ALTER TABLE kd ALTER n TYPE int2 USING n::int2, ALTER code TYPE varchar(20), ALTER codes TYPE text[], ALTER name TYPE varchar(40);
SELECT * FROM kd_all();
ALTER TABLE kd ALTER name TYPE text COLLATE "C";
SELECT * FROM kd_all();
-- a type without an operator class
ALTER TABLE kd ALTER name TYPE point USING point(id, 1);
-- the index as its text says, as REINDEX makes it, and made CONCURRENTLY
REINDEX INDEX kd_v;
SELECT * FROM kd_all();
REINDEX INDEX CONCURRENTLY kd_v;
SELECT * FROM kd_all();
SELECT pg_get_indexdef('kd_v'::regclass) AS def \gset
SELECT replace(:'def', 'public.', '') AS def;
DROP INDEX kd_v;
:def;
SELECT replace(pg_get_indexdef('kd_v'::regclass), 'public.', '') = replace(:'def', 'public.', '') AS the_same;
SELECT * FROM kd_all();
DROP INDEX kd_v;
CREATE INDEX CONCURRENTLY kd_v ON kd USING ivf (v vector_l2_ops, amounts, note, points, codes, code, name, n, mood) WITH (lists = 10);
SELECT kd_add(1001, 1300);
SELECT * FROM kd_all();
CREATE TABLE kd_like (LIKE kd INCLUDING INDEXES);
SELECT replace(pg_get_indexdef(indexrelid), 'public.', '') FROM pg_index WHERE indrelid = 'kd_like'::regclass AND NOT indisprimary;
DROP TABLE kd_like;
CLUSTER kd USING kd_pkey;
VACUUM FULL kd;
SELECT * FROM kd_all();
TRUNCATE kd;
SELECT kd_add(1, 1000);
SELECT * FROM kd_all();
-- a column that goes takes the index with it; another one does not, and the columns behind it keep their values
ALTER TABLE kd DROP gone;
ALTER TABLE kd RENAME note TO remark;
SELECT * FROM kd_differences('remark = ''note3''', 'points && ARRAY[ROW(2, 0)::kd_point]');
ALTER TABLE kd DROP remark;
SELECT count(*) FROM pg_class WHERE relname = 'kd_v';
ALTER TYPE kd_point ADD ATTRIBUTE p point;
-- rows that have no hash, and other oddities
CREATE INDEX kd_v ON kd USING ah (v, points);
CREATE INDEX kd_v ON kd USING ah (v, (ROW(id, n)));
CREATE INDEX kd_v ON kd USING ah (v, (ARRAY[point(id, 1)]));
CREATE INDEX kd_v ON kd USING ah (v, (v <-> '[0,0,0,0]'));
DROP INDEX kd_v;
CREATE INDEX kd_v ON kd USING ah (v, v);
CREATE INDEX kd_v ON kd USING ah (v, n DESC);
CREATE INDEX kd_v ON kd USING ah (v, n NULLS FIRST);
CREATE INDEX kd_v ON kd USING ah (v) INCLUDE (n);
CREATE UNIQUE INDEX kd_v ON kd USING ah (v, n);
CREATE INDEX kd_v ON kd USING ah (v, n int8_ops);
CREATE INDEX kd_v ON kd USING ah (v, n) WITH (n = 3);
ALTER TABLE kd ADD EXCLUDE USING ah (v WITH =, n WITH =);
-- the same column twice, and what a partial index implies
CREATE INDEX kd_v ON kd USING ah (v, n, n, mood) WHERE mood = 'ok';
SELECT * FROM kd_differences('mood = ''ok'' AND n = 2', 'mood = ''ok'' AND n > 3 AND n < 9');
EXPLAIN (COSTS OFF) SELECT id FROM kd WHERE mood = 'ok' AND n = 3 ORDER BY v <-> '[1,0,1,2]' LIMIT 5;
-- without an order the index has nothing to give; a join by a key column does not want it
EXPLAIN (COSTS OFF) SELECT id FROM kd WHERE n = 3 AND mood = 'ok';
EXPLAIN (COSTS OFF) SELECT a.id FROM kd a JOIN kd b ON a.n = b.n AND a.mood = 'ok' WHERE b.id = 4;
DROP TABLE kd;
DROP FUNCTION kd_add, kd_differences, kd_all;
DROP DOMAIN kd_codes, kd_code;
DROP TYPE kd_mood, kd_point;
