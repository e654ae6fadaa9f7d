// packages: drizzle-orm drizzle-kit pg
// Drizzle: the index stands in the table's definition, and drizzle-kit writes the migration.
import { createRequire } from 'node:module';
import { cosineDistance, eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bigint, index, integer, pgTable, vector } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { agree, data, ok } from './client.mjs';

const { generateDrizzleJson, generateMigration } = createRequire(import.meta.url)('drizzle-kit/api');

const items = pgTable('items', {
    id: bigint({ mode: 'number' }).primaryKey(),
    category: integer(),
    embedding: vector({ dimensions: data.dims }),
}, (table) => [
    index('items_ah').using('ah', table.embedding.op('vector_cosine_ops')).with({ replicas: 'soar' }),
]);

const pool = new pg.Pool({ max: 2 });
const db = drizzle(pool);
const [createTable, createIndex] = await generateMigration(generateDrizzleJson({}), generateDrizzleJson({ items }));
await db.execute(sql`CREATE EXTENSION IF NOT EXISTS vector`);
await db.execute(sql.raw(createTable));
for (let from = 0; from < data.rows.length; from += 500)
    await db.insert(items).values(data.rows.slice(from, from + 500).map(({ id, category, embedding }) => ({ id, category, embedding })));

await db.execute(sql`CREATE EXTENSION vectorq_pgvector`);
await db.execute(sql.raw(createIndex));
await db.execute(sql`ANALYZE items`);
ok(createIndex.includes('USING ah ("embedding" vector_cosine_ops) WITH (replicas=soar)'), 'drizzle-kit writes method, class and options');

const search = (condition) => async (query) => {
    const found = await db.select({ id: items.id }).from(items).where(condition).orderBy(cosineDistance(items.embedding, query.embedding)).limit(10);
    return found.map((row) => row.id);
};
await agree(search(), 'cosineDistance');
await agree(search(eq(items.category, 1)), 'with where()', 'nearest_in_category');
await pool.end();
