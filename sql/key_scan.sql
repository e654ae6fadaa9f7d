-- Scans with conditions on key columns: several conditions at once return the rows of a sequential scan, as many as there are, down to
-- one of 100,000; so do rescans, cursors, generic plans, partitions and policies. What ends a scan early is said.
SET client_min_messages = warning;
CREATE FUNCTION ks_row(i int) RETURNS vector IMMUTABLE LANGUAGE sql AS 'SELECT array_agg(sin(i * 0.7 + j * j * 1.3) + CASE WHEN j = i % 4 THEN 3 ELSE 0 END)::vector FROM generate_series(0, 7) j';
-- a number from 0 to n - 1, the same each time
CREATE FUNCTION ks_number(text, n int) RETURNS int IMMUTABLE LANGUAGE sql AS $$ SELECT ((('x' || left(md5($1), 7))::bit(28)::int) % n) $$;
CREATE TABLE ks (id int PRIMARY KEY, v vector(8), a int4, b int8, c text, d timestamptz, e bool, f float8, g int4[]);
INSERT INTO ks SELECT i, ks_row(i), CASE WHEN i % 11 > 0 THEN i % 4 * 10 + i % 3 END, (i * 7919) % 1000 * 10000000000, CASE WHEN i % 13 > 0 THEN 'c' || i % 37 END, '2026-01-01'::timestamptz + i * interval '1 hour',
    CASE WHEN i % 5 > 0 THEN i % 2 = 0 END, CASE WHEN i % 6 > 0 THEN ln(i) END, CASE WHEN i % 7 > 0 THEN ARRAY[i % 9, i % 4] END FROM generate_series(1, 4000) i;
CREATE INDEX ks_ah ON ks USING ah (v, a, b, c, d, e, f, g) WITH (lists = 20);
CREATE INDEX ks_ivf ON ks USING ivf (v vector_cosine_ops, g, f, e, d, c, b, a) WITH (lists = 20);
CREATE INDEX ks_pq ON ks USING pq (v vector_ip_ops, a, b, c, d, e, f, g) WITH (subvectors = 4);
CREATE INDEX ks_soar ON ks USING ah ((v::halfvec(8)) halfvec_l2_ops, a, b, c, d, e, f, g) WITH (lists = 20, replicas = soar, reorder = f16);
CREATE INDEX ks_closure ON ks USING ivf ((v::halfvec(8)) halfvec_cosine_ops, a, b, c, d, e, f, g) WITH (lists = 20, replicas = closure, closure_epsilon = 1, quantizer = sq8, reorder = sq8);
ANALYZE ks;
CREATE TABLE ks_indexes (index text, ordering text);
INSERT INTO ks_indexes VALUES ('ks_ah', 'v <-> ks_row(%s)'), ('ks_ivf', 'v <=> ks_row(%s)'), ('ks_pq', 'v <#> ks_row(%s)'), ('ks_soar', 'v::halfvec(8) <-> ks_row(%s)::halfvec(8)'), ('ks_closure', 'v::halfvec(8) <=> ks_row(%s)::halfvec(8)');
CREATE FUNCTION ks_atom(seed text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE ks_number(seed || 'kind', 16)
        WHEN 0 THEN format('a = %s', ks_number(seed, 43)) WHEN 1 THEN format('a IN (%s, %s, 31)', ks_number(seed, 43), ks_number(seed || 1, 43)) WHEN 2 THEN format('a >= %s', ks_number(seed, 33)) WHEN 3 THEN 'a IS NULL'
        WHEN 4 THEN format('b BETWEEN %s AND %s', ks_number(seed, 500) * 10000000000, (500 + ks_number(seed, 500)) * 10000000000) WHEN 5 THEN format('b < %s', ks_number(seed, 1000) * 10000000000)
        WHEN 6 THEN format('c = %L', 'c' || ks_number(seed, 40)) WHEN 7 THEN format('c = ANY (ARRAY(SELECT ''c'' || x FROM generate_series(0, %s) x))', ks_number(seed, 40)) WHEN 8 THEN 'c IS NOT NULL'
        WHEN 9 THEN format('d > timestamptz ''2026-01-01'' + interval ''%s days''', ks_number(seed, 160)) WHEN 10 THEN 'e' WHEN 11 THEN 'NOT e' WHEN 12 THEN format('f <= %s', ks_number(seed, 9))
        WHEN 13 THEN format('g @> ARRAY[%s, %s]', ks_number(seed, 9), ks_number(seed || 1, 4)) WHEN 14 THEN format('g && ARRAY[%s, %s]', ks_number(seed, 9), ks_number(seed || 1, 4)) ELSE format('d < timestamptz ''2026-01-01'' + interval ''%s days''', ks_number(seed, 160)) END $$;
-- of each number of conditions, one to four, as many
CREATE TABLE ks_conditions AS SELECT n, (SELECT string_agg(ks_atom(n || ' ' || x), ' AND ') FROM generate_series(0, n % 4) x) AS condition FROM generate_series(1, 160) n;
CREATE FUNCTION ks_plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; said text = '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP said := said || line || E'\n'; END LOOP;
    RETURN said;
END $$;
-- All rows, then the first three; by the index with whatever settings hold, and by a sequential scan. Each eighth plan is looked at.
CREATE FUNCTION ks_differences() RETURNS TABLE (index text, condition text, problem text) LANGUAGE plpgsql AS $$
DECLARE x ks_indexes; c ks_conditions; query text; found int[]; there int[];
BEGIN
    FOR x IN SELECT * FROM ks_indexes LOOP
        FOR c IN SELECT * FROM ks_conditions LOOP
            query := format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM ks WHERE %s ORDER BY %s LIMIT 1000000) s', c.condition, format(x.ordering, c.n * 31));
            IF c.n % 8 = 0 AND ks_plan(query) !~ ('Index Scan using ' || x.index || ' .*\n *Index Cond') THEN RETURN QUERY SELECT x.index, c.condition, ks_plan(query); END IF;
            EXECUTE query INTO found;
            EXECUTE format('SELECT array_agg(id ORDER BY id) FROM ks WHERE %s', c.condition) INTO there;
            IF found IS DISTINCT FROM there THEN RETURN QUERY SELECT x.index, c.condition, format('%s rows instead of %s', cardinality(found), cardinality(there)); END IF;
            EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM ks WHERE %s ORDER BY %s LIMIT 3) s', c.condition, format(x.ordering, c.n * 31)) INTO found;
            IF coalesce(cardinality(found), 0) <> least(3, coalesce(cardinality(there), 0)) OR NOT found <@ there THEN RETURN QUERY SELECT x.index, c.condition, format('first three: %s', found); END IF;
        END LOOP;
    END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SELECT count(*) > 300 AS conditions, count(*) FILTER (WHERE condition ~ 'AND .* AND ') > 20 AS of_three FROM ks_conditions, ks_indexes;
SELECT * FROM ks_differences();
-- from one list on, and from all, where a strict scan leaves no row out
SET vectorq.nprobe = 1;
SELECT * FROM ks_differences();
RESET vectorq.nprobe;
SET vectorq.target_recall = 1;
SELECT * FROM ks_differences();
SET vectorq.iterative_scan = strict;
SELECT * FROM ks_differences();
RESET vectorq.iterative_scan;
-- At this target the nearest rows are those of a sequential scan, where codes are reordered or are the rows.
CREATE FUNCTION ks_nearest(index text, ordering text) RETURNS TABLE (off bigint) LANGUAGE plpgsql AS $$
DECLARE c ks_conditions; found float8[]; there float8[]; query text;
BEGIN
    off := 0;
    FOR c IN SELECT * FROM ks_conditions WHERE n % 3 = 0 LOOP
        query := format('SELECT array_agg(round(d::numeric, 4)) FROM (SELECT %s AS d FROM ks WHERE %s ORDER BY %1$s LIMIT 10) s', format(ordering, c.n * 31), c.condition);
        EXECUTE query INTO found;
        SET LOCAL enable_indexscan = off;
        EXECUTE query INTO there;
        SET LOCAL enable_indexscan = on;
        IF found IS DISTINCT FROM there THEN off := off + 1; END IF;
    END LOOP;
    RETURN NEXT;
END $$;
-- a code may mislead the order of rows once, by processor
SELECT off <= 1 AS nearest FROM ks_nearest('ks_ah', 'v <-> ks_row(%s)');
SELECT * FROM ks_nearest('ks_ivf', 'v <=> ks_row(%s)');
RESET vectorq.target_recall;
-- one row of 100,000, near the query and far from it; by key columns, and by a filter of the executor
CREATE TABLE ks_one (id int, v vector(4), t int4, name text);
INSERT INTO ks_one SELECT i, ARRAY[sin(i), cos(i * 1.7), sin(i * 0.3), i % 10]::vector, i, 'n' || i FROM generate_series(1, 100000) i;
ANALYZE ks_one;
CREATE FUNCTION ks_ones(condition text) RETURNS TABLE (rows bigint, right_ones bigint, by_index bool) LANGUAGE plpgsql AS $$
DECLARE i int; found int; query text;
BEGIN
    rows := 0; right_ones := 0; by_index := true;
    FOREACH i IN ARRAY '{1,17,4711,50000,99999}'::int[] LOOP
        query := format('SELECT id FROM ks_one WHERE %s ORDER BY v <-> ''[-1,1,0.3,%s]'' LIMIT 5', format(condition, i), i % 2 * 9);
        IF ks_plan(query) !~ 'Index Scan using ks_o' THEN by_index := false; END IF;
        FOR found IN EXECUTE query LOOP
            rows := rows + 1;
            IF found = i THEN right_ones := right_ones + 1; END IF;
        END LOOP;
    END LOOP;
    RETURN NEXT;
END $$;
CREATE INDEX ks_o ON ks_one USING ah (v, t, name) WITH (lists = 50);
SELECT * FROM ks_ones('t = %s');
SELECT * FROM ks_ones('name = ''n%s''');
SELECT * FROM ks_ones('t + 0 = %s');
SELECT * FROM ks_ones('t = %s AND name <> ''x''');
DROP INDEX ks_o;
CREATE INDEX ks_o ON ks_one USING ivf (v, name, t) WITH (lists = 50, quantizer = sq8);
SELECT * FROM ks_ones('t = %s');
SELECT * FROM ks_ones('name = ''n%s''');
SELECT * FROM ks_ones('t + 0 = %s');
-- a limit or iterative_scan = off ends a scan that was asked for more: vectorq_stats() says so, and a warning if wanted
CREATE FUNCTION ks_short(query text) RETURNS TABLE (rows bigint, ended_short bool) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT count(*) FROM (' || query || ') s' INTO rows;
    SELECT s.ended_short INTO ended_short FROM vectorq_stats() s;
    RETURN NEXT;
END $$;
SET vectorq.nprobe = 1;
SELECT * FROM ks_short('SELECT 1 FROM ks_one WHERE t = 1 ORDER BY v <-> ''[1,1,1,9]'' LIMIT 5');
SET vectorq.warn_short_scans = on;
SELECT * FROM ks_short('SELECT 1 FROM ks_one WHERE t = 1 ORDER BY v <-> ''[1,1,1,9]'' LIMIT 5');
SET vectorq.iterative_scan = off;
SELECT * FROM ks_short('SELECT 1 FROM ks_one WHERE t IN (9, 10, 100001) ORDER BY v <-> ''[1,1,1,5]'' LIMIT 5');
SELECT * FROM ks_short('SELECT 1 FROM ks_one WHERE t = 1 ORDER BY v <-> ''[1,1,1,9]'' LIMIT 5');
SELECT * FROM ks_short('SELECT 1 FROM ks_one WHERE t > 5 ORDER BY v <-> ''[1,1,1,9]'' LIMIT 5');
RESET vectorq.iterative_scan;
SET vectorq.warn_short_scans = off;
SET vectorq.max_scan_rows = 3000;
SELECT * FROM ks_short('SELECT 1 FROM ks_one WHERE t + 0 = 1 ORDER BY v <-> ''[1,1,1,9]'' LIMIT 5');
-- a condition that no row can satisfy ends no scan early, and the counters are of its scan
SELECT * FROM ks_short('SELECT 1 FROM ks_one WHERE t = (SELECT NULL::int) ORDER BY v <-> ''[1,1,1,9]'' LIMIT 5');
SELECT rows_returned, entries_scored, lists_probed FROM vectorq_stats();
RESET vectorq.max_scan_rows;
RESET vectorq.warn_short_scans;
RESET vectorq.nprobe;
-- hashes that collide: two texts of one hash are told apart in the table's row
CREATE TABLE ks_texts AS SELECT md5(i::text) AS t FROM generate_series(1, 300000) i;
CREATE TABLE ks_pair AS SELECT min(t) AS one, max(t) AS two FROM ks_texts GROUP BY hashtext(t) HAVING count(*) > 1 ORDER BY 1 LIMIT 1;
SELECT count(*) AS pairs, bool_and(one <> two) AS differ FROM ks_pair;
CREATE TABLE ks_hash (id int, v vector(2), t text);
INSERT INTO ks_hash SELECT i, ARRAY[i, 1]::vector, CASE i % 10 WHEN 3 THEN one WHEN 7 THEN two ELSE 'other ' || i END FROM generate_series(1, 200) i, ks_pair;
CREATE INDEX ks_hash_v ON ks_hash USING ivf (v, t) WITH (lists = 3);
CREATE FUNCTION ks_removed(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP IF line ~ 'Removed' THEN RETURN trim(line); END IF; END LOOP;
    RETURN 'none';
END $$;
SELECT ks_removed(format('SELECT id FROM ks_hash WHERE t = %L ORDER BY v <-> ''[0,0]'' LIMIT 100', one)) FROM ks_pair;
SELECT ks_removed(format('SELECT id FROM ks_hash WHERE t IN (%L, %L) ORDER BY v <-> ''[0,0]'' LIMIT 100', one, two)) FROM ks_pair;
SELECT ks_removed('SELECT id FROM ks_hash WHERE t = ''other 5'' ORDER BY v <-> ''[0,0]'' LIMIT 100');
SELECT (SELECT string_agg(id::text, ' ') FROM (SELECT id FROM ks_hash WHERE t = one ORDER BY v <-> '[0,0]' LIMIT 5) s), (SELECT count(*) FROM (SELECT id FROM ks_hash WHERE t = two ORDER BY v <-> '[0,0]') s) FROM ks_pair;
-- a condition whose value changes with each rescan, and may be null
CREATE TABLE ks_q AS SELECT n, ks_row(n * 13) AS v, CASE WHEN n % 5 > 0 THEN n % 4 * 10 + n % 3 END AS a, (n * 3) % 900 * 10000000000::int8 AS b, ARRAY['c' || n % 40, NULL, 'c' || n % 7] AS cs FROM generate_series(1, 40) n;
CREATE VIEW ks_lateral AS SELECT q.n, count(s.id), sum(s.id) FROM ks_q q LEFT JOIN LATERAL (SELECT id FROM ks WHERE ks.a = q.a AND ks.b > q.b ORDER BY ks.v <-> q.v LIMIT 1000) s ON true GROUP BY q.n
    UNION ALL SELECT -q.n, count(s.id), sum(s.id) FROM ks_q q LEFT JOIN LATERAL (SELECT id FROM ks WHERE ks.c = ANY (q.cs) ORDER BY ks.v <=> q.v LIMIT 1000) s ON true GROUP BY q.n;
EXPLAIN (COSTS OFF) SELECT q.n, s.id FROM ks_q q LEFT JOIN LATERAL (SELECT id FROM ks WHERE ks.a = q.a AND ks.b > q.b ORDER BY ks.v <-> q.v LIMIT 1000) s ON true;
CREATE TEMP TABLE ks_by_index AS SELECT * FROM ks_lateral;
SET enable_indexscan = off;
CREATE TEMP TABLE ks_by_table AS SELECT * FROM ks_lateral;
RESET enable_indexscan;
SELECT (SELECT count(*) > 50 FROM ks_by_table WHERE count > 0), count(*) AS differences FROM (SELECT * FROM ks_by_index EXCEPT SELECT * FROM ks_by_table) s;
-- a generic plan; other values each time, of another type
SET plan_cache_mode = force_generic_plan;
PREPARE ks_p(int8, text[], bool) AS SELECT count(*), sum(id) FROM (SELECT id FROM ks WHERE a < $1 AND c = ANY ($2) AND e = $3 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10000) s;
EXPLAIN (COSTS OFF) EXECUTE ks_p(20, '{c1,c2}', true);
EXECUTE ks_p(20, '{c1,c2}', true);
SELECT count(*), sum(id) FROM ks WHERE a < 20 AND c IN ('c1', 'c2') AND e;
EXECUTE ks_p(3000000000, '{c1,NULL,c5}', false);
SELECT count(*), sum(id) FROM ks WHERE a < 3000000000 AND c IN ('c1', 'c5') AND NOT e;
EXECUTE ks_p(NULL, '{c1}', true);
EXECUTE ks_p(20, NULL, true);
EXECUTE ks_p(20, '{}', true);
RESET plan_cache_mode;
-- a cursor, settings changed between two fetches: each row once
BEGIN;
DECLARE ks_c CURSOR FOR SELECT id FROM ks WHERE a > 10 AND NOT e ORDER BY v <-> '[1,1,1,1,1,1,1,1]';
CREATE FUNCTION ks_fetch(n int) RETURNS SETOF int LANGUAGE plpgsql AS $$ DECLARE c refcursor = 'ks_c'; i int; BEGIN FOR x IN 1 .. n LOOP FETCH c INTO i; EXIT WHEN NOT FOUND; RETURN NEXT i; END LOOP; END $$;
CREATE TEMP TABLE ks_fetched AS SELECT * FROM ks_fetch(7) id;
SET LOCAL vectorq.nprobe = 2;
SET LOCAL vectorq.target_recall = 0.5;
INSERT INTO ks_fetched SELECT * FROM ks_fetch(50);
SET LOCAL vectorq.iterative_scan = off;
SET LOCAL vectorq.max_scan_rows = 1;
SET LOCAL timezone = 'Asia/Tokyo';
INSERT INTO ks VALUES (-1, ks_row(1), 20, 0, 'c', now(), false, 0, NULL);
DELETE FROM ks WHERE id % 100 = 3;
INSERT INTO ks_fetched SELECT * FROM ks_fetch(100000);
SELECT count(*), count(DISTINCT id), count(*) - (SELECT count(*) FROM ks WHERE a > 10 AND NOT e AND id > 0) AS deleted_meanwhile FROM ks_fetched;
ROLLBACK;
-- partitions: each has an index, and rows come merged; those without a match give none
CREATE TABLE ks_part (id int, v vector(8), tenant int, t text) PARTITION BY RANGE (tenant);
CREATE TABLE ks_part1 PARTITION OF ks_part FOR VALUES FROM (0) TO (10);
CREATE TABLE ks_part2 (t text, tenant int, v vector(8), id int);
ALTER TABLE ks_part ATTACH PARTITION ks_part2 FOR VALUES FROM (10) TO (20);
CREATE TABLE ks_part3 PARTITION OF ks_part DEFAULT;
INSERT INTO ks_part SELECT i, ks_row(i), i % 30, 't' || i % 9 FROM generate_series(1, 3000) i;
CREATE INDEX ks_part_v ON ks_part USING ivf (v, tenant, t) WITH (lists = 5);
ANALYZE ks_part;
EXPLAIN (COSTS OFF) SELECT id FROM ks_part WHERE tenant BETWEEN 5 AND 15 AND t = 't3' ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10;
SELECT count(*), sum(id) FROM (SELECT id FROM ks_part WHERE tenant BETWEEN 5 AND 15 AND t = 't3' ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10000) s;
SELECT count(*), sum(id) FROM ks_part WHERE tenant BETWEEN 5 AND 15 AND t = 't3';
SET vectorq.target_recall = 1;
SELECT (SELECT array_agg(d) FROM (SELECT v <-> '[1,1,1,1,1,1,1,1]' AS d FROM ks_part WHERE tenant > 5 AND t IN ('t3', 't7') ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 20) s)
    = (SELECT array_agg(d) FROM (SELECT v <-> '[1,1,1,1,1,1,1,1]' AS d FROM ks_part WHERE tenant > 5 AND t IN ('t3', 't7') ORDER BY (v <-> '[1,1,1,1,1,1,1,1]') + 0 LIMIT 20) s) AS the_nearest;
RESET vectorq.target_recall;
-- A policy on a key column is a condition of the index, whatever its operator. So are conditions of queries whose operators are
-- leakproof, as integers' are; others are asked of rows that the policy lets through.
CREATE ROLE ks_user;
GRANT SELECT ON ks TO ks_user;
ALTER TABLE ks ENABLE ROW LEVEL SECURITY;
CREATE POLICY ks_own ON ks USING (a = current_setting('app.a')::int);
SET ROLE ks_user;
SET app.a = 21;
EXPLAIN (COSTS OFF) SELECT id FROM ks WHERE b < 5000000000000 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM ks WHERE g && '{1}' ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10;
SELECT count(*), min(a), max(a) FROM (SELECT a FROM ks WHERE b < 5000000000000 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10000) s;
SET app.a = 77;
SELECT count(*) FROM (SELECT a FROM ks ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10000) s;
RESET ROLE;
SELECT count(*) FROM ks WHERE a = 21 AND b < 5000000000000;
-- a policy whose operator is not leakproof
CREATE POLICY ks_tagged ON ks AS RESTRICTIVE USING (g @> ARRAY[current_setting('app.tag')::int]);
CREATE POLICY ks_any ON ks USING (true);
DROP POLICY ks_own ON ks;
SET ROLE ks_user;
SET app.tag = 2;
EXPLAIN (COSTS OFF) SELECT id FROM ks WHERE a = 21 AND f < 8 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM ks WHERE g && '{1}' AND c = 'c5' AND d > '2026-02-01' ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10;
SELECT count(*), bool_and(2 = ANY (g)) FROM (SELECT g FROM ks WHERE a = 21 ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10000) s;
RESET ROLE;
SELECT count(*) FROM ks WHERE a = 21 AND g @> '{2}';
DROP TABLE ks, ks_indexes, ks_conditions, ks_one, ks_texts, ks_pair, ks_hash, ks_q, ks_part, ks_by_index, ks_by_table CASCADE;
DROP FUNCTION ks_row, ks_number, ks_atom, ks_plan, ks_differences, ks_nearest, ks_ones, ks_short, ks_removed;
DROP ROLE ks_user;
