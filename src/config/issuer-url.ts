/** The URL of an OpenID Connect issuer, as a configuration may name it. */
import { isSafeUrl } from '../access/settings.ts';

export function isIssuerUrl(value: string): boolean {
  const url = URL.parse(value);
  return url !== null && isSafeUrl(url) && url.search === '' && url.hash === '';
}
