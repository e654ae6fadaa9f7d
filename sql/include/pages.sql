-- For tests that two indexes are the same: \i sql/include/pages.sql
-- Pages of a whose bytes are not b's, those behind the end of the shorter one too; LSN and checksum are left out. After a CHECKPOINT.
CREATE FUNCTION pages_that_differ(a text, b text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM generate_series(0, greatest(pg_relation_size(a), pg_relation_size(b)) / 8192 - 1) page
    WHERE substr(pg_read_binary_file(pg_relation_filepath(a), page * 8192, 8192), 13)
        <> substr(pg_read_binary_file(pg_relation_filepath(b), page * 8192, 8192), 13) $$;
