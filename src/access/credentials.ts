/** Credentials of connections, sealed. They can be stored and used, not shown. */
import type { AuditEntry } from '../domain/audit-entry.ts';
import { SyncError } from '../domain/errors.ts';
import type { CredentialStore, SealedCredentials, StoredCredentials } from '../ports/credential-store.ts';
import type { ConnectionKey } from '../ports/document-records.ts';
import { type EncryptionKey, type EncryptionKeys, keyOf, seal, unseal } from './seal.ts';

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
    if (key !== undefined) return unseal(key, PURPOSE, sealed) as Credentials;
    throw new SyncError(keys.size === 0 ? 'encryption_key_missing' : 'credentials_unreadable', {
      detail: `They were sealed with the key ${sealed.keyId}.`,
    });
  };

  return {
    keyId: current?.id ?? null,
    put: async (key, credentials, by, audit) => store.put(seal(sealing(), PURPOSE, key, credentials), by, audit),
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
          if (await store.replace(row, seal(key, PURPOSE, row, unseal(former, PURPOSE, row)), audit(after, row.keyId)))
            sealed++;
        }
        if (rows.length < BATCH) return { sealed, unreadable };
      }
    },
  };
}
