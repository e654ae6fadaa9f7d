-- The ivf access method on halfvec.
SET enable_seqscan = off;
SELECT setseed(0.5);
CREATE TABLE h (id int, v halfvec(6));
INSERT INTO h SELECT i, (SELECT array_agg(round((random() * 20 - 10)::numeric, 1)) FROM generate_series(1, 6) j WHERE i = i)::vector(6)::halfvec(6)
    FROM generate_series(1, 1000) i;
SET vectorq.nprobe = 8;
CREATE INDEX h_l2 ON h USING ivf (v halfvec_l2_ops) WITH (lists = 8);
EXPLAIN (COSTS OFF) SELECT id FROM h ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 5;
CREATE TABLE answers (op text, exact int[], found int[]);
INSERT INTO answers SELECT '<->', (SELECT array_agg(id ORDER BY d, id) FROM (SELECT id, v <-> '[1,2,3,4,5,6]' d FROM h ORDER BY d, id LIMIT 5) e),
    (SELECT array_agg(id ORDER BY n) FROM (SELECT id, row_number() OVER () n FROM (SELECT id FROM h ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 5) i) f);
SELECT distance, code FROM vectorq_index_info('h_l2');
DROP INDEX h_l2;
CREATE INDEX h_ip ON h USING ivf (v halfvec_ip_ops) WITH (lists = 8);
INSERT INTO answers SELECT '<#>', (SELECT array_agg(id ORDER BY d, id) FROM (SELECT id, v <#> '[1,2,3,4,5,6]' d FROM h ORDER BY d, id LIMIT 5) e),
    (SELECT array_agg(id ORDER BY n) FROM (SELECT id, row_number() OVER () n FROM (SELECT id FROM h ORDER BY v <#> '[1,2,3,4,5,6]' LIMIT 5) i) f);
DROP INDEX h_ip;
CREATE INDEX h_cosine ON h USING ivf (v halfvec_cosine_ops) WITH (lists = 8, quantizer = sq8);
SELECT recall > 0.9 AS good, queries_measured FROM vectorq_recall('h_cosine', ARRAY['[1,2,3,4,5,6]', '[-1,2,-3,4,-5,6]', '[3,3,3,3,3,3]']::halfvec[], 10);
DROP INDEX h_cosine;
CREATE INDEX h_l1 ON h USING ivf (v halfvec_l1_ops) WITH (lists = 8);
INSERT INTO answers SELECT '<+>', (SELECT array_agg(id ORDER BY d, id) FROM (SELECT id, v <+> '[1,2,3,4,5,6]' d FROM h ORDER BY d, id LIMIT 5) e),
    (SELECT array_agg(id ORDER BY n) FROM (SELECT id, row_number() OVER () n FROM (SELECT id FROM h ORDER BY v <+> '[1,2,3,4,5,6]' LIMIT 5) i) f);
SELECT op, exact = found AS same FROM answers;
-- an expression index: halfvec of a vector column
CREATE TABLE e (id int, v vector(3));
INSERT INTO e SELECT i, ARRAY[i, i % 7, i % 11]::vector FROM generate_series(1, 500) i;
CREATE INDEX e_half ON e USING ivf ((v::halfvec(3)) halfvec_l2_ops) WITH (lists = 4);
EXPLAIN (COSTS OFF) SELECT id FROM e ORDER BY v::halfvec(3) <-> '[250,3,4]' LIMIT 3;
SELECT id FROM e ORDER BY v::halfvec(3) <-> '[250,5,8]' LIMIT 1;
SELECT recall FROM vectorq_recall('e_half', ARRAY['[250,5,8]', '[1,2,3]']::halfvec[], 5);
DROP TABLE h, e, answers;
