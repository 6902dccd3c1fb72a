/** The product: copies a practice, then reads and indexes every document, as the service does. */
import { loadConfig } from '../../../src/config/load.ts';
import { startDocumentService } from '../../../src/document-service.ts';
import { syncFiles } from '../../../src/engine/files/sync-files.ts';
import { applyConfiguration, openChartsync } from '../../../src/main.ts';
import { isFileConnection } from '../../../src/runs/connections.ts';
import { watchWorkers } from '../../support/worker-memory.ts';
import { measureInside, subjectInput } from '../inside.ts';
import type { SyncEnvironment } from '../practice.ts';

export interface DocumentServiceInput {
  readonly environment: SyncEnvironment;
  readonly organizationId: string;
  readonly documents: number;
}

export interface DocumentServiceExtra {
  readonly workerPeakBytes: number;
  /** How they ended. */
  readonly ends: Readonly<Record<string, number>>;
}

const input = subjectInput<DocumentServiceInput>();
// Without PATH there is no Tesseract and no LibreOffice.
const config = await loadConfig({ env: input.environment, cwd: process.cwd() });
const chartsync = await openChartsync(config, {
  url: input.environment.DATABASE_URL,
  urlOf: () => null,
  close: async () => undefined,
});
const ends: Record<string, number> = {};
let workerPeakBytes = 0;
let cpuMs = 0;
try {
  await applyConfiguration(chartsync);
  for (const { ports, settings } of chartsync.connections.filter(isFileConnection)) {
    const { counts } = await syncFiles(ports, settings, { mode: 'quick', trigger: 'manual' });
    if (counts.added !== input.documents) throw new Error(`${counts.added} instead of ${input.documents} were copied`);
  }
  const search = await chartsync.search();
  await measureInside(
    async () => {
      const watch = watchWorkers(process.pid);
      const all = Promise.withResolvers<void>();
      let left = input.documents;
      const service = await startDocumentService({
        config,
        work: chartsync.documentWork,
        blobs: chartsync.blobs,
        deliveries: chartsync.deliveries,
        remotes: chartsync.remotes,
        search,
        onEnd: (_, { status, code = status }) => {
          ends[code] = (ends[code] ?? 0) + 1;
          if (status !== 'again' && --left === 0) all.resolve();
        },
        onError: (_, error) => all.reject(error),
      });
      await all.promise;
      ({ peakBytes: workerPeakBytes, cpuMs } = watch.stop());
      return service;
    },
    async (service) => {
      await service.stop();
      const { documents } = await search.count(input.organizationId, null);
      if (documents !== ends.complete) throw new Error(`${documents} of ${ends.complete} documents are in the index`);
    },
    () => ({ workerPeakBytes, ends, cpuMs }),
  );
} finally {
  await chartsync.close();
}
