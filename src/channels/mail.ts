/** Alerts as e-mail over SMTP. */
import { subjectOf, textOf } from '../domain/alert-message.ts';
import { SyncError } from '../domain/errors.ts';
import type { MailChannel } from '../ports/alert-channel.ts';

export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** tls: from the first byte; starttls: before anything else, or not at all; none: in the clear. */
  readonly security: 'tls' | 'starttls' | 'none';
  readonly username: string | null;
  /** Secret. */
  readonly password: string | null;
  readonly from: string;
}

const TIMEOUT_MS = 20_000;

export function createMailChannel(settings: SmtpSettings): MailChannel {
  const { security, username, password } = settings;
  return {
    async send(recipients, message, signal) {
      signal.throwIfAborted();
      // Only here: commands start without it.
      const { createTransport } = await import('nodemailer');
      const transport = createTransport({
        host: settings.host,
        port: settings.port,
        secure: security === 'tls',
        requireTLS: security === 'starttls',
        ignoreTLS: security === 'none',
        ...(username === null || password === null ? {} : { auth: { user: username, pass: password } }),
        connectionTimeout: TIMEOUT_MS,
        greetingTimeout: TIMEOUT_MS,
        socketTimeout: TIMEOUT_MS,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      const stop = () => transport.close();
      signal.addEventListener('abort', stop, { once: true });
      try {
        const sent = await transport.sendMail({
          from: settings.from,
          to: [...recipients],
          subject: subjectOf(message),
          text: textOf(message),
          // The same for each try: who gets it twice sees it once.
          messageId: `<${message.id}@${domainOf(settings.from)}>`,
          headers: { 'auto-submitted': 'auto-generated' },
        });
        if (sent.rejected.length > 0) {
          throw new SyncError('alert_not_accepted', {
            detail: `The mail server refused ${sent.rejected.length} of ${recipients.length} recipients.`,
          });
        }
      } catch (error) {
        throw signal.aborted ? new SyncError('cancelled') : failureOf(error);
      } finally {
        signal.removeEventListener('abort', stop);
        transport.close();
      }
    },
  };
}

/** Its text may name people: told are its codes only. */
function failureOf(error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const { responseCode, command, code } = error as { responseCode?: number; command?: string; code?: string };
  const at = command === undefined ? '' : ` to ${command.split(' ')[0]}`;
  if (responseCode !== undefined) {
    return new SyncError('alert_not_accepted', {
      detail: `The mail server answered ${responseCode}${at}.`,
      cause: error,
    });
  }
  return new SyncError('alert_unreachable', {
    detail: `Mail server, reason: ${code ?? 'unknown'}${at}.`,
    cause: error,
  });
}

const domainOf = (address: string) => /@([A-Za-z0-9.-]+)/.exec(address)?.[1] ?? 'chartsync.invalid';
