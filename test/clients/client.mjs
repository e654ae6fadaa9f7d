// What the clients in JavaScript share: rows and queries of fake.py, and the lines that run_clients.sh counts.
import { readFileSync } from 'node:fs';

export const data = JSON.parse(readFileSync(process.env.VQ_SENTENCES));
data.dims = data.rows[0].embedding.length;

export const ok = (passed, what) => console.log(`${passed ? 'ok' : 'not ok'} - ${what}`);

// search(query) gives ids. The target is 0.95 in the mean; 300 rows may have less by chance.
export async function agree(search, what, exact = 'nearest', least = 0.9) {
    let hits = 0;
    let wanted = 0;
    for (const query of data.queries) {
        const found = new Set(await search(query));
        hits += query[exact].filter((id) => found.has(id)).length;
        wanted += query[exact].length;
    }
    ok(hits >= least * wanted, `${what}: ${hits} of ${wanted} rows of an exact scan`);
}
