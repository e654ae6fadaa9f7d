-- An index of each access method finds what an exact scan does.
CREATE EXTENSION vectorq;
CREATE TABLE items (id int, v vector(8));
INSERT INTO items SELECT i, (SELECT array_agg(sin(i * d)) FROM generate_series(1, 8) d)::vector FROM generate_series(1, 3000) i;
CREATE TABLE exact AS SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 42) LIMIT 10;
SET enable_seqscan = off;
SET vectorq.target_recall = 1;
CREATE FUNCTION try(am text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE found bigint;
BEGIN
    EXECUTE format('CREATE INDEX items_v ON items USING %I (v)', am);
    SELECT count(*) INTO found FROM (SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 42) LIMIT 10) s JOIN exact USING (id);
    IF found < 9 THEN RAISE EXCEPTION '% finds % of 10 rows', am, found; END IF;
    IF EXISTS (SELECT FROM vectorq_check('items_v')) THEN RAISE EXCEPTION 'the index is not sound'; END IF;
    DROP INDEX items_v;
END $$;
SELECT try('ah'), try('ivf'), try('pq');
