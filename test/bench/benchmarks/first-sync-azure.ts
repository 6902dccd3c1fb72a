/** The first copy of a small practice into Azure Blob Storage, its records included. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AccountSASPermissions, AccountSASResourceTypes, BlobServiceClient } from '@azure/storage-blob';
import type { Azurite } from '../../support/azurite.ts';
import { type Benchmark, type BenchmarkContext, type Contestant, type Measurement, runRounds } from '../benchmark.ts';
import { runProgram, runSubject } from '../outside.ts';
import { type BenchPractice, configure, practiceWithFiles } from '../practice.ts';
import { seriesOf, speedAgainst } from '../statistics.ts';
import type { AzureLoopInput } from '../subjects/azure-loop.ts';
import type { SyncInput } from '../subjects/sync.ts';

const CONCURRENCY = 16;
const WARM_UP_BLOBS = 500;
const RCLONE = ['/usr/bin/rclone', '/usr/local/bin/rclone', '/opt/homebrew/bin/rclone'];

export const firstSyncAzure: Benchmark = {
  name: 'first-sync-azure',
  title: 'First copy into Azure Blob Storage',
  async run(context) {
    const files = context.quick ? 500 : 5000;
    const practice = await practiceWithFiles(context.services, files);
    const rclone = RCLONE.find((path) => existsSync(path));
    const contestants: Contestant[] = [
      { label: 'chartsync', role: 'subject', items: files, run: () => runChartsync(context, practice, files) },
      { label: 'bare SDK loop', role: 'floor', items: files, run: () => runLoop(context, practice, files) },
    ];
    if (rclone !== undefined) {
      const run = () => runRclone(context, practice, rclone);
      contestants.push({ label: 'rclone copy', role: 'peer', items: files, run });
    }
    const series = await runRounds(context, context.quick ? 1 : 5, contestants);
    const chartsync = seriesOf(series, 'chartsync');
    const floor = speedAgainst(chartsync, seriesOf(series, 'bare SDK loop'));
    const ratios: Record<string, number> = { 'speed of the bare SDK loop': floor };
    const promises = [
      {
        text: 'at least 80 % of the speed of a bare loop over the SDK that records nothing',
        measured: `${Math.round(floor * 100)} %`,
        kept: floor >= 0.8,
      },
    ];
    if (rclone !== undefined) {
      // Of rclone only the whole process can be timed, so the whole process counts here on both sides.
      const peer = speedAgainst(chartsync, seriesOf(series, 'rclone copy'), 'processMs');
      ratios['speed of rclone'] = peer;
      const text = 'at least twice as fast as rclone copy';
      promises.push({ text, measured: `${peer.toFixed(2)} ×`, kept: peer >= 2 });
    }
    const notes = [
      `${files} files of 4 to 100 kB, ${CONCURRENCY} uploads at once, into a new Azurite (in memory) each time.`,
      'Azurite works for all three on the same two cores and is the larger part of the time.',
    ];
    return { series, ratios, promises, notes };
  },
};

async function runChartsync(context: BenchmarkContext, practice: BenchPractice, files: number): Promise<Measurement> {
  return withAzurite(context, async ({ connectionString }) => {
    const databaseUrl = await context.services.recordDatabase();
    const environment = await configure(context.services, {
      practice,
      databaseUrl,
      blobs: { kind: 'azure', connectionString, container: 'documents' },
      maxParallelUploads: CONCURRENCY,
    });
    const measurement = await runSubject('sync', { environment, expected: { added: files } } satisfies SyncInput);
    await context.services.dropRecordDatabase(databaseUrl);
    return measurement;
  });
}

function runLoop(context: BenchmarkContext, practice: BenchPractice, files: number): Promise<Measurement> {
  return withAzurite(context, ({ connectionString }) => {
    const input: AzureLoopInput = {
      folder: practice.filesFolder,
      files,
      connectionString,
      container: 'documents',
      concurrency: CONCURRENCY,
    };
    return runSubject('azure-loop', input);
  });
}

/** By a shared access signature, because no other setting of rclone 1.60 takes an address with a port of its own. */
function runRclone(context: BenchmarkContext, practice: BenchPractice, rclone: string): Promise<Measurement> {
  return withAzurite(context, async ({ connectionString }) => {
    const service = BlobServiceClient.fromConnectionString(connectionString);
    await service.getContainerClient('documents').create();
    const url = service.generateAccountSasUrl(
      new Date(Date.now() + 3_600_000),
      AccountSASPermissions.parse('rwdlac'),
      AccountSASResourceTypes.parse('sco').toString(),
    );
    const config = join(await context.services.folder(), 'rclone.conf');
    await writeFile(config, `[target]\ntype = azureblob\nsas_url = ${url}\n`);
    const parallel = [`--transfers=${CONCURRENCY}`, `--checkers=${CONCURRENCY}`];
    return runProgram(rclone, ['copy', practice.filesFolder, 'target:documents', `--config=${config}`, ...parallel]);
  });
}

/** A fresh process has not compiled its code yet; the first contestant must not pay for that. */
async function withAzurite<T>(context: BenchmarkContext, work: (azurite: Azurite) => Promise<T>): Promise<T> {
  const azurite = await context.services.azurite();
  try {
    const service = BlobServiceClient.fromConnectionString(azurite.connectionString);
    const container = service.getContainerClient('warm-up');
    await container.create();
    const bytes = Buffer.alloc(50_000, 1);
    for (let i = 0; i < WARM_UP_BLOBS; i += CONCURRENCY) {
      const uploads = Array.from({ length: CONCURRENCY }, (_, n) =>
        container.getBlockBlobClient(`${i + n}`).upload(bytes, bytes.byteLength),
      );
      await Promise.all(uploads);
    }
    return await work(azurite);
  } finally {
    await azurite.stop();
  }
}
