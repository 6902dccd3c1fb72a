/** Alerts as rows. */
import type { Selectable } from 'kysely';
import type { AlertKind } from '../../domain/alerts.ts';
import type { Alert, SealedSecret } from '../../ports/alert-store.ts';
import type { Tables } from './tables.ts';

export function alertOf(row: Omit<Selectable<Tables['alerts']>, 'secret_key_id' | 'secret_nonce' | 'secret'>): Alert {
  return {
    id: row.id,
    organizationId: row.organization_id,
    name: row.name,
    kind: row.kind as AlertKind,
    connectionId: row.connection_id,
    threshold: row.threshold,
    remindMinutes: row.remind_minutes,
    enabled: row.enabled,
    target:
      row.channel === 'webhook'
        ? { channel: 'webhook', url: row.url ?? '' }
        : { channel: 'email', recipients: row.recipients ?? [] },
  };
}

export function valuesOf(alert: Alert, by: string) {
  const { target } = alert;
  return {
    name: alert.name,
    kind: alert.kind,
    connection_id: alert.connectionId,
    threshold: alert.threshold,
    remind_minutes: alert.remindMinutes,
    channel: target.channel,
    url: target.channel === 'webhook' ? target.url : null,
    recipients: target.channel === 'email' ? [...target.recipients] : null,
    enabled: alert.enabled,
    updated_by: by,
  };
}

export function secretValues(secret: SealedSecret | null) {
  return {
    secret_key_id: secret?.keyId ?? null,
    secret_nonce: secret?.nonce ?? null,
    secret: secret?.ciphertext ?? null,
  };
}

export function secretOf(
  row: Pick<Selectable<Tables['alerts']>, 'secret_key_id' | 'secret_nonce' | 'secret'>,
): SealedSecret | null {
  const { secret_key_id: keyId, secret_nonce: nonce, secret } = row;
  return keyId === null || nonce === null || secret === null ? null : { keyId, nonce, ciphertext: secret };
}
