/**
 * Secrets sealed with AES-256-GCM. What they are for, whose they are and the key's id are bound into the seal: what is copied to
 * another row, or is used as something else, does not open.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { SyncError } from '../domain/errors.ts';
import type { SealedCredentials } from '../ports/credential-store.ts';
import type { ConnectionKey } from '../ports/document-records.ts';

const NONCE_SIZE = 12;
const TAG_SIZE = 16;

export interface EncryptionKey {
  readonly id: string;
  readonly bytes: Buffer;
}

export interface EncryptionKeys {
  /** 32 bytes in base64. Null: nothing can be sealed or opened. */
  readonly current: string | null;
  /** Former keys, which only open. */
  readonly old: readonly string[];
}

/** The id tells keys apart and nothing about them. */
export function keyOf(base64: string): EncryptionKey {
  const bytes = Buffer.from(base64, 'base64');
  const id = createHash('sha256').update('chartsync encryption key id').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}

export function seal(
  key: EncryptionKey,
  purpose: string,
  connection: ConnectionKey,
  secret: unknown,
): SealedCredentials {
  const { organizationId, connectionId } = connection;
  const nonce = randomBytes(NONCE_SIZE);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_SIZE });
  cipher.setAAD(boundTo(purpose, connection, key.id));
  const ciphertext = Buffer.concat([
    cipher.update(JSON.stringify(secret), 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return { organizationId, connectionId, keyId: key.id, nonce, ciphertext };
}

/** @throws SyncError `credentials_unreadable` */
export function unseal(key: EncryptionKey, purpose: string, sealed: SealedCredentials): unknown {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, sealed.nonce, { authTagLength: TAG_SIZE });
    decipher.setAAD(boundTo(purpose, sealed, key.id));
    decipher.setAuthTag(sealed.ciphertext.subarray(-TAG_SIZE));
    const text = Buffer.concat([decipher.update(sealed.ciphertext.subarray(0, -TAG_SIZE)), decipher.final()]);
    return JSON.parse(text.toString('utf8'));
  } catch {
    // The cause is left out: a JSON error would quote what was opened.
    throw new SyncError('credentials_unreadable', { detail: 'They were changed or moved.' });
  }
}

function boundTo(purpose: string, { organizationId, connectionId }: ConnectionKey, keyId: string): Buffer {
  return Buffer.from(JSON.stringify([purpose, organizationId, connectionId, keyId]));
}
