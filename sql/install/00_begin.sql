-- vectorq install script: the Makefile joins sql/install/*.sql in the order of their names.
\echo Use "CREATE EXTENSION vectorq" to load this file. \quit
