-- The planner takes the index where it pays, and something else where that is cheaper.
SELECT setseed(0.3);
CREATE TABLE big (id int PRIMARY KEY, category int, v vector(16));
INSERT INTO big SELECT i, i % 5000, (SELECT array_agg(random()) FROM generate_series(1, 16) j WHERE i = i)::vector FROM generate_series(1, 20000) i;
CREATE INDEX big_v ON big USING ivf (v);
CREATE INDEX big_category ON big (category);
ANALYZE big;
EXPLAIN (COSTS OFF) SELECT id FROM big ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM big WHERE category < 4000 ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]' LIMIT 10;
-- four rows match: fetching and sorting them is cheaper
EXPLAIN (COSTS OFF) SELECT id FROM big WHERE category = 3 ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]' LIMIT 10;
-- everything in order: a sort is cheaper than the index
EXPLAIN (COSTS OFF) SELECT id FROM big ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]';
-- no order by distance: never
EXPLAIN (COSTS OFF) SELECT count(*) FROM big;
-- another operator than the index's: never
EXPLAIN (COSTS OFF) SELECT id FROM big ORDER BY v <=> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]' LIMIT 10;
-- farthest first: never
EXPLAIN (COSTS OFF) SELECT id FROM big ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]' DESC LIMIT 10;
-- a tiny table is read as it is
CREATE TABLE tiny (id int, v vector(3));
INSERT INTO tiny SELECT i, ARRAY[i, i, i]::vector FROM generate_series(1, 50) i;
CREATE INDEX tiny_v ON tiny USING ivf (v);
ANALYZE tiny;
EXPLAIN (COSTS OFF) SELECT id FROM tiny ORDER BY v <-> '[1,2,3]' LIMIT 10;
-- more probes cost more
CREATE FUNCTION start_up_cost(nprobe int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    PERFORM set_config('vectorq.nprobe', nprobe::text, true);
    EXECUTE $q$EXPLAIN (FORMAT json) SELECT id FROM big ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]' LIMIT 10$q$ INTO plan;
    RETURN plan->0->'Plan'->'Plans'->0->>'Startup Cost';
END $$;
SELECT start_up_cost(1) < start_up_cost(20) AS grows, start_up_cost(20) < start_up_cost(200) AS grows;
DROP FUNCTION start_up_cost;
DROP TABLE big, tiny;
