// packages: sequelize pg pgvector
// Sequelize: the index stands in the model, and sync() makes it.
import { DataTypes, Sequelize } from 'sequelize';
import pgvector from 'pgvector/sequelize';
import { agree, data } from './client.mjs';

pgvector.registerTypes(Sequelize);

const sequelize = new Sequelize(process.env.PGDATABASE, process.env.PGUSER, '', { host: process.env.PGHOST, dialect: 'postgres', logging: false });
await sequelize.query('CREATE EXTENSION IF NOT EXISTS vector');
await sequelize.query('CREATE EXTENSION vectorq_pgvector');
const Item = sequelize.define('Item', { category: DataTypes.INTEGER, embedding: DataTypes.VECTOR(data.dims) }, {
    tableName: 'items', timestamps: false,
    indexes: [{ name: 'items_ah', using: 'ah', fields: [{ name: 'embedding', operator: 'vector_l2_ops' }] }],
});
await Item.sync();
await Item.bulkCreate(data.rows.map(({ id, category, embedding }) => ({ id, category, embedding })));
// The index was made on an empty table.
await sequelize.query('VACUUM items');
await sequelize.query('ANALYZE items');

const search = (where) => async (query) => {
    const found = await Item.findAll({ where, order: pgvector.l2Distance('embedding', query.embedding, sequelize), limit: 10 });
    return found.map((item) => item.id);
};
await agree(search({}), 'findAll, l2Distance');
await agree(search({ category: 1 }), 'with where', 'nearest_in_category');
await sequelize.close();
