-- Arithmetic, distances, norms, slices and aggregates of vector.
SELECT '[1,2,3]'::vector + '[4,5,6]', '[1,2,3]'::vector - '[4,5,7]', '[1,2,3]'::vector * '[4,5,6]', '[1,2]'::vector || '[3]';
SELECT vector_add('[1]', '[2]'), vector_sub('[1]', '[2]'), vector_mul('[3]', '[2]'), vector_concat('[1]', '[2]');
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[-3e38]'::vector - '[3e38]';
SELECT '[1e20]'::vector * '[1e20]';
SELECT '[1e-30]'::vector * '[1e-30]';
SELECT '[1e-45]'::vector - '[1e-45]', '[1e-30,0]'::vector * '[0,-1e-30]';
SELECT '[1,2]'::vector + '[3]';
SELECT '[1,2]'::vector - '[3]';
SELECT '[1,2]'::vector * '[3]';
SELECT vector_dims(array_fill(0, ARRAY[8000])::vector || array_fill(0, ARRAY[8000])::vector);
SELECT array_fill(0, ARRAY[16000])::vector || '[1]';
-- distances
SELECT '[0,0]'::vector <-> '[3,4]', '[1,2]'::vector <#> '[3,4]', '[1,1]'::vector <=> '[1,1]', '[0,0]'::vector <+> '[3,-4]';
SELECT l2_distance('[0,0]'::vector, '[0,1]'), vector_l2_squared_distance('[0,0]', '[3,4]');
SELECT inner_product('[1,2]'::vector, '[3,4]'), vector_negative_inner_product('[1,2]', '[3,4]');
SELECT cosine_distance('[1,2]'::vector, '[2,4]'), cosine_distance('[1,1]'::vector, '[-1,-1]'), cosine_distance('[1,0]'::vector, '[0,2]');
SELECT cosine_distance('[1,2]'::vector, '[0,0]'), cosine_distance('[1.1,1.1]'::vector, '[1.1,1.1]');
SELECT l1_distance('[1,2]'::vector, '[4,-6]');
SELECT vector_spherical_distance('[1,0]', '[0,1]'), vector_spherical_distance('[1,0]', '[-1,0]'), vector_spherical_distance('[2,0]', '[2,0]');
-- sums that leave the range of float
SELECT l2_distance('[3e38]'::vector, '[-3e38]'), inner_product('[3e38]'::vector, '[3e38]'), l1_distance('[3e38]'::vector, '[-3e38]');
SELECT cosine_distance('[3e38]'::vector, '[3e38]');
-- every length around the sizes that kernels treat specially
SELECT n FROM generate_series(1, 140) n, LATERAL (
    SELECT array_agg(i)::vector AS a, array_agg(2 * i)::vector AS b FROM generate_series(1, n) i) v
WHERE vector_l2_squared_distance(a, b) <> n * (n + 1) * (2 * n + 1) / 6
   OR inner_product(a, b) <> n * (n + 1) * (2 * n + 1) / 3
   OR l1_distance(a, b) <> n * (n + 1) / 2
   OR abs(cosine_distance(a, b)) > 1e-6;
SELECT '[1,2]'::vector <-> '[3]';
SELECT '[1,2]'::vector <#> '[3]';
SELECT '[1,2]'::vector <=> '[3]';
SELECT '[1,2]'::vector <+> '[3]';
SELECT vector_l2_squared_distance('[1,2]', '[3]');
SELECT vector_spherical_distance('[1,2]', '[3]');
SELECT inner_product('[1,2]'::vector, '[3]');
\set VERBOSITY sqlstate
SELECT '[1,2]'::vector <-> '[3]';
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[1e-30]'::vector * '[1e-30]';
SELECT array_fill(0, ARRAY[16000])::vector || '[1]';
\set VERBOSITY default
-- norms
SELECT vector_dims('[1,2,3]'::vector), vector_norm('[3,4]'), vector_norm('[0]'), vector_norm('[3e37,4e37]');
SELECT l2_norm('[3,4]'::vector::halfvec);
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[0,0]'::vector), l2_normalize('[3e38]'::vector), l2_normalize('[1e-45]'::vector);
-- bits
SELECT binary_quantize('[1,0,-1]'::vector), binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::vector);
SELECT length(binary_quantize(array_fill(1, ARRAY[16000])::vector));
-- slices
SELECT subvector('[1,2,3,4,5]'::vector, 1, 3), subvector('[1,2,3,4,5]'::vector, 3, 2), subvector('[1,2,3,4,5]'::vector, -1, 3);
SELECT subvector('[1,2,3,4,5]'::vector, 3, 9), subvector('[1,2,3]'::vector, 3, 2147483647), subvector('[1,2,3]'::vector, 5 - 2147483647, 2147483647);
SELECT subvector('[1,2,3]'::vector, 1, 0);
SELECT subvector('[1,2,3]'::vector, 1, -2147483648);
SELECT subvector('[1,2,3]'::vector, 4, 1);
SELECT subvector('[1,2,3]'::vector, 0, 1);
SELECT subvector('[1,2,3]'::vector, (-2147483648)::int, 2147483647);
SELECT subvector('[1,2,3]'::vector, 2147483647, 2147483647);
-- NULL in, NULL out
SELECT NULL::vector + '[1]' IS NULL AND l2_distance(NULL, '[1]'::vector) IS NULL AND vector_norm(NULL) IS NULL AS strict;
-- aggregates
SELECT avg(v), sum(v), count(v) FROM unnest(ARRAY['[1,2,3]'::vector, '[3,5,7]', NULL]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY[]::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['[3e38]'::vector, '[3e38]']) v;
SELECT sum(v) FROM unnest(ARRAY['[3e38]'::vector, '[3e38]']) v;
SELECT avg(v) FROM unnest(ARRAY['[1,2]'::vector, '[3]']) v;
SELECT sum(v) FROM unnest(ARRAY['[1,2]'::vector, '[3]']) v;
SELECT g, avg(v), sum(v) FROM (SELECT i % 2 AS g, ARRAY[i, 10 * i]::vector AS v FROM generate_series(1, 9) i) t GROUP BY g ORDER BY g;
SELECT i, avg(v) OVER (ORDER BY i), avg(v) OVER (ORDER BY i ROWS 1 PRECEDING) FROM (SELECT i, ARRAY[i, -i]::vector AS v FROM generate_series(1, 4) i) t;
SELECT vector_avg(ARRAY[0]::float8[]), vector_avg(ARRAY[2,4,6]::float8[]);
SELECT vector_avg(array_agg(n)) FROM generate_series(1, 16002) n;
SELECT vector_avg(ARRAY[1]::float8[]);
SELECT vector_avg(ARRAY[1,'NaN']::float8[]);
SELECT vector_avg(ARRAY[1,1e300]::float8[]);
SELECT vector_avg(ARRAY[]::float8[]);
SELECT vector_avg(ARRAY[[1,2]]::float8[]);
SELECT vector_avg(ARRAY[1,NULL]::float8[]);
SELECT vector_accum(ARRAY[0], '[1,2]'), vector_accum(ARRAY[1,5,6], '[1,2]');
SELECT vector_accum(ARRAY[1,5], '[1,2]');
SELECT vector_accum(ARRAY[1,NULL], '[1]');
SELECT vector_accum(ARRAY[]::float8[], '[1]');
SELECT vector_accum(ARRAY[1,'Infinity']::float8[], '[1]');
SELECT vector_combine(ARRAY[0], ARRAY[0]), vector_combine(ARRAY[0], ARRAY[2,5]), vector_combine(ARRAY[2,5], ARRAY[0]), vector_combine(ARRAY[1,2], ARRAY[3,4]);
SELECT vector_combine(ARRAY[1,2], ARRAY[3,4,5]);
SELECT vector_combine(ARRAY[1,1e308], ARRAY[1,1e308]);
SELECT vector_combine(ARRAY[NULL]::float8[], ARRAY[1]);
-- a state given by the user is not changed in place
WITH s AS MATERIALIZED (SELECT ARRAY[1,5,6]::float8[] AS state) SELECT vector_accum(state, '[1,1]'), vector_combine(state, state), state FROM s;
-- parallel aggregation gives the same
CREATE TABLE va AS SELECT ARRAY[i % 7, i % 11]::vector AS v FROM generate_series(1, 10000) i;
ANALYZE va;
SELECT avg(v), sum(v) FROM va;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v) FROM va;
SELECT avg(v), sum(v) FROM va;
SELECT avg(v), sum(v) FROM va WHERE v = '[99,99]';
DROP TABLE va;
