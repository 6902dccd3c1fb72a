/**
 * Credentials of connections, sealed with AES-256-GCM. They can be stored and used, not shown.
 *
 * The organisation, the connection and the key's id are bound into the seal: what is copied to another row does not open.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { AuditEntry } from '../domain/audit-entry.ts';
import { SyncError } from '../domain/errors.ts';
import type { CredentialStore, SealedCredentials, StoredCredentials } from '../ports/credential-store.ts';
import type { ConnectionKey } from '../ports/document-records.ts';

/** Field → secret, such as `username` and `password`. */
export type Credentials = Readonly<Record<string, string>>;

/** What may be told about stored credentials. */
export interface CredentialsPresence {
  readonly keyId: string;
  /** Can the configured keys open them? */
  readonly readable: boolean;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

export interface OpenedCredentials {
  readonly credentials: Credentials;
  /** Changes with every change of the credentials. */
  readonly version: string;
}

export interface CredentialVault {
  /** Of the key that seals; null: none is configured. */
  readonly keyId: string | null;
  /** @returns false for an unknown connection. @throws SyncError `encryption_key_missing` */
  put(key: ConnectionKey, credentials: Credentials, by: string, audit: AuditEntry): Promise<boolean>;
  remove(key: ConnectionKey, audit: AuditEntry): Promise<boolean>;
  presence(key: ConnectionKey): Promise<CredentialsPresence | null>;
  /** For the connector only. @throws SyncError `encryption_key_missing`, `credentials_unreadable` */
  open(key: ConnectionKey): Promise<OpenedCredentials | null>;
  /**
   * Seals everything with the present key. Row by row: whoever is interrupted starts it again.
   * @throws SyncError `encryption_key_missing`
   */
  rotate(audit: (key: ConnectionKey, from: string) => AuditEntry, signal?: AbortSignal): Promise<RotationResult>;
}

export interface RotationResult {
  readonly sealed: number;
  /** Sealed with a key that is not configured any more. */
  readonly unreadable: readonly ConnectionKey[];
}

export interface EncryptionKeys {
  /** 32 bytes in base64. Null: nothing can be sealed or opened. */
  readonly current: string | null;
  /** Former keys, which only open. */
  readonly old: readonly string[];
}

const NONCE_SIZE = 12;
const TAG_SIZE = 16;
const PURPOSE = 'chartsync connection credentials';
const BATCH = 100;

export function createCredentialVault(options: { store: CredentialStore; keys: EncryptionKeys }): CredentialVault {
  const { store } = options;
  const current = options.keys.current === null ? null : keyOf(options.keys.current);
  const keys = new Map(options.keys.old.map(keyOf).map((key) => [key.id, key]));
  if (current !== null) keys.set(current.id, current);

  const sealing = (): EncryptionKey => {
    if (current === null) throw new SyncError('encryption_key_missing');
    return current;
  };
  const openSealed = (sealed: SealedCredentials): Credentials => {
    const key = keys.get(sealed.keyId);
    if (key !== undefined) return unseal(key, sealed);
    throw new SyncError(keys.size === 0 ? 'encryption_key_missing' : 'credentials_unreadable', {
      detail: `They were sealed with the key ${sealed.keyId}.`,
    });
  };

  return {
    keyId: current?.id ?? null,
    put: async (key, credentials, by, audit) => store.put(seal(sealing(), key, credentials), by, audit),
    remove: (key, audit) => store.remove(key, audit),
    async presence(key) {
      const stored = await store.get(key);
      return stored === null
        ? null
        : {
            keyId: stored.keyId,
            readable: keys.has(stored.keyId),
            updatedAt: stored.updatedAt,
            updatedBy: stored.updatedBy,
          };
    },
    async open(key) {
      const stored = await store.get(key);
      return stored === null
        ? null
        : { credentials: openSealed(stored), version: `${stored.updatedAt} ${stored.nonce.toString('hex')}` };
    },
    async rotate(audit, signal) {
      const key = sealing();
      const unreadable: ConnectionKey[] = [];
      let sealed = 0;
      let after: ConnectionKey | null = null;
      for (;;) {
        signal?.throwIfAborted();
        const rows: readonly StoredCredentials[] = await store.sealedOtherwise(key.id, after, BATCH);
        for (const row of rows) {
          after = { organizationId: row.organizationId, connectionId: row.connectionId };
          const former = keys.get(row.keyId);
          if (former === undefined) {
            unreadable.push(after);
            continue;
          }
          // A put in between has used the present key already.
          if (await store.replace(row, seal(key, row, unseal(former, row)), audit(after, row.keyId))) sealed++;
        }
        if (rows.length < BATCH) return { sealed, unreadable };
      }
    },
  };
}

interface EncryptionKey {
  readonly id: string;
  readonly bytes: Buffer;
}

/** The id tells keys apart and nothing about them. */
function keyOf(base64: string): EncryptionKey {
  const bytes = Buffer.from(base64, 'base64');
  const id = createHash('sha256').update('chartsync encryption key id').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}

function seal(key: EncryptionKey, connection: ConnectionKey, credentials: Credentials): SealedCredentials {
  const { organizationId, connectionId } = connection;
  const nonce = randomBytes(NONCE_SIZE);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_SIZE });
  cipher.setAAD(boundTo(connection, key.id));
  const ciphertext = Buffer.concat([
    cipher.update(JSON.stringify(credentials), 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return { organizationId, connectionId, keyId: key.id, nonce, ciphertext };
}

function unseal(key: EncryptionKey, sealed: SealedCredentials): Credentials {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, sealed.nonce, { authTagLength: TAG_SIZE });
    decipher.setAAD(boundTo(sealed, key.id));
    decipher.setAuthTag(sealed.ciphertext.subarray(-TAG_SIZE));
    const text = Buffer.concat([decipher.update(sealed.ciphertext.subarray(0, -TAG_SIZE)), decipher.final()]);
    return JSON.parse(text.toString('utf8')) as Credentials;
  } catch {
    // The cause is left out: a JSON error would quote what was opened.
    throw new SyncError('credentials_unreadable', { detail: 'They were changed or moved.' });
  }
}

function boundTo({ organizationId, connectionId }: ConnectionKey, keyId: string): Buffer {
  return Buffer.from(JSON.stringify([PURPOSE, organizationId, connectionId, keyId]));
}
