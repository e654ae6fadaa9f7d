-- Access method pq: product codes of the whole table, without lists.

CREATE FUNCTION pq_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vectorq_pq_handler' LANGUAGE C;

CREATE ACCESS METHOD pq TYPE INDEX HANDLER pq_handler;

COMMENT ON ACCESS METHOD pq IS 'vectorq: product-quantised codes of the whole table, for ORDER BY distance';

CREATE FUNCTION vectorq_from_factory(factory text, OUT access_method text, OUT options text)
    AS 'MODULE_PATHNAME', 'vectorq_from_factory' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION vectorq_from_factory(text) IS
    'a FAISS index_factory string as access method and options of CREATE INDEX';
