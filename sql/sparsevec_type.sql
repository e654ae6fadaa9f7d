-- Text and binary form, declared length and limits of sparsevec. SQLSTATEs are checked one per kind of error.
SELECT '{1:1,3:-2.5}/4'::sparsevec, E' { 2 : 1.5 ,\t4:\n3e2 } / 5 '::sparsevec, '{1:+1,2:.5,3:5.,4:0x1p-1}/4'::sparsevec;
SELECT '{+2:1}/+2'::sparsevec, '{01:1}/02'::sparsevec, '{1:1.23456789,2:0.1,3:1e-7,4:16777217,5:1e20}/5'::sparsevec;
SELECT '{1:3.4028235e38,2:-3.4028235e38,3:1.17549435e-38,4:1e-45}/4'::sparsevec;
-- any order; zeros are not kept, wherever they are
SELECT '{3:3,1:1,2:2}/3'::sparsevec, '{1:0,2:1,3:-0}/3'::sparsevec, '{9:0,-1:0,1:0,1:0}/3'::sparsevec;
SELECT '{}/1'::sparsevec, ' { } / 7 '::sparsevec, '{}/1000000000'::sparsevec, '{1000000000:1}/1000000000'::sparsevec;
-- syntax
SELECT ''::sparsevec;
SELECT ' '::sparsevec;
SELECT '{'::sparsevec;
SELECT '{1'::sparsevec;
SELECT '{1:'::sparsevec;
SELECT '{1:1'::sparsevec;
SELECT '{1:1,'::sparsevec;
SELECT '{1:1,}/1'::sparsevec;
SELECT '{,1:1}/1'::sparsevec;
SELECT '{1:1,,2:1}/2'::sparsevec;
SELECT '{1:1 2:1}/2'::sparsevec;
SELECT '{1 1}/2'::sparsevec;
SELECT '{a:1}/2'::sparsevec;
SELECT '{1.5:1}/2'::sparsevec;
SELECT '{1:a}/2'::sparsevec;
SELECT '{1:1e}/2'::sparsevec;
SELECT '{1:- 1}/2'::sparsevec;
SELECT '1:1/2'::sparsevec;
SELECT '[1,2]'::sparsevec;
SELECT '{1:1}'::sparsevec;
SELECT '{1:1} 2'::sparsevec;
SELECT '{1:1}}/2'::sparsevec;
SELECT '{1:1}/'::sparsevec;
SELECT '{1:1}/a'::sparsevec;
SELECT '{1:1}/2a'::sparsevec;
SELECT '{1:1}/2 3'::sparsevec;
SELECT '{1:1}/2.5'::sparsevec;
-- values
SELECT '{1:nan}/2'::sparsevec;
SELECT '{1:inf}/2'::sparsevec;
SELECT '{1:-Infinity}/2'::sparsevec;
SELECT '{1:4e38}/2'::sparsevec;
SELECT '{1:-1e400}/2'::sparsevec;
SELECT '{1:1e-60}/2'::sparsevec;
-- indices
SELECT '{0:1}/2'::sparsevec;
SELECT '{-1:1}/2'::sparsevec;
SELECT '{3:1}/2'::sparsevec;
SELECT '{99999999999999999999:1}/2'::sparsevec;
SELECT '{-99999999999999999999:1}/2'::sparsevec;
SELECT '{-2147483648:1}/2147483647'::sparsevec;
SELECT '{2:1,2:1}/2'::sparsevec;
SELECT '{2:1,1:5,2:0.5}/2'::sparsevec;
-- dimensions
SELECT '{}/0'::sparsevec;
SELECT '{}/-5'::sparsevec;
SELECT '{}/1000000001'::sparsevec;
SELECT '{}/99999999999999999999'::sparsevec;
SELECT '{}/-99999999999999999999'::sparsevec;
-- number of elements
SELECT length(t) > 100000, t::sparsevec::text = t FROM (SELECT '{' || string_agg(i || ':1', ',' ORDER BY i) || '}/16000' AS t FROM generate_series(1, 16000) i) s;
SELECT ('{' || string_agg(i || ':1', ',') || '}/20000')::sparsevec FROM generate_series(1, 16001) i;
-- declared length
SELECT '{2:1}/3'::sparsevec(3), '{2:1}/1000000000'::sparsevec(1000000000);
SELECT '{2:1}/3'::sparsevec(2);
SELECT '{}/3'::sparsevec(0);
SELECT '{}/3'::sparsevec(-1);
SELECT '{}/3'::sparsevec(1000000001);
SELECT '{}/3'::sparsevec(3, 2);
SELECT '{}/3'::sparsevec('a');
CREATE TABLE st (v sparsevec(3));
INSERT INTO st VALUES ('{1:1}/3'), (NULL);
INSERT INTO st VALUES ('{1:1}/4');
INSERT INTO st VALUES ('[0,0,5]'::vector), (ARRAY[0, 7, 0]);
INSERT INTO st VALUES ('[0,5]'::vector);
SELECT format_type(atttypid, atttypmod), attstorage FROM pg_attribute WHERE attrelid = 'st'::regclass AND attname = 'v';
SELECT v, pg_column_size(v) FROM st;
DROP TABLE st;
-- one SQLSTATE per kind
\set VERBOSITY sqlstate
SELECT 'x'::sparsevec;
SELECT '{1:nan}/2'::sparsevec;
SELECT '{1:4e38}/2'::sparsevec;
SELECT '{0:1}/2'::sparsevec;
SELECT '{1:1,1:1}/2'::sparsevec;
SELECT '{}/0'::sparsevec;
SELECT '{}/1000000001'::sparsevec;
SELECT ('{' || string_agg(i || ':1', ',') || '}/20000')::sparsevec FROM generate_series(1, 16001) i;
SELECT '{2:1}/3'::sparsevec(2);
SELECT '{}/3'::sparsevec(0);
\set VERBOSITY default
-- Binary form: dimensions, number of elements, zero; indices from 0; values.
SELECT sparsevec_send('{2:1,4:-2}/5'), sparsevec_send('{}/1000000000');
CREATE TABLE ct (id int, v sparsevec, w sparsevec(3));
INSERT INTO ct VALUES (1, '{}/1', '{3:1e-7}/3'), (2, NULL, '{}/3'), (3, array_fill(0.1, ARRAY[16000])::sparsevec, NULL), (4, '{7:1,1000000000:2}/1000000000', NULL);
\copy ct TO PROGRAM 'cat >"$PG_ABS_BUILDDIR/results/sparsevec_copy.bin"' WITH (FORMAT binary)
CREATE TABLE ct2 (id int, v sparsevec, w sparsevec(3));
\copy ct2 FROM PROGRAM 'cat "$PG_ABS_BUILDDIR/results/sparsevec_copy.bin"' WITH (FORMAT binary)
SELECT count(*) AS n, bool_and(sparsevec_send(a.v) IS NOT DISTINCT FROM sparsevec_send(b.v) AND sparsevec_send(a.w) IS NOT DISTINCT FROM sparsevec_send(b.w)) FROM ct a JOIN ct2 b USING (id);
TRUNCATE ct2;
\copy ct TO PROGRAM 'cat >"$PG_ABS_BUILDDIR/results/sparsevec_copy.txt"'
\copy ct2 FROM PROGRAM 'cat "$PG_ABS_BUILDDIR/results/sparsevec_copy.txt"'
SELECT count(*) AS n, bool_and(a.v IS NOT DISTINCT FROM b.v AND a.w IS NOT DISTINCT FROM b.w) FROM ct a JOIN ct2 b USING (id);
DROP TABLE ct, ct2;
-- Messages that lie: the file header (19 bytes), fields per row, length of the field, field, end mark.
CREATE TABLE ct2 (v sparsevec(5));
-- good
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000001c00000005000000020000000000000001000000033f800000c0000000ffff))"' WITH (FORMAT binary)
-- good, without elements
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c000000050000000000000000ffff))"' WITH (FORMAT binary)
-- no header
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000000ffff))"' WITH (FORMAT binary)
-- half a header
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000006000000050000ffff))"' WITH (FORMAT binary)
-- zero dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c000000000000000000000000ffff))"' WITH (FORMAT binary)
-- negative dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000cffffffff0000000000000000ffff))"' WITH (FORMAT binary)
-- too many dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c3b9aca010000000000000000ffff))"' WITH (FORMAT binary)
-- negative number of elements
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c00000005ffffffff00000000ffff))"' WITH (FORMAT binary)
-- too many elements
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c00004e2000003e8100000000ffff))"' WITH (FORMAT binary)
-- more elements than dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c000000050000000600000000ffff))"' WITH (FORMAT binary)
-- wrong declared length
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000014000000040000000100000000000000013f800000ffff))"' WITH (FORMAT binary)
-- reserved field in use
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000014000000050000000100000001000000013f800000ffff))"' WITH (FORMAT binary)
-- promises more than there is
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000001c00000005000000050000000000000000000000013f8000003f800000ffff))"' WITH (FORMAT binary)
-- one byte short
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000001b00000005000000020000000000000001000000033f800000c00000ffff))"' WITH (FORMAT binary)
-- too many bytes
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000001d00000005000000020000000000000001000000033f800000c000000000ffff))"' WITH (FORMAT binary)
-- index below the first
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000014000000050000000100000000ffffffff3f800000ffff))"' WITH (FORMAT binary)
-- index beyond the last
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000014000000050000000100000000000000053f800000ffff))"' WITH (FORMAT binary)
-- descending indices
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000001c00000005000000020000000000000003000000013f8000003f800000ffff))"' WITH (FORMAT binary)
-- the same index twice
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000001c00000005000000020000000000000001000000013f8000003f800000ffff))"' WITH (FORMAT binary)
-- a zero that is kept
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000001c00000005000000020000000000000001000000033f80000000000000ffff))"' WITH (FORMAT binary)
-- a negative zero
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a0000000000000000000001000000140000000500000001000000000000000180000000ffff))"' WITH (FORMAT binary)
-- NaN
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000014000000050000000100000000000000017fc00000ffff))"' WITH (FORMAT binary)
-- infinity
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000001400000005000000010000000000000001ff800000ffff))"' WITH (FORMAT binary)
SELECT * FROM ct2;
DROP TABLE ct2;
