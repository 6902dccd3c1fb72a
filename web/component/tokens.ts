/** Tokens for one patient. The page's own server gets them; the component asks that for a new one before the old one ends. */
import { words } from './words.ts';

export interface GivenToken {
  readonly token: string;
  readonly expiresAt?: string;
}
/** What a page may give instead of an address: asked whenever a new token is needed. */
export type TokenProvider = (silknotePatientUuid: string) => Promise<string | GivenToken> | string | GivenToken;

export interface Tokens {
  /** @throws when the page's server gives none */
  current(): Promise<string>;
  /** The one that is there was refused. */
  drop(): void;
}

/** So long before its end a token is replaced. */
const EARLY_MS = 60_000;
/** Of a token that does not say when it ends. */
const ASSUMED_MS = 5 * 60_000;

export function createTokens(patientUuid: string, provide: TokenProvider): Tokens {
  let known: { readonly token: string; readonly until: number } | null = null;
  let asking: Promise<string> | null = null;

  async function ask(): Promise<string> {
    const given = await provide(patientUuid);
    const { token, expiresAt } = typeof given === 'string' ? { token: given, expiresAt: undefined } : given;
    if (typeof token !== 'string' || token === '') throw new Error(words.noToken);
    const end = expiresAt === undefined ? Number.NaN : Date.parse(expiresAt);
    const life = Number.isNaN(end) ? ASSUMED_MS : end - Date.now();
    known = { token, until: Date.now() + Math.max(life - EARLY_MS, life / 2) };
    return token;
  }

  return {
    async current() {
      if (known !== null && Date.now() < known.until) return known.token;
      asking ??= ask().finally(() => (asking = null));
      return asking;
    },
    drop() {
      known = null;
    },
  };
}

/** @param url of the page's own server. What it is told is the patient; whose page it is it knows by its own session. */
export function tokensFrom(url: string): TokenProvider {
  return async (silknotePatientUuid) => {
    const response = await fetch(url, {
      method: 'POST',
      credentials: 'same-origin',
      // A page of another origin cannot send this header without being asked for permission.
      headers: { 'content-type': 'application/json', 'x-requested-with': 'chartsync-patient' },
      body: JSON.stringify({ silknotePatientUuid }),
    });
    if (!response.ok) throw new Error(words.noToken);
    return (await response.json()) as GivenToken;
  };
}
