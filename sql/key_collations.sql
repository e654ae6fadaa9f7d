-- Key columns whose collation takes strings for equal that differ. Such are ICU's, which not every server was built with.
SET client_min_messages = warning;
SELECT getdatabaseencoding() <> 'UTF8' OR NOT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') AS no_icu \gset
\if :no_icu
\quit
\endif
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
CREATE COLLATION kt_any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE kt_c (id int, v vector(2), t text COLLATE kt_any_case, a text[] COLLATE kt_any_case);
INSERT INTO kt_c SELECT i, ARRAY[i, 1]::vector, (ARRAY['abc', 'ABC', 'Abc', 'x'])[1 + i % 4], ARRAY[(ARRAY['abc', 'ABC', 'x'])[1 + i % 3]] FROM generate_series(1, 12) i;
CREATE INDEX kt_ci ON kt_c USING ivf (v vector_l2_ops, t, a);
EXPLAIN (COSTS OFF) SELECT id FROM kt_c WHERE t = 'aBC' ORDER BY v <-> '[0,0]';
SELECT string_agg(id::text, ' ') FROM (SELECT id FROM kt_c WHERE t = 'aBC' ORDER BY v <-> '[0,0]') x;
SELECT string_agg(id::text, ' ') FROM (SELECT id FROM kt_c WHERE a @> ARRAY['aBC'] ORDER BY v <-> '[0,0]') x;
-- another collation than the column's is no condition for the index
EXPLAIN (COSTS OFF) SELECT id FROM kt_c WHERE t = 'aBC' COLLATE "C" ORDER BY v <-> '[0,0]';
DROP TABLE kt_c;
DROP COLLATION kt_any_case;
