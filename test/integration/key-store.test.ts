import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../src/domain/audit-entry.ts';
import type { NewApiKey } from '../../src/ports/key-store.ts';
import { createAuditLog } from '../../src/stores/postgres/audit-log.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { createKeyStore } from '../../src/stores/postgres/key-store.ts';
import { type TestDatabase, testDatabase } from '../support/postgres.ts';

let testing: TestDatabase;
let database: Database;
let store: ReturnType<typeof createKeyStore>;
let made = 0;

beforeAll(async () => {
  testing = await testDatabase();
  database = openDatabase({ url: testing.url });
  store = createKeyStore(database);
  await database.pool.query(`INSERT INTO organizations (id, name) VALUES ('org_a', 'A'), ('org_b', 'B')`);
});
afterAll(async () => {
  await database.close();
  await testing.drop();
});

function newKey(more: Partial<NewApiKey> = {}): NewApiKey {
  return {
    id: `key${String(++made).padStart(13, '0')}`,
    organizationId: 'org_a',
    name: 'sample',
    hash: 'ab'.repeat(32),
    scopes: ['sync:read', 'sync:run'],
    createdBy: 'administrator',
    expiresAt: null,
    ...more,
  };
}

function audit(action: string, id: string): AuditEntry {
  return {
    organizationId: 'org_a',
    actor: { kind: 'administrator', id: 'administrator' },
    action,
    subject: { kind: 'key', id },
    result: 'ok',
    requestId: null,
    details: {},
  };
}

async function auditedActions(id: string): Promise<string[]> {
  const records = await Array.fromAsync(createAuditLog(database).read({}));
  return records.filter((record) => record.subject?.id === id).map((record) => record.action);
}

describe('a key', () => {
  test('is found by its id and listed for its organisation only', async () => {
    const key = newKey({ expiresAt: Date.UTC(2040, 0, 1) });
    const created = await store.create(key, audit('key.create', key.id));
    expect(created).toMatchObject({
      id: key.id,
      organizationId: 'org_a',
      scopes: ['sync:read', 'sync:run'],
      expiresAt: '2040-01-01T00:00:00.000Z',
      lastUsedAt: null,
      revokedAt: null,
    });
    expect(await store.find(key.id)).toEqual({ key: created, hash: key.hash });
    expect((await store.list('org_a')).map((k) => k.id)).toContain(key.id);
    expect(await store.list('org_b')).toEqual([]);
    expect(await store.find('nosuchkey0000000')).toBeNull();
    expect(await auditedActions(key.id)).toEqual(['key.create']);
  });

  test('is not made when its audit entry cannot be written', async () => {
    const key = newKey();
    await expect(store.create(key, { ...audit('key.create', key.id), result: 'else' as 'ok' })).rejects.toMatchObject({
      code: 'unexpected',
    });
    expect(await store.find(key.id)).toBeNull();
  });

  test('is revoked once, and not by another organisation', async () => {
    const key = newKey();
    await store.create(key, audit('key.create', key.id));
    expect(await store.revoke('org_b', key.id, 'x', audit('key.revoke', key.id))).toBe(false);
    expect(await store.revoke('org_a', key.id, 'x', audit('key.revoke', key.id))).toBe(true);
    expect(await store.revoke('org_a', key.id, 'x', audit('key.revoke', key.id))).toBe(false);
    expect((await store.find(key.id))?.key.revokedAt).not.toBeNull();
    expect(await auditedActions(key.id)).toEqual(['key.create', 'key.revoke']);
  });

  test('notes its use at most once a minute', async () => {
    const key = newKey();
    await store.create(key, audit('key.create', key.id));
    await store.touch(key.id);
    const first = (await store.find(key.id))?.key.lastUsedAt;
    await store.touch(key.id);
    expect((await store.find(key.id))?.key.lastUsedAt).toBe(first);
    await database.pool.query(`UPDATE api_keys SET last_used_at = now() - interval '61 seconds' WHERE id = $1`, [
      key.id,
    ]);
    await store.touch(key.id);
    expect(Date.parse((await store.find(key.id))?.key.lastUsedAt ?? '')).toBeGreaterThanOrEqual(
      Date.parse(first ?? ''),
    );
  });
});

describe('rotation', () => {
  test('ends the old key with the overlap, but never later than it would have ended', async () => {
    const long = newKey();
    const short = newKey({ expiresAt: Date.now() + 10_000 });
    for (const old of [long, short]) {
      await store.create(old, audit('key.create', old.id));
      const next = newKey();
      const overlapUntil = Date.now() + 3_600_000;
      expect(await store.rotate(old.id, next, overlapUntil, audit('key.rotate', old.id))).toMatchObject({
        id: next.id,
      });
      expect((await store.find(old.id))?.key).toMatchObject({
        rotatedTo: next.id,
        expiresAt: new Date(old.expiresAt ?? overlapUntil).toISOString(),
      });
      expect(await store.rotate(old.id, newKey(), overlapUntil, audit('key.rotate', old.id))).toBeNull();
    }
  });

  test('of one key by several at once happens once', async () => {
    const old = newKey();
    await store.create(old, audit('key.create', old.id));
    const results = await Promise.all(
      Array.from({ length: 5 }, () => store.rotate(old.id, newKey(), Date.now(), audit('key.rotate', old.id))),
    );
    expect(results.filter((key) => key !== null)).toHaveLength(1);
    expect(await auditedActions(old.id)).toEqual(['key.create', 'key.rotate']);
  });

  test('is not for other organisations, revoked or expired keys', async () => {
    const [other, revoked, expired] = [newKey(), newKey(), newKey({ expiresAt: Date.now() - 1000 })];
    for (const key of [other, revoked, expired]) await store.create(key, audit('key.create', key.id));
    await store.revoke('org_a', revoked.id, 'x', audit('key.revoke', revoked.id));
    const rotate = (id: string, more = {}) =>
      store.rotate(id, newKey(more), Date.now() + 1000, audit('key.rotate', id));
    expect(await rotate(other.id, { organizationId: 'org_b' })).toBeNull();
    expect(await rotate(revoked.id)).toBeNull();
    expect(await rotate(expired.id)).toBeNull();
  });
});
