/** Sealed credentials in PostgreSQL: what is in the table opens only in its own place and with the right key. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCredentialVault } from '../../src/access/credentials.ts';
import type { AuditEntry } from '../../src/domain/audit-entry.ts';
import type { ConnectionKey } from '../../src/ports/document-records.ts';
import { createAuditLog } from '../../src/stores/postgres/audit-log.ts';
import { createCredentialStore } from '../../src/stores/postgres/credential-store.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { type TestDatabase, testDatabase } from '../support/postgres.ts';

const A: ConnectionKey = { organizationId: 'org_a', connectionId: 'vsrx' };
const B: ConnectionKey = { organizationId: 'org_b', connectionId: 'vsrx' };
const SECRET = 's3cr3t-Zebra';
const CREDENTIALS = { username: 'reader', password: SECRET };

let testing: TestDatabase;
let database: Database;
let store: ReturnType<typeof createCredentialStore>;

beforeAll(async () => {
  testing = await testDatabase();
  database = openDatabase({ url: testing.url });
  store = createCredentialStore(database);
  await database.pool.query(`INSERT INTO organizations (id, name) VALUES ('org_a', 'A'), ('org_b', 'B')`);
  for (const [organization, connection] of [
    ['org_a', 'vsrx'],
    ['org_b', 'vsrx'],
  ]) {
    await database.pool.query(`INSERT INTO connections (organization_id, id, connector) VALUES ($1, $2, 'vsrx')`, [
      organization,
      connection,
    ]);
  }
});
beforeEach(async () => {
  await database.pool.query('DELETE FROM connection_credentials');
});
afterAll(async () => {
  await database.close();
  await testing.drop();
});

const newKey = () => randomBytes(32).toString('base64');
const vault = (current: string | null, ...old: string[]) => createCredentialVault({ store, keys: { current, old } });

function audit(key: ConnectionKey, action = 'credentials.put'): AuditEntry {
  return {
    organizationId: key.organizationId,
    actor: { kind: 'administrator', id: 'administrator' },
    action,
    subject: { kind: 'connection', id: key.connectionId },
    result: 'ok',
    requestId: null,
    details: {},
  };
}

const put = (own: ReturnType<typeof vault>, key: ConnectionKey, credentials = CREDENTIALS) =>
  own.put(key, credentials, 'administrator', audit(key));
const rotate = (own: ReturnType<typeof vault>) => own.rotate((key) => audit(key, 'credentials.reseal'));

test('credentials come out as they went in, change their version with each change, and can be removed', async () => {
  const own = vault(newKey());
  expect(await own.open(A)).toBeNull();
  expect(await own.presence(A)).toBeNull();
  expect(await put(own, A)).toBe(true);
  const first = await own.open(A);
  expect(first?.credentials).toEqual(CREDENTIALS);
  expect(await own.open(B)).toBeNull();
  expect(await own.presence(A)).toMatchObject({ keyId: own.keyId, readable: true, updatedBy: 'administrator' });
  await put(own, A);
  expect((await own.open(A))?.version).not.toBe(first?.version);
  expect(await own.remove(A, audit(A, 'credentials.remove'))).toBe(true);
  expect(await own.remove(A, audit(A, 'credentials.remove'))).toBe(false);
  expect(await own.open(A)).toBeNull();
});

test('an unknown connection has none', async () => {
  expect(await put(vault(newKey()), { organizationId: 'org_a', connectionId: 'other' })).toBe(false);
});

test('nothing readable is in the table, and equal credentials look different', async () => {
  const own = vault(newKey());
  await put(own, A);
  await put(own, B);
  const { rows } = await database.pool.query('SELECT * FROM connection_credentials ORDER BY organization_id');
  expect(JSON.stringify(rows)).not.toMatch(/Zebra|reader/);
  for (const row of rows) expect(row.ciphertext.includes(SECRET)).toBe(false);
  expect(rows[0].nonce.equals(rows[1].nonce)).toBe(false);
});

describe('what was sealed does not open', () => {
  test.each([
    [
      'in another connection’s row',
      `UPDATE connection_credentials AS c SET ciphertext = o.ciphertext, nonce = o.nonce
       FROM connection_credentials AS o WHERE c.organization_id = 'org_a' AND o.organization_id = 'org_b'`,
    ],
    [
      'with a changed byte',
      `UPDATE connection_credentials SET ciphertext = set_byte(ciphertext, 3, 255 - get_byte(ciphertext, 3))`,
    ],
    [
      'with a changed tag',
      `UPDATE connection_credentials SET ciphertext = set_byte(ciphertext, length(ciphertext) - 1,
       255 - get_byte(ciphertext, length(ciphertext) - 1))`,
    ],
    ['when it is cut off', `UPDATE connection_credentials SET ciphertext = substring(ciphertext FOR 7)`],
    ['with another nonce', `UPDATE connection_credentials SET nonce = '\\x000000000000000000000000'`],
  ])('%s', async (_name, statement) => {
    const own = vault(newKey());
    await put(own, A);
    await put(own, B);
    await database.pool.query(statement);
    const failure = await own.open(A).catch((error) => error);
    expect(failure).toMatchObject({ code: 'credentials_unreadable' });
    expect(JSON.stringify(failure) + failure.message + failure.stack).not.toContain('Zebra');
  });

  test('with another key, or without one', async () => {
    await put(vault(newKey()), A);
    await expect(vault(newKey()).open(A)).rejects.toMatchObject({ code: 'credentials_unreadable' });
    await expect(vault(null).open(A)).rejects.toMatchObject({ code: 'encryption_key_missing' });
    await expect(put(vault(null), A)).rejects.toMatchObject({ code: 'encryption_key_missing' });
  });
});

describe('rotation', () => {
  test('seals everything with the new key; the old one is not needed any more', async () => {
    const [old, next] = [newKey(), newKey()];
    await put(vault(old), A);
    await put(vault(old), B);
    const before = await vault(old).presence(A);
    expect((await vault(next, old).open(A))?.credentials).toEqual(CREDENTIALS);
    expect(await rotate(vault(next, old))).toEqual({ sealed: 2, unreadable: [] });
    expect((await vault(next).open(B))?.credentials).toEqual(CREDENTIALS);
    expect(await vault(next).presence(A)).toEqual({ ...before, keyId: vault(next).keyId });
    expect(await rotate(vault(next, old))).toEqual({ sealed: 0, unreadable: [] });
    const records = await createAuditLog(database).page('org_a', 1);
    expect(records[0]?.action).toBe('credentials.reseal');
  });

  test('that was interrupted goes on where it was, and names what it cannot open', async () => {
    const [old, lost, next] = [newKey(), newKey(), newKey()];
    await put(vault(old), A);
    await put(vault(lost), B);
    expect(await rotate(vault(next, old))).toEqual({ sealed: 1, unreadable: [B] });
    expect(await rotate(vault(next, old, lost))).toEqual({ sealed: 1, unreadable: [] });
  });

  test('does not undo a change made meanwhile', async () => {
    const [old, next] = [newKey(), newKey()];
    await put(vault(old), A);
    const [row] = await store.sealedOtherwise('none', null, 10);
    await put(vault(next), A, { username: 'reader', password: 'newer' });
    expect(await store.replace(row!, { ...row!, keyId: 'x' }, audit(A))).toBe(false);
    expect((await vault(next).open(A))?.credentials.password).toBe('newer');
  });
});
