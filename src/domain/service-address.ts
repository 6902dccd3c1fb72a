/** The addresses of a document service, from either of the forms in which installations give them. */

export interface ServiceAddress {
  /** Without "/" at its end. */
  readonly base: string;
  readonly process: string;
  /** The first that knows it answers. */
  readonly health: readonly string[];
}

const PROCESS = /\/api\/(?:process|vsrx-sync)$/;

/** @param endpoint the service's base address, or that of its process route */
export function serviceAddress(endpoint: string): ServiceAddress {
  const given = endpoint.replace(/\/+$/, '');
  const base = given.replace(PROCESS, '');
  return {
    base,
    process: base === given ? `${base}/api/process` : given,
    health: base === given ? [`${base}/health`] : [`${base}/health`, `${given}/health`],
  };
}
