/** The EHR database contract on PostgreSQL. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describeEhrDatabase, type EhrServerDatabase } from '../contract/ehr-database.ts';
import { testDatabase } from '../support/postgres.ts';

describeEhrDatabase('PostgreSQL', async () => ({
  dialect: 'postgres',
  createDatabase,
  async stop() {},
}));

const OTHERS = `FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;

async function createDatabase(): Promise<EhrServerDatabase> {
  const { url, drop } = await testDatabase({ migrated: false });
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const execute = async (sql: string) => (await admin.query(sql)).rows as Record<string, unknown>[];
  const roles: string[] = [];
  return {
    url,
    execute,
    async userFor(tables) {
      const role = `reader_${randomUUID().slice(0, 8)}`;
      roles.push(role);
      await execute(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'`);
      for (const table of tables) await execute(`GRANT SELECT ON ${table} TO ${role}`);
      const own = new URL(url);
      own.username = role;
      own.password = 'reader';
      return own.href;
    },
    connections: async () => Number((await execute(`SELECT COUNT(*) AS n ${OTHERS}`))[0]!.n),
    async endConnections() {
      await execute(`SELECT pg_terminate_backend(pid) ${OTHERS}`);
    },
    async drop() {
      for (const role of roles) await execute(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      await admin.end();
      await drop();
    },
  };
}
