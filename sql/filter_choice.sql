-- The planner's choice for a filter on a column with a B-tree: the exact sort of few rows, the bitmap inside the scan of the vector index, the
-- executor's filter where most rows pass; a condition of a key column.
SET client_min_messages = warning;
SELECT setseed(0.7);
CREATE TABLE fc (id int, a int, v vector(32));
INSERT INTO fc SELECT i, i * 7919 % 20000, (SELECT array_agg(sin(i % 500 * d) + random()) FROM generate_series(1, 32) d WHERE i = i)::vector FROM generate_series(1, 20000) i;
CREATE INDEX fc_a ON fc (a);
CREATE INDEX fc_v ON fc USING ah (v vector_l2_ops);
VACUUM ANALYZE fc;
CREATE FUNCTION fc_choice(rows int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; said text = '';
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM fc WHERE a < %s ORDER BY v <-> array_fill(0.3, ARRAY[32])::vector LIMIT 10', rows) LOOP said := said || line; END LOOP;
    RETURN CASE WHEN said ~ 'VectorqBitmap' THEN 'bitmap inside' WHEN said ~ 'Seq Scan' THEN 'sequential scan' WHEN said ~ 'Sort' THEN 'exact sort' WHEN said ~ 'Index Cond' THEN 'key column' ELSE 'executor' END;
END $$;
SELECT rows, fc_choice(rows) FROM unnest('{10,100,1000,10000,19000}'::int[]) rows;
-- what is turned off leaves the next best
SET vectorq.bitmap_scan = off;
SELECT rows, fc_choice(rows) FROM unnest('{100,19000}'::int[]) rows;
RESET vectorq.bitmap_scan;
SET enable_sort = off;
SELECT rows, fc_choice(rows) FROM unnest('{10,100}'::int[]) rows;
RESET enable_sort;
DROP INDEX fc_v;
CREATE INDEX fc_v ON fc USING ah (v vector_l2_ops, a);
SELECT rows, fc_choice(rows) FROM unnest('{10,1000,10000,19000}'::int[]) rows;
DROP TABLE fc;
DROP FUNCTION fc_choice;
