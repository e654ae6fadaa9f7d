-- Casts: from arrays, to real[], between the two types; contexts.
SELECT ARRAY[1,-2,3]::vector, ARRAY[1.5,2.25]::vector, ARRAY[1.5,2.25]::real[]::vector, ARRAY[1.5,2.25]::float8[]::vector, ARRAY['1e1','0.5']::numeric[]::vector;
SELECT ARRAY[1,2,3]::vector(3), '{1,2,3}'::real[]::vector(3);
SELECT ARRAY[1,2,3]::vector(2);
SELECT '{}'::real[]::vector;
SELECT '{NULL}'::real[]::vector;
SELECT '{1,NULL}'::numeric[]::vector;
SELECT '{{1,2},{3,4}}'::int[]::vector;
SELECT '{NaN}'::real[]::vector;
SELECT '{NaN}'::numeric[]::vector;
SELECT '{Infinity}'::float8[]::vector;
SELECT '{1e300}'::float8[]::vector;
SELECT '{1e300}'::numeric[]::vector;
SELECT '{1e-300,1e-50}'::float8[]::vector;
SELECT '{2147483647}'::int[]::vector;
SELECT '[2:4]={7,8,9}'::int[]::vector;
SELECT (ARRAY[1,2,NULL,4])[1:2]::vector;
SELECT vector_dims(array_fill(1, ARRAY[16000])::vector);
SELECT array_fill(1, ARRAY[16001])::vector;
SELECT array_fill(1.0, ARRAY[16001])::vector;
SELECT '[1,2.5,-3]'::vector::real[], array_dims('[1,2.5,-3]'::vector::real[]), '[1,2]'::vector::real[]::float8[];
SELECT cardinality(array_fill(1, ARRAY[16000])::vector::real[]);
\set VERBOSITY sqlstate
SELECT '{}'::real[]::vector;
SELECT '{NULL}'::real[]::vector;
SELECT '{{1}}'::real[]::vector;
SELECT '{1e300}'::float8[]::vector;
SELECT array_fill(1, ARRAY[16001])::vector;
\set VERBOSITY default
SELECT ARRAY[1,-2,3]::halfvec, ARRAY[1.5,2.25]::halfvec, ARRAY[1.5,2.25]::real[]::halfvec, ARRAY[1.5,2.25]::float8[]::halfvec, ARRAY['1e1','0.5']::numeric[]::halfvec;
SELECT ARRAY[1,2,3]::halfvec(3), '{1,2,3}'::real[]::halfvec(3);
SELECT ARRAY[1,2,3]::halfvec(2);
SELECT '{}'::real[]::halfvec;
SELECT '{NULL}'::real[]::halfvec;
SELECT '{1,NULL}'::numeric[]::halfvec;
SELECT '{{1,2},{3,4}}'::int[]::halfvec;
SELECT '{NaN}'::real[]::halfvec;
SELECT '{NaN}'::numeric[]::halfvec;
SELECT '{Infinity}'::float8[]::halfvec;
SELECT '{1e300}'::float8[]::halfvec;
SELECT '{1e300}'::numeric[]::halfvec;
SELECT '{1e-300,1e-50}'::float8[]::halfvec;
SELECT '{2147483647}'::int[]::halfvec;
SELECT '[2:4]={7,8,9}'::int[]::halfvec;
SELECT (ARRAY[1,2,NULL,4])[1:2]::halfvec;
SELECT vector_dims(array_fill(1, ARRAY[16000])::halfvec);
SELECT array_fill(1, ARRAY[16001])::halfvec;
SELECT array_fill(1.0, ARRAY[16001])::halfvec;
SELECT '[1,2.5,-3]'::halfvec::real[], array_dims('[1,2.5,-3]'::halfvec::real[]), '[1,2]'::halfvec::real[]::float8[];
SELECT cardinality(array_fill(1, ARRAY[16000])::halfvec::real[]);
\set VERBOSITY sqlstate
SELECT '{}'::real[]::halfvec;
SELECT '{NULL}'::real[]::halfvec;
SELECT '{{1}}'::real[]::halfvec;
SELECT '{1e300}'::float8[]::halfvec;
SELECT array_fill(1, ARRAY[16001])::halfvec;
\set VERBOSITY default
-- between the types
SELECT '[1,2.5,0.1,1e-10]'::vector::halfvec, '[1,2.5,0.1]'::halfvec::vector, '[1,2]'::vector::halfvec(2), '[1,2]'::halfvec::vector(2);
SELECT '[65519]'::vector::halfvec;
SELECT '[1,-65520]'::vector::halfvec;
SELECT '[1,2]'::vector::halfvec(3);
SELECT '[1,2]'::halfvec::vector(3);
SELECT vector_dims(array_fill(1, ARRAY[16000])::vector::halfvec), vector_dims(array_fill(1, ARRAY[16000])::halfvec::vector);
-- contexts: a vector becomes a halfvec by itself, the other way needs an assignment or a cast
SELECT pg_typeof('[1,2]'::vector + '[1,2]'::halfvec), '[1,2]'::vector <-> '[1,4]'::halfvec;
CREATE TABLE ct (v vector(2), h halfvec(2), r real[]);
INSERT INTO ct VALUES ('[1,2]'::halfvec, '[3,4]'::vector, '[5,6]'::vector), (ARRAY[1,2], ARRAY[3,4]::real[], '[5,6]'::halfvec);
INSERT INTO ct (v) VALUES (ARRAY[1.5,2.5]), (ARRAY[1,2]::float8[]);
SELECT * FROM ct ORDER BY v, h;
DROP TABLE ct;
SELECT vector_norm('[1,2]'::halfvec);
SELECT l2_distance(ARRAY[1,2], '[1,2]'::vector);
SELECT cardinality('[1,2]'::vector);
SELECT cardinality('[1,2]'::halfvec);
SELECT castsource::regtype, casttarget::regtype, castcontext FROM pg_cast
WHERE castsource IN ('vector'::regtype, 'halfvec'::regtype, 'sparsevec'::regtype) OR casttarget IN ('vector'::regtype, 'halfvec'::regtype, 'sparsevec'::regtype) ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";
-- every function behind the types is strict, immutable and parallel safe
SELECT oid::regprocedure FROM pg_proc
WHERE probin LIKE '%vectorq%' AND prosrc ~ '^vectorq_(vector|halfvec|sparsevec|array_to|hamming|jaccard)' AND prosrc !~ '_support$' AND NOT (proisstrict AND provolatile = 'i' AND proparallel = 's');
