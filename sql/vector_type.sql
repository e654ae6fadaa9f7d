-- Text form, declared length and limits of vector. SQLSTATEs are checked one per kind of error.
SELECT '[1,2,3]'::vector, ' [ 1.5 ,	-2 , 3e2 ] '::vector, '[+1,.5,5.,0x1p-1,-0]'::vector;
SELECT '[1.23456789,0.1,1e-7,16777217,1e20]'::vector;
SELECT '[3.4028235e38,-3.4028235e38,1.17549435e-38,1e-45,1e-60,-1e-60]'::vector;
SELECT '[00001.50,1e+2,1E-2]'::vector;
-- syntax
SELECT ''::vector;
SELECT ' '::vector;
SELECT '['::vector;
SELECT '[ '::vector;
SELECT '[1'::vector;
SELECT '[1,'::vector;
SELECT '[1,]'::vector;
SELECT '[,1]'::vector;
SELECT '[1,,2]'::vector;
SELECT '[1 2]'::vector;
SELECT '[1e]'::vector;
SELECT '[1e+]'::vector;
SELECT '[0x]'::vector;
SELECT '[a]'::vector;
SELECT '[1a]'::vector;
SELECT '[- 1]'::vector;
SELECT '1,2,3'::vector;
SELECT '{1,2,3}'::vector;
SELECT '(1,2,3)'::vector;
SELECT '[1,2,3] x'::vector;
SELECT '[1,2,3]]'::vector;
SELECT '[[1,2,3]]'::vector;
SELECT '[]'::vector;
SELECT '[ ]'::vector;
-- values that are numbers but not allowed
SELECT '[NaN]'::vector;
SELECT '[nan(123),1]'::vector;
SELECT '[Infinity]'::vector;
SELECT '[1,-inf]'::vector;
SELECT '[4e38]'::vector;
SELECT '[1,-1e400 ]'::vector;
SELECT '[0x1p999]'::vector;
\set VERBOSITY sqlstate
SELECT '[1,'::vector;
SELECT '[]'::vector;
SELECT '[NaN]'::vector;
SELECT '[4e38]'::vector;
\set VERBOSITY default
-- declared length
SELECT '[1,2,3]'::vector(3);
SELECT '[1,2,3]'::vector(2);
SELECT '[1,2,3]'::vector::vector(4);
SELECT '[1,2,3]'::vector(3, 2);
SELECT '[1,2,3]'::vector('a');
SELECT '[1,2,3]'::vector(0);
SELECT '[1,2,3]'::vector(-1);
SELECT '[1,2,3]'::vector(16001);
SELECT '[1,2,3]'::vector(2147483648);
CREATE TABLE vt (id int, v vector(3), w vector(16000));
\d vt
INSERT INTO vt VALUES (1, '[1,2,3]');
INSERT INTO vt VALUES (2, '[1,2]');
INSERT INTO vt VALUES (2, '[1,2]'::vector);
INSERT INTO vt VALUES (2, ARRAY[1,2]);
INSERT INTO vt VALUES (3, ARRAY[1,2,3]);
INSERT INTO vt VALUES (4, NULL);
SELECT * FROM vt ORDER BY id;
ALTER TABLE vt ALTER v TYPE vector(2);
ALTER TABLE vt ALTER v TYPE vector;
DROP TABLE vt;
-- limits
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::vector);
SELECT ('[' || repeat('1,', 16000) || '1]')::vector;
\set VERBOSITY sqlstate
SELECT ('[' || repeat('1,', 16000) || '1]')::vector;
SELECT ('[' || repeat(',', 100000) || ']')::vector;
SELECT '[1,2,3]'::vector(2);
SELECT '[1,2,3]'::vector(0);
\set VERBOSITY default
-- large values go through TOAST, small ones have a short header
CREATE TABLE vt (id int, v vector);
INSERT INTO vt SELECT d, array_agg(i ORDER BY i)::real[] FROM generate_series(1, 16000) i, unnest(ARRAY[1, 2, 29, 30, 31, 500, 2000, 4000, 16000]) d
    WHERE i <= d GROUP BY d;
SELECT id, vector_dims(v), (v::real[])[id], v <+> v AS zero, pg_column_size(v) FROM vt ORDER BY id;
SELECT count(*) AS rows FROM vt WHERE v::text::vector = v;
DROP TABLE vt;
SELECT array_agg(v ORDER BY v) FROM (VALUES ('[2,1]'::vector), ('[1]')) t(v);
SELECT '{"[1,2]","[3]"}'::vector[];
SELECT '{"[1,2]","[3]"}'::vector(2)[];
SELECT pg_input.typname, typlen, typbyval, typalign, typstorage FROM pg_type pg_input WHERE typname IN ('vector', 'halfvec') ORDER BY 1;
