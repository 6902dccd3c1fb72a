/** The environment's variables. A blank one counts as not set. */
import { resolve } from 'node:path';
import Type, { type TSchema } from 'typebox';
import { Check } from 'typebox/schema';
import { isAddressRange } from '../access/settings.ts';
import { isIssuerUrl } from './issuer-url.ts';
import { checkedText, choice, integer, switchOf, text } from './leaf.ts';
import { isMailAddress, isSmtpUrl } from './mail-address.ts';
import type { Mistake } from './mistake.ts';
import { isDatabaseUrl, isHttpUrl } from './schema.ts';
import type { Environment } from './source.ts';

const POSTGRES = new Set(['postgres:', 'postgresql:']);
const MYSQL = new Set(['mysql:', 'mariadb:']);

const ENCRYPTION_KEY = /^[A-Za-z0-9+/]{43}=$/;

const listOf = (check: (item: string) => boolean) => (value: string) =>
  value
    .split(/[\s,]+/)
    .filter(Boolean)
    .every(check);

const VARIABLES = {
  PORT: integer(0, 65_535),
  PATH: text('folders of programs'),
  HOST: text('a host name or address to listen on', /^\S+$/),
  CHARTSYNC_HOME: text('the path of a folder'),
  CHARTSYNC_CONFIG: text('the path of a file'),
  CHARTSYNC_ADMIN_KEY: text('at least 16 characters without blanks', /^\S{16,}$/),
  CHARTSYNC_ENCRYPTION_KEY: checkedText(
    '32 random bytes in base64, as "openssl rand -base64 32" prints them',
    (value) => ENCRYPTION_KEY.test(value),
  ),
  CHARTSYNC_ENCRYPTION_KEYS_OLD: checkedText(
    'former encryption keys, each 32 bytes in base64, with commas in between',
    listOf((item) => ENCRYPTION_KEY.test(item)),
  ),
  CHARTSYNC_TRUSTED_PROXIES: checkedText(
    'addresses or ranges such as 10.0.0.0/24, with commas in between',
    listOf(isAddressRange),
  ),
  CHARTSYNC_ALLOW_PRIVATE_SOURCES: switchOf(),
  CHARTSYNC_OIDC_ISSUER: checkedText(
    'the https: URL of an OpenID Connect issuer, exactly as its tokens name it',
    isIssuerUrl,
  ),
  CHARTSYNC_OIDC_AUDIENCE: text('the audience that tokens for Chartsync have'),
  CHARTSYNC_SMTP_URL: checkedText(
    'a URL such as smtp://user:password@mail.example.org:587 or smtps://…; smtp://…?tls=off is in the clear',
    isSmtpUrl,
  ),
  CHARTSYNC_SMTP_FROM: checkedText('the e-mail address that alerts come from', isMailAddress),
  DATABASE_URL: checkedText('a URL such as postgres://user:password@host:5432/database', (v) =>
    isDatabaseUrl(v, POSTGRES),
  ),
  VSRX_MYSQL_CONNECTION_STRING: checkedText('a URL such as mysql://user:password@host:3306/database', (v) =>
    isDatabaseUrl(v, MYSQL),
  ),
  MYSQL_HOST: text('a host name or address', /^[^\s/@]+$/),
  MYSQL_PORT: integer(1, 65_535),
  MYSQL_USER: text('a user name'),
  MYSQL_PASSWORD: text('a password'),
  MYSQL_DATABASE: text('the name of a database'),
  VSRX_FILE_BASE_PATH: text('the path of a folder'),
  VITALSIGN_PROCESS_ENDPOINT: checkedText('the address of a document service', isHttpUrl),
  SilknoteDocAnalysis_SERVER_PATH: checkedText('the address of a document service', isHttpUrl),
  CHARTSYNC_DOCUMENTS_KEY: text('the key of the document service', /^[\x21-\x7e]{8,4096}$/),
  SYNC_BATCH_SIZE: integer(1, 1000),
  SYNC_RETRY_ATTEMPTS: integer(1, 20),
  SYNC_RETRY_DELAY_MS: integer(0, 600_000),
  ENABLE_AUTO_SYNC: switchOf(),
  AUTO_SYNC_INTERVAL_MINUTES: integer(1, 10_080),
  ENABLE_SYNC_SCHEDULER: switchOf(),
  SYNC_INTERVAL_MINUTES: integer(1, 10_080),
  MAX_CONCURRENT_SYNCS: integer(1, 1000),
  SYNC_TIMEOUT_MS: integer(1000, 604_800_000),
  SYNC_DRY_RUN: switchOf(),
  SYNC_LOG_LEVEL: choice(['error', 'warn', 'info', 'debug']),
  BROWSER_POOL_SIZE: integer(1, 20),
  SYNC_CONCURRENCY: integer(1, 10),
  IDEXX_RATE_LIMIT: integer(1, 100),
  CHARTSYNC_CHROMIUM: text('the path of a program'),
  AZURE_STORAGE_CONNECTION_STRING: text('a connection string of Azure Storage'),
  AZURE_STORAGE_CONTAINER_NAME: text(
    'the name of a container: small letters, digits and single "-"',
    /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/,
  ),
} as const satisfies Record<string, TSchema>;

export const VARIABLE_NAMES: readonly string[] = Object.keys(VARIABLES);

export type Variables = { readonly [Name in keyof typeof VARIABLES]?: Type.Static<(typeof VARIABLES)[Name]> };

export function readVariables(env: Environment, mistakes: Mistake[]): Variables {
  const found: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(VARIABLES)) {
    const given = env[name]?.trim();
    if (!given) continue;
    const value = convert(schema, given);
    if (Check(schema, value)) found[name] = value;
    else
      mistakes.push({
        path: name,
        place: 'environment',
        message: `expected ${(schema as { description?: string }).description}`,
      });
  }
  return found as Variables;
}

function convert(schema: TSchema, value: string): unknown {
  if (Type.IsInteger(schema)) return Number(value);
  if (Type.IsBoolean(schema)) return { true: true, '1': true, false: false, '0': false }[value.toLowerCase()] ?? value;
  return value;
}

/** The source database of the seeds' variables; null when none is named. */
export function databaseOfVariables(variables: Variables, mistakes: Mistake[]): string | null {
  const { MYSQL_HOST, MYSQL_PORT, MYSQL_USER, MYSQL_PASSWORD, MYSQL_DATABASE, VSRX_MYSQL_CONNECTION_STRING } =
    variables;
  let parts: URL | null = null;
  if (MYSQL_HOST !== undefined || MYSQL_DATABASE !== undefined) {
    for (const name of ['MYSQL_HOST', 'MYSQL_DATABASE', 'MYSQL_USER'] as const) {
      if (variables[name] === undefined) {
        mistakes.push({
          path: name,
          place: 'environment',
          message: 'is missing: MYSQL_HOST, MYSQL_DATABASE and MYSQL_USER go together',
        });
        return VSRX_MYSQL_CONNECTION_STRING ?? null;
      }
    }
    // A bare IPv6 address needs brackets in a URL.
    const host = MYSQL_HOST?.includes(':') && !MYSQL_HOST.startsWith('[') ? `[${MYSQL_HOST}]` : MYSQL_HOST;
    const password = MYSQL_PASSWORD === undefined ? '' : `:${encodeURIComponent(MYSQL_PASSWORD)}`;
    const user = encodeURIComponent(MYSQL_USER ?? '');
    parts = URL.parse(
      `mysql://${user}${password}@${host}:${MYSQL_PORT ?? 3306}/${encodeURIComponent(MYSQL_DATABASE ?? '')}`,
    );
    if (parts === null)
      mistakes.push({ path: 'MYSQL_HOST', place: 'environment', message: 'expected a host name or address' });
  }
  if (VSRX_MYSQL_CONNECTION_STRING === undefined) return parts?.href ?? null;
  const whole = URL.parse(VSRX_MYSQL_CONNECTION_STRING);
  if (parts && whole && !sameDatabase(parts, whole)) {
    mistakes.push({
      path: 'VSRX_MYSQL_CONNECTION_STRING',
      place: 'environment',
      message:
        'names another database than MYSQL_HOST, MYSQL_PORT, MYSQL_USER and MYSQL_DATABASE do; unset one of the two',
    });
  }
  return VSRX_MYSQL_CONNECTION_STRING;
}

function sameDatabase(a: URL, b: URL): boolean {
  return (
    a.hostname === b.hostname &&
    (a.port || '3306') === (b.port || '3306') &&
    a.pathname === b.pathname &&
    a.username === b.username
  );
}

export function homeOf(variables: Variables, cwd: string): string {
  return resolve(cwd, variables.CHARTSYNC_HOME ?? '.chartsync');
}
