-- Which fragments resemble nothing in the reference? Those farther from their nearest neighbour than 95 % of known ones are.
WITH nearest AS (
    SELECT f.id, f.known, n.distance
    FROM fragments f CROSS JOIN LATERAL (
        SELECT r.embedding <-> f.embedding AS distance
        FROM reference r ORDER BY r.embedding <-> f.embedding LIMIT 1) n
), usual AS (
    SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY distance) AS distance FROM nearest WHERE known
)
SELECT nearest.id, nearest.distance FROM nearest, usual
WHERE NOT nearest.known AND nearest.distance > usual.distance ORDER BY nearest.distance DESC
