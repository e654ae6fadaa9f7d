-- Cumulative statistics of indexes.

CREATE FUNCTION vectorq_stat_counts(
    OUT indexrelid oid, OUT scans bigint, OUT short_scans bigint, OUT rounds bigint, OUT lists_probed bigint,
    OUT pages_read bigint, OUT codes_scored bigint, OUT entries_reordered bigint, OUT heap_rows_visited bigint,
    OUT rows_returned bigint, OUT batches bigint, OUT batch_queries bigint, OUT inserts bigint, OUT renewals bigint,
    OUT renewal_seconds double precision, OUT choose_ms double precision, OUT search_ms double precision,
    OUT order_ms double precision, OUT last_used timestamptz, OUT since timestamptz) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_stat_counts' LANGUAGE C STRICT VOLATILE PARALLEL SAFE ROWS 100;

COMMENT ON FUNCTION vectorq_stat_counts() IS 'what the view vectorq_stat_indexes shows of the indexes that were used';

CREATE VIEW vectorq_stat_indexes AS
    SELECT x.indrelid AS relid, x.indexrelid, n.nspname AS schemaname, t.relname, i.relname AS indexrelname,
        coalesce(s.scans, 0) AS scans, coalesce(s.short_scans, 0) AS short_scans, coalesce(s.rounds, 0) AS rounds,
        coalesce(s.lists_probed, 0) AS lists_probed, coalesce(s.pages_read, 0) AS pages_read,
        coalesce(s.codes_scored, 0) AS codes_scored, coalesce(s.entries_reordered, 0) AS entries_reordered,
        coalesce(s.heap_rows_visited, 0) AS heap_rows_visited, coalesce(s.rows_returned, 0) AS rows_returned,
        coalesce(s.batches, 0) AS batches, coalesce(s.batch_queries, 0) AS batch_queries,
        coalesce(s.inserts, 0) AS inserts, coalesce(s.renewals, 0) AS renewals,
        coalesce(s.renewal_seconds, 0) AS renewal_seconds, coalesce(s.choose_ms, 0) AS choose_ms,
        coalesce(s.search_ms, 0) AS search_ms, coalesce(s.order_ms, 0) AS order_ms, s.last_used, s.since
    FROM pg_catalog.pg_index x
        JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
        JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) x.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) i.relnamespace
        JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) i.relam
        LEFT JOIN vectorq_stat_counts() s ON s.indexrelid OPERATOR(pg_catalog.=) x.indexrelid
    WHERE i.relkind OPERATOR(pg_catalog.=) 'i'
        AND a.amhandler::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (ARRAY['ivf_handler'::pg_catalog.regproc::pg_catalog.oid,
            'pq_handler'::pg_catalog.regproc::pg_catalog.oid, 'ah_handler'::pg_catalog.regproc::pg_catalog.oid]);

COMMENT ON VIEW vectorq_stat_indexes IS 'what all sessions did with each vectorq index of this database since the last reset';

GRANT SELECT ON vectorq_stat_indexes TO PUBLIC;

CREATE FUNCTION vectorq_stat_info(OUT indexes integer, OUT max_indexes integer, OUT evicted bigint)
    AS 'MODULE_PATHNAME', 'vectorq_stat_info' LANGUAGE C STRICT VOLATILE PARALLEL SAFE;

COMMENT ON FUNCTION vectorq_stat_info() IS
    'of how many indexes there are statistics, how many may have such, and how many had to make room, in all databases';

CREATE FUNCTION vectorq_stat_reset(index regclass DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'vectorq_stat_reset' LANGUAGE C VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp;

REVOKE ALL ON FUNCTION vectorq_stat_reset(regclass) FROM PUBLIC;

COMMENT ON FUNCTION vectorq_stat_reset(regclass) IS
    'sets the statistics of an index to zero, or of all indexes of this database';

CREATE FUNCTION vectorq_memory(
    OUT index regclass, OUT bytes bigint, OUT in_use boolean, OUT compact_centroids boolean, OUT exact_centroids boolean) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_memory' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION vectorq_memory() IS
    'what this session keeps in memory of indexes, the one used last first; vectorq.cache_size bounds it';
