-- Vacuum measures recall again when a tenth of the rows has changed.
SET client_min_messages = warning;
\set ECHO none
\i sql/include/details.sql
\set ECHO all
SELECT setseed(0.6);
CREATE FUNCTION made(i int, spread float8) RETURNS vector LANGUAGE sql VOLATILE AS
    'SELECT array_agg(sin(i % 61 + d) + spread * (random() - 0.5))::vector FROM generate_series(1, 16) d';
CREATE TABLE m (id int, v vector(16)) WITH (autovacuum_enabled = off);
INSERT INTO m SELECT i, made(i, 0.6) FROM generate_series(1, 6000) i;
CREATE INDEX m_v ON m USING ah (v);
CREATE TABLE kept AS SELECT * FROM vectorq_recall_curve('m_v');
CREATE FUNCTION measured() RETURNS text LANGUAGE sql AS $$
    SELECT calibrated_with || ' ' || calibrated_rows || CASE WHEN EXISTS
        (SELECT * FROM vectorq_recall_curve('m_v') EXCEPT SELECT * FROM kept) THEN ', changed' ELSE ', as built' END FROM details('m_v') $$;
SELECT measured();
-- what it chose by itself
SELECT regexp_replace(regexp_replace(chosen('m_v'), '\^ -?[0-9.]+', '^ x', 'g'), 'nprobe = \d+', 'nprobe') AS chosen;
-- nothing dead, then a few: the curve stays; a tenth in two parts
VACUUM m;
SELECT measured();
DELETE FROM m WHERE id <= 400;
VACUUM m;
SELECT measured();
DELETE FROM m WHERE id <= 800;
VACUUM m;
SELECT measured();
-- insertions alone: what the index has grown by
TRUNCATE kept;
INSERT INTO kept SELECT * FROM vectorq_recall_curve('m_v');
INSERT INTO m SELECT i, made(i, 4) FROM generate_series(6001, 6100) i;
VACUUM m;
SELECT measured();
INSERT INTO m SELECT i, made(i, 4) FROM generate_series(6101, 12000) i;
VACUUM m;
SELECT measured();
-- the new curve is true
SET enable_seqscan = off;
SELECT recall > 0.92 AS met FROM vectorq_recall('m_v', (SELECT array_agg(v) FROM (SELECT v FROM m WHERE id % 37 = 0) s), 10);
SELECT * FROM vectorq_check('m_v');
-- queries amid scattered rows take more lists than those in a clump, unless lists are by hand
REINDEX INDEX m_v;
SELECT chosen('m_v') ~ 'distance of the nearest list' AS by_effort;
CREATE FUNCTION lists(first int, OUT mean numeric, OUT fewest bigint, OUT most bigint) LANGUAGE plpgsql AS $$
DECLARE q vector; probed bigint; all_probed bigint[];
BEGIN
    FOR q IN SELECT v FROM m WHERE id BETWEEN first AND first + 40 LOOP
        PERFORM id FROM m ORDER BY v <-> q LIMIT 10;
        all_probed := all_probed || (SELECT lists_probed FROM vectorq_stats());
    END LOOP;
    SELECT avg(x), min(x), max(x) INTO mean, fewest, most FROM unnest(all_probed) x;
END $$;
SELECT scattered.mean > 1.3 * clump.mean AS more, scattered.fewest < scattered.most AS differ FROM lists(9000) scattered, lists(4000) clump;
SET vectorq.nprobe = 9;
SELECT fewest, most FROM lists(9000);
RESET vectorq.nprobe;
-- rolled back, aborted and not yet visible rows are no truth
BEGIN;
DELETE FROM m;
ROLLBACK;
VACUUM m;
SELECT calibrated_rows FROM vectorq_index_info('m_v');
-- the user's own queries stay
SELECT vectorq_calibrate('m_v', (SELECT array_agg(v) FROM (SELECT v FROM m ORDER BY id LIMIT 300) s)) AS queries;
DELETE FROM m WHERE id % 2 = 0;
VACUUM m;
SELECT calibrated_with FROM vectorq_index_info('m_v');
DROP INDEX m_v;
-- an expression and a predicate
CREATE INDEX m_v ON m USING ah ((v::halfvec(16)) halfvec_l2_ops) WHERE id % 3 > 0;
DELETE FROM m WHERE id % 5 = 1;
VACUUM m;
SELECT calibrated_rows = (SELECT count(*) FROM m WHERE id % 3 > 0) AS again FROM vectorq_index_info('m_v');
DROP INDEX m_v;
-- vectors out of line; an expression that takes the whole row, of which one column is gone
CREATE TABLE w (id int, v vector(16), pad text) WITH (autovacuum_enabled = off, toast_tuple_target = 128);
ALTER TABLE w ALTER v SET STORAGE EXTERNAL, ALTER pad SET STORAGE PLAIN;
INSERT INTO w SELECT i, made(i, 0.6), repeat('x', 2000) FROM generate_series(1, 4000) i;
SELECT pg_relation_size(reltoastrelid) > 0 AS out_of_line FROM pg_class WHERE relname = 'w';
CREATE INDEX w_v ON w USING ah (v);
ALTER TABLE w ADD gone int;
ALTER TABLE w DROP gone;
CREATE FUNCTION vector_of(w) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1.v; END';
CREATE INDEX w_row ON w USING ah ((vector_of(w)::vector(16)));
DELETE FROM w WHERE id % 3 = 0;
VACUUM w;
SELECT i, calibrated_rows, (SELECT count(*) FROM w) AS rows FROM unnest(ARRAY['w_v', 'w_row']) i, details(i::regclass);
SELECT recall > 0.92 AS met FROM vectorq_recall('w_v', (SELECT array_agg(v) FROM (SELECT v FROM w WHERE id % 37 = 1) s), 10);
-- every access method; a table that another one's rights hide rows of
CREATE ROLE vq_owner;
ALTER TABLE m OWNER TO vq_owner;
ALTER TABLE m ENABLE ROW LEVEL SECURITY;
ALTER TABLE m FORCE ROW LEVEL SECURITY;
CREATE INDEX m_i ON m USING ivf (v vector_cosine_ops);
CREATE INDEX m_p ON m USING pq (v vector_ip_ops);
SELECT i, regexp_replace(regexp_replace(chosen(i::regclass), '\^ -?[0-9.]+', '^ x', 'g'), 'nprobe = \d+', 'nprobe') AS chosen FROM unnest(ARRAY['m_i', 'm_p']) i;
DELETE FROM m WHERE id % 7 = 0;
VACUUM m;
SELECT count(*) AS rows FROM m \gset
SELECT i, calibrated_rows = :rows AS again FROM unnest(ARRAY['m_i', 'm_p']) i, details(i::regclass);
DROP INDEX w_row;
DROP FUNCTION vector_of(w);
DROP TABLE m, w, kept;
DROP ROLE vq_owner;
DROP FUNCTION measured, made, lists;
RESET enable_seqscan;
