/** Very many logins through the pool, with browsers that are killed in between; then nothing of them may live. */
import { createBrowserPool } from '../../../src/connectors/idexx/browser-pool.ts';
import { type RunningBrowser, startChromium } from '../../../src/connectors/idexx/chromium.ts';
import { type IdexxCredentials, loginAt } from '../../../src/connectors/idexx/login.ts';
import { systemClock } from '../../../src/stores/system-clock.ts';
import { measureInside, subjectInput } from '../inside.ts';
import { treeOf } from '../process-tree.ts';

export interface IdexxLoginsInput {
  readonly url: string;
  readonly credentials: IdexxCredentials;
  readonly logins: number;
  readonly killEvery: number;
}

const { url, credentials, logins, killEvery } = subjectInput<IdexxLoginsInput>();
const started: RunningBrowser[] = [];
const pool = createBrowserPool({
  size: 2,
  clock: systemClock,
  async start() {
    const browser = await startChromium(null);
    started.push(browser);
    return browser;
  },
});
const { signal } = new AbortController();
const login = loginAt(url, credentials, 30_000);
await measureInside(
  async () => {
    let waiting = logins;
    let good = 0;
    let killed = 0;
    const reasons = new Set<string>();
    const work = async () => {
      for (let left = waiting--; left > 0; left = waiting--) {
        const isKilled = left % killEvery === 0;
        const visit = pool.visit({ userAgent: 'Chartsync bench', signal }, async (page) => {
          if (isKilled) process.kill(started.at(-1)!.pid, 'SIGKILL');
          return login(page);
        });
        await visit.then(
          () => good++,
          (error) => {
            killed++;
            reasons.add(String(error));
          },
        );
      }
    };
    await Promise.all([work(), work()]);
    await pool.close();
    return { good, killed, reasons };
  },
  ({ good, killed, reasons }) => {
    const own = new Set(started.flatMap((browser) => [browser.pid, browser.group]));
    const alive = treeOf(1).filter((id) => own.has(id));
    const below = treeOf(process.pid).length - 1;
    if (good < logins * 0.9 || killed === 0)
      throw new Error(`${good} of ${logins} logins were good, ${killed} not: ${[...reasons].join('; ')}`);
    if (alive.length + below > 0) throw new Error(`${alive.length + below} processes were left behind.`);
  },
);
