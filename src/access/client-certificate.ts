/**
 * Client certificates. A proxy in front ends TLS, verifies the certificate, and names its SHA-256 fingerprint in a header.
 * That header is as good as a password, so it counts only when it comes from the proxy's own address.
 */
import { createAddressList } from './address.ts';
import { unauthorised } from './denied.ts';
import type { Principal } from './principal.ts';
import { type ClientCertificate, normaliseFingerprint } from './settings.ts';

export interface ClientCertificateOptions {
  /** Lower case. */
  readonly header: string;
  readonly trustedProxies: readonly string[];
  readonly certificates: readonly ClientCertificate[];
}

export interface ClientCertificates {
  /** Lower case. */
  readonly header: string;
  /**
   * @param value of the header
   * @param peer address of the other end of the connection itself, never one that a header names
   * @throws AccessDenied 401
   */
  authenticate(value: string, peer: string): Principal;
}

export function createClientCertificates(options: ClientCertificateOptions): ClientCertificates {
  const trusted = createAddressList(options.trustedProxies);
  const known = new Map(options.certificates.map((certificate) => [certificate.fingerprint, certificate]));
  return {
    header: options.header,
    authenticate(value, peer) {
      if (!trusted(peer)) {
        throw unauthorised('The header with a client certificate came from an address that may not set it.', {
          guess: true,
        });
      }
      const fingerprint = normaliseFingerprint(value);
      const certificate = fingerprint === null ? undefined : known.get(fingerprint);
      if (certificate === undefined) throw unauthorised('The client certificate is not known.', { guess: true });
      return {
        kind: 'certificate',
        id: certificate.fingerprint,
        organizations: [certificate.organizationId],
        scopes: certificate.scopes,
      };
    },
  };
}
