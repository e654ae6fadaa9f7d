-- Distances of bit strings.
SELECT B'1011' <~> B'1110', B'1011' <%> B'1110', hamming_distance(B'1011', B'1110'), jaccard_distance(B'1011', B'1110');
SELECT hamming_distance(B'', B''), jaccard_distance(B'', B''), hamming_distance(B'0', B'1'), jaccard_distance(B'0', B'1'), jaccard_distance(B'0', B'0'), jaccard_distance(B'1', B'1');
-- declared lengths, bit varying
CREATE TABLE bt (id int, b bit(12), v varbit);
INSERT INTO bt VALUES (1, B'111100001111', B'1'), (2, B'111100001110', B'1010'), (3, B'000011110000', B''), (4, NULL, NULL);
SELECT id, b <~> B'111111111111' AS hamming, b <%> B'111111111111' AS jaccard FROM bt ORDER BY 2, id;
SELECT id, v <~> v, v <%> v FROM bt ORDER BY id;
SELECT id FROM bt ORDER BY b <~> B'000011110001', id LIMIT 1;
SELECT v <~> B'1010'::varbit(9) FROM bt WHERE id = 2;
-- other lengths
SELECT B'101' <~> B'10';
SELECT B'101' <%> B'10';
SELECT hamming_distance(B'', B'0');
SELECT jaccard_distance(B'1010', B'10101010'::varbit(8));
SELECT v <~> B'1010' FROM bt ORDER BY id;
\set VERBOSITY sqlstate
SELECT B'101' <~> B'10';
SELECT B'101' <%> B'10';
\set VERBOSITY default
DROP TABLE bt;
-- Every length around the sizes that kernels treat specially; only the last bit differs, every bit, a half.
SELECT n FROM generate_series(1, 1100) n, LATERAL (SELECT repeat('1', n)::varbit AS ones, repeat('0', n)::varbit AS zeros,
    (repeat('1', n - 1) || '0')::varbit AS last, (repeat('1', n / 2) || repeat('0', n - n / 2))::varbit AS half) v
WHERE hamming_distance(ones, zeros) <> n OR hamming_distance(ones, ones) <> 0 OR hamming_distance(ones, last) <> 1
   OR hamming_distance(half, zeros) <> n / 2 OR jaccard_distance(ones, half) <> (CASE n WHEN 1 THEN 1 ELSE 1 - (n / 2)::float8 / n END)
   OR jaccard_distance(ones, ones) <> 0 OR jaccard_distance(ones, zeros) <> 1;
SELECT hamming_distance(repeat('10', 4000000)::varbit, repeat('01', 4000000)::varbit), jaccard_distance(repeat('11', 4000000)::varbit, repeat('01', 4000000)::varbit);
-- against a count by hand
SELECT count(*) AS n, bool_and(hamming_distance(a, b) = length(replace((a # b)::text, '0', '')))  AS hamming,
    bool_and(jaccard_distance(a, b) = 1 - length(replace((a & b)::text, '0', ''))::float8 / length(replace((a | b)::text, '0', ''))) AS jaccard
FROM (SELECT (i * 2654435761 % 4294967296)::bit(32)::bit(77) | (i::bit(77) >> 40) AS a, (i * 40503)::bit(32)::bit(77) | B'1'::bit(77) AS b FROM generate_series(1::bigint, 200) i) s;
-- binary quantisation of either type, and its distances
SELECT binary_quantize('[1,-2,0,3]'::vector) <~> binary_quantize('[1,2,3,-4]'::halfvec), binary_quantize('[1,-2,0,3]'::vector)::bit(4) <%> B'1000';
SELECT id FROM (SELECT i AS id, ARRAY[i - 5, 5 - i, i % 2, -1]::vector AS v FROM generate_series(1, 9) i) t
ORDER BY binary_quantize(v)::bit(4) <~> binary_quantize('[1,-1,1,-1]'::vector), id LIMIT 3;
