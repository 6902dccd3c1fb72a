/** Makes the files of `src/cli/bundled-packages.ts`. Without them commands only start later, so a failure is no reason to stop. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { BUNDLED, bundledVersions, FOLDER, fileOf, installedVersions } from '../src/cli/bundled-packages.ts';

const versions = installedVersions();
if (!isDeepStrictEqual(bundledVersions(), versions)) {
  const folder = fileURLToPath(FOLDER).replace(/[\\/]$/, '');
  const unfinished = `${folder}-${process.pid}`;
  try {
    // It comes with the builder of the pages, which is not installed everywhere.
    const { build } = await import('rolldown');
    mkdirSync(unfinished, { recursive: true });
    await build({
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      input: Object.fromEntries(
        Object.values(BUNDLED)
          .flat()
          .map((specifier) => [fileOf(specifier), specifier]),
      ),
      platform: 'node',
      logLevel: 'silent',
      // Everything that a package offers, whoever uses it.
      preserveEntrySignatures: 'strict',
      treeshake: false,
      output: { dir: unfinished, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: 'common-[name].mjs' },
    });
    writeFileSync(`${unfinished}/versions.json`, JSON.stringify(versions));
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    console.warn(`Chartsync: packages were not bundled, commands start more slowly (${(error as Error).message}).`);
  }
}
