/** What the configuration says about access, and what it accepts as such. Times in ms. */
import { isIP } from 'node:net';
import type { Role, Scope } from '../domain/scopes.ts';

/** Only signatures that the issuer alone can make: a shared secret would let every verifier issue tokens. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface OidcIssuer {
  /** Exactly as in the tokens' `iss`. */
  readonly issuer: string;
  readonly audience: readonly string[];
  /** Null: named by the issuer's `/.well-known/openid-configuration`. */
  readonly jwksUri: string | null;
  readonly algorithms: readonly Algorithm[];
  readonly clockToleranceMs: number;
  /** Names of claims; a name with dots that no claim has is a path into objects. */
  readonly claims: { readonly organizations: string; readonly scopes: string; readonly roles: string };
  /** Value of the roles claim → our role. A value that is not here gives nothing. */
  readonly roles: Readonly<Record<string, Role>>;
  /** Organisations that this issuer may speak for; null: all that are configured. */
  readonly organizations: readonly string[] | null;
  /** How people sign in to the pages there; null: only tokens of this issuer are taken. */
  readonly signIn: OidcSignInSettings | null;
}

export interface OidcSignInSettings {
  /** In our addresses: the issuer's place in the list, from 1. */
  readonly id: string;
  /** On the button. */
  readonly name: string;
  readonly clientId: string;
  /** Secret. Null: a public client, protected by PKCE alone. */
  readonly clientSecret: string | null;
  readonly scope: string;
  /** The address under which browsers reach Chartsync; null: as the request names it. */
  readonly publicUrl: string | null;
}

export interface ClientCertificate {
  /** SHA-256 of the certificate, 64 lower-case hex digits. */
  readonly fingerprint: string;
  readonly organizationId: string;
  readonly scopes: readonly Scope[];
}

export interface RateLimit {
  readonly count: number;
  readonly periodMs: number;
}

/** Null: without limit. */
export interface RateLimitSettings {
  readonly requestsPerAddress: RateLimit | null;
  readonly requestsPerKey: RateLimit | null;
  /** Starts only: reading how a run goes on is not limited by it. */
  readonly syncStartsPerKey: RateLimit | null;
  readonly failedAuthenticationsPerAddress: RateLimit | null;
}

export interface AccessSettings {
  /** Addresses whose X-Forwarded-For and client certificate header count. */
  readonly trustedProxies: readonly string[];
  readonly oidc: readonly OidcIssuer[];
  /** Null: not enabled. `header` in lower case. */
  readonly clientCertificates: { readonly header: string; readonly certificates: readonly ClientCertificate[] } | null;
  readonly rateLimits: RateLimitSettings;
}

/** Keys over plain HTTP could be anybody's; on this machine itself nobody is in between. */
export function isSafeUrl(url: URL): boolean {
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  return (url.protocol === 'https:' || (url.protocol === 'http:' && loopback)) && url.username === '';
}

/** An address, or a range such as 10.1.0.0/16. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** Proxies write it with colons or without, in either case. Null: it is none. */
export function normaliseFingerprint(text: string): string | null {
  const hex = text.trim().replaceAll(':', '').toLowerCase();
  return /^[0-9a-f]{64}$/.test(hex) ? hex : null;
}
