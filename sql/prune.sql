-- vectorq.prune_epsilon: lists much farther than the nearest are left out of the first window, for each metric; the rows in them
-- still come when a scan goes on.
SET client_min_messages = warning;
SELECT setseed(0.6);
CREATE TABLE p (id int, v vector(4)) WITH (autovacuum_enabled = off);
INSERT INTO p SELECT i, ARRAY[random() - 0.4, random() - 0.4, random() - 0.4, random() - 0.4]::vector FROM generate_series(1, 3000) i;
SET enable_seqscan = off;
SET vectorq.nprobe = 30;
-- lists that a query for ten rows probes
CREATE FUNCTION probed(op text, epsilon float) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('vectorq.prune_epsilon', epsilon::text, true);
    EXECUTE format('SELECT count(*) FROM (SELECT id FROM p ORDER BY v %s ''[0.1,0.3,0.2,0.1]'' LIMIT 10) s', op);
    RETURN (SELECT lists_probed FROM vectorq_stats());
END $$;
CREATE FUNCTION lost_or_twice(op text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; d bigint;
BEGIN
    SET LOCAL enable_sort = off;
    EXECUTE format('SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM p ORDER BY v %s ''[0.1,0.3,0.2,0.1]'' LIMIT 100000) s', op) INTO n, d;
    RETURN abs(3000 - n) + abs(3000 - d);
END $$;
CREATE TABLE seen (measure text, e_off bigint, e_0 bigint, e_half bigint, e_2 bigint, e_1000 bigint, lost bigint);
DO $$
DECLARE metric text; op text;
BEGIN
    FOREACH metric IN ARRAY ARRAY['l2', 'ip', 'cosine', 'l1'] LOOP
        op := CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' WHEN 'l1' THEN '<+>' ELSE '<=>' END;
        EXECUTE format('CREATE INDEX p_i ON p USING ivf (v vector_%s_ops) WITH (lists = 40)', metric);
        INSERT INTO seen VALUES (metric, probed(op, 0), probed(op, 0.001), probed(op, 0.5), probed(op, 2), probed(op, 1000));
        PERFORM set_config('vectorq.prune_epsilon', '0.001', true);
        UPDATE seen SET lost = lost_or_twice(op) WHERE lost IS NULL;
        DROP INDEX p_i;
    END LOOP;
END $$;
SELECT measure, e_off, e_0 < 3 AS few, e_half BETWEEN e_0 AND 29 AS more, e_2 BETWEEN e_half AND 30 AS still_more, e_1000, lost FROM seen;
-- the rows of the next lists come later, in order again with strict; off ends with the lists that were read
CREATE INDEX p_i ON p USING ivf (v) WITH (lists = 40);
SET vectorq.prune_epsilon = 0.001;
SET vectorq.iterative_scan = off;
SELECT count(*) BETWEEN 10 AND 400 AS few FROM (SELECT id FROM p ORDER BY v <-> '[0.1,0.3,0.2,0.1]' LIMIT 100000) s;
SET vectorq.iterative_scan = strict;
SELECT count(*) > 100 AS rows, bool_and(d >= before) AS in_order FROM (SELECT d, lag(d, 1, d) OVER () AS before FROM (
    SELECT v <-> '[0.1,0.3,0.2,0.1]' AS d FROM p ORDER BY v <-> '[0.1,0.3,0.2,0.1]' LIMIT 1000) s) t;
RESET vectorq.iterative_scan;
-- no direction, or no query: nothing to prune by
SELECT count(*) AS rows FROM (SELECT id FROM p ORDER BY v <-> (SELECT NULL::vector) LIMIT 10) s;
SELECT lists_probed FROM vectorq_stats();
CREATE INDEX p_ip ON p USING ivf (v vector_ip_ops) WITH (lists = 40);
SELECT count(*) AS rows FROM (SELECT id FROM p ORDER BY v <#> '[0,0,0,0]' LIMIT 10) s;
SELECT lists_probed FROM vectorq_stats();
SET vectorq.prune_epsilon = -1;
RESET vectorq.prune_epsilon; RESET vectorq.nprobe; RESET enable_seqscan;
DROP TABLE p, seen;
DROP FUNCTION probed, lost_or_twice;
