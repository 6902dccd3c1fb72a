/**
 * Personal data and secrets in every corner of the source and the configuration, and not one of them in anything that is
 * printed, logged, answered or kept about a run.
 */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliResult, runCli, startCli } from '../support/cli.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice, storedState } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

/** In names, titles, phone numbers, paths: whatever begins so is personal. */
const PERSONAL = 'Qzcanary';
const PHONE = '0491570999';
const BORN = '1931-07-23';
const ADMIN_KEY = 'qzsecret-admin-key-0123456789abcdef';
const SOURCE_PASSWORD = 'qzsecret-source-password';

let setup: PracticeSetup;
let env: Record<string, string>;
const said: string[] = [];

beforeAll(async () => {
  setup = await setUpPractice({ patients: 5, attachments: 30 });
  const { source } = setup;
  await source.execute(
    `UPDATE candidates SET first_name = '${PERSONAL}first', last_name = '${PERSONAL}last', phone = '${PHONE}',
     email = '${PERSONAL}@example.org', employer = '${PERSONAL} Ltd', claim_number = '${PERSONAL}', dob = '${BORN}'`,
  );
  await source.execute(`UPDATE staff SET first_name = '${PERSONAL}', last_name = '${PERSONAL}'`);
  await source.execute(`UPDATE ax_notes_attachments SET description = '${PERSONAL} letter'`);
  await giveFilesPersonalNames();
  // A role of its own, so that the password is one that nothing else contains.
  const url = new URL(setup.sourceUrl);
  const role = `canary_${url.pathname.slice(1)}`;
  await source.execute(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${SOURCE_PASSWORD}'`);
  url.username = role;
  url.password = SOURCE_PASSWORD;
  env = {
    ...(await setup.environmentWith({ settings: { database: url.href } })),
    CHARTSYNC_ADMIN_KEY: ADMIN_KEY,
    SYNC_LOG_LEVEL: 'debug',
  };
});
afterAll(async () => {
  const role = `canary_${new URL(setup.sourceUrl).pathname.slice(1)}`;
  await setup?.source.execute(`DROP ROLE IF EXISTS ${role}`);
  await setup?.close();
});

/** Good files, one that is gone, one of no known type and one outside the base. */
async function giveFilesPersonalNames(): Promise<void> {
  const rows = await setup.source.execute<{ id: number; file: string }>(
    `SELECT id, file FROM ax_notes_attachments WHERE file LIKE 'notes/%.pdf' ORDER BY id LIMIT 8`,
  );
  for (const [index, { id, file }] of rows.entries()) {
    const name = `notes/${PERSONAL}-${id}.pdf`;
    if (index === 0) await writeFile(join(setup.filesFolder, name), 'no letter of any known type');
    else if (index > 2)
      await rename(join(setup.filesFolder, file), join(setup.filesFolder, name)).catch(() => undefined);
    const path = index === 1 ? `notes/../../${PERSONAL}.pdf` : name;
    await setup.source.execute('UPDATE ax_notes_attachments SET file = ? WHERE id = ?', [path, id]);
  }
}

async function cli(...args: string[]): Promise<CliResult> {
  const result = await runCli(args, { cwd: setup.folder, env });
  said.push(`$ ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
}

function expectNothingPersonal(): void {
  const text = said.join('\n');
  expect(text.length).toBeGreaterThan(2000);
  for (const canary of [PERSONAL, PHONE, BORN, ADMIN_KEY, SOURCE_PASSWORD]) {
    const at = text.toLowerCase().indexOf(canary.toLowerCase());
    if (at >= 0) throw new Error(`${canary} was said: ${text.slice(Math.max(0, at - 300), at + 100)}`);
  }
}

// Not here: `plan` and `sync --dry-run` show the paths of the files on purpose, to the person who asks what would happen.
test('commands, for people and for programs', { timeout: 120_000 }, async () => {
  for (const json of [[], ['--json']]) {
    expect((await cli('sync', CONNECTION, ...json)).code).toBe(3);
    await cli('status', ...json);
    await cli('runs', CONNECTION, ...json);
    expect((await cli('failures', CONNECTION, ...json)).stdout).toContain('file_path_refused');
    await cli('verify', CONNECTION, '--content', ...json);
    await cli('apply', ...json);
  }
  await setup.source.execute('UPDATE ax_notes_attachments SET deleted = TRUE');
  expect((await cli('sync', CONNECTION)).code).toBe(4);
  await cli('held', 'list');
  const [set] = (await cli('held', 'list', '--json')).lines;
  await cli('held', 'list', String(set!.id));
  await setup.source.execute('UPDATE ax_notes_attachments SET deleted = FALSE');
  await setup.source.execute(`ALTER TABLE ax_notes_attachments RENAME COLUMN description TO "${'remark'}"`);
  expect((await cli('sync', CONNECTION)).code).toBe(1);
  await setup.source.execute('ALTER TABLE ax_notes_attachments RENAME COLUMN remark TO description');
  expectNothingPersonal();
});

test('the service: its answers, refusals and logs', { timeout: 60_000 }, async () => {
  const server = startCli(['serve', '--json'], { cwd: setup.folder, env });
  let out = '';
  server.child.stdout!.on('data', (text: string) => {
    out += text;
  });
  await until(() => out.includes('"url"'));
  const { url } = JSON.parse(out.split('\n').find((line) => line.includes('"url"'))!) as { url: string };
  async function call(method: string, path: string, key: string | null = ADMIN_KEY): Promise<number> {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
    });
    said.push(`${method} ${path}\n${JSON.stringify([...answer.headers])}\n${await answer.text()}`);
    return answer.status;
  }
  try {
    expect(await call('POST', '/api/sync/vsrx?wait=true&mode=deep')).toBe(200);
    const [patient] = Object.keys(await storedState(setup.connection));
    expect(await call('POST', `/api/sync/vsrx/patient/${patient}?wait=true`)).toBe(200);
    expect(await call('GET', `/api/sync/status/${patient}`)).toBe(200);
    expect(await call('GET', '/health')).toBe(200);
    expect(await call('GET', '/ready')).toBe(200);
    expect(await call('GET', '/openapi.json')).toBe(200);
    const organization = setup.connection.organizationId;
    for (const path of [
      '/metrics',
      '/api/v1/connections',
      '/api/v1/failures',
      '/api/v1/held?all=true',
      '/api/v1/sync/active',
      '/api/v1/sync/scheduler/status',
      `/api/v1/sync/history/${organization}?limit=100`,
      `/api/v1/sync/dashboard/${organization}`,
      `/api/v1/sync/status/organization/${organization}`,
      '/api/v1/audit',
    ]) {
      expect(await call('GET', path)).toBe(200);
    }
    const [newest] = await setup.chartsync.runs.runs({ organizationId: organization }, 1);
    expect(await call('GET', `/api/v1/sync/stream/${newest!.id}`)).toBe(200);
    expect(await call('GET', '/api/sync/status/nobody')).toBe(404);
    expect(await call('POST', '/api/sync/vsrx', `${ADMIN_KEY}x`)).toBe(401);
    expect(await call('POST', '/api/sync/vsrx?mode=all')).toBe(400);
    expect(await call('GET', '/api/documents/00000000-0000-4000-8000-000000000000')).toBe(404);
  } finally {
    server.child.kill('SIGINT');
  }
  const ended = await server.result;
  expect(ended.code).toBe(0);
  expect(ended.stderr).toContain('run ended');
  said.push(ended.stdout, ended.stderr);
  expectNothingPersonal();
});

test('what is kept about runs; only the records of the documents themselves hold what they are made of', async () => {
  const client = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await client.connect();
  try {
    const { rows } = await client.query<{ table: string; column: string }>(
      `SELECT c.table_schema || '.' || c.table_name AS "table", c.column_name AS "column"
       FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
       WHERE c.table_schema IN ('public', 'chartsync_jobs') AND t.table_type = 'BASE TABLE' AND data_type NOT IN ('bytea')`,
    );
    const holding = new Set<string>();
    for (const { table, column } of rows) {
      const found = await client.query(`SELECT 1 FROM ${table} WHERE "${column}"::text ~* $1 LIMIT 1`, [
        [PERSONAL, PHONE, BORN, ADMIN_KEY, SOURCE_PASSWORD].join('|'),
      ]);
      if (found.rowCount !== 0) holding.add(`${table}.${column}`.replace('public.', ''));
    }
    // The application shows these; they are what is synchronised.
    expect([...holding].sort()).toEqual([
      'silknote_documents.originalName',
      'silknote_documents.sourcePath',
      'silknote_documents.title',
    ]);
  } finally {
    await client.end();
  }
  expect((await setup.chartsync.runs.runs({ organizationId: ORGANIZATION }, 10)).length).toBeGreaterThan(3);
});
