-- vectorq install script: the Makefile joins this beginning and all parts in sql/install, in the order of their names.
\echo Use "CREATE EXTENSION vectorq" to load this file. \quit
-- Says in words what is in the way, before a statement below fails over it.
CREATE FUNCTION vectorq_begin_install() RETURNS void AS 'MODULE_PATHNAME', 'vectorq_begin_install' LANGUAGE C;
SELECT vectorq_begin_install();
DROP FUNCTION vectorq_begin_install();
