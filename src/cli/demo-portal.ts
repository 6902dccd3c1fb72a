/** The sample portal of `npm start`: a clinic whose book changes while it runs. Only where there is a browser to log in with. */
import { writeFile } from 'node:fs/promises';
import { createClinic } from '../../simulators/idexx/clinic.ts';
import { live } from '../../simulators/idexx/life.ts';
import { startIdexx } from '../../simulators/idexx/server.ts';
import { createRandom } from '../../simulators/vsrx/random.ts';
import { type KeptPortal, keptIn } from './demo-home.ts';

export interface DemoPortal {
  readonly url: string;
  readonly appointments: number;
  /** People book, move, cancel and are seen, as long as time has passed. */
  step(): void;
  stop(): Promise<void>;
}

const SEED = 20260101;
const TIME_ZONE = 'Australia/Sydney';

/** @param file what a command in another terminal reads, see {@link keptIn} */
export async function startDemoPortal(file: string): Promise<DemoPortal> {
  const kept = await keptIn<KeptPortal>(file);
  const begun = kept?.begun ?? new Date().toISOString();
  const clinic = createClinic({ seed: SEED, now: Date.parse(begun), timeZone: TIME_ZONE });
  const random = createRandom(SEED);
  const step = () => live(clinic, random, Date.now());
  // What happened since it began.
  step();
  const port = Number(URL.parse(kept?.url ?? '')?.port ?? 0);
  // The port of last time when it is free: an address that somebody has noted stays good.
  const portal = await startIdexx({ port, clinics: [clinic] }).catch(() => startIdexx({ port: 0, clinics: [clinic] }));
  const { username, password } = clinic.accounts[0]!;
  const account = { companyId: clinic.companyId, username, password };
  await writeFile(file, JSON.stringify({ url: portal.url, ...account, begun } satisfies KeptPortal), { mode: 0o600 });
  return { url: portal.url, appointments: clinic.events.length, step, stop: () => portal.stop() };
}
