/** Looks for problems that somebody wants to be told of, and brings the messages on their way. Every process does so. */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../domain/alert-message.ts';
import { tellingsOf } from '../domain/alerts.ts';
import { SyncError, toSyncError } from '../domain/errors.ts';
import type { AlertChannels } from '../ports/alert-channel.ts';
import type { Alert, AlertDelivery, AlertStore } from '../ports/alert-store.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { Upkeep } from '../ports/upkeep.ts';

export interface AlertPorts {
  readonly store: AlertStore;
  readonly channels: AlertChannels;
  /** Signs the webhooks of an alert. */
  readonly secret: (organizationId: string, alertId: string) => Promise<string>;
  readonly clock: Clock;
}

export interface AlertWatchOptions extends AlertPorts {
  readonly organizations: readonly string[];
  readonly upkeep: Upkeep;
  readonly audit: Pick<AuditLog, 'verify'>;
  readonly onError: (organizationId: string | null, error: SyncError) => void;
  /** How often to look. */
  readonly everyMs?: number;
}

export const VERIFY_AUDIT = 'audit.verify';
const LOOK_MS = 3000;
const VERIFY_MS = 3600_000;
const HOLD_MS = 120_000;
const AT_ONCE = 10;
const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 3600_000;
/** What nobody could be told for so long is no news. */
const GIVE_UP_MS = 3 * 24 * 3600_000;
const KEEP_MS = 30 * 24 * 3600_000;

export function newMessageId(): string {
  return `msg_${randomUUID()}`;
}

export function startAlerts(options: AlertWatchOptions): { stop(): Promise<void> } {
  const { store, clock } = options;
  const ended = new AbortController();
  const { signal } = ended;
  const tell = (organizationId: string | null, error: unknown) => {
    if (!signal.aborted) options.onError(organizationId, toSyncError(error));
  };

  async function verifyAudit(): Promise<void> {
    if (!(await store.wants('audit_broken')) || !(await options.upkeep.claim(VERIFY_AUDIT, VERIFY_MS))) return;
    try {
      const { entries, problems } = await options.audit.verify({ signal });
      await store.noteAudit({ entries, problem: problems[0]?.kind ?? null });
      await options.upkeep.done(VERIFY_AUDIT, null);
    } catch (error) {
      await options.upkeep.done(VERIFY_AUDIT, toSyncError(error).code);
      throw error;
    }
  }

  async function look(organizationId: string): Promise<void> {
    const now = clock.now();
    await store.look(
      organizationId,
      (rule, facts, told) => tellingsOf(rule, facts, told, now),
      (rule, telling) => messageOf(rule, telling, newMessageId(), now),
    );
  }

  /** Most organisations may have no alerts: those cost nothing. */
  async function lookAll(): Promise<void> {
    const watched = await store.organizations();
    for (const organizationId of options.organizations) {
      if (signal.aborted || !watched.has(organizationId)) continue;
      await look(organizationId).catch((error) => tell(organizationId, error));
    }
  }

  const loop = (async () => {
    while (!signal.aborted) {
      await verifyAudit().catch((error) => tell(null, error));
      await lookAll().catch((error) => tell(null, error));
      await deliver(options, signal, tell).catch((error) => tell(null, error));
      await clock.sleep(options.everyMs ?? LOOK_MS, signal).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      ended.abort(new SyncError('cancelled'));
      await loop;
    },
  };
}

/** Sends what waits, alerts beside each other: one that does not answer holds up no other. */
async function deliver(
  ports: AlertPorts,
  signal: AbortSignal,
  tell: (organizationId: string, error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    const deliveries = await ports.store.claim(AT_ONCE, HOLD_MS);
    if (deliveries.length === 0) break;
    await Promise.all(
      deliveries.map((delivery) =>
        deliverOne(ports, delivery, signal).catch((error) => tell(delivery.alert.organizationId, error)),
      ),
    );
  }
  await ports.store.forget(ports.clock.now() - KEEP_MS);
}

async function deliverOne(ports: AlertPorts, delivery: AlertDelivery, signal: AbortSignal): Promise<void> {
  const { store, clock } = ports;
  try {
    await sendMessage(ports, delivery.alert, delivery.message, signal);
    await store.settle(delivery, { state: 'sent' });
  } catch (error) {
    const failure = toSyncError(error);
    const { code, detail = null } = failure;
    if (clock.now() - delivery.createdAt > GIVE_UP_MS) {
      await store.settle(delivery, { state: 'given_up', code, detail });
    } else {
      const againMs = signal.aborted ? 0 : pauseAfter(delivery.attempt);
      await store.settle(delivery, { state: 'waiting', code, detail, againMs });
    }
    throw failure;
  }
}

export function pauseAfter(attempt: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 20));
}

/** @throws SyncError that says what failed */
export async function sendMessage(
  { channels, secret }: AlertPorts,
  alert: Alert,
  message: AlertDelivery['message'],
  signal: AbortSignal,
): Promise<void> {
  const { target, organizationId, id } = alert;
  if (target.channel === 'webhook') {
    await channels.webhook.send(target.url, await secret(organizationId, id), message, signal);
    return;
  }
  if (channels.mail === null) throw new SyncError('alert_mail_missing');
  await channels.mail.send(target.recipients, message, signal);
}

/** Really sends one. @returns null, or what failed */
export async function testAlert(ports: AlertPorts, alert: Alert, signal: AbortSignal): Promise<SyncError | null> {
  const now = ports.clock.now();
  const telling = { event: 'test', subject: alert.connectionId ?? '', since: now, details: {} } as const;
  try {
    await sendMessage(ports, alert, messageOf(alert, telling, newMessageId(), now), signal);
    return null;
  } catch (error) {
    return toSyncError(error);
  }
}
