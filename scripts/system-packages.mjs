/** Programs that tests need and npm does not have. Installed where that is allowed, else named. */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fail, root, run } from './install.mjs';

const NEEDED = [
  {
    name: 'MariaDB server',
    programs: ['mariadbd'],
    debian: 'mariadb-server',
    // Without the service: that would start by itself and take port 3306. Older systems name these packages differently.
    debianFirst: ['mariadb-server-core', 'mariadb-client-core'],
    others: 'macOS: brew install mariadb; Fedora: dnf install mariadb-server',
  },
  {
    name: 'Python 3',
    programs: ['python3'],
    debian: 'python3',
    debianFirst: ['python3-minimal', 'libpython3-stdlib'],
    others: 'macOS: brew install python; Fedora: dnf install python3',
  },
  {
    name: 'curl',
    programs: ['curl'],
    debian: 'curl',
    debianFirst: ['curl'],
    others: 'macOS: it is there; Fedora: dnf install curl',
  },
  {
    name: 'Chromium',
    programs: ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'Google Chrome'],
    debian: 'chromium',
    // Without a window it starts in a third of the time. Other systems than Debian do not have it by itself.
    debianFirst: ['chromium-headless-shell'],
    onlyWith: 'playwright-core',
    others: 'macOS: brew install --cask chromium; Fedora: dnf install chromium',
  },
];

/** Places outside of an ordinary user's PATH. */
const FOLDERS = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/libexec',
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/Applications/Google Chrome.app/Contents/MacOS',
];

/** Ends the process with exit code 2 when a program is missing and cannot be installed. */
export async function installSystemPackages() {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const packages = { ...dependencies, ...devDependencies };
  const missing = () =>
    NEEDED.filter((needed) => (needed.onlyWith ? needed.onlyWith in packages : true) && !isThere(needed));
  if (missing().length === 0) return;
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get')) {
    const names = missing().map((needed) => needed.name);
    console.log(`Chartsync: installing ${names.join(' and ')} with apt-get (once, for the tests) …`);
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run(['apt-get', 'update', '-q'], { env });
    for (const choose of [(needed) => needed.debianFirst, (needed) => [needed.debian]]) {
      const wanted = missing().flatMap(choose);
      if (wanted.length > 0)
        await run(['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...wanted], { env });
    }
  }
  if (missing().length === 0) return;
  const lines = missing().map(
    (needed) => `  ${needed.name}: apt-get install ${needed.debian} (Debian, Ubuntu); ${needed.others}`,
  );
  fail(
    2,
    `the tests need programs that are not installed on this machine:\n${lines.join('\n')}\nInstall them, then run "npm test" again.`,
  );
}

function isThere({ programs }) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...FOLDERS];
  return programs.some((program) => folders.some((folder) => folder !== '' && existsSync(join(folder, program))));
}
