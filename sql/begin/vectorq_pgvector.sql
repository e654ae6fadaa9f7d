-- vectorq_pgvector install script: the Makefile joins this beginning and the parts in sql/install from 50 on. They name
-- types and operators without a schema, and so find pgvector's: CREATE EXTENSION puts the schemas of required extensions into the search path.
\echo Use "CREATE EXTENSION vectorq_pgvector" to load this file. \quit
-- Says in words what is in the way, before a statement below fails over it.
CREATE FUNCTION vectorq_begin_install() RETURNS void AS 'MODULE_PATHNAME', 'vectorq_begin_install' LANGUAGE C;
SELECT vectorq_begin_install();
DROP FUNCTION vectorq_begin_install();
