/**
 * The client examples of the guide that earlier users have, as they stand there (`guide/`), against our server. Changed is only
 * where the server is. One of them forgets its token: it gets it here.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type ClinikoSetup, ORGANIZATION, setUpCliniko } from '../support/cliniko-setup.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);
const guide = (name: string) => readFile(new URL(`guide/${name}`, import.meta.url), 'utf8');

let setup: ClinikoSetup;
let server: RunningServer;
let token: string;

beforeAll(async () => {
  setup = await setUpCliniko({ account: { patients: 30, appointments: 60 } });
  const config = await loadConfig({ env: setup.environment, cwd: setup.environment.CHARTSYNC_HOME! });
  server = await serve({
    config,
    database: { url: setup.databaseUrl, urlOf: () => null, close: async () => undefined },
  });
  const created = await fetch(`${server.url}/api/v1/keys`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'x-organization-id': ORGANIZATION,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name: 'Guide', role: 'operator' }),
  });
  token = ((await created.json()) as { secret: string }).secret;
});

afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

/** What a page has around such a script. */
function page(options: { withToken?: boolean } = {}) {
  const lines: string[] = [];
  const log = (...parts: unknown[]) => lines.push(parts.join(' '));
  return {
    lines,
    globals: {
      token,
      console: { log, warn: log, error: log },
      setTimeout: (work: () => void, ms: number) => setTimeout(work, Math.min(ms, 20)),
      fetch: (path: string, init: RequestInit = {}) =>
        fetch(`${server.url}${path}`, {
          ...init,
          ...(options.withToken === true ? { headers: { authorization: `Bearer ${token}` } } : {}),
        }),
    },
  };
}

const idle = () =>
  until(async () => {
    const response = await fetch(`${server.url}/api/v1/sync/active`, { headers: { authorization: `Bearer ${token}` } });
    return ((await response.json()) as { total_active: number }).total_active === 0;
  });

test('JavaScript: trigger a sync and follow it to its end', async () => {
  const { lines, globals } = page();
  const context = { ...globals };
  const script = `${await guide('safe-trigger-sync.js')}\n${await guide('monitor-sync.js')}
    safeTriggerSync(${JSON.stringify(ORGANIZATION)}).then(async (result) => { await monitorSync(result.sync_id); return result; })`;
  const result = (await runInNewContext(script, context)) as { success: boolean; message: string; sync_mode: string };
  expect(result).toMatchObject({
    success: true,
    message: 'Comprehensive Cliniko sync started successfully',
    sync_mode: 'comprehensive',
    organization_id: ORGANIZATION,
  });
  expect(lines.at(-1)).toBe('Sync completed');
  expect(lines.find((line) => line.startsWith('Progress: '))).toMatch(/^Progress: [\d.]+% - \S/);
});

test('JavaScript: health from the history', async () => {
  const { lines, globals } = page({ withToken: true });
  await runInNewContext(
    `${await guide('check-sync-health.js')}\ncheckSyncHealth(${JSON.stringify(ORGANIZATION)})`,
    globals,
  );
  expect(lines).toEqual([]);
  // Without a token nobody gets anything.
  expect((await fetch(`${server.url}/api/v1/sync/history/${ORGANIZATION}?limit=5`)).status).toBe(401);
});

test('React: the calls of the hook', async () => {
  await idle();
  const states: unknown[] = [];
  const hook = stripTypeScriptTypes(await guide('use-sync-manager.tsx.txt'))
    .replace(/^import .*$/gm, '')
    .replace('export function', 'function');
  const { globals } = page();
  const context = {
    ...globals,
    useState: (first: unknown) => [first, (next: unknown) => states.push(next)],
    useEffect: () => undefined,
    useAuth: () => ({ getToken: async () => token }),
  };
  await runInNewContext(`${hook}\nuseSyncManager(${JSON.stringify(ORGANIZATION)}).triggerSync()`, context);
  expect(states).toEqual(['running']);
});

test('Python: start, ask the scheduler, wait for the end', async () => {
  await idle();
  const [client = ''] = (await guide('routiq_sync_client.py')).split('# Usage');
  const script = `${client}
import json, sys
client = RoutiqSyncClient(sys.argv[1], sys.argv[2])
client.base_url = sys.argv[3]
started = client.trigger_sync()
status = client.get_sync_status()
ended = client.wait_for_sync_completion(started["sync_id"], timeout=60)
print(json.dumps([started["message"], status["organization_id"], ended["status"]]))
`;
  const { stdout } = await execute('python3', ['-c', script, token, ORGANIZATION, server.url], {
    env: {
      ...process.env,
      PYTHONPATH: new URL('guide/python', import.meta.url).pathname,
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual([
    'Comprehensive Cliniko sync started successfully',
    ORGANIZATION,
    'completed',
  ]);
});

test('curl: the commands for trouble', async () => {
  await idle();
  const commands = (await guide('debug-commands.sh')).replaceAll('https://sync.clinic.example', server.url);
  const { stdout } = await execute('sh', ['-ec', commands.replaceAll('curl -X', 'curl -sS -w "\\n" -X')], {
    env: { ...process.env, TOKEN: token, ORG_ID: ORGANIZATION },
  });
  const [status, history, cleanup, connection] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(status).toMatchObject({ organization_id: ORGANIZATION, sync_running: false });
  expect(history.recent_syncs[0]).toMatchObject({ status: 'completed', records_failed: 0 });
  expect(cleanup).toMatchObject({ cleaned_syncs: 0 });
  expect(connection).toMatchObject({ success: true, connection_status: 'healthy', api_region: 'au1' });
});
