/**
 * Alerts as HTTP requests, signed as the "Standard Webhooks" specification says. Where the request goes is looked at when it
 * is connected, not before: a name could mean another address a moment later. Redirects are not followed.
 */
import { createHmac } from 'node:crypto';
import { lookup as resolveName } from 'node:dns';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { AlertMessage } from '../domain/alert-message.ts';
import { SyncError } from '../domain/errors.ts';
import type { WebhookChannel } from '../ports/alert-channel.ts';
import { createAddressGuard } from './private-address.ts';

const TIMEOUT_MS = 15_000;

export interface WebhookOptions {
  /** Private addresses and ranges that may be sent to; to these also without TLS. */
  readonly allowedAddresses: readonly string[];
  readonly version: string;
}

export function createWebhookChannel(options: WebhookOptions): WebhookChannel {
  const isAllowed = createAddressGuard(options.allowedAddresses);
  const isPublic = createAddressGuard([]);

  function refusal(text: string): string | null {
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol)) return 'expected an https: URL';
    if (url.username !== '' || url.password !== '') return 'a user name or password does not belong into the URL';
    const host = hostOf(url);
    if (isIP(host) !== 0 && !isAllowed(host))
      return 'its address is not public, and is not allowed in the configuration';
    return null;
  }

  /** Refuses names that mean an address that is not allowed. Without TLS only what the configuration names is. */
  const guardedLookup =
    (isTls: boolean): LookupFunction =>
    (name, lookupOptions, done) => {
      resolveName(name, { ...lookupOptions, all: true }, (error, found) => {
        if (error !== null) return done(error, '', 0);
        const bad = found.some(({ address }) => !mayConnect(address, isTls));
        const [first] = found;
        if (bad || first === undefined) return done(Object.assign(new Error('refused'), { code: REFUSED }), '', 0);
        if (lookupOptions.all) return done(null, found);
        done(null, first.address, first.family);
      });
    };
  const mayConnect = (address: string, isTls: boolean) => isAllowed(address) && (isTls || !isPublic(address));

  return {
    refusal,
    async send(text, secret, message, signal) {
      const reason = refusal(text);
      if (reason !== null) throw new SyncError('alert_address_refused', { detail: `${capital(reason)}.` });
      const url = new URL(text);
      const isTls = url.protocol === 'https:';
      const host = hostOf(url);
      // A literal address is not looked up.
      if (isIP(host) !== 0 && !mayConnect(host, isTls)) throw new SyncError('alert_address_refused');
      const body = JSON.stringify(message);
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const request = (isTls ? httpsRequest : httpRequest)(url, {
          method: 'POST',
          // Of one request only: alerts are rare, and a kept connection would skip the look at the address.
          agent: false,
          lookup: guardedLookup(isTls),
          signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'user-agent': `Chartsync/${options.version}`,
            ...signatureOf(message, body, secret, Date.now()),
          },
        });
        request.on('response', resolve);
        request.on('error', reject);
        request.end(body);
      }).catch((error) => {
        throw failureOf(error, signal);
      });
      // What it says is not ours to keep.
      response.destroy();
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) {
        throw new SyncError('alert_not_accepted', { detail: `It answered with the status ${status}.` });
      }
    },
  };
}

const REFUSED = 'ALERT_ADDRESS_REFUSED';

function signatureOf(message: AlertMessage, body: string, secret: string, now: number) {
  const timestamp = String(Math.floor(now / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${message.id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': message.id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

function failureOf(error: unknown, signal: AbortSignal): SyncError {
  if (signal.aborted) return new SyncError('cancelled');
  const { code, name } = error as { code?: string; name?: string };
  if (code === REFUSED) {
    return new SyncError('alert_address_refused', {
      detail: 'Its name means an address that is not public, or is public and without https:.',
    });
  }
  const why = name === 'TimeoutError' || name === 'AbortError' ? 'no answer in 15 s' : (code ?? 'unknown');
  return new SyncError('alert_unreachable', { detail: `Reason: ${why}.`, cause: error });
}

/** Without the brackets of an IPv6 address. */
const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '');
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
