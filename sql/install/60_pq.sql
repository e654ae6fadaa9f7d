-- Access method pq: product codes of the whole table, without lists. The support functions of ivf's operator
-- classes tell the metric here too.

CREATE FUNCTION pq_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vectorq_pq_handler' LANGUAGE C;

CREATE ACCESS METHOD pq TYPE INDEX HANDLER pq_handler;

COMMENT ON ACCESS METHOD pq IS 'vectorq: product-quantised codes of the whole table, for ORDER BY distance';

CREATE OPERATOR CLASS vector_l2_ops
    DEFAULT FOR TYPE vector USING pq AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_vector_l2_support(internal);

CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING pq AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_vector_ip_support(internal);

CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING pq AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_vector_cosine_support(internal);

CREATE OPERATOR CLASS halfvec_l2_ops
    DEFAULT FOR TYPE halfvec USING pq AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_halfvec_l2_support(internal);

CREATE OPERATOR CLASS halfvec_ip_ops
    FOR TYPE halfvec USING pq AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_halfvec_ip_support(internal);

CREATE OPERATOR CLASS halfvec_cosine_ops
    FOR TYPE halfvec USING pq AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vectorq_halfvec_cosine_support(internal);
CREATE FUNCTION vectorq_from_factory(factory text, OUT access_method text, OUT options text)
    AS 'MODULE_PATHNAME', 'vectorq_from_factory' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION vectorq_from_factory(text) IS
    'a FAISS index_factory string as access method and options of CREATE INDEX';
