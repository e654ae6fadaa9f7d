-- Conditions on key columns: for every type, operator and constant an index scan returns the rows of a sequential scan,
-- and no condition is left to a filter.
SET client_min_messages = warning;
CREATE TYPE kt_mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE kt_mood ADD VALUE 'glum' BEFORE 'ok';
CREATE DOMAIN kt_small AS int4 CHECK (VALUE < 2000000);
CREATE DOMAIN kt_words AS text[];
CREATE TABLE kt (id int, v vector(2), b bool, i2 int2, i4 int4, i8 int8, o oid, e kt_mood, f4 float4, f8 float8, d date, ts timestamp, tz timestamptz, ti time,
    t text, vc varchar(20), c char(6), u uuid, n numeric, y bytea, ip inet, a4 int4[], a8 int8[], at text[], ds kt_small, dw kt_words);
SET timezone = 'Europe/Berlin';
SELECT setseed(0.21);
-- a null each column now and then; values that meet each other, and the ends of each type
CREATE FUNCTION kt_pick(text[]) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT $1[1 + floor(random() * cardinality($1))::int]';
INSERT INTO kt SELECT i, ARRAY[i, random()]::vector, kt_pick('{t,f,NULL}')::bool, kt_pick('{-32768,-1,0,1,5,32767,NULL}')::int2, kt_pick('{-2147483648,-1,0,1,5,6,7,40000,2147483647,NULL}')::int4,
    kt_pick('{-9223372036854775808,-2147483649,-1,0,1,5,2147483648,9223372036854775807,NULL}')::int8, kt_pick('{0,1,5,2147483648,4294967295,NULL}')::oid, kt_pick('{sad,ok,happy,glum,NULL}')::kt_mood,
    kt_pick('{-Infinity,-3.4e38,-1,-1e-45,-0,0,1e-45,0.1,1,1.5,3.4e38,Infinity,NaN,NULL}')::float4,
    kt_pick('{-Infinity,-1.7e308,-1,-5e-324,-0,0,5e-324,0.1,0.10000000149011612,1,1.5,1.7e308,Infinity,NaN,NULL}')::float8,
    kt_pick('{-infinity,4713-01-01 BC,1999-12-31,2000-01-01,2024-03-31,2024-10-27,2024-10-28,5874897-12-31,infinity,NULL}')::date,
    kt_pick('{-infinity,4713-01-01 BC,1999-12-31 23:59:59.999999,2000-01-01,2024-03-31,2024-03-31 02:30,2024-10-27 02:30,2024-10-27 03:00,294276-12-31,infinity,NULL}')::timestamp,
    kt_pick('{-infinity,4713-01-01 BC,1999-12-31 23:59:59.999999,2000-01-01,2024-03-31,2024-03-31 03:00,2024-10-27 02:30,2024-10-27 00:30+00,2024-10-27 03:00,294276-12-31,infinity,NULL}')::timestamptz,
    kt_pick('{00:00,12:00,23:59:59.999999,24:00,NULL}')::time, kt_pick('{"",a,A,b,ab,long,NULL}'), kt_pick('{"",a,A,"b ",b,NULL}')::varchar(20), kt_pick('{"",a,A,"a ",NULL}')::char(6),
    ('00000000-0000-0000-0000-00000000000' || kt_pick('{0,1,2,NULL}'))::uuid, kt_pick('{0,0.0,1,1.0,1.50,-1,NaN,Infinity,1e30,NULL}')::numeric, kt_pick('{"\\x","\\x00","\\x0001",NULL}')::bytea, kt_pick('{10.0.0.1,10.0.0.0/8,::1,NULL}')::inet,
    CASE WHEN i % 9 > 0 THEN ARRAY(SELECT kt_pick('{1,2,3,4,5,NULL}')::int4 FROM generate_series(1, i % 4)) END, CASE WHEN i % 9 > 0 THEN ARRAY(SELECT kt_pick('{1,2,3,4,5,NULL}')::int8 FROM generate_series(1, i % 4)) END,
    CASE WHEN i % 9 > 0 THEN ARRAY(SELECT kt_pick('{a,b,c,d,NULL}') FROM generate_series(1, i % 4)) END,
    kt_pick('{1,2,5,NULL}')::int, CASE WHEN i % 9 > 0 THEN ARRAY(SELECT kt_pick('{a,b,c,d,NULL}') FROM generate_series(1, i % 4)) END
    FROM generate_series(1, 600) i;
UPDATE kt SET t = (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) g) WHERE t = 'long';
ANALYZE kt;
-- conditions: each operator of a column with each constant, and with each two of them in a list
CREATE TABLE kt_constants (columns text, operators text, constants text[]);
INSERT INTO kt_constants VALUES
    ('b', '< <= = >= >', '{true,false,NULL::bool}'),
    ('i2 i4 i8 ds', '< <= = >= >', '{1::int2,5::int4,5::int8,(-1)::int8,32767::int2,(-32768)::int2,32768::int4,2147483647::int4,(-2147483648)::int4,2147483648::int8,9223372036854775807::int8,(-9223372036854775808)::int8,NULL::int4}'),
    ('o', '< <= = >= >', '{0::oid,5::oid,2147483648::oid,4294967295::oid}'),
    ('e', '< <= = >= >', '{"''sad''::kt_mood","''glum''::kt_mood","''ok''::kt_mood","''happy''::kt_mood",NULL::kt_mood}'),
    ('f4 f8', '< <= = >= >', '{"''-Infinity''::float8","''-1e300''::float8","''-0''::float4","0::float8","1e-45::float4","5e-324::float8","1e-46::float8",0.1::float4,0.1::float8,1.5::float4,1.5::float8,"1e300::float8","3.4028235677973366e38::float8","''Infinity''::float4","''NaN''::float4","''NaN''::float8"}'),
    ('d ts tz', '< <= = >= >', '{"''-infinity''::date","''-infinity''::timestamp","''-infinity''::timestamptz","''infinity''::date","''infinity''::timestamp","''infinity''::timestamptz","''2000-01-01''::date","''2000-01-01''::timestamp","''2000-01-01''::timestamptz","''1999-12-31 23:59:59.999999''::timestamp","''2024-10-27 02:30''::timestamp","''2024-10-27 02:30''::timestamptz","''2024-03-31 02:30''::timestamp","''2024-10-27 00:30+00''::timestamptz","''5874897-12-31''::date","''4713-01-01 BC''::date","''4713-01-01 BC''::timestamp","''294276-12-31''::timestamptz"}'),
    ('ti', '< <= = >= >', '{"''00:00''::time","''12:00''::time","''24:00''::time"}'),
    ('t vc', '=', '{"''''::text","''a''::text","''A''::varchar","''b ''::text","(SELECT string_agg(md5(g::text), '''') FROM generate_series(1, 400) g)",NULL::text}'),
    ('c', '=', '{"''a''::bpchar","''a  ''::bpchar","''''::bpchar"}'),
    ('u', '=', '{"''00000000-0000-0000-0000-000000000001''::uuid","''10000000-0000-0000-0000-000000000000''::uuid"}'),
    ('n', '=', '{0,1.0,1.5,''NaN''::numeric,''Infinity''::numeric,1e30}'), ('y', '=', '{"''\\x''::bytea","''\\x00''::bytea","''\\x02''::bytea"}'),
    ('ip', '=', '{"''10.0.0.1''::inet","''10.0.0.0/8''::inet","''::1''::inet","''10.0.0.0/8''::cidr"}'),
    ('a4', '&& @>', '{"''{1}''::int4[]","''{1,2}''::int4[]","''{}''::int4[]","''{NULL}''::int4[]","''{1,NULL}''::int4[]","''{99}''::int4[]",NULL::int4[]}'),
    ('a8', '&& @>', '{"''{1}''::int8[]","''{1,2}''::int8[]","''{}''::int8[]","''{NULL}''::int8[]","''{1,NULL}''::int8[]"}'),
    ('at dw', '&& @>', '{"''{a}''::text[]","''{a,b}''::text[]","''{}''::text[]","''{z}''::text[]","''{a,NULL}''::text[]"}');
CREATE VIEW kt_conditions AS
    SELECT c AS name, c || ' ' || o || ' ' || k AS condition FROM kt_constants, regexp_split_to_table(columns, ' ') c, regexp_split_to_table(operators, ' ') o, unnest(constants) k
    UNION ALL SELECT c, format('%s %s ANY (ARRAY[%s, %s, NULL])', c, o, k, l) FROM kt_constants, regexp_split_to_table(columns, ' ') c, regexp_split_to_table(operators, ' ') o, unnest(constants) k, unnest(constants) l
        WHERE o !~ '[&@]' AND k < l AND regexp_replace(k, '.*::', '') = regexp_replace(l, '.*::', '')
    UNION ALL SELECT c, format('%s BETWEEN %s AND %s', c, k, l) FROM kt_constants, regexp_split_to_table(columns, ' ') c, unnest(constants) k, unnest(constants) l WHERE operators ~ '<' AND k <> l
    UNION ALL SELECT c, c || n FROM kt_constants, regexp_split_to_table(columns, ' ') c, unnest(ARRAY[' IS NULL', ' IS NOT NULL']) n
    UNION ALL SELECT 'i4', format('i4 = ANY (%L::int4[])', k) FROM unnest(ARRAY['{}', '{NULL}', '{5,5,5}', '{0,1}', '{-1,0,1,2,3,4,5}']) k
    UNION ALL SELECT c, format('%s = ANY (ARRAY(SELECT g * %s FROM generate_series(-60, 60) g))', c, s) FROM unnest(ARRAY['i2', 'i4', 'i8']) c, unnest(ARRAY['1', '5', '40000', '2147483648']) s
    UNION ALL SELECT 'i8', format('i8 %s ANY (%L::int8[])', o, '{}') FROM unnest(ARRAY['<', '=', '>']) o
    UNION ALL SELECT 'b', x FROM unnest(ARRAY['b', 'NOT b', 'b IS TRUE', 'b IS FALSE', 'b = false']) x
    UNION ALL SELECT 'i4 d', 'i4 > 0 AND d >= ''2000-01-01'' AND b IS NOT NULL AND t = ''a''' UNION ALL SELECT 'i4', 'i4 > 5 AND i4 < 5' UNION ALL SELECT 'i4 t', 'i4 IS NULL AND t IN (''a'', ''b'')';
CREATE FUNCTION kt_rows(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    EXECUTE format('SELECT string_agg(id::text, '' '' ORDER BY id) FROM (SELECT id FROM kt WHERE %s ORDER BY v <-> ''[0,0]'') x', condition) INTO said;
    RETURN said;
END $$;
-- the same of the table
CREATE FUNCTION kt_truth(condition text) RETURNS text LANGUAGE plpgsql SET enable_indexscan = off SET enable_seqscan = on AS $$ BEGIN RETURN kt_rows(condition); END $$;
CREATE FUNCTION kt_plan(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; said text = '';
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM kt WHERE %s ORDER BY v <-> ''[0,0]''', condition) LOOP said = said || line || E'\n'; END LOOP;
    RETURN said;
END $$;
CREATE TABLE kt_want AS SELECT DISTINCT name, condition FROM kt_conditions;
ALTER TABLE kt_want ADD rows text;
UPDATE kt_want SET rows = kt_truth(condition);
-- how many there are, and how many have rows
SELECT count(*) > 2000 AS many, count(*) FILTER (WHERE rows IS NOT NULL) > 1000 AS many_with_rows FROM kt_want;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
CREATE FUNCTION kt_compare() RETURNS TABLE (condition text, wrong text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT w.condition, 'rows' FROM kt_want w WHERE kt_rows(w.condition) IS DISTINCT FROM w.rows;
    -- what is known to be false has no condition, and an empty list costs nothing as a filter
    RETURN QUERY SELECT w.condition, kt_plan(w.condition) FROM kt_want w WHERE w.condition !~ 'ANY ..{}' AND (kt_plan(w.condition) !~ 'Index Cond|One-Time Filter: false' OR kt_plan(w.condition) ~ '\n +Filter');
END $$;
-- an index of all columns; one untrained list, lists, a product code, the other access methods
CREATE INDEX kt_i ON kt USING ivf (v vector_l2_ops, b, i2, i4, i8, o, e, f4, f8, d, ts, tz, ti, t, vc, c, u, n, y, ip, a4, a8, at, ds, dw) WITH (lists = 8);
SELECT * FROM kt_compare();
DROP INDEX kt_i;
CREATE INDEX kt_i ON kt USING ah (v vector_l2_ops, dw, ds, at, a8, a4, ip, y, n, u, c, vc, t, ti, tz, ts, d, f8, f4, e, o, i8, i4, i2, b);
SELECT * FROM kt_compare();
-- another time zone than that of the build
SET timezone = 'Pacific/Apia';
UPDATE kt_want SET rows = kt_truth(condition) WHERE name IN ('d', 'ts', 'tz');
SELECT * FROM kt_compare() WHERE condition ~ '^(d|ts|tz) ';
RESET timezone;
-- rows that come later
DROP INDEX kt_i;
CREATE TABLE kt_rest AS SELECT * FROM kt WHERE id % 3 = 0;
DELETE FROM kt WHERE id % 3 = 0;
VACUUM kt;
CREATE INDEX kt_i ON kt USING pq (v vector_l2_ops, b, i2, i4, i8, o, e, f4, f8, d, ts, tz, ti, t, vc, c, u, n, y, ip, a4, a8, at, ds, dw);
SET timezone = 'Europe/Berlin';
INSERT INTO kt SELECT * FROM kt_rest;
UPDATE kt_want SET rows = kt_truth(condition);
SELECT * FROM kt_compare();
-- constants that are known when the scan starts
PREPARE kt_p(int8, text[]) AS SELECT count(*), min(id) FROM (SELECT id FROM kt WHERE i4 <= $1 AND at && $2 ORDER BY v <-> '[0,0]') x;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE kt_p(5, '{a}');
EXECUTE kt_p(5, '{a}');
EXECUTE kt_p(NULL, '{a}');
SELECT x.i, (SELECT id FROM kt WHERE i8 = x.i ORDER BY v <-> '[0,0]' LIMIT 1) AS first, (SELECT min(id) FROM kt WHERE i8 = x.i) AS least FROM (VALUES (5::int8), (NULL), (-1), (77)) x (i);
RESET plan_cache_mode;
-- what is no index
CREATE TABLE kt_e (v vector(2), w vector(2), i int, p point, pa point[], bo box);
CREATE INDEX ON kt_e USING ah (i, v);
CREATE INDEX ON kt_e USING ah (i);
CREATE INDEX ON kt_e USING ivf (v vector_l2_ops, w vector_l2_ops);
CREATE INDEX ON kt_e USING pq (v, p);
CREATE INDEX ON kt_e USING ah (v, pa);
CREATE INDEX ON kt_e USING ah (v, i int8_ops);
DO $$ BEGIN EXECUTE 'CREATE INDEX ON kt_e USING ah (v' || repeat(', i', 32) || ')'; END $$;
DO $$ BEGIN EXECUTE 'CREATE INDEX kt_most ON kt_e USING ah (v' || repeat(', i', 31) || ')'; END $$;
DROP TABLE kt, kt_e, kt_rest, kt_constants CASCADE;
DROP TABLE kt_want;
DROP FUNCTION kt_rows, kt_truth, kt_plan, kt_compare, kt_pick;
DROP DOMAIN kt_small, kt_words;
DROP TYPE kt_mood;
