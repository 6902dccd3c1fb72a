/** The section `auth`: who may call, and how often. */
import Type from 'typebox';
import {
  type AccessSettings,
  ALGORITHMS,
  isAddressRange,
  isSafeUrl,
  normaliseFingerprint,
  type OidcIssuer,
  type RateLimit,
} from '../access/settings.ts';
import { ROLES, SCOPES, type Scope, scopesOfRole } from '../domain/scopes.ts';
import { isIssuerUrl } from './issuer-url.ts';
import { checkedText, choice, closed, duration, identifier, text } from './leaf.ts';
import type { Path } from './mistake.ts';
import { parseDuration, parseRate } from './quantity.ts';

const optional = Type.Optional;
const MINUTE = 60_000;

const isKeysUrl = (value: string) => {
  const url = URL.parse(value);
  return url !== null && isSafeUrl(url);
};

/** The variables that are part of the section. */
interface AuthVariables {
  readonly CHARTSYNC_TRUSTED_PROXIES?: string;
  readonly CHARTSYNC_OIDC_ISSUER?: string;
  readonly CHARTSYNC_OIDC_AUDIENCE?: string;
}

const rate = () =>
  checkedText(
    'a number of requests per time, such as 10/1m, or none',
    (value) => value === 'none' || parseRate(value) !== null,
  );

const organizationList = () => Type.Array(identifier(), { minItems: 1, description: 'a list of ids of organisations' });

const Issuer = closed({
  issuer: checkedText('the https: URL of an OpenID Connect issuer, exactly as its tokens name it', isIssuerUrl),
  audience: Type.Union([text('an audience'), Type.Array(text('an audience'), { minItems: 1 })], {
    description: 'the audience that tokens for Chartsync have, or a list',
  }),
  jwksUri: optional(checkedText("the https: URL of the issuer's keys", isKeysUrl)),
  algorithms: optional(Type.Array(choice(ALGORITHMS), { minItems: 1, description: 'a list of signature algorithms' })),
  clockTolerance: optional(duration(0, 5 * MINUTE, 'a time up to 5m, such as 30s')),
  claims: optional(
    closed({
      organizations: optional(text('the name of a claim')),
      scopes: optional(text('the name of a claim')),
      roles: optional(text('the name of a claim')),
    }),
  ),
  roles: optional(
    Type.Record(Type.String(), choice(ROLES), {
      description: `values of the roles claim, each with one of ${ROLES.map((role) => `"${role}"`).join(', ')}`,
    }),
  ),
  organizations: optional(organizationList()),
  signIn: optional(
    closed({
      clientId: text('the id under which the issuer knows Chartsync'),
      clientSecret: optional(text('the secret that the issuer gave for that id')),
      name: optional(text('what the button on the sign-in page calls the issuer')),
      scope: optional(text('the scopes to ask for, such as "openid roles"', /(^| )openid( |$)/)),
      publicUrl: optional(checkedText('the address of Chartsync, such as https://chartsync.clinic.example', isOwnUrl)),
    }),
  ),
});

function isOwnUrl(value: string): boolean {
  const url = URL.parse(value);
  return url !== null && isSafeUrl(url) && url.pathname === '/' && url.search === '' && url.hash === '';
}

const Certificate = closed({
  fingerprint: checkedText(
    'the SHA-256 fingerprint of a certificate: 64 hex digits, with or without ":"',
    (value) => normaliseFingerprint(value) !== null,
  ),
  organization: identifier(),
  role: optional(choice(ROLES)),
  scopes: optional(Type.Array(choice(SCOPES), { minItems: 1, description: 'a list of scopes' })),
});

export const Auth = closed({
  trustedProxies: optional(
    Type.Array(checkedText('an address such as 10.0.0.5, or a range such as 10.0.0.0/24', isAddressRange), {
      description: 'a list of addresses',
    }),
  ),
  oidc: optional(Type.Array(Issuer, { description: 'a list of issuers' })),
  clientCertificates: optional(
    closed({
      header: optional(text('the name of a header', /^[A-Za-z0-9-]{1,64}$/)),
      certificates: Type.Array(Certificate, { description: 'a list of certificates' }),
    }),
  ),
  rateLimits: optional(
    closed({
      requestsPerAddress: optional(rate()),
      requestsPerKey: optional(rate()),
      syncStartsPerKey: optional(rate()),
      failedAuthenticationsPerAddress: optional(rate()),
    }),
  ),
});
export type AuthFile = Type.Static<typeof Auth>;

export interface ResolveAuth {
  readonly file: AuthFile | undefined;
  readonly variables: AuthVariables;
  /** Ids of the configured organisations. */
  readonly organizations: readonly string[];
  /** @param path inside `auth` */
  readonly mistake: (path: Path, message: string) => void;
  readonly variableMistake: (name: string, message: string) => void;
}

const DEFAULT_HEADER = 'x-client-cert-fingerprint';

export function resolveAuth(options: ResolveAuth): AccessSettings {
  const { file, variables } = options;
  const trustedProxies = file?.trustedProxies ?? variables.CHARTSYNC_TRUSTED_PROXIES?.split(/[\s,]+/) ?? [];
  const limit = (value: string | undefined, fallback: string): RateLimit | null =>
    value === 'none' ? null : parseRate(value ?? fallback);
  return {
    trustedProxies,
    oidc: issuersOf(options),
    clientCertificates: certificatesOf(options, trustedProxies),
    rateLimits: {
      requestsPerAddress: limit(file?.rateLimits?.requestsPerAddress, '60000/1m'),
      // Clients look at the progress of a starting run without a pause, and dashboards many at once.
      requestsPerKey: limit(file?.rateLimits?.requestsPerKey, '20000/1m'),
      syncStartsPerKey: limit(file?.rateLimits?.syncStartsPerKey, '60/1m'),
      failedAuthenticationsPerAddress: limit(file?.rateLimits?.failedAuthenticationsPerAddress, '20/5m'),
    },
  };
}

function issuersOf({ file, variables, organizations, mistake, variableMistake }: ResolveAuth): OidcIssuer[] {
  const { CHARTSYNC_OIDC_ISSUER: issuer, CHARTSYNC_OIDC_AUDIENCE: audience } = variables;
  if ((issuer === undefined) !== (audience === undefined)) {
    const missing = issuer === undefined ? 'CHARTSYNC_OIDC_ISSUER' : 'CHARTSYNC_OIDC_AUDIENCE';
    variableMistake(missing, 'is missing: CHARTSYNC_OIDC_ISSUER and CHARTSYNC_OIDC_AUDIENCE go together');
  }
  const ofVariables = issuer !== undefined && audience !== undefined ? [{ issuer, audience }] : [];
  const given: NonNullable<AuthFile['oidc']> = file?.oidc ?? ofVariables;
  return given.map((entry, i) => {
    if (given.findIndex((other) => other.issuer === entry.issuer) < i) {
      mistake(['oidc', i, 'issuer'], 'this issuer is given twice');
    }
    for (const [j, id] of (entry.organizations ?? []).entries()) {
      if (!organizations.includes(id)) mistake(['oidc', i, 'organizations', j], 'there is no organisation of this id');
    }
    return {
      issuer: entry.issuer,
      audience: typeof entry.audience === 'string' ? [entry.audience] : entry.audience,
      jwksUri: entry.jwksUri ?? null,
      algorithms: entry.algorithms ?? ALGORITHMS,
      clockToleranceMs: parseDuration(entry.clockTolerance ?? '30s') ?? 0,
      claims: { organizations: 'org_id', scopes: 'scope', roles: 'roles', ...entry.claims },
      roles: entry.roles ?? {},
      organizations: entry.organizations ?? null,
      signIn:
        entry.signIn === undefined
          ? null
          : {
              id: String(i + 1),
              name: entry.signIn.name ?? new URL(entry.issuer).host,
              clientId: entry.signIn.clientId,
              clientSecret: entry.signIn.clientSecret ?? null,
              scope: entry.signIn.scope ?? 'openid',
              publicUrl: entry.signIn.publicUrl === undefined ? null : new URL(entry.signIn.publicUrl).origin,
            },
    };
  });
}

function certificatesOf(
  { file, organizations, mistake }: ResolveAuth,
  trustedProxies: readonly string[],
): AccessSettings['clientCertificates'] {
  const given = file?.clientCertificates;
  if (given === undefined) return null;
  if (trustedProxies.length === 0) {
    mistake(['clientCertificates'], 'needs trustedProxies: the addresses of the proxies that check the certificates');
  }
  const seen = new Set<string>();
  return {
    header: (given.header ?? DEFAULT_HEADER).toLowerCase(),
    certificates: given.certificates.map((entry, i) => {
      const at: Path = ['clientCertificates', 'certificates', i];
      const fingerprint = normaliseFingerprint(entry.fingerprint) ?? '';
      if (seen.has(fingerprint)) mistake([...at, 'fingerprint'], 'this certificate is given twice');
      seen.add(fingerprint);
      if (!organizations.includes(entry.organization)) {
        mistake([...at, 'organization'], 'there is no organisation of this id');
      }
      if ((entry.role === undefined) === (entry.scopes === undefined)) mistake(at, 'expected either role or scopes');
      const scopes: readonly Scope[] = entry.scopes ?? (entry.role === undefined ? [] : scopesOfRole(entry.role));
      return { fingerprint, organizationId: entry.organization, scopes };
    }),
  };
}
