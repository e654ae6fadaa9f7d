-- Access method ivf, its operator classes, and the functions that look into an index.

CREATE FUNCTION ivf_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vectorq_ivf_handler' LANGUAGE C;

CREATE ACCESS METHOD ivf TYPE INDEX HANDLER ivf_handler;

COMMENT ON ACCESS METHOD ivf IS 'vectorq: inverted lists of vectors, for ORDER BY distance';

CREATE FUNCTION vectorq_vector_l2_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vectorq_vector_l2_support' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE OPERATOR CLASS vector_l2_ops
    DEFAULT FOR TYPE vector USING ivf AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_vector_l2_support(internal);

CREATE FUNCTION vectorq_vector_ip_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vectorq_vector_ip_support' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING ivf AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_vector_ip_support(internal);

CREATE FUNCTION vectorq_vector_cosine_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vectorq_vector_cosine_support' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING ivf AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_vector_cosine_support(internal);

CREATE FUNCTION vectorq_vector_l1_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vectorq_vector_l1_support' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE OPERATOR CLASS vector_l1_ops
    FOR TYPE vector USING ivf AS
    OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_vector_l1_support(internal);

CREATE FUNCTION vectorq_halfvec_l2_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vectorq_halfvec_l2_support' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE OPERATOR CLASS halfvec_l2_ops
    DEFAULT FOR TYPE halfvec USING ivf AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_halfvec_l2_support(internal);

CREATE FUNCTION vectorq_halfvec_ip_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vectorq_halfvec_ip_support' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE OPERATOR CLASS halfvec_ip_ops
    FOR TYPE halfvec USING ivf AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_halfvec_ip_support(internal);

CREATE FUNCTION vectorq_halfvec_cosine_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vectorq_halfvec_cosine_support' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE OPERATOR CLASS halfvec_cosine_ops
    FOR TYPE halfvec USING ivf AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_halfvec_cosine_support(internal);

CREATE FUNCTION vectorq_halfvec_l1_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vectorq_halfvec_l1_support' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE OPERATOR CLASS halfvec_l1_ops
    FOR TYPE halfvec USING ivf AS
    OPERATOR 1 <+> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_halfvec_l1_support(internal);

CREATE FUNCTION vectorq_index_info(index regclass,
    OUT access_method text, OUT metric text, OUT code text, OUT subvectors integer, OUT bits integer,
    OUT anisotropic_threshold real, OUT lengths boolean, OUT replicas text, OUT closure_epsilon real, OUT entries_per_row double precision, OUT transform text,
    OUT reorder text, OUT trained boolean, OUT dims integer, OUT rows bigint,
    OUT lists integer, OUT lists_option integer, OUT nprobe integer, OUT training_rows bigint, OUT seed integer,
    OUT list_rows_min bigint, OUT list_rows_median bigint, OUT list_rows_max bigint, OUT imbalance double precision,
    OUT bytes_total bigint, OUT bytes_lists bigint, OUT bytes_reorder bigint, OUT bytes_centroids bigint, OUT bytes_other bigint,
    OUT bytes_per_row double precision, OUT calibrated_with text, OUT calibrated_rows bigint, OUT chosen text)
    AS 'MODULE_PATHNAME', 'vectorq_index_info' LANGUAGE C STRICT VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_index_info(regclass) IS 'options of a vectorq index as built, its lists and its bytes';

CREATE FUNCTION vectorq_check(index regclass, OUT block bigint, OUT problem text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_check' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_check(regclass) IS 'problems in the structure of a vectorq index; no rows for a sound one';

CREATE FUNCTION vectorq_recall(index regclass, queries anyarray, k integer DEFAULT 10,
    OUT recall double precision, OUT low double precision, OUT high double precision, OUT queries_measured integer)
    AS 'MODULE_PATHNAME', 'vectorq_recall' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_recall(regclass, anyarray, integer) IS
    'recall@k of the present settings against an exact scan, with a 95 % confidence interval';

CREATE FUNCTION vectorq_calibrate(index regclass, queries anyarray) RETURNS integer
    AS 'MODULE_PATHNAME', 'vectorq_calibrate' LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_calibrate(regclass, anyarray) IS
    'measures with these queries what recall takes, for vectorq.target_recall; returns how many were used';

CREATE FUNCTION vectorq_recall_curve(index regclass,
    OUT k integer, OUT target real, OUT recall real, OUT nprobe integer, OUT reorder_rows integer) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'vectorq_recall_curve' LANGUAGE C STRICT VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_recall_curve(regclass) IS
    'settings that vectorq.target_recall chooses from, and the recall that the calibration''s queries saw; no rows if not calibrated';

CREATE FUNCTION vectorq_stats(
    OUT index regclass, OUT rounds bigint, OUT lists_probed bigint, OUT pages_read bigint, OUT rows_scored bigint,
    OUT rows_collected bigint, OUT rows_reordered bigint, OUT rows_returned bigint,
    OUT target real)
    AS 'MODULE_PATHNAME', 'vectorq_stats' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION vectorq_stats() IS 'what the last vectorq index scan of this session did';

CREATE FUNCTION vectorq_prewarm(index regclass, bytes bigint DEFAULT 0) RETURNS bigint
    AS 'MODULE_PATHNAME', 'vectorq_prewarm' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp;

COMMENT ON FUNCTION vectorq_prewarm(regclass, bigint) IS
    'reads centroids and the most used lists of a vectorq index into the buffers, so many bytes at most (0: what they hold); returns bytes';
