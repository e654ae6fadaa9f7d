-- The table of ScaNN's builder calls in docs/recipes.md: each row is built and finds its rows.
SET client_min_messages = warning;
SELECT setseed(0.31);
CREATE TABLE r (id int, v vector(32));
-- clustered rows of different lengths
INSERT INTO r SELECT i, (SELECT array_agg((sin(i % 41 + d) + (random() - 0.5)) * (1 + (i % 7) / 7.0)) FROM generate_series(1, 32) d WHERE i = i)::vector
    FROM generate_series(1, 4000) i;
-- Recall@10 over rows as queries: half of these rows is noise, so that codes alone find less than half of the ten, and a
-- limit is what was seen less a quarter. And rows that a scan of everything loses or returns twice.
CREATE FUNCTION found(scann text, method text, ops text, options text, settings text[] DEFAULT '{}', enough float8 DEFAULT 0.9,
    OUT complaint text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE op text; setting text; recall_found float8; n bigint; d bigint; problems bigint;
BEGIN
    op := CASE ops WHEN 'vector_l2_ops' THEN '<->' WHEN 'vector_ip_ops' THEN '<#>' ELSE '<=>' END;
    EXECUTE format('CREATE INDEX r_i ON r USING %s (v %s)', method, ops) || CASE WHEN options = '' THEN '' ELSE format(' WITH (%s)', options) END;
    FOREACH setting IN ARRAY settings LOOP
        PERFORM set_config('vectorq.' || split_part(setting, '=', 1), split_part(setting, '=', 2), true);
    END LOOP;
    SELECT recall INTO recall_found FROM vectorq_recall('r_i', (SELECT array_agg(v) FROM r WHERE id % 100 = 7), 10);
    IF recall_found IS NULL OR recall_found < enough THEN complaint := format('recall %s; ', recall_found); END IF;
    PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true), set_config('vectorq.max_scan_rows', '0', true);
    EXECUTE format('SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM r ORDER BY v %s (SELECT v FROM r WHERE id = 7) LIMIT 100000) s', op) INTO n, d;
    IF n <> 4000 OR d <> 4000 THEN complaint := concat(complaint, format('%s rows, %s different; ', n, d)); END IF;
    SELECT count(*) INTO problems FROM vectorq_check('r_i');
    IF problems > 0 THEN complaint := concat(complaint, format('%s problems', problems)); END IF;
    complaint := coalesce(complaint, 'all found');
    DROP INDEX r_i;
    PERFORM set_config('vectorq.nprobe', '0', true), set_config('vectorq.reorder_rows', '0', true), set_config('vectorq.max_scan_rows', '1000000', true);
END $$;
-- builder(db, 10, "dot_product"), ("squared_l2"); rows of length one: cosine
SELECT m AS operator_class, found('tree(50, 10).score_ah(2).reorder(100)', 'ah', m, 'lists = 50', '{nprobe=10,reorder_rows=100}')
    FROM unnest(ARRAY['vector_ip_ops', 'vector_l2_ops', 'vector_cosine_ops']) m;
SELECT scann, found(scann, method, 'vector_ip_ops', options, settings::text[], enough) AS rows FROM (VALUES
    ('score_brute_force()', 'ivf', 'lists = 1', '{}', 1),
    ('score_brute_force(quantize=True)', 'ivf', 'lists = 1, quantizer = sq8, reorder = off', '{}', 0.9),
    ('score_ah(2, anisotropic_quantization_threshold=0.2)', 'ah', 'lists = 1, reorder = off', '{}', 0.35),
    ('score_ah(2)', 'ah', 'lists = 1, anisotropic_threshold = 0, reorder = off', '{}', 0.3),
    ('score_ah(4, anisotropic_quantization_threshold=0.2)', 'ah', 'lists = 1, subvectors = 8, reorder = off', '{}', 0.15),
    ('score_ah(4, hash_type="lut256")', 'pq', 'subvectors = 8, bits = 8, reorder = off', '{}', 0.5),
    ('score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100)', 'ah', 'lists = 1', '{reorder_rows=100}', 0.9),
    ('tree(num_leaves=50, num_leaves_to_search=10, training_sample_size=2000).score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100)',
        'ah', 'lists = 50, replicas = none, training_rows = 2000', '{nprobe=10,reorder_rows=100}', 0.9),
    ('tree(50, 10).score_ah(2, anisotropic_quantization_threshold=0.2)', 'ah', 'lists = 50, replicas = none, reorder = off', '{nprobe=10}', 0.45),
    ('tree(50, 5, soar_lambda=1.5).score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100)', 'ah', 'lists = 50',
        '{nprobe=5,reorder_rows=200}', 0.9),
    ('tree(50, 10).score_brute_force()', 'ivf', 'lists = 50', '{nprobe=10}', 0.9),
    ('tree(50, 10).score_brute_force(quantize=True).reorder(50)', 'ivf', 'lists = 50, quantizer = sq8', '{nprobe=10,reorder_rows=50}', 0.9),
    ('autopilot()', 'ah', '', '{}', 0.8))
    AS t (scann, method, options, settings, enough);
-- score_ah alone is one list; it has no second one for replicas. Inserts go on as in others.
CREATE INDEX r_i ON r USING ah (v) WITH (lists = 1, replicas = soar);
SELECT lists, trained, code, subvectors, replicas FROM vectorq_index_info('r_i');
INSERT INTO r SELECT id + 4000, v FROM r;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) AS rows, count(DISTINCT id) AS different FROM (SELECT id FROM r ORDER BY v <-> (SELECT v FROM r WHERE id = 7) LIMIT 100000) s;
SELECT * FROM vectorq_check('r_i');
-- neither list nor code: exact
SET enable_indexscan = off;
RESET enable_seqscan;
RESET enable_sort;
EXPLAIN (COSTS OFF) SELECT id FROM r ORDER BY v <#> array_fill(1, ARRAY[32])::vector LIMIT 3;
DROP TABLE r;
DROP FUNCTION found;
