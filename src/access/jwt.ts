/**
 * Tokens of OpenID Connect issuers. Nothing of a token is believed before its signature, made with a key of the configured
 * issuer, is verified; only `iss` is read first, to know whose keys to ask for.
 */
import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify, type RemoteJWKSet } from 'jose';
import { isScope, type Scope, scopesOfRole } from '../domain/scopes.ts';
import type { Clock } from '../ports/clock.ts';
import type { SessionPerson } from '../ports/session-store.ts';
import { AccessDenied, unauthorised } from './denied.ts';
import type { Principal } from './principal.ts';
import { isSafeUrl, type OidcIssuer } from './settings.ts';

export interface Tokens {
  /** Does this text have the form of a token? */
  looksLikeToken(text: string): boolean;
  /** @throws AccessDenied 401; 503 when the issuer's keys cannot be had: that says nothing about the token */
  authenticate(text: string): Promise<Principal>;
}

export interface TokenOptions {
  readonly issuers: readonly OidcIssuer[];
  readonly clock: Clock;
}

const FETCH_MS = 5000;
const KEYS_FRESH_MS = 10 * 60_000;
/** An unknown key id asks again at most this often: otherwise anybody could make us ask all the time. */
const KEYS_COOL_DOWN_MS = 30_000;
const FAILURE_COOL_DOWN_MS = 5000;
const LONGEST_TOKEN = 16_384;

export function createTokens(options: TokenOptions): Tokens {
  const issuers = new Map(
    options.issuers.map((issuer) => [issuer.issuer, { issuer, keys: createIssuerKeys(issuer, options) }]),
  );
  return {
    looksLikeToken: (text) => /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text),
    async authenticate(text) {
      const known = issuers.get(issuerOf(text));
      if (known === undefined) throw unauthorised('The token is not from a known issuer.', { guess: true });
      return principalOf(await verify(text, known.issuer, known.keys, options.clock), known.issuer);
    },
  };
}

function issuerOf(text: string): string {
  if (text.length > LONGEST_TOKEN) return '';
  try {
    return decodeJwt(text).iss ?? '';
  } catch {
    return '';
  }
}

async function verify(
  text: string,
  issuer: OidcIssuer,
  keys: () => Promise<RemoteJWKSet>,
  clock: Clock,
): Promise<JWTPayload> {
  const resolver = await keys().catch(unavailable);
  try {
    const { payload } = await jwtVerify(text, resolver, {
      issuer: issuer.issuer,
      audience: [...issuer.audience],
      algorithms: [...issuer.algorithms],
      requiredClaims: ['exp', 'sub'],
      clockTolerance: Math.round(issuer.clockToleranceMs / 1000),
      currentDate: new Date(clock.now()),
    });
    return payload;
  } catch (error) {
    // The signature was right: these are no guesses.
    if (error instanceof errors.JWTExpired) throw unauthorised('The token has expired.');
    if (error instanceof errors.JWTClaimValidationFailed) {
      throw unauthorised(`The claim "${error.claim}" of the token is not accepted.`);
    }
    if (isRefusal(error)) throw unauthorised('The token is not valid.', { guess: true });
    return unavailable();
  }
}

/** What the token is to blame for. Everything else is the issuer's or the network's. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWTInvalid
  );
}

function unavailable(): never {
  throw new AccessDenied(
    503,
    'identity_provider_unavailable',
    'The keys of the token’s issuer cannot be had now. Try again later.',
  );
}

/** Finds the issuer's keys at first use; a failure is not repeated for each request. */
function createIssuerKeys(issuer: OidcIssuer, { clock }: TokenOptions): () => Promise<RemoteJWKSet> {
  let found: Promise<RemoteJWKSet> | null = null;
  let failedAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (found !== null) return found;
    if (clock.now() - failedAt < FAILURE_COOL_DOWN_MS) return Promise.reject(new Error('asked just now'));
    const finding = findKeys(issuer);
    found = finding;
    finding.catch(() => {
      found = null;
      failedAt = clock.now();
    });
    return finding;
  };
}

async function findKeys(issuer: OidcIssuer): Promise<RemoteJWKSet> {
  const uri = issuer.jwksUri ?? (await discover(issuer.issuer));
  const keys = createRemoteJWKSet(new URL(uri), {
    timeoutDuration: FETCH_MS,
    cooldownDuration: KEYS_COOL_DOWN_MS,
    cacheMaxAge: KEYS_FRESH_MS,
  });
  await keys.reload();
  return keys;
}

async function discover(issuer: string): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(FETCH_MS),
    redirect: 'error',
    headers: { accept: 'application/json' },
  });
  if (!response.ok) throw new Error('no discovery document');
  const document = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown };
  const uri = typeof document.jwks_uri === 'string' ? URL.parse(document.jwks_uri) : null;
  if (document.issuer !== issuer || uri === null || !isSafeUrl(uri)) throw new Error('not this issuer’s document');
  return uri.href;
}

function principalOf(payload: JWTPayload, issuer: OidcIssuer): Principal {
  return principalOfClaims(readClaims(payload, issuer), issuer);
}

/** What an issuer says of somebody, in its own words. */
export type IssuerClaims = SessionPerson;

export function readClaims(payload: JWTPayload, issuer: OidcIssuer): IssuerClaims {
  const texts = (name: string) => [...new Set(textsOf(claimOf(payload, name)))];
  return {
    issuer: issuer.issuer,
    subject: payload.sub ?? '',
    organizations: texts(issuer.claims.organizations),
    roles: texts(issuer.claims.roles),
    scopes: texts(issuer.claims.scopes),
  };
}

/** What that allows here. */
export function principalOfClaims(claims: IssuerClaims, issuer: OidcIssuer): Principal {
  const { organizations: allowed } = issuer;
  const roles = claims.roles
    .filter((value) => Object.hasOwn(issuer.roles, value))
    .flatMap((value) => scopesOfRole(issuer.roles[value]!));
  return {
    kind: 'token',
    id: `${issuer.issuer}|${claims.subject}`,
    organizations: claims.organizations.filter((name) => allowed === null || allowed.includes(name)),
    scopes: [...new Set<Scope>([...claims.scopes.filter(isScope), ...roles])],
  };
}

function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** A list, or a text with blanks in between as in `scope`. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return value.split(' ').filter((part) => part !== '');
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
