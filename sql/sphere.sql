-- Spheres: conditions on the distance to a vector, without an index and with one. The rows are those of a sequential scan: all of them
-- where all lists are read, never one outside, and the target's share of them else.
\set QUIET 1
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
-- Less than the radius; without a centre or a radius nothing is within.
SELECT '[1,2]'::vector <<->> sphere('[1,2]'::vector, 0) AS l2, '[1,2]'::vector <<->> sphere('[1,3]'::vector, 1) AS at_radius, '[1,2]'::vector <<->> sphere('[1,3]'::vector, 1.01) AS within,
    '[1,2]'::vector <<->> sphere('[1,2]'::vector, NULL) AS no_radius, '[1,2]'::vector <<->> sphere(NULL::vector, 1) AS no_centre, NULL::vector <<->> sphere('[1,2]'::vector, 1) AS no_row, '[9,9]'::vector <<->> sphere('[1,2]'::vector, 'Infinity') AS any;
SELECT '[3,4]'::vector <<#>> sphere('[1,0]'::vector, -2.9) AS ip, '[3,4]'::vector <<#>> sphere('[1,0]'::vector, -3) AS ip_at, '[1,0]'::vector <<=>> sphere('[0,1]'::vector, 1.01) AS cosine, '[0,0]'::vector <<=>> sphere('[0,1]'::vector, 2) AS no_direction,
    '[1,1]'::vector <<+>> sphere('[3,2]'::vector, 3.1) AS l1, '[1,2]'::halfvec <<->> sphere('[1,3]'::halfvec, 1.01) AS half, B'1010' <<~>> sphere(B'1000', 2) AS hamming, B'1010' <<~>> sphere(B'1000', 1) AS hamming_at, B'1010' <<%>> sphere(B'1000', 0.6) AS jaccard;
SELECT sphere('[1,2]'::vector, 0.5), (sphere('[1,2]'::halfvec, 0.5)).center, (sphere(B'101', 2)).radius;
-- errors
SELECT '[1,2]'::vector <<->> sphere('[1,2]'::vector, -1);
SELECT '[1,2]'::vector <<=>> sphere('[1,2]'::vector, -0.1);
SELECT '[1,2]'::vector <<#>> sphere('[1,2]'::vector, 'NaN');
SELECT B'10' <<~>> sphere(B'11', -1);
SELECT '[1,2]'::vector <<->> sphere('[1,2,3]'::vector, 1);

SELECT setseed(0.5);
CREATE TABLE sp (id int PRIMARY KEY, cat int, v vector(12), h halfvec(12), b bit(48));
INSERT INTO sp SELECT i, i % 20, x::vector, x::halfvec, (SELECT string_agg((e > 0.2)::int::text, '' ORDER BY n) FROM unnest(x || x || x || x) WITH ORDINALITY u(e, n), LATERAL (SELECT 1) one)::bit(48) FROM (
    SELECT i, (SELECT array_agg(sin(i % 40 * d) + random() - 0.5) FROM generate_series(1, 12) d) AS x FROM generate_series(1, 5000) i) s;
-- bits that differ between rows of a centre
UPDATE sp SET b = b # (((id * 2654435761) % 65536)::bit(48) & (id * 40503 % 65521)::bit(48));
UPDATE sp SET v = NULL, h = NULL, b = NULL WHERE id % 500 = 3;
UPDATE sp SET v = array_fill(0, ARRAY[12])::vector, h = array_fill(0, ARRAY[12])::halfvec WHERE id = 100;
CREATE INDEX sp_cat ON sp (cat);
VACUUM ANALYZE sp;
-- Rows that a statement returns by each way: ordered index scan, plain one, bitmap. Compared with a sequential scan: lost, and outside.
CREATE TABLE sp_ways (way text, wanted text, off text[], suffix text);
INSERT INTO sp_ways VALUES ('ordered', 'Index Scan using sp_i', '{seqscan,bitmapscan,sort}', ' ORDER BY %1$s'), ('plain', 'Index Scan using sp_i', '{seqscan,bitmapscan}', ''), ('bitmap', 'Bitmap Index Scan on sp_i', '{seqscan,indexscan}', '');
CREATE FUNCTION sp_ids(query text, off text[], wanted text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE ids int[]; line text; plan text := ''; node text;
BEGIN
    FOREACH node IN ARRAY off LOOP PERFORM set_config('enable_' || node, 'off', true); END LOOP;
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
    IF plan !~ wanted OR (wanted ~ 'sp_i' AND plan !~ 'Index Cond: .*<<') THEN RAISE WARNING '%: %', query, plan; END IF;
    EXECUTE format('SELECT array_agg(id) FROM (%s) s', query) INTO ids;
    FOREACH node IN ARRAY off LOOP PERFORM set_config('enable_' || node, 'on', true); END LOOP;
    RETURN coalesce(ids, '{}');
END $$;
-- operator: that orders. Of spheres around some rows that hold so many rows each: rows within, found, outside; whether they came in order.
CREATE FUNCTION sp_try(col text, op text, rows int[], ways text[] DEFAULT '{ordered,plain,bitmap}', filter text DEFAULT 'true', OUT within bigint, OUT met bigint, OUT outside bigint, OUT disorder bigint) LANGUAGE plpgsql AS $$
DECLARE q record; w sp_ways; n int; r real; there int[]; got int[]; d float8[]; sphere text; near text;
BEGIN
    within := 0; met := 0; outside := 0; disorder := 0;
    FOR q IN EXECUTE format('SELECT id, quote_literal(%I) || ''::%s'' AS x FROM sp WHERE id IN (41, 1302, 2777, 4000)', col, CASE col WHEN 'v' THEN 'vector' WHEN 'h' THEN 'halfvec' ELSE 'bit(48)' END) LOOP
        near := format('%s %s %s', col, op, q.x);
        FOREACH n IN ARRAY rows LOOP
            EXECUTE format('SELECT max(d) FROM (SELECT %1$s AS d FROM sp WHERE %2$I IS NOT NULL AND (%1$s) <> ''NaN'' ORDER BY 1 LIMIT %3$s) s', near, col, n) INTO r;
            sphere := format('%s <%s> sphere(%s, %s)', col, op, q.x, coalesce(r + abs(r) * 1e-6, 0));
            there := sp_ids(format('SELECT id FROM sp WHERE %s AND %s', sphere, filter), '{indexscan,bitmapscan}', 'Seq Scan');
            FOR w IN SELECT * FROM sp_ways WHERE way = ANY (ways) LOOP
                got := sp_ids(format('SELECT id FROM sp WHERE %s AND %s', sphere, filter) || format(w.suffix, near), w.off, w.wanted);
                within := within + cardinality(there);
                met := met + (SELECT count(DISTINCT x) FROM unnest(got) x WHERE x = ANY (there));
                outside := outside + cardinality(got) - (SELECT count(DISTINCT x) FROM unnest(got) x WHERE x = ANY (there));
                IF w.way = 'ordered' THEN
                    EXECUTE format('SELECT array_agg(%s ORDER BY n) FROM unnest($1) WITH ORDINALITY u(g, n) JOIN sp ON id = g', near) INTO d USING got;
                    disorder := disorder + (SELECT count(*) FROM generate_series(2, cardinality(d)) i WHERE d[i] < d[i - 1] - 1e-3);
                END IF;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;

-- All lists, and a target of 1: nothing is lost, whatever the distance, type, access method, code, replicas and order.
CREATE TABLE sp_indexes (col text, op text, definition text);
INSERT INTO sp_indexes VALUES
    ('v', '<->', 'ah (v vector_l2_ops) WITH (lists = 20)'), ('v', '<#>', 'ah (v vector_ip_ops) WITH (lists = 20)'), ('v', '<=>', 'ah (v vector_cosine_ops) WITH (lists = 20, reorder = sq8)'),
    ('v', '<->', 'ivf (v vector_l2_ops) WITH (lists = 20)'), ('v', '<#>', 'ivf (v vector_ip_ops) WITH (lists = 20, quantizer = sq8)'), ('v', '<=>', 'ivf (v vector_cosine_ops) WITH (lists = 20, quantizer = f16)'),
    ('v', '<+>', 'ivf (v vector_l1_ops) WITH (lists = 20, replicas = closure)'), ('v', '<->', 'ivf (v vector_l2_ops) WITH (lists = 20, quantizer = pq, transform = pcaw8, subvectors = 4)'),
    ('v', '<->', 'pq (v vector_l2_ops) WITH (subvectors = 6)'), ('v', '<=>', 'pq (v vector_cosine_ops) WITH (subvectors = 6, reorder = f32)'),
    ('h', '<->', 'ah (h halfvec_l2_ops) WITH (lists = 20, reorder = f16)'), ('h', '<#>', 'ah (h halfvec_ip_ops) WITH (lists = 20, replicas = none)'), ('h', '<=>', 'ivf (h halfvec_cosine_ops) WITH (lists = 20, replicas = soar)'),
    ('h', '<+>', 'ivf (h halfvec_l1_ops) WITH (lists = 20)'), ('b', '<~>', 'ivf (b bit_hamming_ops) WITH (lists = 20)'), ('b', '<%>', 'ivf (b bit_jaccard_ops) WITH (lists = 20, replicas = none)'),
    ('v', '<->', 'ah (v vector_l2_ops) WITH (lists = 1)');
DO $$
DECLARE i sp_indexes; t record; mode text; off text;
BEGIN
    FOR i IN SELECT * FROM sp_indexes LOOP
        EXECUTE 'CREATE INDEX sp_i ON sp USING ' || i.definition;
        FOREACH mode IN ARRAY ARRAY['relaxed', 'strict'] LOOP
            PERFORM set_config('vectorq.target_recall', '1', true), set_config('vectorq.iterative_scan', mode, true);
            SELECT * INTO t FROM sp_try(i.col, i.op, '{0,1,10,300,4000}');
            IF t.met <> t.within OR t.outside > 0 OR t.disorder > 0 OR t.within = 0 THEN RAISE WARNING '% %: %', i.definition, mode, t; END IF;
        END LOOP;
        PERFORM set_config('vectorq.iterative_scan', 'relaxed', true);
        -- lists by hand
        PERFORM set_config('vectorq.target_recall', '0.95', true), set_config('vectorq.nprobe', '1000', true);
        SELECT * INTO t FROM sp_try(i.col, i.op, '{0,1,10,300,4000}');
        IF t.met < 0.98 * t.within OR t.outside > 0 THEN RAISE WARNING '% by hand: %', i.definition, t; END IF;
        PERFORM set_config('vectorq.nprobe', '0', true);
        -- the target
        FOREACH mode IN ARRAY ARRAY['0.9', '0.95'] LOOP
            PERFORM set_config('vectorq.target_recall', mode, true);
            SELECT * INTO t FROM sp_try(i.col, i.op, '{0,1,10,100,1000}');
            IF t.met < (mode::float8 - 0.02) * t.within OR t.outside > 0 OR t.disorder > 0 THEN RAISE WARNING '% %: %', i.definition, mode, t; END IF;
        END LOOP;
        PERFORM set_config('vectorq.target_recall', '0.95', true);
        DROP INDEX sp_i;
    END LOOP;
END $$;
