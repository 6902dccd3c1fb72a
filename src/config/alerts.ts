/** The section `alerts`: the mail server, and private addresses that webhooks may be sent to. */
import Type from 'typebox';
import { isAddressRange } from '../access/settings.ts';
import type { AlertsConfig } from './config.ts';
import { checkedText, choice, closed, integer, text } from './leaf.ts';
import { isMailAddress, isSmtpUrl } from './mail-address.ts';
import type { Path } from './mistake.ts';

const optional = Type.Optional;

/** The variables that are part of the section. */
interface AlertsVariables {
  readonly CHARTSYNC_SMTP_URL?: string;
  readonly CHARTSYNC_SMTP_FROM?: string;
}

export const Alerts = closed({
  smtp: optional(
    closed({
      host: text('the name or address of a mail server', /^[^\s/@]+$/),
      port: optional(integer(1, 65_535)),
      security: optional(choice(['tls', 'starttls', 'none'])),
      username: optional(text('the user name for the mail server')),
      password: optional(text('the password for the mail server')),
      from: checkedText('the e-mail address that alerts come from', isMailAddress),
    }),
  ),
  allowedAddresses: optional(
    Type.Array(checkedText('an address or range such as 10.0.0.0/24', isAddressRange), {
      description: 'a list of addresses and ranges that webhooks may be sent to although they are private',
      uniqueItems: true,
    }),
  ),
});

const USUAL_PORT = { tls: 465, starttls: 587, none: 25 } as const;

export function resolveAlerts(
  file: Type.Static<typeof Alerts> | undefined,
  variables: AlertsVariables,
  mistake: (path: Path, message: string) => void,
  variableMistake: (name: string, message: string) => void,
): AlertsConfig {
  const allowedAddresses = file?.allowedAddresses ?? [];
  const smtp = file?.smtp;
  if (smtp !== undefined) {
    const { security = 'starttls', username = null, password = null } = smtp;
    if ((username === null) !== (password === null)) mistake(['smtp'], 'username and password go together');
    if (security === 'none' && password !== null) {
      mistake(['smtp', 'security'], 'none would send the password in the clear; use tls or starttls');
    }
    const port = smtp.port ?? USUAL_PORT[security];
    return { allowedAddresses, smtp: { host: smtp.host, port, security, username, password, from: smtp.from } };
  }
  const { CHARTSYNC_SMTP_URL: given, CHARTSYNC_SMTP_FROM: from } = variables;
  if (given === undefined || !isSmtpUrl(given)) return { allowedAddresses, smtp: null };
  if (from === undefined) {
    variableMistake('CHARTSYNC_SMTP_FROM', 'is missing: expected the e-mail address that alerts come from');
    return { allowedAddresses, smtp: null };
  }
  const url = new URL(given);
  const security = url.protocol === 'smtps:' ? 'tls' : url.searchParams.get('tls') === 'off' ? 'none' : 'starttls';
  const username = url.username === '' ? null : decodeURIComponent(url.username);
  const password = url.password === '' ? null : decodeURIComponent(url.password);
  if ((username === null) !== (password === null)) {
    variableMistake('CHARTSYNC_SMTP_URL', 'user name and password go together');
  }
  if (security === 'none' && password !== null) {
    variableMistake('CHARTSYNC_SMTP_URL', 'with tls=off the password would be sent in the clear');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? USUAL_PORT[security] : Number(url.port);
  return { allowedAddresses, smtp: { host, port, security, username, password, from } };
}
