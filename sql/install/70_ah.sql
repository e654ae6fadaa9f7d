-- Access method ah: inverted lists of score-aware 4-bit product codes, reordered.

CREATE FUNCTION ah_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vectorq_ah_handler' LANGUAGE C;

CREATE ACCESS METHOD ah TYPE INDEX HANDLER ah_handler;

COMMENT ON ACCESS METHOD ah IS 'vectorq: lists of score-aware 4-bit codes, as in ScaNN, for ORDER BY distance';
