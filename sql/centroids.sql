-- Centroids from a table: WITH (centroids = 'schema.table'); vectorq_centroids(), which gives them; vectorq_shard_target().
\set QUIET 1
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS vectorq;
SELECT setseed(0.3);
CREATE TABLE given_rows (id int, v vector(8));
INSERT INTO given_rows SELECT i, (SELECT array_agg(random() + i % 20 + 0 * j)::vector FROM generate_series(1, 8) j) FROM generate_series(1, 5000) i;
-- Twenty centers, each of an equal part of the rows.
CREATE TABLE given_centers (n int, center vector(8));
INSERT INTO given_centers SELECT i, array_fill(i + 0.5, ARRAY[8])::vector FROM generate_series(0, 19) i;
CREATE INDEX given_ivf ON given_rows USING ivf (v vector_l2_ops) WITH (centroids = 'public.given_centers');
CREATE INDEX given_ah ON given_rows USING ah (v vector_l2_ops) WITH (centroids = 'public.given_centers');
SELECT lists, trained, calibrated_with FROM vectorq_index_info('given_ivf');
SELECT lists, trained, calibrated_with FROM vectorq_index_info('given_ah');
SELECT name, value, source FROM vectorq_index_details('given_ivf') WHERE name = 'centroids';
-- The lists are the given ones, and all rows are found.
SELECT count(*) AS centroids, bool_and(centroid::vector = center) AS same FROM vectorq_centroids('given_ivf') JOIN given_centers ON n = list;
SELECT count(*) AS centroids FROM vectorq_centroids('given_ah');
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM given_rows ORDER BY v <-> array_fill(3.5, ARRAY[8])::vector LIMIT 10000) s;
SELECT bool_and(id % 20 = 3) AS near, count(*) FROM (SELECT id FROM given_rows ORDER BY v <-> array_fill(3.5, ARRAY[8])::vector LIMIT 250) s;
RESET enable_seqscan;
SELECT count(*) AS problems FROM vectorq_check('given_ivf');
SELECT recall > 0.9 AS found FROM vectorq_recall('given_ah', (SELECT array_agg(v) FROM given_rows WHERE id <= 100));
-- Cosine and inner product take directions; a transform is applied to them, too.
CREATE TABLE given_directions AS SELECT v AS center FROM given_rows WHERE id <= 30;
CREATE INDEX given_cosine ON given_rows USING ah (v vector_cosine_ops) WITH (centroids = 'public.given_directions');
SELECT lists FROM vectorq_index_info('given_cosine');
SELECT recall > 0.9 AS found FROM vectorq_recall('given_cosine', (SELECT array_agg(v) FROM given_rows WHERE id <= 100));
CREATE INDEX given_ip ON given_rows USING ivf (v vector_ip_ops) WITH (centroids = 'public.given_directions');
SELECT count(*) AS of_one_length FROM vectorq_centroids('given_ip') WHERE abs(vector_norm(centroid::vector) - (SELECT avg(vector_norm(centroid::vector)) FROM vectorq_centroids('given_ip'))) < .01;
CREATE INDEX given_rotated ON given_rows USING ivf (v vector_l2_ops) WITH (centroids = 'public.given_centers', quantizer = sq8, transform = rr);
SELECT lists FROM vectorq_index_info('given_rotated');
SELECT recall > 0.9 AS found FROM vectorq_recall('given_rotated', (SELECT array_agg(v) FROM given_rows WHERE id <= 100));
SELECT * FROM vectorq_centroids('given_rotated');
DROP INDEX given_cosine, given_ip, given_rotated, given_ah;
-- What an index gives, another takes.
CREATE TABLE own_centers AS SELECT list, centroid::vector(8) AS center FROM vectorq_centroids('given_ivf');
CREATE INDEX given_again ON given_rows USING ivf (v vector_l2_ops) WITH (centroids = 'public.own_centers');
SELECT count(*) AS same FROM vectorq_centroids('given_again') a JOIN vectorq_centroids('given_ivf') b USING (centroid);
DROP INDEX given_again;

-- Renewal trains on the rows: it does not need the table. REINDEX does.
SELECT vectorq_renew('given_ivf') AS renewed;
SELECT trained FROM vectorq_index_info('given_ivf');
REINDEX INDEX given_ivf;
SELECT lists FROM vectorq_index_info('given_ivf');
ALTER TABLE given_centers RENAME TO elsewhere;
\set VERBOSITY default
REINDEX INDEX given_ivf;
ALTER INDEX given_ivf RESET (centroids);
REINDEX INDEX given_ivf;
ALTER TABLE elsewhere RENAME TO given_centers;

-- Too few rows to train: the index stays untrained, and vacuum trains it on its rows.
CREATE TABLE given_later (v vector(8)) WITH (autovacuum_enabled = off);
CREATE INDEX given_later_v ON given_later USING ivf (v) WITH (centroids = 'public.given_centers');
INSERT INTO given_later SELECT v FROM given_rows;
VACUUM given_later;
SELECT trained FROM vectorq_index_info('given_later_v');
DROP TABLE given_later;

-- What is refused.
CREATE FUNCTION refused(options text, columns text DEFAULT 'v vector_l2_ops') RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text;
BEGIN
    EXECUTE format('CREATE INDEX refused ON given_rows USING ivf (%s) WITH (%s)', columns, options);
    DROP INDEX refused;
    RETURN 'made';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN message || CASE WHEN detail <> '' THEN ': ' || detail ELSE '' END;
END $$;
CREATE TABLE bad_centers (LIKE given_centers);
SELECT refused('centroids = ''public.bad_centers''') AS empty;
INSERT INTO bad_centers VALUES (1, array_fill(1, ARRAY[8])::vector), (2, NULL);
SELECT refused('centroids = ''public.bad_centers''') AS with_null;
UPDATE bad_centers SET center = array_fill(1, ARRAY[8])::vector;
SELECT refused('centroids = ''public.bad_centers''') AS equal;
UPDATE bad_centers SET center = array_fill(0, ARRAY[8])::vector WHERE n = 2;
SELECT refused('centroids = ''public.bad_centers''') AS zero;
SELECT refused('centroids = ''public.bad_centers''', 'v vector_ip_ops') AS zero_direction;
SELECT refused('centroids = ''public.bad_centers''', 'v vector_cosine_ops') AS zero_cosine;
SELECT refused('centroids = ''public.bad_centers'', lists = 3') AS lists;
ALTER TABLE bad_centers ADD other vector(8);
SELECT refused('centroids = ''public.bad_centers''') AS two_columns;
CREATE TABLE short_centers AS SELECT '[1,2,3]'::vector AS center;
SELECT refused('centroids = ''public.short_centers''') AS dimensions;
CREATE VIEW viewed_centers AS SELECT * FROM given_centers;
SELECT refused('centroids = ''public.viewed_centers''') AS view;
SELECT refused('centroids = ''public.no_centers''') AS absent;
SELECT refused('centroids = ''given_centers''') AS no_schema;
SELECT refused('centroids = none') AS none;

-- The table is read with the rights of the owner of the indexed table, whoever runs REINDEX; policies are no way round.
DROP ROLE IF EXISTS given_owner;
CREATE ROLE given_owner;
CREATE SCHEMA given_schema AUTHORIZATION given_owner;
SET ROLE given_owner;
CREATE TABLE given_schema.rows AS SELECT array_fill(i, ARRAY[8])::vector(8) AS v FROM generate_series(1, 1000) i;
CREATE INDEX ON given_schema.rows USING ivf (v vector_l2_ops) WITH (centroids = 'public.given_centers');
RESET ROLE;
CREATE INDEX ON given_schema.rows USING ivf (v vector_l2_ops) WITH (centroids = 'public.given_centers');
GRANT SELECT ON given_centers TO given_owner;
ALTER TABLE given_centers ENABLE ROW LEVEL SECURITY;
SET ROLE given_owner;
CREATE INDEX ON given_schema.rows USING ivf (v vector_l2_ops) WITH (centroids = 'public.given_centers');
RESET ROLE;
ALTER TABLE given_centers DISABLE ROW LEVEL SECURITY;
SET ROLE given_owner;
CREATE INDEX given_by_owner ON given_schema.rows USING ivf (v vector_l2_ops) WITH (centroids = 'public.given_centers');
SELECT lists FROM vectorq_index_info('given_schema.given_by_owner');
-- Centroids tell of rows: who may not read these does not get them.
SELECT count(*) FROM vectorq_centroids('public.given_ivf');
RESET ROLE;
DROP SCHEMA given_schema CASCADE;
REVOKE ALL ON given_centers FROM given_owner;
DROP ROLE given_owner;

-- The target of a shard.
SELECT vectorq_shard_target(0.95, 1), vectorq_shard_target(0.95, 4, 10) BETWEEN 0.8 AND 0.95 AS less, vectorq_shard_target(0.95, 16, 1) AS one_row, vectorq_shard_target(0.1, 100, 100) AS least,
    vectorq_shard_target(1.5, 4) AS nothing, vectorq_shard_target(1, 4) AS exact;
DROP FUNCTION refused;
DROP VIEW viewed_centers;
DROP TABLE given_rows, given_centers, given_directions, own_centers, bad_centers, short_centers;
