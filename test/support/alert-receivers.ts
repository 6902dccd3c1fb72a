/** Other sides of alerts: an HTTP server and a mail server that remember what they got, and can be told to refuse. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { AlertMessage } from '../../src/domain/alert-message.ts';

export interface WebhookReceiver {
  readonly url: string;
  readonly port: number;
  /** In the order in which they came, those that were refused included. */
  readonly got: readonly {
    readonly message: AlertMessage;
    readonly headers: Record<string, unknown>;
    readonly body: string;
  }[];
  /** Status of the answers from now on. */
  answer(status: number, headers?: Record<string, string>): void;
  close(): Promise<void>;
}

export async function receiveWebhooks(): Promise<WebhookReceiver> {
  const got: { message: AlertMessage; headers: Record<string, unknown>; body: string }[] = [];
  let status = 204;
  let more: Record<string, string> = {};
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    got.push({ message: JSON.parse(body), headers: request.headers, body });
    response.writeHead(status, more).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    got,
    answer(next, headers = {}) {
      status = next;
      more = headers;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** As a receiver would check it, by the words of the specification. */
export function isSigned(secret: string, { headers, body }: WebhookReceiver['got'][number]): boolean {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  return headers['webhook-signature'] === `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}

export interface MailReceiver {
  readonly port: number;
  readonly got: readonly {
    readonly to: readonly string[];
    readonly from: string;
    readonly text: string;
    /** It came over TLS. */
    readonly secure: boolean;
    /** Who sent it; null: nobody signed in. */
    readonly user: string | null;
  }[];
  /** How often somebody told a password. */
  readonly passwords: number;
  /** Refuses recipients from now on with this code; null: takes them. */
  refuse(code: number | null): void;
  close(): Promise<void>;
}

export const MAIL_ACCOUNT = { user: 'chartsync', password: 'a mail password' };

/** @param tls default: it cannot encrypt; with a certificate it takes passwords only after STARTTLS */
export async function receiveMail(tls?: { key: string; certificate: string }): Promise<MailReceiver> {
  const got: { to: string[]; from: string; text: string; secure: boolean; user: string | null }[] = [];
  let passwords = 0;
  let refusing: number | null = null;
  const server = new SMTPServer({
    authMethods: ['PLAIN', 'LOGIN'],
    authOptional: true,
    ...(tls === undefined
      ? { allowInsecureAuth: true, disabledCommands: ['STARTTLS'] }
      : { allowInsecureAuth: false, key: tls.key, cert: tls.certificate }),
    onAuth({ username, password }, _session, done) {
      passwords++;
      const known = username === MAIL_ACCOUNT.user && password === MAIL_ACCOUNT.password;
      done(known ? null : new Error('Invalid user name or password'), known ? { user: username } : undefined);
    },
    onRcptTo(_address, _session, done) {
      done(refusing === null ? null : Object.assign(new Error('no such mailbox'), { responseCode: refusing }));
    },
    onData(stream, { envelope, secure, user }, done) {
      let text = '';
      stream.on('data', (chunk) => {
        text += chunk;
      });
      stream.on('end', () => {
        got.push({
          text,
          secure,
          user: user === undefined ? null : String(user),
          from: envelope.mailFrom === false ? '' : envelope.mailFrom.address,
          to: envelope.rcptTo.map(({ address }) => address),
        });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    got,
    get passwords() {
      return passwords;
    },
    refuse(code) {
      refusing = code;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
