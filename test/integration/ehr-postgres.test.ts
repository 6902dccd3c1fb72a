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

const OWN_NAME = 'ehr-contract-test';
const OTHERS =
  'FROM pg_stat_activity WHERE datname = current_database() ' +
  `AND backend_type = 'client backend' AND application_name <> '${OWN_NAME}'`;
const ALL = 'FROM pg_stat_activity WHERE datname = current_database()';

async function createDatabase(): Promise<EhrServerDatabase> {
  const { url, drop } = await testDatabase({ migrated: false });
  const admin = new pg.Client({ connectionString: url, application_name: OWN_NAME });
  await admin.connect();
  // While the administrator's statement waits, somebody else has to look.
  const observer = new pg.Client({ connectionString: url, application_name: OWN_NAME });
  await observer.connect();
  const count = async (from: string) => Number((await observer.query(`SELECT COUNT(*) AS n ${from}`)).rows[0].n);
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
    connections: () => count(OTHERS),
    isSleeping: async () => (await count(`${OTHERS} AND wait_event = 'PgSleep'`)) > 0,
    isWaiting: async () => (await count(`${ALL} AND wait_event_type = 'Lock'`)) > 0,
    async endConnections() {
      await execute(`SELECT pg_terminate_backend(pid) ${OTHERS}`);
    },
    async drop() {
      for (const role of roles) await execute(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      await Promise.all([admin.end(), observer.end()]);
      await drop();
    },
  };
}
