/**
 * Whom to tell about which problems, what was told, and the messages on their way.
 *
 * Contract, tested by `test/integration/alerts.test.ts`:
 * - `look` reads the facts of an organisation, and writes what was told together with the messages about it, in one transaction
 *   that only one process does at a time: a problem makes one message, however many processes look.
 * - `claim` gives a message to one caller until its time is over, the messages of an alert in their order; `settle` of an
 *   earlier caller does nothing. A message whose sender died after the sending is sent again, with the same id.
 * - Everything of an alert goes with the alert.
 */
import type { AlertMessage } from '../domain/alert-message.ts';
import type { AlertEvent, AlertFacts, AlertRule, ProblemDetails, Telling, ToldTrouble } from '../domain/alerts.ts';
import type { AuditEntry } from '../domain/audit-entry.ts';
import type { SealedCredentials } from './credential-store.ts';

export type AlertTarget =
  | { readonly channel: 'webhook'; readonly url: string }
  | { readonly channel: 'email'; readonly recipients: readonly string[] };

export interface Alert extends AlertRule {
  readonly name: string;
  readonly target: AlertTarget;
}

export interface DeliveryState {
  readonly event: AlertEvent;
  readonly state: 'waiting' | 'sent' | 'given_up';
  readonly at: string;
  readonly attempts: number;
  /** Of the last try that failed. */
  readonly code: string | null;
  readonly detail: string | null;
}

/** ISO instants. */
export interface AlertStatus extends Alert {
  readonly updatedAt: string;
  readonly updatedBy: string;
  readonly problems: readonly {
    readonly connectionId: string | null;
    readonly since: string;
    readonly toldAt: string;
    readonly details: ProblemDetails;
  }[];
  /** The newest message; null: there was none. */
  readonly lastDelivery: DeliveryState | null;
}

/** Of a webhook; the connection's place is taken by the alert. */
export type SealedSecret = Pick<SealedCredentials, 'keyId' | 'nonce' | 'ciphertext'>;

export interface AlertDelivery {
  readonly id: string;
  readonly attempt: number;
  readonly alert: Alert;
  readonly message: AlertMessage;
  /** Epoch ms. */
  readonly createdAt: number;
}

export interface AlertStore {
  /** Oldest first. */
  list(organizationId: string): Promise<readonly AlertStatus[]>;
  /** @param secret of a webhook. @returns false when the organisation has as many as it may */
  add(alert: Alert, secret: SealedSecret | null, by: string, audit: AuditEntry): Promise<boolean>;
  /** What was told stays, unless the kind or the connection is another one. @param secret null: stays. @returns false: unknown */
  change(alert: Alert, secret: SealedSecret | null, by: string, audit: AuditEntry): Promise<boolean>;
  /** Only the secret; whatever else somebody changes at the same moment stays. @returns false: no webhook of this id */
  renewSecret(
    organizationId: string,
    id: string,
    secret: SealedSecret,
    by: string,
    audit: AuditEntry,
  ): Promise<boolean>;
  remove(organizationId: string, id: string, audit: AuditEntry): Promise<boolean>;
  /** For the sender only. Null: it has none. */
  secret(organizationId: string, id: string): Promise<SealedSecret | null>;
  /** Those that are sealed with another key. */
  sealedOtherwise(keyId: string): Promise<readonly { organizationId: string; alertId: string; secret: SealedSecret }[]>;
  /** Replaces a secret that is still the same. */
  reseal(organizationId: string, id: string, from: SealedSecret, to: SealedSecret): Promise<boolean>;
  /** @returns how many messages were written; null: another process is looking */
  look(
    organizationId: string,
    judge: (
      rule: AlertRule,
      facts: AlertFacts,
      told: readonly ToldTrouble[],
    ) => {
      readonly tellings: readonly Telling[];
      readonly told: readonly ToldTrouble[];
    },
    messageOf: (rule: AlertRule, telling: Telling) => AlertMessage,
  ): Promise<number | null>;
  /** Ids of the organisations that have alerts. */
  organizations(): Promise<ReadonlySet<string>>;
  /** Are there alerts of this kind that count, in any organisation? */
  wants(kind: AlertRule['kind']): Promise<boolean>;
  noteAudit(verdict: { readonly entries: number; readonly problem: string | null }): Promise<void>;
  claim(limit: number, holdMs: number): Promise<readonly AlertDelivery[]>;
  /** @returns false when the message is not the caller's any more */
  settle(
    delivery: AlertDelivery,
    end:
      | { readonly state: 'sent' }
      | { readonly state: 'given_up'; readonly code: string; readonly detail: string | null }
      | { readonly state: 'waiting'; readonly code: string; readonly detail: string | null; readonly againMs: number },
  ): Promise<boolean>;
  /** Removes messages that ended before (epoch ms). */
  forget(before: number): Promise<void>;
}
