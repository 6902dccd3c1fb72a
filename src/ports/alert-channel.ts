/**
 * Ways on which alerts leave the house.
 *
 * Contract: `send` resolves when the other side has taken the message, and may be called again with the same one. It rejects
 * with a SyncError whose detail says what was answered, without addresses of people.
 */
import type { AlertMessage } from '../domain/alert-message.ts';

export interface WebhookChannel {
  /** Why the URL cannot be used, whatever it resolves to; null: it may be. */
  refusal(url: string): string | null;
  /** @param secret signs the message */
  send(url: string, secret: string, message: AlertMessage, signal: AbortSignal): Promise<void>;
}

export interface MailChannel {
  send(recipients: readonly string[], message: AlertMessage, signal: AbortSignal): Promise<void>;
}

export interface AlertChannels {
  readonly webhook: WebhookChannel;
  /** Null: no mail server is configured. */
  readonly mail: MailChannel | null;
}
