-- Access method ivf, and the functions that look into an index.

CREATE FUNCTION ivf_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vectorq_ivf_handler' LANGUAGE C;

CREATE ACCESS METHOD ivf TYPE INDEX HANDLER ivf_handler;

COMMENT ON ACCESS METHOD ivf IS 'vectorq: inverted lists of vectors, for ORDER BY distance';

CREATE FUNCTION vectorq_index_info(index regclass,
    OUT access_method text, OUT distance text, OUT code text, OUT dims integer, OUT rows bigint, OUT lists integer,
    OUT size text, OUT trained boolean, OUT calibrated_with text, OUT calibrated_rows bigint,
    OUT state text)
    AS 'MODULE_PATHNAME', 'vectorq_index_info' LANGUAGE C STRICT VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_index_info(regclass) IS 'a vectorq index in one line; vectorq_index_details has the rest';

CREATE FUNCTION vectorq_index_details(index regclass, OUT name text, OUT value text, OUT source text, OUT meaning text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_index_details' LANGUAGE C STRICT VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_index_details(regclass) IS
    'what a vectorq index is and holds, and its options as built: given, default, or chosen by it and by what rule';

CREATE FUNCTION vectorq_options(
    OUT name text, OUT scope text, OUT access_methods text[], OUT type text, OUT default_value text,
    OUT min double precision, OUT max double precision, OUT choices text[], OUT description text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_options' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION vectorq_options() IS 'options of CREATE INDEX and settings of the session, with defaults and limits';

CREATE FUNCTION vectorq_check(index regclass, OUT block bigint, OUT problem text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_check' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_check(regclass) IS 'problems in the structure of a vectorq index; no rows for a sound one';

CREATE FUNCTION vectorq_knn(index regclass, queries anyarray, k integer DEFAULT 10,
    OUT query integer, OUT "row" tid, OUT distance double precision) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_knn' LANGUAGE C STRICT STABLE PARALLEL RESTRICTED COST 10000 ROWS 10000
    SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_knn(regclass, anyarray, integer) IS
    'the k nearest rows of each query: its place in the array, the row''s ctid, the distance';

CREATE FUNCTION vectorq_knn(index regclass, queries text, k integer DEFAULT 10,
    OUT query bigint, OUT "row" tid, OUT distance double precision) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_knn_text' LANGUAGE C STRICT STABLE PARALLEL RESTRICTED COST 10000 ROWS 100000;

COMMENT ON FUNCTION vectorq_knn(regclass, text, integer) IS
    'the k nearest rows of each vector that a SELECT returns, with the number in its first column (or the row''s)';

CREATE FUNCTION vectorq_recall(index regclass, queries anyarray, k integer DEFAULT 10,
    OUT recall double precision, OUT low double precision, OUT high double precision, OUT queries_measured integer)
    AS 'MODULE_PATHNAME', 'vectorq_recall' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_recall(regclass, anyarray, integer) IS
    'recall@k of the present settings against an exact scan, with a 95 % confidence interval';

CREATE FUNCTION vectorq_recall(index regclass, queries anyarray, radius real,
    OUT recall double precision, OUT low double precision, OUT high double precision, OUT queries_measured integer)
    AS 'MODULE_PATHNAME', 'vectorq_recall_within' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_recall(regclass, anyarray, real) IS
    'share of the rows within a radius that the present settings find, over the queries that have some, with a 95 % confidence interval';

CREATE FUNCTION vectorq_calibrate(index regclass, queries anyarray) RETURNS integer
    AS 'MODULE_PATHNAME', 'vectorq_calibrate' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_calibrate(regclass, anyarray) IS
    'measures with these queries what recall takes, for vectorq.target_recall; returns how many were used';

CREATE FUNCTION vectorq_renew(index regclass) RETURNS boolean
    AS 'MODULE_PATHNAME', 'vectorq_renew' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_renew(regclass) IS
    'trains an index anew on its rows while it is used, as VACUUM does when they call for it; false if they are too few';

CREATE FUNCTION vectorq_centroids(index regclass, OUT list integer, OUT centroid real[]) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_centroids' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_centroids(regclass) IS 'the centroids of a vectorq index without a transform; no rows if it is not trained';

-- Found by measurement: docs/shards.md.
CREATE FUNCTION vectorq_shard_target(recall double precision, shards integer, k integer DEFAULT 10) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS $$SELECT CASE WHEN $1 BETWEEN 0 AND 1 AND $2 >= 1 AND $3 >= 1 THEN round(greatest(0.01, 1 - (1 - $1) * sqrt(least($2, $3)))::numeric, 4)::double precision END$$;

COMMENT ON FUNCTION vectorq_shard_target(double precision, integer, integer) IS
    'the target_recall of each of so many shards, asked for k rows each, at which the k nearest of all have the wanted recall; rows are spread over shards by chance';

CREATE FUNCTION vectorq_recall_curve(index regclass,
    OUT k integer, OUT target real, OUT recall real, OUT nprobe integer, OUT reorder_rows integer) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_recall_curve' LANGUAGE C STRICT VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_recall_curve(regclass) IS
    'settings that vectorq.target_recall chooses from, and the recall that the calibration''s queries saw; no rows if not calibrated';

CREATE FUNCTION vectorq_stats(
    OUT index regclass, OUT rounds bigint, OUT lists_probed bigint, OUT pages_read bigint, OUT entries_scored bigint,
    OUT rows_collected bigint, OUT rows_reordered bigint, OUT rows_returned bigint,
    OUT target real, OUT target_from text, OUT entries_passed bigint, OUT lists_skipped bigint, OUT ended_short boolean)
    AS 'MODULE_PATHNAME', 'vectorq_stats' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION vectorq_stats() IS 'what the last vectorq index scan of this session did';

CREATE FUNCTION vectorq_prewarm(index regclass, bytes bigint DEFAULT 0) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vectorq_prewarm' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_prewarm(regclass, bigint) IS
    'reads centroids and the most used lists of a vectorq index into the buffers, so many bytes at most (0: what they hold); returns bytes';
