-- Operator classes: each distance has one on each type, of the access methods that offer it; names, operators and what the
-- access methods say of them agree.
SELECT am.amname, c.opcintype::regtype AS type, c.opcname, c.opcdefault, o.oprname, amvalidate(c.oid) AS valid
    FROM pg_opclass c JOIN pg_am am ON am.oid = c.opcmethod JOIN pg_amop a ON a.amopfamily = c.opcfamily JOIN pg_operator o ON o.oid = a.amopopr
    WHERE am.amname IN ('ah', 'ivf', 'pq') AND c.opcintype::regtype IN ('vector', 'halfvec', 'bit') ORDER BY 1, 2 DESC, o.oprname, 3;
-- an index says the distance that its operator orders by
CREATE TABLE oc (v vector(2), h halfvec(2), b bit(2));
SET client_min_messages = warning;
DO $$
DECLARE c record; said text;
BEGIN
    FOR c IN SELECT am.amname, k.opcname, k.opcintype::regtype AS type, o.oprname FROM pg_opclass k JOIN pg_am am ON am.oid = k.opcmethod
        JOIN pg_amop a ON a.amopfamily = k.opcfamily JOIN pg_operator o ON o.oid = a.amopopr
        WHERE am.amname IN ('ah', 'ivf', 'pq') AND k.opcintype::regtype IN ('vector', 'halfvec', 'bit') LOOP
        EXECUTE format('CREATE INDEX oc_i ON oc USING %s (%s %s)', c.amname, left(c.type::text, 1), c.opcname);
        SELECT string_agg(value, ' ' ORDER BY name) INTO said FROM vectorq_index_details('oc_i') WHERE name IN ('access_method', 'distance', 'operator', 'operator_class', 'type');
        IF said <> concat_ws(' ', c.amname, CASE c.oprname WHEN '<->' THEN 'l2' WHEN '<#>' THEN 'inner_product' WHEN '<=>' THEN 'cosine' WHEN '<+>' THEN 'l1' WHEN '<~>' THEN 'hamming' ELSE 'jaccard' END, c.oprname, c.opcname, c.type) THEN
            RAISE WARNING '%: %', c, said; END IF;
        DROP INDEX oc_i;
    END LOOP;
END $$;
RESET client_min_messages;
DROP TABLE oc;
