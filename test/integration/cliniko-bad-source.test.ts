/** What Cliniko, the proxies in front of it and the line can do wrong: nothing may be removed, and no cursor may move. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AnswerFaultKind } from '../../simulators/cliniko/faults.ts';
import { defaultFaults } from '../../simulators/cliniko/faults.ts';
import { mutate } from '../../simulators/cliniko/life.ts';
import { createRandom } from '../../simulators/cliniko/random.ts';
import { type ClinikoSetup, setUpCliniko } from '../support/cliniko-setup.ts';

describe('an account that was copied before', () => {
  let setup: ClinikoSetup;
  beforeAll(async () => {
    // So many tries that refusals at random fail no run.
    setup = await setUpCliniko({ sections: { limits: { retryDelay: '1ms', retryAttempts: 8, documentsAtOnce: 0 } } });
    await setup.run('comprehensive');
  });
  afterAll(() => setup.close());
  beforeEach(() => {
    Object.assign(setup.simulator.faults, defaultFaults());
  });

  const stateOf = () =>
    setup.query(`
      SELECT stream, cursor_at, complete_items FROM stream_states WHERE stream = 'individual_appointments'`);
  const hidden = () => setup.query('SELECT 1 FROM appointments WHERE removed_at IS NOT NULL');

  const ENDS_FAILED: readonly AnswerFaultKind[] = [
    'status500',
    'status502',
    'status503',
    'html200',
    'html502',
    'half-body',
    'reset',
    'malformed',
    'wrong-type',
    'same-page',
    'self-next',
    'short',
    'empty',
  ];
  test.each(ENDS_FAILED)('page 3 for ever answers %s: the list fails, the others go on', async (kind) => {
    const before = await stateOf();
    setup.simulator.faults.answers = [{ kind, resource: 'individual_appointments', page: 3 }];
    const result = await setup.run('comprehensive');
    // What is said to be text and is JSON all the same is taken.
    if (kind === 'wrong-type') expect(result).toMatchObject({ outcome: 'success', counts: { failed: 0 } });
    else expect(result).toMatchObject({ state: 'completed', outcome: 'partial', counts: { failed: 1 } });
    expect(result.counts).toMatchObject({ removed: 0, held: 0, missing: 0 });
    expect(await hidden()).toEqual([]);
    if (result.outcome !== 'success') expect(await stateOf()).toEqual(before);
    if (result.state === 'completed' && result.outcome === 'partial') {
      expect(await setup.query("SELECT code FROM sync_failures WHERE unit = 'individual_appointments'")).toHaveLength(
        1,
      );
    }
  });

  test('a next page at another place: the key does not go there, and the connection stops', async () => {
    const before = await stateOf();
    setup.simulator.faults.answers = [{ kind: 'foreign-next', resource: 'individual_appointments', page: 2 }];
    const result = await setup.run('comprehensive');
    expect(result).toMatchObject({ state: 'failed', error: { code: 'source_contract_changed' } });
    expect(await hidden()).toEqual([]);
    expect(await stateOf()).toEqual(before);
    expect(await setup.query('SELECT state, paused_by FROM connections')).toEqual([
      { state: 'paused', paused_by: 'failures' },
    ]);
    setup.simulator.faults.answers = [];
    // A person may try again, and a run that succeeds makes it active again.
    expect(await setup.run('incremental')).toMatchObject({ outcome: 'success' });
    expect(await setup.query('SELECT state FROM connections')).toEqual([{ state: 'active' }]);
  });

  test.each([
    ['another name of the list', { listKey: 'records' }],
    ['no count', { omitTotalEntries: true }],
  ])('%s: a changed contract, never an empty list', async (_name, faults) => {
    Object.assign(setup.simulator.faults, faults);
    const result = await setup.run('comprehensive');
    expect(result).toMatchObject({ state: 'failed', error: { code: 'source_contract_changed' } });
    expect(await hidden()).toEqual([]);
    Object.assign(setup.simulator.faults, defaultFaults());
    await setup.run('incremental');
  });

  test.each([
    ['ids as numbers', { idsAsNumbers: true }],
    ['deleted_at:* refused', { refuseAnyDeleted: true }],
    ['cancelled ones shown without being asked', { showCancelled: true }],
    ['such filters, and one that is refused', { anyValue: 'only' as const, refuseAnyDeleted: true }],
    ['filters that show only the hidden ones', { anyValue: 'only' as const }],
    ['inactive practitioners in both lists', { listInactivePractitioners: true }],
    ['empty relations absent', { emptyRelations: 'absent' as const }],
    ['empty relations null', { emptyRelations: 'null' as const }],
    ['empty dates as ""', { emptyDates: true }],
    ['a clock an hour ahead', { clockSkewSeconds: 3600 }],
    [
      'errors and refusals without pattern',
      { random500: 0.1, random429: 0.1, errorBody: 'mixed' as const, rateLimitHeader: 'past' as const },
    ],
  ])('%s: the copy stays right', async (name, faults) => {
    Object.assign(setup.simulator.faults, faults);
    const { chartsync: other, connection } = await setup.reopen();
    const { runOnce } = await import('../../src/runs/sync-service.ts');
    mutate(setup.world, createRandom(name), 30);
    const incremental = await runOnce(connection, { mode: 'incremental', trigger: 'manual' });
    expect(incremental.error).toBeNull();
    const result = await runOnce(connection, { mode: 'comprehensive', trigger: 'manual' });
    expect(result).toMatchObject({ state: 'completed', counts: { failed: 0 } });
    Object.assign(setup.simulator.faults, defaultFaults());
    await setup.run('comprehensive');
    await setup.expectCopy();
    expect(other).toBeDefined();
  });
});

test('no question is asked twice, also when a filter shows only hidden records', async () => {
  const setup = await setUpCliniko({ account: { patients: 40, appointments: 20 }, settings: { attachments: true } });
  try {
    Object.assign(setup.simulator.faults, { anyValue: 'only' });
    for (const patient of setup.world.tables.patients.rows.slice(0, 5)) setup.world.removeSilently(patient.id);
    for (const mode of ['comprehensive', 'comprehensive'] as const) {
      const told = setup.simulator.requests.length;
      expect(await setup.run(mode)).toMatchObject({ outcome: 'success' });
      const asked = setup.simulator.requests
        .slice(told)
        .filter((request) => /\/(patients|appointment_types|patient_attachments)$/.test(request.path))
        .map((request) => `${request.path}?${request.query}`);
      expect(asked.filter((request, i) => asked.indexOf(request) !== i)).toEqual([]);
      setup.world.removeSilently(setup.world.tables.patients.rows[0]!.id);
    }
  } finally {
    await setup.close();
  }
});

describe('keys', () => {
  test('of another account: nothing of either is mixed or removed, and the connection stops', async () => {
    setup = await setUpCliniko({
      account: { patients: 20, appointments: 10 },
      moreAccounts: [{ seed: 9, patients: 300 }],
    });
    await setup.run('comprehensive');
    const before = await setup.query('SELECT count(*)::int AS n FROM patients WHERE removed_at IS NULL');
    const [one, other] = setup.simulator.accounts;
    // The same key opens the other practice, as if it had been replaced by mistake.
    const base = one!.key.slice(0, one!.key.lastIndexOf('-'));
    one!.revokeKey(one!.key);
    other!.adoptKey(base);
    const result = await setup.run('comprehensive');
    expect(result).toMatchObject({
      state: 'failed',
      error: { code: 'source_account_changed' },
      counts: { removed: 0 },
    });
    expect(await setup.query('SELECT count(*)::int AS n FROM patients WHERE removed_at IS NULL')).toEqual(before);
    expect(await setup.query('SELECT state FROM connections')).toEqual([{ state: 'paused' }]);
  });

  let setup: ClinikoSetup | null = null;
  afterEach(async () => {
    await setup?.close();
    setup = null;
  });

  test.each([
    ['a wrong key', 'MS0xLWl4U3paWQ-au1'],
    ['a key of another shard', 'MS0xLWl4U3paWQ-uk2'],
  ])('%s: told once, paused, no storm', async (_name, apiKey) => {
    setup = await setUpCliniko({ apiKey });
    const result = await setup.run('comprehensive');
    expect(result).toMatchObject({ state: 'failed', error: { code: 'source_credentials' } });
    expect(setup.requests()).toEqual(['GET /v1/user']);
    expect(await setup.query('SELECT state, paused_by FROM connections')).toEqual([
      { state: 'paused', paused_by: 'failures' },
    ]);
  });

  test('a key that is revoked during the run ends it at once', async () => {
    setup = await setUpCliniko();
    await setup.run('comprehensive');
    setup.simulator.faults.keyRevoked = true;
    const result = await setup.run('comprehensive');
    expect(result).toMatchObject({ state: 'failed', error: { code: 'source_credentials' }, counts: { removed: 0 } });
  });

  test('none configured', async () => {
    setup = await setUpCliniko({ apiKey: null });
    expect(await setup.run('comprehensive')).toMatchObject({
      state: 'failed',
      error: { code: 'credentials_missing' },
    });
  });
});
