// packages: pg pgvector
// node-postgres with pgvector's helpers.
import pg from 'pg';
import pgvector from 'pgvector/pg';
import { agree, data, ok } from './client.mjs';

const client = new pg.Client();
await client.connect();
await client.query('CREATE EXTENSION IF NOT EXISTS vector');
await pgvector.registerTypes(client);
await client.query(`CREATE TABLE items (id bigint PRIMARY KEY, category int, embedding vector(${data.dims}))`);
for (const row of data.rows)
    await client.query('INSERT INTO items VALUES ($1, $2, $3)', [row.id, row.category, pgvector.toSql(row.embedding)]);

await client.query('CREATE EXTENSION vectorq_pgvector');
await client.query('CREATE INDEX items_ah ON items USING ah (embedding vector_l2_ops)');
await client.query('ANALYZE items');

const search = (condition = '') => async (query) => {
    const { rows } = await client.query(`SELECT id FROM items ${condition} ORDER BY embedding <-> $1 LIMIT 10`, [pgvector.toSql(query.embedding)]);
    return rows.map((row) => Number(row.id));
};
await agree(search(), '<->');
await agree(search('WHERE category = 1'), 'with a filter', 'nearest_in_category');
const { rows } = await client.query('SELECT embedding FROM items LIMIT 1');
ok(Array.isArray(rows[0].embedding), 'vectors come back as arrays');
await client.end();
