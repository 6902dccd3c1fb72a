/** The control door: how a person changes a running simulator. Not part of the portal; only for this machine. */
import { createRandom } from '../vsrx/random.ts';
import type { Exchange } from './exchange.ts';
import { noFaults } from './faults.ts';
import { readBody, sendJson } from './http.ts';
import { type LifeEvent, liveHours } from './life.ts';
import { DEFAULT_VARIANT } from './portal.ts';
import { FAULT_CHECKS, problemWith, VARIANT_CHECKS } from './settings.ts';
import type { IdexxSimulator } from './simulator.ts';
import { wallAt } from './wall.ts';

export async function handleControl(exchange: Exchange, simulator: IdexxSimulator): Promise<void> {
  const { request, response, method, path } = exchange;
  if (!isLocal(exchange)) return sendJson(response, 403, { error: 'The control door is for this machine only.' });
  const text = method === 'POST' ? (await readBody(request)).toString() : '';
  let body: unknown;
  try {
    body = text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    return sendJson(response, 400, { error: 'The body is not JSON.' });
  }
  const action = ACTIONS[`${method} ${path}`];
  if (!action) return sendJson(response, 404, { error: `Known are: ${Object.keys(ACTIONS).join(', ')}` });
  try {
    sendJson(response, 200, action(simulator, body));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    sendJson(response, 400, { error: error.message });
  }
}

type Action = (simulator: IdexxSimulator, body: unknown) => unknown;

const ACTIONS: Readonly<Record<string, Action>> = {
  'GET /_control/world': ({ clinics, faults, variant, now, sessions, logins }) => ({
    now: new Date(now()).toISOString(),
    logins,
    sessions: sessions.all.size,
    faults,
    variant,
    clinics: clinics.map((clinic) => ({ wall: wallAt(now(), clinic.timeZone), ...clinic })),
  }),
  'GET /_control/requests': ({ requests }) => requests,
  'POST /_control/faults': ({ faults }, body) => change(faults, body, FAULT_CHECKS),
  'POST /_control/well': ({ faults }) => Object.assign(faults, noFaults()),
  'POST /_control/variant': ({ variant }, body) => change(variant, body, VARIANT_CHECKS),
  'POST /_control/usual': ({ variant }) => Object.assign(variant, DEFAULT_VARIANT),
  'POST /_control/live': (simulator, body) => ({ events: liveAll(simulator, body) }),
  'POST /_control/end-sessions': ({ sessions }) => {
    const ended = sessions.all.size;
    sessions.endAll();
    return { ended };
  },
  'POST /_control/unlock': ({ sessions }) => {
    sessions.unlock();
    return {};
  },
};

function change<T extends object>(target: T, body: unknown, checks: Parameters<typeof problemWith>[1]): T {
  const problem = problemWith(body, checks);
  if (problem) throw new TypeError(problem);
  return Object.assign(target, body);
}

function liveAll({ clinics, now }: IdexxSimulator, body: unknown): (LifeEvent & { companyId: string })[] {
  const { hours, companyId = null } = body as { hours?: unknown; companyId?: unknown };
  if (typeof hours !== 'number' || !(hours > 0 && hours <= 500)) throw new TypeError('hours must be from 0 to 500');
  const chosen = clinics.filter((clinic) => companyId === null || clinic.companyId === companyId);
  if (chosen.length === 0) throw new TypeError('there is no such clinic');
  return chosen.flatMap((clinic) =>
    // Each time another stream; still the same for the same clinic in the same state.
    liveHours(
      clinic,
      createRandom(`${clinic.seed}/control/${clinic.nextId}/${clinic.events.length}`),
      hours,
      now(),
    ).map((event) => ({ companyId: clinic.companyId, ...event })),
  );
}

/** Neither another machine nor a page of another site in this machine's browser. */
function isLocal({ request }: Exchange): boolean {
  const host = request.headers.host ?? '';
  const { origin } = request.headers;
  const from = request.socket.remoteAddress ?? '';
  return (
    /^(::ffff:)?127\.|^::1$/.test(from) &&
    /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host) &&
    (origin === undefined || origin === `http://${host}`)
  );
}
