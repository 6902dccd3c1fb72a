/**
 * A real Azurite (Azure Blob Storage on this machine) for tests: in memory and on a free loopback port, unless it shall come
 * back after a crash.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** Azurite's published development account. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export interface Azurite {
  readonly port: number;
  readonly connectionString: string;
  /** For another port (a proxy in front) or another key (a wrong one, base64). */
  connectionStringWith(changes: { port?: number; key?: string }): string;
  /** Ends the process at once, as a crash does. May be called twice. */
  stop(): Promise<void>;
}

/** @param options.folder exists; the contents are kept there. @param options.port that it had before */
export async function startAzurite(options: { folder?: string; port?: number } = {}): Promise<Azurite> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'azurite-')));
  const memory = options.folder === undefined ? ['--inMemoryPersistence'] : ['--location', folder];
  const packageFile = createRequire(import.meta.url).resolve('azurite/package.json');
  const script = join(dirname(packageFile), 'dist/src/blob/main.js');
  const flags = [...memory, '--skipApiVersionCheck', '--silent', '--disableTelemetry'];
  const child = spawn(
    process.execPath,
    [script, '--blobHost', '127.0.0.1', '--blobPort', String(options.port ?? 0), ...flags],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const exited = once(child, 'exit');
  const lines: string[] = [];
  // A test process that dies must not leave its server behind.
  const endWithUs = (): boolean => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  const stop = async (): Promise<void> => {
    process.removeListener('exit', endWithUs);
    child.kill('SIGKILL');
    await exited;
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
  };

  const port = await new Promise<number>((resolve, reject) => {
    const read = (line: string): void => {
      lines.push(line);
      const address = /successfully listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
      if (address) resolve(Number(address[1]));
    };
    createInterface({ input: child.stdout }).on('line', read);
    createInterface({ input: child.stderr }).on('line', read);
    child.once('exit', () => reject(new Error(`Azurite ended before it listened:\n${lines.join('\n')}`)));
  });
  // Any answer will do: without a signature it is a refusal.
  await fetch(`http://127.0.0.1:${port}/${ACCOUNT}?comp=list`).then((answer) => answer.arrayBuffer());

  const connectionStringWith = (changes: { port?: number; key?: string }): string =>
    [
      'DefaultEndpointsProtocol=http',
      `AccountName=${ACCOUNT}`,
      `AccountKey=${changes.key ?? KEY}`,
      `BlobEndpoint=http://127.0.0.1:${changes.port ?? port}/${ACCOUNT}`,
    ].join(';');
  return { port, connectionString: connectionStringWith({}), connectionStringWith, stop };
}
