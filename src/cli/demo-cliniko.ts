/** The sample Cliniko account of `npm start`: the same one at each start, changed a little while it runs. */
import { writeFile } from 'node:fs/promises';
import { mutate } from '../../simulators/cliniko/life.ts';
import { createRandom } from '../../simulators/cliniko/random.ts';
import { type ClinikoSimulator, startCliniko } from '../../simulators/cliniko/server.ts';
import { createWorld } from '../../simulators/cliniko/world.ts';
import { type KeptAccount, keptIn } from './demo-home.ts';

export interface DemoAccount {
  readonly url: string;
  readonly apiKey: string;
  readonly patients: number;
  readonly appointments: number;
  /** People do a little. */
  step(): void;
  stop(): Promise<void>;
}

const SEED = 20260101;
const PATIENTS = 240;
const APPOINTMENTS = 1200;

/** @param file what a command in another terminal reads, see {@link keptIn} */
export async function startDemoAccount(file: string): Promise<DemoAccount> {
  const kept = await keptIn<KeptAccount>(file);
  const begun = kept?.begun ?? new Date().toISOString();
  const world = createWorld({
    seed: SEED,
    patients: PATIENTS,
    appointments: APPOINTMENTS,
    timeZone: 'Australia/Sydney',
    now: clockFrom(begun),
  });
  const account = { seed: SEED, world };
  const port = Number(URL.parse(kept?.url ?? '')?.port ?? 0);
  // The port of last time when it is free: an address that somebody has noted stays good.
  const simulator: ClinikoSimulator = await startCliniko({ port, accounts: [account] }).catch(() =>
    startCliniko({ port: 0, accounts: [account] }),
  );
  const apiKey = simulator.accounts[0]!.key;
  await writeFile(file, JSON.stringify({ url: simulator.url, apiKey, begun } satisfies KeptAccount), { mode: 0o600 });
  const random = createRandom(`${SEED}/${Date.now()}`);
  return {
    url: simulator.url,
    apiKey,
    patients: world.tables.patients.rows.length,
    appointments: world.tables.appointments.rows.length + world.tables.groups.rows.length,
    step: () => void mutate(world, random, random.int(1, 3)),
    stop: () => simulator.stop(),
  };
}

/** Made as of `begun`; everything that happens afterwards happens now. */
function clockFrom(begun: string): () => Date {
  let made = false;
  queueMicrotask(() => {
    made = true;
  });
  return () => (made ? new Date() : new Date(begun));
}
