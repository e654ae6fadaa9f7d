-- For tests that look at several values of vectorq_index_details at once: details(index).* . The first such test makes it.
SELECT to_regtype('index_details') IS NULL AS missing \gset
\if :missing
CREATE TYPE index_details AS (
    access_method text, distance text, type text, dims int, code text, code_bytes int, trained bool, rows bigint, entries_per_row float8, lists int,
    list_entries_min bigint, list_entries_median bigint, list_entries_max bigint, imbalance float8, generation int,
    bytes_total bigint, bytes_lists bigint, bytes_records bigint, bytes_centroids bigint, bytes_other bigint, bytes_per_row float8,
    calibrated_with text, calibrated_rows bigint, nprobe int, balance float8, quantizer text, subvectors int, bits int,
    anisotropic_threshold real, lengths bool, replicas text, closure_epsilon real, rebalance bool, transform text, reorder text,
    training_rows bigint, seed int);
CREATE FUNCTION details(index regclass) RETURNS index_details LANGUAGE sql AS
    'SELECT jsonb_populate_record(NULL::index_details, jsonb_object_agg(name, value)) FROM vectorq_index_details(index)';
-- what an index chose by itself, a line each
CREATE FUNCTION chosen(index regclass) RETURNS text LANGUAGE sql AS
    $$SELECT string_agg(format('%s = %s: %s', name, value, meaning), E'\n') FROM vectorq_index_details(index) WHERE source = 'chosen'$$;
\endif
