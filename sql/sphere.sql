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
    FOR q IN EXECUTE format('SELECT id, quote_literal(%I) || ''::%s'' AS x FROM sp WHERE id IN (41, 1302)', col, CASE col WHEN 'v' THEN 'vector' WHEN 'h' THEN 'halfvec' ELSE 'bit(48)' END) LOOP
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
                    disorder := disorder + (SELECT count(*) FROM generate_series(2, cardinality(d)) i WHERE d[i] < d[i - 1] - 5e-2);
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
            SELECT * INTO t FROM sp_try(i.col, i.op, '{0,1,300,4000}', ways => CASE mode WHEN 'strict' THEN ARRAY['ordered'] ELSE '{ordered,plain,bitmap}' END);
            IF t.met <> t.within OR t.outside > 0 OR (t.disorder > 0 AND i.definition !~ 'sq8') OR t.within = 0 THEN RAISE WARNING '% %: %', i.definition, mode, t; END IF;
        END LOOP;
        PERFORM set_config('vectorq.iterative_scan', 'relaxed', true);
        -- lists by hand
        PERFORM set_config('vectorq.target_recall', '0.95', true), set_config('vectorq.nprobe', '1000', true);
        SELECT * INTO t FROM sp_try(i.col, i.op, '{10,4000}', ways => '{plain}');
        IF t.met < 0.98 * t.within OR t.outside > 0 THEN RAISE WARNING '% by hand: %', i.definition, t; END IF;
        PERFORM set_config('vectorq.nprobe', '0', true);
        -- the target
        SELECT * INTO t FROM sp_try(i.col, i.op, '{0,1,10,100,1000}', ways => '{ordered,bitmap}');
        IF t.met < 0.93 * t.within OR t.outside > 0 OR (t.disorder > 0 AND i.definition !~ 'sq8') THEN RAISE WARNING '%: %', i.definition, t; END IF;
        DROP INDEX sp_i;
    END LOOP;
END $$;
-- Key columns beside it, and a filter of the executor: all lists, then the target; little memory; the first window alone returns no row outside.
DROP INDEX sp_cat;
CREATE INDEX sp_i ON sp USING ah (v vector_l2_ops, cat) WITH (lists = 40);
SET vectorq.target_recall = 1;
SELECT within, within - met AS lost, outside, disorder FROM sp_try('v', '<->', '{10,300,3000}', filter => 'cat = 7');
SELECT within, within - met AS lost, outside, disorder FROM sp_try('v', '<->', '{10,300,3000}', filter => 'cat < 3 AND id % 2 = 0');
SET work_mem = 64;
SELECT within, within - met AS lost, outside FROM sp_try('v', '<->', '{300,3000}');
SET vectorq.target_recall = 0.95;
SELECT within, met > 0.93 * within AS enough, outside FROM sp_try('v', '<->', '{300,3000}');
RESET work_mem;
SELECT within, met > 0.93 * within AS enough, outside, disorder FROM sp_try('v', '<->', '{10,300,3000}', filter => 'cat = 7');
SET vectorq.iterative_scan = off;
SELECT within, met > 0 AS some, outside FROM sp_try('v', '<->', '{10,3000}', ways => '{ordered,bitmap}');
SET vectorq.iterative_scan = relaxed;
SET vectorq.max_scan_rows = 500;
SELECT within, met BETWEEN 1 AND within - 1 AS some, outside FROM sp_try('v', '<->', '{3000}');
SELECT ended_short FROM vectorq_stats();
RESET vectorq.max_scan_rows;
-- A scan ends by itself: with few rows within it reads few lists; a LIMIT ends it before.
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
SELECT v AS q, h AS hq FROM sp WHERE id = 41 \gset
SELECT count(*) FROM (SELECT id FROM sp WHERE v <<->> sphere(:'q'::vector, 0.1) ORDER BY v <-> :'q'::vector) s;
SELECT lists_probed < 20 AS few, rows_returned, rows_reordered < 200 AS few_rows, ended_short, target FROM vectorq_stats();
SELECT count(*) FROM (SELECT id FROM sp WHERE v <<->> sphere(:'q'::vector, 100) ORDER BY v <-> :'q'::vector LIMIT 5) s;
SELECT lists_probed < 20 AS few, rows_returned, rows_reordered < 200 AS few_rows FROM vectorq_stats();
SELECT count(*) > 4700 AS most FROM sp WHERE v <<->> sphere(:'q'::vector, 'Infinity');
SELECT count(*) FROM sp WHERE v <<->> sphere(:'q'::vector, 0);
SELECT count(*) FROM sp WHERE v <<->> NULL;
SELECT count(*) FROM sp WHERE v <<->> sphere(:'q'::vector, NULL::real);
SELECT count(*) FROM sp WHERE v <<->> sphere((SELECT v FROM sp s WHERE s.id = 3), 1);
SELECT count(*) FROM sp WHERE v <<->> sphere(:'q'::vector, -1);
SELECT count(*) FROM sp WHERE v <<->> sphere(:'q'::vector, 'NaN');
SELECT count(*) FROM sp WHERE v <<->> sphere('[1,2]'::vector, 1);
RESET enable_bitmapscan; RESET enable_sort;
-- Rows that only one of an index scan and a sequential scan has.
CREATE FUNCTION sp_differ(query text, OUT rows bigint, OUT differ bigint, OUT node text) LANGUAGE plpgsql AS $$
DECLARE line text; got text[]; want text[]; n text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP node := concat(node, line, ' '); END LOOP;
    node := concat_ws(', ', substring(node FROM 'VectorqBitmap'), substring(node FROM 'BitmapAnd'), substring(node FROM 'BitmapOr'), substring(node FROM 'Index Cond: .*<<'));
    node := regexp_replace(node, 'Index Cond:.*', 'Index Cond');
    EXECUTE format('SELECT array_agg(s::text) FROM (%s) s', query) INTO got;
    FOREACH n IN ARRAY '{indexscan,bitmapscan}'::text[] LOOP PERFORM set_config('enable_' || n, 'off', true); END LOOP;
    PERFORM set_config('enable_seqscan', 'on', true);
    EXECUTE format('SELECT array_agg(s::text) FROM (%s) s', query) INTO want;
    FOREACH n IN ARRAY '{indexscan,bitmapscan}'::text[] LOOP PERFORM set_config('enable_' || n, 'on', true); END LOOP;
    PERFORM set_config('enable_seqscan', 'off', true);
    rows := cardinality(got);
    SELECT (SELECT count(*) FROM (SELECT unnest(got) EXCEPT SELECT unnest(want)) x) + (SELECT count(*) FROM (SELECT unnest(want) EXCEPT SELECT unnest(got)) x) INTO differ;
END $$;
SET vectorq.target_recall = 1;
CREATE FUNCTION sp_q(i int) RETURNS vector STABLE LANGUAGE sql AS 'SELECT v FROM sp WHERE id = i';
CREATE TABLE sp_cases (n int, query text);
INSERT INTO sp_cases VALUES
    (1, 'SELECT id FROM sp WHERE v <<->> sphere(sp_q(41), 3) ORDER BY v <-> sp_q(1302)'),
    (2, 'SELECT id FROM sp WHERE v <<->> sphere(sp_q(41), 2.5) AND v <<->> sphere(sp_q(1302), 3.5)'),
    (3, 'SELECT id FROM sp WHERE v <<->> ANY (ARRAY[sphere(sp_q(41), 1.5), NULL, sphere(sp_q(1302), 2)])'),
    (4, 'SELECT id FROM sp WHERE v <<->> ANY (ARRAY[sphere(sp_q(41), 1.5), sphere(sp_q(1302), 2)]) ORDER BY v <-> sp_q(41)'),
    (5, 'SELECT a.id, b.id AS near FROM sp a CROSS JOIN LATERAL (SELECT id FROM sp b WHERE b.v <<->> sphere(a.v, 0.9 + a.cat / 10.0)) b WHERE a.id < 60'),
    (6, 'SELECT a.id, b.id AS near FROM sp a CROSS JOIN LATERAL (SELECT id FROM sp b WHERE b.v <<->> sphere(a.v, 2) ORDER BY b.v <-> a.v LIMIT 3) b WHERE a.id BETWEEN 5 AND 60'),
    (7, 'SELECT id FROM sp WHERE v <<->> sphere(sp_q(41), 2) AND v IS NOT NULL'),
    (8, 'SELECT id FROM sp WHERE v <<->> sphere(sp_q(41), 2) OR v <<->> sphere(sp_q(1302), 1.5)');
SELECT n, (sp_differ(query)).* FROM sp_cases ORDER BY n;
DROP INDEX sp_i;
CREATE INDEX sp_i ON sp USING ah (v vector_cosine_ops) WITH (lists = 20);
CREATE INDEX sp_h ON sp USING ivf (h halfvec_ip_ops) WITH (lists = 20);
CREATE INDEX sp_b ON sp USING ivf (b) WITH (lists = 20);
CREATE INDEX sp_cat ON sp (cat);
INSERT INTO sp_cases VALUES
    (11, 'SELECT id FROM sp WHERE v <<=>> sphere(sp_q(41), 0.3) ORDER BY v <=> sp_q(1302)'),
    (12, 'SELECT id FROM sp WHERE v <<=>> sphere(sp_q(41), 1.5) AND v <<=>> sphere(sp_q(1302), 1.2)'),
    (13, 'SELECT id FROM sp WHERE v <<=>> sphere(sp_q(41), 0.1) ORDER BY v <=> sp_q(100)'),
    (14, 'SELECT id FROM sp WHERE v <<=>> sphere(sp_q(100), 2)'),
    (15, 'SELECT id FROM sp WHERE h <<#>> sphere(sp_q(41)::halfvec, -5)'),
    (16, 'SELECT id FROM sp WHERE h <<#>> sphere(sp_q(41)::halfvec, -5) ORDER BY h <#> sp_q(1302)::halfvec'),
    (17, 'SELECT id FROM sp WHERE b <<~>> sphere((SELECT b FROM sp WHERE id = 41), 12) ORDER BY b <~> (SELECT b FROM sp WHERE id = 81)'),
    (18, 'SELECT id FROM sp WHERE v <<=>> sphere(sp_q(41), 0.2) AND b <<~>> sphere((SELECT b FROM sp WHERE id = 41), 20)');
SELECT n, (sp_differ(query)).* FROM sp_cases WHERE n > 10 ORDER BY n;
-- Bitmaps: with a B-tree's, with another sphere's, and in the order of another vector column.
SET enable_indexscan = off;
EXPLAIN (COSTS off) SELECT id FROM sp WHERE v <<=>> sphere(sp_q(41), 0.2) AND cat = 1;
RESET enable_indexscan;
CREATE FUNCTION sp_bitmap(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE got int[]; want int[]; line text; plan text := '';
BEGIN
    SET LOCAL enable_indexscan = off;
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
    EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (%s) s', query) INTO got;
    SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = on;
    EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (%s) s', query) INTO want;
    RETURN format('%s rows, %s, %s indexes', cardinality(got), CASE WHEN got = want THEN 'the same' ELSE 'differ' END, (SELECT count(*) FROM regexp_matches(plan, 'Bitmap Index Scan', 'g')));
END $$;
SELECT sp_bitmap('SELECT id FROM sp WHERE (v <<=>> sphere(sp_q(41), 0.2) AND cat = 1) OR cat = 3');
SELECT sp_bitmap('SELECT id FROM sp WHERE v <<=>> sphere(sp_q(41), 0.2) OR b <<~>> sphere((SELECT b FROM sp WHERE id = 1302), 8)');
RESET enable_seqscan;
-- What vectorq_recall says; radii that nothing is within count for nothing.
RESET vectorq.target_recall;
SELECT recall > 0.93 AS good, queries_measured FROM vectorq_recall('sp_i', ARRAY(SELECT v FROM sp WHERE id % 100 = 7), 0.1::real);
SELECT recall > 0.93 AS good, queries_measured FROM vectorq_recall('sp_h', ARRAY(SELECT h FROM sp WHERE id % 100 = 7), radius => -4);
SELECT recall IS NULL AS none, queries_measured FROM vectorq_recall('sp_b', ARRAY(SELECT b FROM sp WHERE id % 100 = 7), radius => 0);
SELECT vectorq_recall('sp_b', ARRAY(SELECT b FROM sp WHERE id % 100 = 7), radius => -1);
SET vectorq.nprobe = 1;
SELECT recall < 0.93 AS less FROM vectorq_recall('sp_h', ARRAY(SELECT h FROM sp WHERE id % 100 = 7), radius => -4);
RESET vectorq.nprobe;
-- Prepared statements, with a plan for all parameters.
SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
PREPARE within(vector, real) AS SELECT count(*) FROM sp WHERE v <<=>> sphere($1, $2);
EXPLAIN (COSTS off) EXECUTE within('[1,0,0,0,0,0,0,0,0,0,0,0]', 0.4);
EXECUTE within(NULL, 0.4);
EXECUTE within('[1,0,0,0,0,0,0,0,0,0,0,0]', -1);
SELECT 1 FROM (SELECT vectorq_recall('sp_i', ARRAY(SELECT v FROM sp WHERE id = 7), 0.5::real)) s;
-- Partitions, an expression's index, and an index that came before its rows.
SET vectorq.target_recall = 1;
CREATE TABLE sp_parted (id int, v vector(12)) PARTITION BY HASH (id);
CREATE TABLE sp_parted_0 PARTITION OF sp_parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE sp_parted_1 PARTITION OF sp_parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON sp_parted_0 USING ah (v vector_l2_ops);
INSERT INTO sp_parted SELECT id, v FROM sp WHERE v IS NOT NULL;
CREATE INDEX ON sp_parted_1 USING ah ((v::halfvec(12)) halfvec_l2_ops);
CREATE INDEX ON sp_parted_1 USING ivf (v vector_l2_ops);
ANALYZE sp_parted;
INSERT INTO sp_cases VALUES
    (21, 'SELECT id FROM sp_parted WHERE v <<->> sphere(sp_q(41), 2.5) ORDER BY v <-> sp_q(41)'),
    (22, 'SELECT id FROM sp_parted WHERE v <<->> sphere(sp_q(41), 2.5) ORDER BY v <-> sp_q(41) LIMIT 7'),
    (23, 'SELECT id FROM sp_parted WHERE v <<->> sphere(sp_q(41), 2.5)'),
    (24, 'SELECT id FROM sp_parted_1 WHERE v::halfvec(12) <<->> sphere(sp_q(41)::halfvec, 2.5)');
SELECT n, (sp_differ(query)).* FROM sp_cases WHERE n > 20 ORDER BY n;
-- The planner: shares of what ANALYZE keeps, else a thousandth.
CREATE FUNCTION sp_rows(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SELECT sp_rows(format('SELECT id FROM sp WHERE v <<->> sphere(%L::vector, 100)', :'q')) > 4000 AS all, sp_rows(format('SELECT id FROM sp WHERE v <<->> sphere(%L::vector, 0.01)', :'q')) < 10 AS few,
    sp_rows('SELECT id FROM sp WHERE v <<->> sphere((SELECT sp_q(41)), 0.01)') = 5 AS unknown;
DROP TABLE sp, sp_ways, sp_indexes, sp_cases, sp_parted;
DROP FUNCTION sp_ids, sp_try, sp_differ, sp_q, sp_bitmap, sp_rows;
