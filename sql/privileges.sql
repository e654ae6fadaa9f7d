-- For each access method: an index scan under row-level security returns what a sequential scan does, functions that
-- would tell of other rows refuse, and a search_path full of traps changes nothing.
SELECT setseed(0.3);
CREATE TABLE priv (id int, owner text, v vector(8));
INSERT INTO priv SELECT i, CASE WHEN i % 10 = 0 THEN 'vq_reader' ELSE 'other' END, ARRAY[random(), random(), random(), random(), random(), random(), random(), random()]::vector(8)
    FROM generate_series(1, 2000) i;
CREATE INDEX priv_ivf ON priv USING ivf (v) WITH (lists = 10, quantizer = sq8);
CREATE INDEX priv_pq ON priv USING pq (v vector_cosine_ops) WITH (bits = 4, subvectors = 4);
CREATE INDEX priv_ah ON priv USING ah (v vector_ip_ops) WITH (lists = 10, replicas = soar);
CREATE ROLE vq_reader;
GRANT USAGE ON SCHEMA public TO vq_reader;
GRANT SELECT ON priv TO vq_reader;
ALTER TABLE priv ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON priv USING (owner = current_user);
SET ROLE vq_reader;
SET enable_seqscan = off;
SET vectorq.nprobe = 10;
SELECT count(*) AS rows, count(DISTINCT id) AS different, bool_and(owner = 'vq_reader') AS own FROM (SELECT * FROM priv ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 5000) s;
SELECT count(*) AS rows, count(DISTINCT id) AS different, bool_and(owner = 'vq_reader') AS own FROM (SELECT * FROM priv ORDER BY v <=> '[1,2,3,4,5,6,7,8]' LIMIT 5000) s;
SELECT count(*) AS rows, count(DISTINCT id) AS different, bool_and(owner = 'vq_reader') AS own FROM (SELECT * FROM priv ORDER BY v <#> '[1,2,3,4,5,6,7,8]' LIMIT 5000) s;
EXPLAIN (COSTS OFF) SELECT id FROM priv ORDER BY v <#> '[1,2,3,4,5,6,7,8]' LIMIT 5;
-- a function that leaks its argument is not asked about rows that the policy hides
CREATE FUNCTION pg_temp.leak(int) RETURNS bool COST 0.0001 LANGUAGE plpgsql AS $$ BEGIN IF $1 % 10 <> 0 THEN RAISE 'leaked %', $1; END IF; RETURN true; END $$;
SELECT count(*) AS rows FROM (SELECT * FROM priv WHERE pg_temp.leak(id) ORDER BY v <#> '[1,2,3,4,5,6,7,8]' LIMIT 5000) s;
\set VERBOSITY sqlstate
SELECT vectorq_recall('priv_ivf', ARRAY['[1,2,3,4,5,6,7,8]']::vector[], 10);
SELECT vectorq_recall('priv_pq', ARRAY['[1,2,3,4,5,6,7,8]']::vector[], 10);
SELECT vectorq_recall('priv_ah', ARRAY['[1,2,3,4,5,6,7,8]']::vector[], 10);
\set VERBOSITY default
DROP FUNCTION pg_temp.leak(int);
RESET ROLE;
DROP POLICY own ON priv;
ALTER TABLE priv DISABLE ROW LEVEL SECURITY;
-- traps in front of pg_catalog
CREATE SCHEMA vq_trap;
CREATE FUNCTION vq_trap.sprung(int, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$;
CREATE FUNCTION vq_trap.sprung_bigint(bigint, bigint) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$;
CREATE FUNCTION vq_trap.sprung(vector, vector) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$;
CREATE OPERATOR vq_trap.= (LEFTARG = int, RIGHTARG = int, PROCEDURE = vq_trap.sprung);
CREATE OPERATOR vq_trap.< (LEFTARG = bigint, RIGHTARG = bigint, PROCEDURE = vq_trap.sprung_bigint);
CREATE OPERATOR vq_trap.<-> (LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vq_trap.sprung);
CREATE OPERATOR vq_trap.<=> (LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vq_trap.sprung);
CREATE OPERATOR vq_trap.<#> (LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vq_trap.sprung);
SET search_path = vq_trap, pg_catalog, public;
SELECT rows FROM vectorq_index_info('priv_ah');
SELECT * FROM vectorq_check('priv_ivf');
SELECT * FROM vectorq_check('priv_pq');
SELECT * FROM vectorq_check('priv_ah');
SELECT queries_measured FROM vectorq_recall('priv_ivf', ARRAY['[1,2,3,4,5,6,7,8]']::vector[], 10);
SELECT queries_measured FROM vectorq_recall('priv_pq', ARRAY['[1,2,3,4,5,6,7,8]']::vector[], 10);
SELECT queries_measured FROM vectorq_recall('priv_ah', ARRAY['[1,2,3,4,5,6,7,8]']::vector[], 10);
REINDEX TABLE priv;
INSERT INTO priv VALUES (0, '', '[1,2,3,4,5,6,7,8]');
DELETE FROM priv;
VACUUM priv;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA vq_trap CASCADE;
DROP TABLE priv;
REVOKE USAGE ON SCHEMA public FROM vq_reader;
DROP ROLE vq_reader;
