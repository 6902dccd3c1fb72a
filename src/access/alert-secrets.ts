/** Secrets that sign webhooks: shown once, kept sealed. */
import { randomBytes } from 'node:crypto';
import { SyncError } from '../domain/errors.ts';
import type { AlertStore, SealedSecret } from '../ports/alert-store.ts';
import { type EncryptionKeys, keyOf, seal, unseal } from './seal.ts';

export interface AlertSecrets {
  /** @returns the secret, and what is stored of it. @throws SyncError `encryption_key_missing` */
  make(organizationId: string, alertId: string): { readonly secret: string; readonly sealed: SealedSecret };
  /** @throws SyncError `credentials_unreadable`, `encryption_key_missing` */
  open(organizationId: string, alertId: string): Promise<string>;
  /** Seals all with the present key. @returns how many, and which could not be opened */
  rotate(): Promise<{ readonly sealed: number; readonly unreadable: readonly string[] }>;
}

const PURPOSE = 'chartsync alert secret';
const SECRET_BYTES = 32;
/** As the libraries for standard webhooks expect it. */
const PREFIX = 'whsec_';

export function createAlertSecrets(options: { store: AlertStore; keys: EncryptionKeys }): AlertSecrets {
  const { store } = options;
  const current = options.keys.current === null ? null : keyOf(options.keys.current);
  const keys = new Map(options.keys.old.map(keyOf).map((key) => [key.id, key]));
  if (current !== null) keys.set(current.id, current);

  function sealed(organizationId: string, alertId: string, secret: string): SealedSecret {
    if (current === null) throw new SyncError('encryption_key_missing');
    const { keyId, nonce, ciphertext } = seal(current, PURPOSE, { organizationId, connectionId: alertId }, secret);
    return { keyId, nonce, ciphertext };
  }
  function opened(organizationId: string, alertId: string, stored: SealedSecret): string {
    const key = keys.get(stored.keyId);
    if (key === undefined) throw new SyncError(keys.size === 0 ? 'encryption_key_missing' : 'credentials_unreadable');
    return unseal(key, PURPOSE, { organizationId, connectionId: alertId, ...stored }) as string;
  }
  return {
    make(organizationId, alertId) {
      const secret = `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`;
      return { secret, sealed: sealed(organizationId, alertId, secret) };
    },
    async open(organizationId, alertId) {
      const stored = await store.secret(organizationId, alertId);
      if (stored === null) throw new SyncError('credentials_unreadable', { detail: 'The alert has none.' });
      return opened(organizationId, alertId, stored);
    },
    async rotate() {
      if (current === null) throw new SyncError('encryption_key_missing');
      const unreadable: string[] = [];
      let count = 0;
      for (const { organizationId, alertId, secret } of await store.sealedOtherwise(current.id)) {
        if (!keys.has(secret.keyId)) {
          unreadable.push(alertId);
          continue;
        }
        const again = sealed(organizationId, alertId, opened(organizationId, alertId, secret));
        if (await store.reseal(organizationId, alertId, secret, again)) count++;
      }
      return { sealed: count, unreadable };
    },
  };
}
