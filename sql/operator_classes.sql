-- Operator classes: each distance has one on each type, of the access methods that offer it; names, operators and what the
-- access methods say of them agree.
SELECT am.amname, c.opcintype::regtype AS type, c.opcname, c.opcdefault, o.oprname, amvalidate(c.oid) AS valid
    FROM pg_opclass c JOIN pg_am am ON am.oid = c.opcmethod JOIN pg_amop a ON a.amopfamily = c.opcfamily JOIN pg_operator o ON o.oid = a.amopopr
    WHERE am.amname IN ('ah', 'ivf', 'pq') AND c.opcintype::regtype IN ('vector', 'halfvec', 'bit') ORDER BY 1, 2 DESC, o.oprname, 3;
-- key columns: the same types, default, of each access method; the operators of a type with those of its family
SELECT c.opcintype::regtype AS type, c.opcname, f.opfname, string_agg(DISTINCT am.amname::text, ' ') AS methods, bool_and(c.opcdefault) AS is_default, bool_and(amvalidate(c.oid)) AS valid,
    (SELECT string_agg(a.amopstrategy || o.oprname || CASE a.amoprighttype WHEN c.opcintype THEN '' ELSE a.amoprighttype::regtype::text END, ' ' ORDER BY a.amoprighttype <> c.opcintype, a.amoprighttype, a.amopstrategy)
        FROM pg_amop a JOIN pg_operator o ON o.oid = a.amopopr WHERE a.amopfamily = min(c.opcfamily) AND a.amoplefttype = c.opcintype) AS operators
    FROM pg_opclass c JOIN pg_am am ON am.oid = c.opcmethod JOIN pg_opfamily f ON f.oid = c.opcfamily
    WHERE am.amname IN ('ah', 'ivf', 'pq') AND c.opcintype::regtype::text NOT IN ('vector', 'halfvec', 'sparsevec', 'bit') GROUP BY 1, 2, 3, c.opcintype ORDER BY 1, 2;
-- wrong ones
CREATE OPERATOR CLASS wrong_strategy FOR TYPE int4 USING ah AS OPERATOR 6 = (int4, int4), FUNCTION 1 vectorq_int4_key_support(internal);
CREATE OPERATOR CLASS wrong_kind FOR TYPE int4 USING ah AS OPERATOR 1 < (int4, int4), FUNCTION 1 vectorq_hash_key_support(internal);
CREATE OPERATOR CLASS no_function FOR TYPE int4 USING ah AS OPERATOR 3 = (int4, int4);
CREATE OPERATOR CLASS no_operator FOR TYPE int4 USING ah AS FUNCTION 1 vectorq_int4_key_support(internal);
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname IN ('wrong_strategy', 'wrong_kind', 'no_function', 'no_operator') ORDER BY 1;
DROP OPERATOR FAMILY wrong_strategy USING ah;
DROP OPERATOR FAMILY wrong_kind USING ah;
DROP OPERATOR FAMILY no_function USING ah;
DROP OPERATOR FAMILY no_operator USING ah;
-- an index says the distance that its operator orders by
CREATE TABLE oc (v vector(2), h halfvec(2), b bit(2));
SET client_min_messages = warning;
DO $$
DECLARE c record; said text;
BEGIN
    FOR c IN SELECT am.amname, k.opcname, k.opcintype::regtype AS type, o.oprname FROM pg_opclass k JOIN pg_am am ON am.oid = k.opcmethod
        JOIN pg_amop a ON a.amopfamily = k.opcfamily AND a.amoppurpose = 'o' JOIN pg_operator o ON o.oid = a.amopopr
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
