-- Distances, norms, order and casts of sparsevec; what an index on it answers.
SELECT '{1:3}/3'::sparsevec <-> '{2:4}/3', '{1:1,2:2}/2'::sparsevec <#> '{1:3,2:4}/2', '{1:1,3:1}/3'::sparsevec <=> '{1:2,3:2}/3', '{1:3,3:1}/3'::sparsevec <+> '{1:-1,2:4}/3';
SELECT l2_distance('{1:3}/3'::sparsevec, '{2:4}/3'), sparsevec_l2_squared_distance('{1:3}/3', '{2:4}/3');
SELECT inner_product('{1:1,2:2}/2'::sparsevec, '{1:3,2:4}/2'), sparsevec_negative_inner_product('{1:1,2:2}/2', '{1:3,2:4}/2');
SELECT cosine_distance('{1:1}/2'::sparsevec, '{2:5}/2'), cosine_distance('{1:1}/2'::sparsevec, '{1:-5}/2'), cosine_distance('{1:1}/2'::sparsevec, '{}/2');
SELECT l1_distance('{1:3,3:1}/3'::sparsevec, '{1:-1,2:4}/3');
-- without elements
SELECT '{}/3'::sparsevec <-> '{}/3', '{}/3'::sparsevec <#> '{1:1}/3', '{}/3'::sparsevec <=> '{}/3', '{}/3'::sparsevec <+> '{2:-5}/3', l2_norm('{}/3'::sparsevec), l2_normalize('{}/3'::sparsevec);
-- far apart, at the ends of what there may be
SELECT '{1:3}/1000000000'::sparsevec <-> '{1000000000:4}/1000000000', '{1000000000:3}/1000000000'::sparsevec <#> '{1:7,1000000000:4}/1000000000';
-- sums that leave the range of float
SELECT l2_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1'), inner_product('{1:3e38}/1'::sparsevec, '{1:3e38}/1'), l1_distance('{1:3e38}/1'::sparsevec, '{1:-3e38}/1');
SELECT cosine_distance('{1:3e38}/1'::sparsevec, '{1:3e38}/1');
-- other lengths
SELECT '{1:1}/2'::sparsevec <-> '{1:1}/3';
SELECT '{1:1}/2'::sparsevec <#> '{1:1}/3';
SELECT '{1:1}/2'::sparsevec <=> '{1:1}/3';
SELECT '{1:1}/2'::sparsevec <+> '{1:1}/3';
SELECT sparsevec_l2_squared_distance('{}/2', '{}/1000000000');
SELECT inner_product('{1:1}/2'::sparsevec, '{}/3');
\set VERBOSITY sqlstate
SELECT '{1:1}/2'::sparsevec <-> '{1:1}/3';
\set VERBOSITY default
-- As the dense vectors have it: every pair of 60 vectors of 40 dimensions with more and more elements.
CREATE TABLE sp AS SELECT n, array_agg((CASE WHEN (n * 31 + i * 17 + i * i * n) % 60 < n THEN (n * i) % 7 - 3 ELSE 0 END) ORDER BY i)::vector(40) AS dense
FROM generate_series(0, 59) n, generate_series(1, 40) i GROUP BY n;
ALTER TABLE sp ADD COLUMN sparse sparsevec(40);
UPDATE sp SET sparse = dense;
SELECT count(*) AS pairs, min(cardinality(string_to_array(a.sparse::text, ':'))) - 1 AS fewest, max(cardinality(string_to_array(a.sparse::text, ':'))) - 1 AS most,
    bool_and((a.sparse <-> b.sparse) = (a.dense <-> b.dense)) AS l2, bool_and((a.sparse <#> b.sparse) = (a.dense <#> b.dense)) AS ip,
    bool_and((a.sparse <=> b.sparse) = (a.dense <=> b.dense)) AS cosine, bool_and((a.sparse <+> b.sparse) = (a.dense <+> b.dense)) AS l1,
    bool_and(sparsevec_cmp(a.sparse, b.sparse) = vector_cmp(a.dense, b.dense)) AS cmp,
    bool_and(l2_norm(a.sparse) = vector_norm(a.dense)) AS norm, bool_and(l2_normalize(a.sparse)::vector = l2_normalize(a.dense)) AS normalize
FROM sp a, sp b;
-- the long one is searched for what the short one has
SELECT bool_and((s <#> l) = -20 * i AND (l <#> s) = -20 * i) FROM generate_series(1, 16000, 531) i,
    LATERAL (SELECT array_fill(10, ARRAY[16000])::sparsevec AS l, ('{' || i || ':' || 2 * i || '}/16000')::sparsevec AS s) v;
-- norms
SELECT l2_norm('{1:3,9:4}/9'::sparsevec), l2_norm('{1:3e37,2:4e37}/2'::sparsevec)::real, l2_normalize('{1:3,9:4}/9'::sparsevec), l2_normalize('{2:3e38}/3'::sparsevec), l2_normalize('{2:1e-45}/3'::sparsevec);
SELECT l2_normalize('{1:3e38,2:1e-37,3:1}/4'::sparsevec);
-- order: by element, then by length, as the dense types
SELECT sparsevec_cmp('{}/3', '{}/3'), sparsevec_cmp('{}/2', '{}/3'), sparsevec_cmp('{2:1}/3', '{3:9}/3'), sparsevec_cmp('{2:-1}/3', '{3:9}/3'), sparsevec_cmp('{2:-1}/3', '{}/3'), sparsevec_cmp('{3:-1}/3', '{}/2');
SELECT '{1:1}/2'::sparsevec < '{1:2}/2', '{1:1}/2'::sparsevec <= '{1:1}/2', '{1:1}/2'::sparsevec = '{1:1}/3', '{1:1}/2'::sparsevec <> '{1:1}/3', '{1:1}/2'::sparsevec >= '{1:2}/2', '{1:1}/3'::sparsevec > '{1:1}/2';
CREATE INDEX sp_btree ON sp (sparse);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT n FROM sp WHERE sparse = '[0,0]'::vector::sparsevec;
SELECT bool_and(dense >= before) FROM (SELECT dense, lag(dense, 1, dense) OVER (ORDER BY sparse) AS before FROM sp) s;
SELECT a.n FROM sp a JOIN sp b ON a.sparse = b.sparse WHERE b.n = 7;
RESET enable_seqscan;
SELECT count(DISTINCT sparse) = count(DISTINCT dense) FROM sp;
-- casts
SELECT '[0,1.5,0,-0]'::vector::sparsevec, '[0,1.5,0,-0]'::halfvec::sparsevec, '{2:1.5}/4'::sparsevec::vector, '{2:1.5}/4'::sparsevec::halfvec, '{}/2'::sparsevec::vector;
SELECT ARRAY[0,1,0]::sparsevec, ARRAY[0,1.5,0]::real[]::sparsevec, ARRAY[0,1.5,0]::float8[]::sparsevec, ARRAY[0,1.5,0]::numeric[]::sparsevec, '[2:3]={5,0}'::int[]::sparsevec;
SELECT '[0,1]'::vector::sparsevec(2), '[0,1]'::halfvec::sparsevec(2), '{2:1}/2'::sparsevec::vector(2), '{2:1}/2'::sparsevec::halfvec(2), ARRAY[0,1]::sparsevec(2);
SELECT '[0,1]'::vector::sparsevec(3);
SELECT '[0,1]'::halfvec::sparsevec(3);
SELECT '{2:1}/2'::sparsevec::vector(3);
SELECT '{2:1}/2'::sparsevec::halfvec(3);
SELECT ARRAY[0,1]::sparsevec(3);
SELECT '{1:1}/16001'::sparsevec::vector;
SELECT '{1:1}/16001'::sparsevec::halfvec;
SELECT '{1:70000}/1'::sparsevec::halfvec;
SELECT '{1:1e-9}/1'::sparsevec::halfvec;
SELECT array_fill(0, ARRAY[100000])::sparsevec, (array_fill(0::real, ARRAY[999999]) || 5::real)::sparsevec;
SELECT array_fill(1, ARRAY[16001])::sparsevec;
SELECT '{}'::int[]::sparsevec;
SELECT '{{1,2}}'::int[]::sparsevec;
SELECT '{1,NULL}'::int[]::sparsevec;
SELECT '{1,NaN}'::numeric[]::sparsevec;
SELECT '{1,-Infinity}'::real[]::sparsevec;
SELECT '{1,1e39}'::float8[]::sparsevec;
SELECT '{1,1e-60}'::float8[]::sparsevec;
\set VERBOSITY sqlstate
SELECT '{1:1}/16001'::sparsevec::vector;
SELECT '{1:70000}/1'::sparsevec::halfvec;
SELECT array_fill(1, ARRAY[16001])::sparsevec;
SELECT '{1,NULL}'::int[]::sparsevec;
SELECT '{2:1}/2'::sparsevec::vector(3);
\set VERBOSITY default
-- dense columns are compared with sparse values through the implicit cast
SELECT n FROM sp ORDER BY dense <-> '{1:1,40:1}/40'::sparsevec, n LIMIT 3;
-- TOAST: out of line, and back
CREATE TABLE big (v sparsevec);
INSERT INTO big SELECT array_fill(i, ARRAY[16000])::sparsevec FROM generate_series(1, 3) i;
SELECT v <-> array_fill(0, ARRAY[16000])::sparsevec FROM big ORDER BY v;
DROP TABLE big;
-- no index of ours yet, with any operator class; on an expression there is one
CREATE INDEX ON sp USING ah (sparse);
CREATE INDEX ON sp USING ivf (sparse sparsevec_ip_ops);
CREATE INDEX ON sp USING pq (sparse sparsevec_cosine_ops);
CREATE INDEX ON sp USING ivf (sparse sparsevec_l1_ops) WITH (lists = 4);
\set VERBOSITY sqlstate
CREATE INDEX ON sp USING ah (sparse);
\set VERBOSITY default
CREATE UNLOGGED TABLE nothing (v sparsevec(3));
CREATE INDEX ON nothing USING ah (v);
DROP TABLE nothing;
SELECT count(*) AS classes, bool_and(amvalidate(c.oid)) AS valid FROM pg_opclass c WHERE opcintype = 'sparsevec'::regtype;
SET client_min_messages = warning;
CREATE INDEX sp_dense ON sp USING ivf ((sparse::vector(40)) vector_ip_ops);
RESET client_min_messages;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT n FROM sp ORDER BY sparse::vector(40) <#> '{1:2,3:1}/40'::sparsevec::vector LIMIT 3;
SELECT count(*) AS rows FROM (SELECT n FROM sp ORDER BY sparse::vector(40) <#> '{1:2,3:1}/40'::sparsevec::vector LIMIT 3) s;
DROP TABLE sp;
-- Damaged values: a cast that nobody should make lets any bytes through. Heads that are too short, with nonsense in
-- them, or that promise more or fewer bytes than there are; then one element with its index (9, low byte first) beyond the end.
CREATE CAST (bytea AS sparsevec) WITHOUT FUNCTION;
SELECT ''::bytea::sparsevec::text;
SELECT '\x0500000001'::bytea::sparsevec::text;
SELECT '\xffffffffffffffffffffffff'::bytea::sparsevec::text;
SELECT '\x050505050000000000000000'::bytea::sparsevec <-> '{}/84215045';
SELECT '\x050505050101010100000000'::bytea::sparsevec <-> '{}/84215045';
SELECT '\x050505050000000000000000ff'::bytea::sparsevec = '{}/84215045';
SELECT '\x050000000100000000000000090000000000803f'::bytea::sparsevec::vector;
SELECT '\x050000000100000000000000ffffffff0000803f'::bytea::sparsevec::halfvec;
SELECT '\x050000000100000000000000ffffff7f0000803f'::bytea::sparsevec::text;
\set VERBOSITY sqlstate
SELECT ''::bytea::sparsevec::text;
SELECT '\x050000000100000000000000090000000000803f'::bytea::sparsevec::vector;
\set VERBOSITY default
DROP CAST (bytea AS sparsevec);
