/**
 * Signing in at an OpenID Connect issuer: authorization code with PKCE, all of it on this side. The browser holds one
 * secret in a cookie of its own; what goes with it is kept here, taken once, and forgotten after ten minutes.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import * as oidc from 'openid-client';
import type { Clock } from '../ports/clock.ts';
import type { SessionStore } from '../ports/session-store.ts';
import { type IssuerClaims, principalOfClaims, readClaims } from './jwt.ts';
import type { Principal } from './principal.ts';
import type { OidcIssuer, OidcSignInSettings } from './settings.ts';

type SignInIssuer = OidcIssuer & { readonly signIn: OidcSignInSettings };

/** Why nobody was signed in. */
export type SignInFailure =
  /** The person, or the issuer, said no. */
  | 'refused'
  /** Too late, begun in another browser, or taken before. */
  | 'expired'
  /** The issuer cannot be reached, or is not set up as the configuration says. */
  | 'unavailable'
  /** The issuer knows the person, and nothing here is open to them. */
  | 'no_access';

export class SignInFailed extends Error {
  readonly reason: SignInFailure;

  constructor(reason: SignInFailure, cause?: unknown) {
    super(`Nobody was signed in: ${reason}.`, cause === undefined ? {} : { cause });
    this.name = 'SignInFailed';
    this.reason = reason;
  }
}

export interface OidcSignIn {
  readonly providers: readonly { readonly id: string; readonly name: string }[];
  /**
   * @param origin of Chartsync as the browser knows it
   * @param next the path to go to afterwards
   * @returns where the browser goes, and the secret for its cookie. @throws SignInFailed; null for an unknown provider
   */
  begin(provider: string, origin: string, next: string): Promise<{ url: string; secret: string } | null>;
  /** @param answer the query that the issuer sent the browser back with. @throws SignInFailed */
  finish(
    secret: string | undefined,
    origin: string,
    answer: string,
  ): Promise<{ readonly claims: IssuerClaims; readonly principal: Principal; readonly next: string }>;
}

export const SIGN_IN_MS = 10 * 60_000;
const TIMEOUT_S = 10;
/** An issuer may change its addresses; keys are asked for anew by the library. */
const DISCOVERY_MS = 3600_000;
const FORM = /^[A-Za-z0-9_-]{43}$/;
export const CALLBACK_PATH = '/api/v1/session/oidc/callback';

export function createOidcSignIn(options: {
  issuers: readonly OidcIssuer[];
  store: Pick<SessionStore, 'beginSignIn' | 'takeSignIn' | 'sawPerson'>;
  /** Ids of the configured organisations. */
  organizations: readonly string[];
  clock: Clock;
}): OidcSignIn {
  const { store, clock } = options;
  const issuers = options.issuers.filter((issuer): issuer is SignInIssuer => issuer.signIn !== null);
  const discovered = new Map<string, { at: number; configuration: oidc.Configuration }>();

  async function configurationOf({ issuer, signIn }: SignInIssuer): Promise<oidc.Configuration> {
    const known = discovered.get(issuer);
    if (known !== undefined && clock.now() - known.at < DISCOVERY_MS) return known.configuration;
    try {
      const url = new URL(issuer);
      const configuration = await oidc.discovery(
        url,
        signIn.clientId,
        signIn.clientSecret ?? undefined,
        signIn.clientSecret === null ? oidc.None() : undefined,
        {
          timeout: TIMEOUT_S,
          // Only an issuer on this machine may be http: the configuration refuses all others.
          execute: [oidc.enableNonRepudiationChecks, ...(url.protocol === 'http:' ? [oidc.allowInsecureRequests] : [])],
        },
      );
      discovered.set(issuer, { at: clock.now(), configuration });
      return configuration;
    } catch (error) {
      throw new SignInFailed('unavailable', error);
    }
  }

  const redirectOf = ({ signIn }: SignInIssuer, origin: string) => `${signIn.publicUrl ?? origin}${CALLBACK_PATH}`;

  return {
    providers: issuers.map(({ signIn: { id, name } }) => ({ id, name })),
    async begin(provider, origin, next) {
      const issuer = issuers.find(({ signIn }) => signIn.id === provider);
      if (issuer === undefined) return null;
      const configuration = await configurationOf(issuer);
      const secret = randomBytes(32).toString('base64url');
      const codeVerifier = oidc.randomPKCECodeVerifier();
      const nonce = oidc.randomNonce();
      await store.beginSignIn({ hash: hashOf(secret), provider, codeVerifier, nonce, next }, clock.now() - SIGN_IN_MS);
      const url = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectOf(issuer, origin),
        scope: issuer.signIn.scope,
        code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
        state: stateOf(secret),
        nonce,
      });
      return { url: url.href, secret };
    },
    async finish(secret, origin, answer) {
      const pending =
        secret !== undefined && FORM.test(secret)
          ? await store.takeSignIn(hashOf(secret), clock.now() - SIGN_IN_MS)
          : null;
      const issuer = issuers.find(({ signIn }) => signIn.id === pending?.provider);
      if (secret === undefined || pending === null || issuer === undefined) throw new SignInFailed('expired');
      const configuration = await configurationOf(issuer);
      const claims = await claimsOf(configuration, issuer, {
        url: new URL(`${redirectOf(issuer, origin)}?${answer}`),
        secret,
        ...pending,
      });
      const principal = principalOfClaims(claims, issuer);
      const { organizations } = options;
      const own = organizations.filter(
        (id) => principal.organizations === 'all' || principal.organizations.includes(id),
      );
      if (own.length === 0 || principal.scopes.length === 0) throw new SignInFailed('no_access');
      await store.sawPerson({ issuer: claims.issuer, subject: claims.subject, scopes: principal.scopes }, own);
      return { claims, principal, next: pending.next };
    },
  };
}

async function claimsOf(
  configuration: oidc.Configuration,
  issuer: SignInIssuer,
  answer: { url: URL; secret: string; codeVerifier: string; nonce: string },
): Promise<IssuerClaims> {
  try {
    const tokens = await oidc.authorizationCodeGrant(configuration, answer.url, {
      pkceCodeVerifier: answer.codeVerifier,
      expectedState: stateOf(answer.secret),
      expectedNonce: answer.nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new SignInFailed('refused');
    const said = readClaims(claims, issuer);
    if (said.organizations.length > 0 && said.roles.length + said.scopes.length > 0) return said;
    if (configuration.serverMetadata().userinfo_endpoint === undefined) return said;
    // Many issuers tell the rest only when they are asked for it.
    const more = await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub);
    return readClaims({ ...claims, ...more, sub: claims.sub }, issuer);
  } catch (error) {
    if (error instanceof SignInFailed) throw error;
    const refused = error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError;
    throw new SignInFailed(refused || error instanceof oidc.ClientError ? 'refused' : 'unavailable', error);
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Goes through the issuer and comes back: tells nothing of the secret that it is made of. */
function stateOf(secret: string): string {
  return createHmac('sha256', secret).update('state').digest('base64url');
}
