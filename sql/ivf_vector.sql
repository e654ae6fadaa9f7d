-- The ivf access method on vector: every metric and code answers as a sequential scan does, when all
-- lists are searched; inserts, updates and deletes are seen.
SET enable_seqscan = off;
SELECT setseed(0.25);
CREATE TABLE t (id int PRIMARY KEY, v vector(8));
INSERT INTO t SELECT i, (SELECT array_agg(round((random() * 20 - 10)::numeric, 2)) FROM generate_series(1, 8) j WHERE i = i)::vector
    FROM generate_series(1, 3000) i;
INSERT INTO t VALUES (3001, NULL);
CREATE TABLE q AS SELECT id AS qid, v AS qv FROM t WHERE id <= 20;

-- Rows of the exact answer that the index scan misses (any distance tie counts as found).
CREATE FUNCTION missed(op text, k int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r record; exact float8; far bigint; total bigint := 0; n bigint;
BEGIN
    FOR r IN SELECT qv FROM q LOOP
        SET LOCAL enable_indexscan = off;
        EXECUTE format('SELECT max(d) FROM (SELECT v %s $1 AS d FROM t WHERE v IS NOT NULL ORDER BY v %s $1 LIMIT %s) s', op, op, k)
            INTO exact USING r.qv;
        SET LOCAL enable_indexscan = on;
        EXECUTE format('SELECT count(*), count(*) FILTER (WHERE d > $2 + 1e-4 * abs($2)) FROM (SELECT v %s $1 AS d FROM t ORDER BY v %s $1 LIMIT %s) s', op, op, k)
            INTO n, far USING r.qv, exact;
        total := total + far + (k - n);
    END LOOP;
    RETURN total;
END $$;

-- L2
CREATE INDEX t_l2 ON t USING ivf (v vector_l2_ops) WITH (lists = 10);
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 5;
SET vectorq.nprobe = 10;
SELECT missed('<->', 10) AS missed_of_10, missed('<->', 1000) AS missed_of_1000;
-- more than one round of the scan collects
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 10000) s;
SET vectorq.nprobe = 1;
SELECT count(*) AS rows FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 20) s;
-- going on to further lists finds every row, once
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 10000) s;
SET vectorq.iterative_scan = off;
SELECT count(*) BETWEEN 1 AND 2999 AS rows_of_one_list FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 10000) s;
SET vectorq.iterative_scan = strict;
SELECT count(*) AS out_of_order FROM (SELECT d, lag(d) OVER (ORDER BY n) AS before FROM (SELECT v <-> '[1,2,3,4,5,6,7,8]' AS d, row_number() OVER () AS n
    FROM (SELECT v FROM t ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 3000) a) b) c WHERE d < before - 1e-5;
RESET vectorq.iterative_scan;
RESET vectorq.nprobe;
SELECT access_method, metric, code, trained, dims, rows, lists, lists_option, list_rows_min > 0 AS no_empty_list, bytes_total = pg_relation_size('t_l2') AS bytes
    FROM vectorq_index_info('t_l2');
SELECT * FROM vectorq_check('t_l2');

-- inserts, updates and deletes
SET vectorq.nprobe = 10;
INSERT INTO t VALUES (4000, '[100,100,100,100,100,100,100,100]'), (4001, NULL);
SELECT id FROM t ORDER BY v <-> '[99,99,99,99,99,99,99,99]' LIMIT 1;
UPDATE t SET v = '[-100,-100,-100,-100,-100,-100,-100,-100]' WHERE id = 4000;
SELECT id FROM t ORDER BY v <-> '[-99,-99,-99,-99,-99,-99,-99,-99]' LIMIT 1;
SELECT id FROM t ORDER BY v <-> '[99,99,99,99,99,99,99,99]' LIMIT 1 \gset first_
SELECT :first_id <> 4000 AS moved_away;
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT count(*) AS rows, count(*) FILTER (WHERE id % 2 = 0) AS deleted FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 10000) s;
SELECT rows FROM vectorq_index_info('t_l2');
SELECT missed('<->', 10);
SELECT pg_relation_size('t_l2') AS before \gset
INSERT INTO t SELECT i * 2, v FROM t, generate_series(1, 1000) i WHERE t.id = 1;
INSERT INTO t SELECT id + 5000, v FROM t WHERE id % 2 = 1 AND id < 1000;
SELECT * FROM vectorq_check('t_l2');
SELECT missed('<->', 10);
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 10000) s;
SELECT count(*) AS rows_in_table FROM t WHERE v IS NOT NULL;
DROP INDEX t_l2;

-- the other metrics and codes; beside a third of the rows that are one vector a list may find no rows
SET client_min_messages = warning;
CREATE INDEX t_ip ON t USING ivf (v vector_ip_ops) WITH (lists = 10);
SELECT missed('<#>', 10);
DROP INDEX t_ip;
CREATE INDEX t_cos ON t USING ivf (v vector_cosine_ops) WITH (lists = 10);
SELECT missed('<=>', 10);
DROP INDEX t_cos;
CREATE INDEX t_l1 ON t USING ivf (v vector_l1_ops) WITH (lists = 10);
SELECT missed('<+>', 10);
DROP INDEX t_l1;
-- with lossy codes the order is that of the codes: nearly all of the exact answer
CREATE INDEX t_code ON t USING ivf (v vector_l2_ops) WITH (lists = 10, quantizer = f16);
SELECT missed('<->', 10) <= 4 AS l2_f16;
DROP INDEX t_code;
CREATE INDEX t_code ON t USING ivf (v vector_l2_ops) WITH (lists = 10, quantizer = sq8);
SELECT missed('<->', 10) <= 10 AS l2_sq8;
SELECT code FROM vectorq_index_info('t_code');
INSERT INTO t SELECT id + 10000, v FROM t WHERE id < 300;
SELECT missed('<->', 10) <= 10 AS l2_sq8;
DROP INDEX t_code;
CREATE INDEX t_code ON t USING ivf (v vector_ip_ops) WITH (lists = 10, quantizer = sq8);
SELECT missed('<#>', 10) <= 10 AS ip_sq8;
DROP INDEX t_code;
CREATE INDEX t_code ON t USING ivf (v vector_cosine_ops) WITH (lists = 10, quantizer = sq8);
SELECT missed('<=>', 10) <= 10 AS cosine_sq8;
DROP INDEX t_code;
CREATE INDEX t_code ON t USING ivf (v vector_cosine_ops) WITH (lists = 10, quantizer = f16);
SELECT missed('<=>', 10) <= 4 AS cosine_f16;
DROP TABLE t, q;
DROP FUNCTION missed;
