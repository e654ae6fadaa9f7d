-- Binary form: COPY there and back, and messages that lie. The bytes of those are written out
-- in full: the file header (19 bytes), fields per row, length of the field, field, end mark.
SELECT vector_send('[1,-2]');
CREATE TABLE ct (id int, v vector, w vector(3));
INSERT INTO ct VALUES (1, '[1,2,3]', '[4,5,6]'), (2, NULL, '[0,-0,1e-7]'), (3, array_fill(0.1, ARRAY[16000])::vector, NULL), (4, '[1]', NULL);
\copy ct TO PROGRAM 'cat >"$PG_ABS_BUILDDIR/results/vector_copy.bin"' WITH (FORMAT binary)
CREATE TABLE ct2 (id int, v vector, w vector(3));
\copy ct2 FROM PROGRAM 'cat "$PG_ABS_BUILDDIR/results/vector_copy.bin"' WITH (FORMAT binary)
SELECT count(*) AS rows, bool_and(vector_send(a.v) IS NOT DISTINCT FROM vector_send(b.v) AND vector_send(a.w) IS NOT DISTINCT FROM vector_send(b.w)) AS same FROM ct a JOIN ct2 b USING (id);
TRUNCATE ct2;
\copy ct TO PROGRAM 'cat >"$PG_ABS_BUILDDIR/results/vector_copy.txt"'
\copy ct2 FROM PROGRAM 'cat "$PG_ABS_BUILDDIR/results/vector_copy.txt"'
SELECT count(*) AS rows, bool_and(a.v IS NOT DISTINCT FROM b.v AND a.w IS NOT DISTINCT FROM b.w) AS same FROM ct a JOIN ct2 b USING (id);
DROP TABLE ct, ct2;
CREATE TABLE ct2 (v vector(2));
CREATE TABLE ct3 (v vector);
-- good
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c000200003f800000c0000000ffff))"' WITH (FORMAT binary)
-- no header
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000000ffff))"' WITH (FORMAT binary)
-- half a header
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a0000000000000000000001000000020002ffff))"' WITH (FORMAT binary)
-- zero dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000400000000ffff))"' WITH (FORMAT binary)
-- negative dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000004ffff0000ffff))"' WITH (FORMAT binary)
-- too many dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a0000000000000000000001000000043e810000ffff))"' WITH (FORMAT binary)
-- promises more than there is
\copy ct3 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c3e8000003f800000c0000000ffff))"' WITH (FORMAT binary)
-- wrong declared length
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000008000100003f800000ffff))"' WITH (FORMAT binary)
-- reserved field in use
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c000200013f800000c0000000ffff))"' WITH (FORMAT binary)
-- too few elements
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000008000200003f800000ffff))"' WITH (FORMAT binary)
-- one byte short
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000b000200003f800000c00000ffff))"' WITH (FORMAT binary)
-- too many bytes
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000d000200003f800000c000000000ffff))"' WITH (FORMAT binary)
-- NaN
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c000200003f8000007fc00000ffff))"' WITH (FORMAT binary)
-- infinity
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000c00020000ff800000c0000000ffff))"' WITH (FORMAT binary)
SELECT * FROM ct2;
DROP TABLE ct2, ct3;
SELECT halfvec_send('[1,-2]');
CREATE TABLE ct (id int, v halfvec, w halfvec(3));
INSERT INTO ct VALUES (1, '[1,2,3]', '[4,5,6]'), (2, NULL, '[0,-0,1e-7]'), (3, array_fill(0.1, ARRAY[16000])::halfvec, NULL), (4, '[1]', NULL);
\copy ct TO PROGRAM 'cat >"$PG_ABS_BUILDDIR/results/vector_copy.bin"' WITH (FORMAT binary)
CREATE TABLE ct2 (id int, v halfvec, w halfvec(3));
\copy ct2 FROM PROGRAM 'cat "$PG_ABS_BUILDDIR/results/vector_copy.bin"' WITH (FORMAT binary)
SELECT count(*) AS rows, bool_and(halfvec_send(a.v) IS NOT DISTINCT FROM halfvec_send(b.v) AND halfvec_send(a.w) IS NOT DISTINCT FROM halfvec_send(b.w)) AS same FROM ct a JOIN ct2 b USING (id);
TRUNCATE ct2;
\copy ct TO PROGRAM 'cat >"$PG_ABS_BUILDDIR/results/vector_copy.txt"'
\copy ct2 FROM PROGRAM 'cat "$PG_ABS_BUILDDIR/results/vector_copy.txt"'
SELECT count(*) AS rows, bool_and(a.v IS NOT DISTINCT FROM b.v AND a.w IS NOT DISTINCT FROM b.w) AS same FROM ct a JOIN ct2 b USING (id);
DROP TABLE ct, ct2;
CREATE TABLE ct2 (v halfvec(2));
CREATE TABLE ct3 (v halfvec);
-- good
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000008000200003c00c000ffff))"' WITH (FORMAT binary)
-- no header
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000000ffff))"' WITH (FORMAT binary)
-- half a header
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a0000000000000000000001000000020002ffff))"' WITH (FORMAT binary)
-- zero dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000400000000ffff))"' WITH (FORMAT binary)
-- negative dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000004ffff0000ffff))"' WITH (FORMAT binary)
-- too many dimensions
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a0000000000000000000001000000043e810000ffff))"' WITH (FORMAT binary)
-- promises more than there is
\copy ct3 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a0000000000000000000001000000083e8000003c00c000ffff))"' WITH (FORMAT binary)
-- wrong declared length
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000006000100003c00ffff))"' WITH (FORMAT binary)
-- reserved field in use
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000008000200013c00c000ffff))"' WITH (FORMAT binary)
-- too few elements
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000006000200003c00ffff))"' WITH (FORMAT binary)
-- one byte short
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000007000200003c00c0ffff))"' WITH (FORMAT binary)
-- too many bytes
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000009000200003c00c00000ffff))"' WITH (FORMAT binary)
-- NaN
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a000000000000000000000100000008000200003c007e00ffff))"' WITH (FORMAT binary)
-- infinity
\copy ct2 FROM PROGRAM 'perl -e "print pack(q(H*), q(5047434f50590aff0d0a00000000000000000000010000000800020000fc00c000ffff))"' WITH (FORMAT binary)
SELECT * FROM ct2;
DROP TABLE ct2, ct3;
