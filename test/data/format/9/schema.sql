
CREATE EXTENSION vectorq;
CREATE TABLE f (id int PRIMARY KEY, v vector(8), w vector(2500), b bit(40));
ALTER TABLE f ALTER w SET STORAGE EXTERNAL;
INSERT INTO f SELECT i, (SELECT array_agg(sin(i * 1.7 + j * j)) FROM generate_series(1, 8) j)::vector, array_fill(cos(i * 0.9), ARRAY[2500])::vector, (i * 2654435761)::bit(40) FROM generate_series(1, 280) i;
CREATE INDEX f_flat ON f USING ivf (v) WITH (lists = 4);
CREATE INDEX f_sq8 ON f USING ivf (v vector_cosine_ops, id, (id::text)) WITH (lists = 4, quantizer = sq8, transform = 'rr');
CREATE INDEX f_pq ON f USING pq (v vector_ip_ops) WITH (subvectors = 2, bits = 4);
CREATE INDEX f_ah ON f USING ah ((v::halfvec(8)) halfvec_l2_ops, id) WITH (lists = 4);
CREATE INDEX f_copies ON f USING ah ((v::halfvec(8)) halfvec_cosine_ops) WITH (lists = 4, reorder = sq8);
CREATE INDEX f_wide ON f USING ivf (w) WITH (lists = 2, quantizer = sq8);
CREATE INDEX f_hamming ON f USING ivf (b bit_hamming_ops, id) WITH (lists = 4);
CREATE INDEX f_jaccard ON f USING ivf (b bit_jaccard_ops) WITH (lists = 4);
INSERT INTO f SELECT i, (SELECT array_agg(sin(i * 1.7 + j * j)) FROM generate_series(1, 8) j)::vector, array_fill(cos(i * 0.9), ARRAY[2500])::vector, (i * 2654435761)::bit(40) FROM generate_series(281, 300) i;
DELETE FROM f WHERE id % 50 = 0;
VACUUM (INDEX_CLEANUP ON) f;
