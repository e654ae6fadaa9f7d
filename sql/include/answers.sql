-- For tests of an index beside a sequential scan of its table: \i sql/include/answers.sql
-- recall@10 of the present settings, over the queries of table q
CREATE FUNCTION recall(t text, op text, col text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE r record; exact int[]; found int[]; hits int := 0; n int := 0;
BEGIN
    FOR r IN EXECUTE format('SELECT quote_literal(%I) || ''::%s'' AS v FROM q', col, CASE col WHEN 'v' THEN 'vector' ELSE 'halfvec' END) LOOP
        SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on;
        EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %I ORDER BY %I %s %s LIMIT 10) s', t, col, op, r.v) INTO exact;
        SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off;
        EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %I ORDER BY %I %s %s LIMIT 10) s', t, col, op, r.v) INTO found;
        hits := hits + (SELECT count(*) FROM unnest(found) x WHERE x = ANY (exact));
        n := n + 10;
    END LOOP;
    RETURN hits::numeric / n;
END $$;
-- rows that the index does not return exactly once when a scan takes all there is
CREATE FUNCTION lost_or_twice(t text, op text, col text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; d bigint; total bigint;
BEGIN
    SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_indexscan = on; SET LOCAL vectorq.max_scan_rows = 0;
    EXECUTE format('SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM %I ORDER BY %I %s (SELECT %I FROM %I LIMIT 1) LIMIT 1000000) s', t, col, op, col, t) INTO n, d;
    SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on;
    EXECUTE format('SELECT count(*) FROM %I', t) INTO total;
    SET LOCAL enable_indexscan = on;
    RETURN abs(total - n) + abs(total - d);
END $$;
CREATE FUNCTION problems(i text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM vectorq_check(i::regclass)';
