/** Where the documents of a VSRX connection go: to this service, or to one on another machine. */
import { serviceAddress } from '../domain/service-address.ts';
import type { RemoteDocumentsConfig } from './config.ts';
import type { Variables } from './environment.ts';
import type { Mistake, Path } from './mistake.ts';
import { parseDuration } from './quantity.ts';
import type { VsrxConnectionFile } from './schema.ts';

/** Of the environment: connections that say nothing themselves send their documents there. */
export interface DocumentDefaults {
  readonly endpoint: string | null;
  readonly apiKey: string | null;
  readonly allowPrivate: boolean;
}

const DEFAULT_TIMEOUT = '2m';
const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/;

/** Whether what is sent there would cross a network as it is. */
export function isInTheClear(url: URL): boolean {
  return url.protocol === 'http:' && !LOOPBACK.test(url.hostname);
}

export function documentDefaults(variables: Variables, mistakes: Mistake[]): DocumentDefaults {
  const { VITALSIGN_PROCESS_ENDPOINT: endpoint, SilknoteDocAnalysis_SERVER_PATH: server } = variables;
  if (endpoint !== undefined && server !== undefined && serviceAddress(endpoint).base !== serviceAddress(server).base) {
    mistakes.push({
      path: 'VITALSIGN_PROCESS_ENDPOINT',
      place: 'environment',
      message: 'names another server than SilknoteDocAnalysis_SERVER_PATH does; unset one of the two',
    });
  }
  return {
    endpoint: endpoint ?? server ?? null,
    apiKey: variables.CHARTSYNC_DOCUMENTS_KEY ?? null,
    allowPrivate: variables.CHARTSYNC_ALLOW_PRIVATE_SOURCES ?? false,
  };
}

export function resolveDocuments(
  documents: VsrxConnectionFile['documents'],
  defaults: DocumentDefaults,
  mistake: (path: Path, message: string) => void,
): { readonly remote: RemoteDocumentsConfig; readonly apiKey: string | null } | null {
  const given = documents ?? (defaults.endpoint === null ? { kind: 'here' as const } : { kind: 'remote' as const });
  if (given.kind === 'here') return null;
  const endpoint = ('endpoint' in given ? given.endpoint : undefined) ?? defaults.endpoint;
  if (endpoint === null || endpoint === undefined) {
    mistake(
      ['documents', 'endpoint'],
      'is missing: expected the address of the document service, such as https://documents.example.org',
    );
    return null;
  }
  const url = new URL(endpoint);
  if (isInTheClear(url) && !defaults.allowPrivate) {
    mistake(
      ['documents', 'endpoint'],
      'is not https: documents and the key would cross the network as they are. Set CHARTSYNC_ALLOW_PRIVATE_SOURCES=1 if that is meant',
    );
  }
  const remote = {
    endpoint: url.href.replace(/\/+$/, ''),
    organization: ('organization' in given ? given.organization : undefined) ?? null,
    // A server that is named by the variables of a VitalSign installation takes PDF only.
    send: ('send' in given ? given.send : undefined) ?? (documents === undefined ? 'pdf' : 'original'),
    timeoutMs: parseDuration(('timeout' in given ? given.timeout : undefined) ?? DEFAULT_TIMEOUT) ?? 0,
  } satisfies RemoteDocumentsConfig;
  return { remote, apiKey: ('apiKey' in given ? given.apiKey : undefined) ?? defaults.apiKey };
}
