-- Vectors that lie out of line cost a look-up each. The planner knows it: it does not sort a small table of wide vectors.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS vectorq;
SELECT setseed(0.3);
CREATE TABLE wide (id int, kind int, v vector(768)) WITH (autovacuum_enabled = off);
INSERT INTO wide SELECT i, i % 4, (SELECT array_agg(cos(i % 50 * d) + 0.3 * random())::vector FROM generate_series(1, 768) d) FROM generate_series(1, 1000) i;
CREATE INDEX wide_v ON wide USING ah (v vector_l2_ops);
-- The scan of the plan for a query that is a row.
CREATE FUNCTION scan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Scan' THEN RETURN btrim(regexp_replace(line, '->', '')); END IF;
    END LOOP;
END $$;
CREATE FUNCTION cost_of(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan->0->'Plan'->>'Total Cost';
END $$;
CREATE FUNCTION nearest(column_ text, type text, condition text DEFAULT 'true') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT id FROM wide WHERE %s ORDER BY %s <-> array_fill(1, ARRAY[768])::vector::%s LIMIT 5', condition, column_, type)
$$;
-- Without statistics its declared width tells that a vector lies out of line, with them what ANALYZE saw.
SELECT scan_of(nearest('v', 'vector'));
ANALYZE wide;
SELECT scan_of(nearest('v', 'vector'));
SELECT scan_of(nearest('v', 'vector', 'kind <> 1'));
-- The sort is charged for it, and only the sort: without an order nothing is read out of line.
SELECT cost_of('SELECT id FROM wide') AS plain \gset
BEGIN;
SET LOCAL enable_indexscan = off;
SELECT scan_of(nearest('v', 'vector'));
SELECT cost_of(nearest('v', 'vector')) > 10 * :plain AS aware;
COMMIT;
SELECT cost_of('SELECT id FROM wide') = :plain AS same;
-- All rows are wanted: a sort is right.
SELECT scan_of('SELECT id FROM wide ORDER BY v <-> array_fill(1, ARRAY[768])::vector');
-- An expression that reads a wide column.
DROP INDEX wide_v;
CREATE INDEX wide_half ON wide USING ah ((v::halfvec(768)) halfvec_l2_ops);
ANALYZE wide;
SELECT scan_of(nearest('(v::halfvec(768))', 'halfvec'));
-- Narrow vectors lie in their rows, and a small table of them is sorted as before.
CREATE TABLE narrow AS SELECT id, array_fill(id, ARRAY[3])::vector(3) AS v FROM wide WHERE id <= 100;
CREATE INDEX narrow_v ON narrow USING ah (v vector_l2_ops);
ANALYZE narrow;
SELECT cost_of('SELECT id FROM narrow ORDER BY v <-> ''[1,2,3]'' LIMIT 100') < 30 AS cheap;
DROP TABLE wide, narrow;
DROP FUNCTION scan_of, cost_of, nearest;
