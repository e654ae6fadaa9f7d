-- halfvec: what differs from vector is rounding and range; the code is shared.
SELECT '[1,2,3]'::halfvec, ' [ 1.5 ,	-2 , 3e2 ] '::halfvec, '[+1,.5,5.,0x1p-1,-0]'::halfvec;
-- rounding: to nearest, ties to even; subnormals
SELECT '[1.0004,1.00048828125,1.00146484375,2049,2051,0.1]'::halfvec;
SELECT '[65504,-65504,65519.99,6.1035156e-05,6.0975552e-05,5.9604645e-08,2.9802322e-08,2.9802326e-08,1e-10]'::halfvec;
SELECT '[65520]'::halfvec;
SELECT '[1,-65520 ]'::halfvec;
SELECT '[1e39]'::halfvec;
SELECT '[NaN]'::halfvec;
SELECT '[Infinity]'::halfvec;
SELECT '[1,-inf]'::halfvec;
-- all finite halves survive text and binary form
SELECT count(*) AS halves, count(DISTINCT v::text) AS different, bool_and(v::text::halfvec = v AND halfvec_send(v::text::halfvec) = halfvec_send(v)) AS same
FROM (SELECT ARRAY[s * m * 2.0 ^ e]::real[]::halfvec AS v FROM generate_series(1024, 2047) m, generate_series(-24, 5) e, (VALUES (1), (-1)) s(s)) t;
SELECT count(*) AS halves, bool_and(v::text::halfvec = v) AS same FROM (SELECT ARRAY[m * 2.0 ^ -24]::real[]::halfvec AS v FROM generate_series(-1023, 1023) m) t;
-- syntax
SELECT ''::halfvec;
SELECT '[1'::halfvec;
SELECT '[1,'::halfvec;
SELECT '[1,]'::halfvec;
SELECT '[a]'::halfvec;
SELECT '1,2'::halfvec;
SELECT '[1,2] x'::halfvec;
SELECT '[]'::halfvec;
\set VERBOSITY sqlstate
SELECT '[1'::halfvec;
SELECT '[]'::halfvec;
SELECT '[65520]'::halfvec;
SELECT '[NaN]'::halfvec;
\set VERBOSITY default
-- declared length and limits
SELECT '[1,2,3]'::halfvec(3);
SELECT '[1,2,3]'::halfvec(2);
SELECT '[1,2,3]'::halfvec(3, 2);
SELECT '[1,2,3]'::halfvec('a');
SELECT '[1,2,3]'::halfvec(0);
SELECT '[1,2,3]'::halfvec(16001);
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::halfvec);
SELECT ('[' || repeat('1,', 16000) || '1]')::halfvec;
-- arithmetic
SELECT '[1,2,3]'::halfvec + '[4,5,6]', '[1,2,3]'::halfvec - '[4,5,7]', '[1,2,3]'::halfvec * '[4,5,6]', '[1,2]'::halfvec || '[3]';
SELECT '[65504]'::halfvec + '[65504]';
SELECT '[-65504]'::halfvec - '[65504]';
SELECT '[1000]'::halfvec * '[1000]';
SELECT '[1e-5]'::halfvec * '[1e-5]';
SELECT '[1e-5,0]'::halfvec * '[0,-1e-5]';
SELECT '[1,2]'::halfvec + '[3]';
SELECT array_fill(0, ARRAY[16000])::halfvec || '[1]';
-- distances
SELECT '[0,0]'::halfvec <-> '[3,4]', '[1,2]'::halfvec <#> '[3,4]', '[1,1]'::halfvec <=> '[1,1]', '[0,0]'::halfvec <+> '[3,-4]';
SELECT l2_distance('[0,0]'::halfvec, '[0,1]'), halfvec_l2_squared_distance('[0,0]', '[3,4]'), l1_distance('[1,2]'::halfvec, '[4,-6]');
SELECT inner_product('[1,2]'::halfvec, '[3,4]'), halfvec_negative_inner_product('[1,2]', '[3,4]'), inner_product('[65504]'::halfvec, '[65504]');
SELECT cosine_distance('[1,2]'::halfvec, '[2,4]'), cosine_distance('[1,1]'::halfvec, '[-1,-1]'), cosine_distance('[1,2]'::halfvec, '[0,0]');
SELECT halfvec_spherical_distance('[1,0]', '[0,1]'), halfvec_spherical_distance('[2,0]', '[-2,0]');
SELECT n FROM generate_series(1, 100) n, LATERAL (
    SELECT array_agg(i)::halfvec AS a, array_agg(2 * i)::halfvec AS b FROM generate_series(1, n) i) v
WHERE halfvec_l2_squared_distance(a, b) <> n * (n + 1) * (2 * n + 1) / 6
   OR inner_product(a, b) <> n * (n + 1) * (2 * n + 1) / 3
   OR l1_distance(a, b) <> n * (n + 1) / 2
   OR abs(cosine_distance(a, b)) > 1e-6;
SELECT '[1,2]'::halfvec <-> '[3]';
SELECT '[1,2]'::halfvec <=> '[3]';
SELECT '[1,2]'::halfvec <#> '[3]';
SELECT '[1,2]'::halfvec <+> '[3]';
-- norms, bits, slices
SELECT vector_dims('[1,2,3]'::halfvec), l2_norm('[3,4]'::halfvec), l2_norm('[65504,65504]'::halfvec), l2_norm('[6e-8]'::halfvec);
SELECT l2_normalize('[3,4]'::halfvec), l2_normalize('[0,0]'::halfvec), l2_normalize('[65504]'::halfvec);
SELECT binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::halfvec);
SELECT subvector('[1,2,3,4,5]'::halfvec, 2, 3), subvector('[1,2,3,4,5]'::halfvec, -1, 3);
SELECT subvector('[1,2,3]'::halfvec, 4, 1);
SELECT subvector('[1,2,3]'::halfvec, 1, 0);
-- order
SELECT v FROM unnest(ARRAY['[2]'::halfvec, '[1,2]', '[1]', '[-1,9]', NULL]) v ORDER BY v DESC;
SELECT '[1]'::halfvec < '[1]', '[1]'::halfvec <= '[1]', '[1]'::halfvec = '[1]', '[1]'::halfvec <> '[1]', '[1]'::halfvec >= '[1]', '[1]'::halfvec > '[1]';
SELECT '[0]'::halfvec = '[-0]', halfvec_cmp('[1,2]', '[1,3]'), halfvec_cmp('[1,2]', '[1]'), halfvec_cmp('[1,2]', '[1,2]');
-- aggregates
SELECT avg(v), sum(v), count(v) FROM unnest(ARRAY['[1,2,3]'::halfvec, '[3,5,7]', NULL]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY[]::halfvec[]) v;
SELECT avg(v) FROM unnest(ARRAY['[65504]'::halfvec, '[65504]']) v;
SELECT sum(v) FROM unnest(ARRAY['[65504]'::halfvec, '[65504]']) v;
SELECT avg(v) FROM unnest(ARRAY['[1,2]'::halfvec, '[3]']) v;
SELECT halfvec_avg(ARRAY[1,65520]::float8[]);
SELECT halfvec_avg(ARRAY[1]::float8[]);
SELECT halfvec_avg(ARRAY[]::float8[]);
SELECT halfvec_accum(ARRAY[0], '[1,2]'), halfvec_accum(ARRAY[1,5,6], '[1,2]'), halfvec_combine(ARRAY[1,2], ARRAY[3,4]);
SELECT halfvec_accum(ARRAY[1,5], '[1,2]');
SELECT halfvec_accum(ARRAY[[1]]::float8[], '[1,2]');
