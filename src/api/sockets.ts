/**
 * Socket.IO for clients of earlier servers: a socket proves who it is in its handshake, joins rooms of patients that it may
 * see, and hears what happens to their documents. Each socket is told by this process what the database says, so it does not
 * matter which process does the work.
 */
import { randomUUID } from 'node:crypto';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { Server, type Socket } from 'socket.io';
import { AccessDenied } from '../access/denied.ts';
import { RateLimited } from '../access/rate-limit.ts';
import { toSyncError } from '../domain/errors.ts';
import { normaliseUuid } from '../domain/reference.ts';
import type { Access, Asking } from './access.ts';
import { watchPatient } from './document-stream.ts';
import type { ApiServices } from './services.ts';

export interface SocketsOptions {
  readonly services: ApiServices;
  readonly access: Access;
  readonly isTrustedProxy: (address: string) => boolean;
}

/** One page shows one patient; a desk of many is a mistake of its program. */
const MOST_ROOMS = 50;

interface SocketData {
  readonly caller: Asking;
  /** Patient → ends the watch. */
  readonly rooms: Map<string, () => void>;
}
type OurSocket = Socket<
  { joinPatientRoom: (uuid: unknown, reply?: unknown) => void; leavePatientRoom: (uuid: unknown) => void },
  Record<string, (data: unknown) => void>,
  Record<string, never>,
  SocketData
>;

/** Serves `/socket.io` on the app's server; closed with the app. */
export function serveSockets(app: FastifyInstance, options: SocketsOptions): void {
  const { services, access } = options;
  const io = new Server<never, never, Record<string, never>, SocketData>(app.server, {
    serveClient: false,
    // A socket says which patient; nothing of it is large.
    maxHttpBufferSize: 16 * 1024,
    connectTimeout: 10_000,
  });
  io.use((socket, next) => {
    const data = socket.data as { -readonly [K in keyof SocketData]: SocketData[K] };
    data.caller = callerOf(socket as unknown as OurSocket, options.isTrustedProxy, app.log);
    data.rooms = new Map();
    void access.admitSocket(data.caller, proofOf(socket as unknown as OurSocket)).then(
      () => next(),
      (error) => next(refusalOf(error)),
    );
  });
  io.on('connection', (accepted) => {
    const socket = accepted as unknown as OurSocket;
    const named = socket.handshake.auth.silknotePatientUuid;
    if (named !== undefined) void join(socket, named);
    socket.on('joinPatientRoom', (uuid, reply) => {
      void join(socket, uuid).then((answer) => {
        if (typeof reply === 'function') reply(answer);
      });
    });
    socket.on('leavePatientRoom', (uuid) => {
      const patientUuid = normaliseUuid(typeof uuid === 'string' ? uuid : '') ?? '';
      socket.data.rooms.get(patientUuid)?.();
      socket.data.rooms.delete(patientUuid);
    });
    socket.on('disconnect', () => {
      for (const stop of socket.data.rooms.values()) stop();
      socket.data.rooms.clear();
    });
  });
  // Before the app waits for its connections to end.
  app.addHook('preClose', async () => {
    io.disconnectSockets(true);
    io.engine.close();
  });

  async function join(socket: OurSocket, named: unknown): Promise<object> {
    const { caller, rooms } = socket.data;
    try {
      const organizationId = await access.authorize(caller, 'documents:read');
      const patientUuid = normaliseUuid(typeof named === 'string' ? named : '');
      const only = access.patientOf(caller);
      if (
        patientUuid === null ||
        (only !== null && only !== patientUuid) ||
        !(await services.desk.hasPatient(organizationId, patientUuid))
      ) {
        return { status: 'error', error: 'not_found', message: 'No such patient.' };
      }
      const answer = { status: 'ok', roomId: `patient-${patientUuid}` };
      if (rooms.has(patientUuid)) return { ...answer, alreadyJoined: true };
      if (rooms.size >= MOST_ROOMS) {
        return { status: 'error', error: 'too_many_rooms', message: `A socket joins at most ${MOST_ROOMS} rooms.` };
      }
      const subject = { kind: 'patient', id: patientUuid };
      await access.note(caller, { organizationId, action: 'document.watch', subject });
      if (rooms.has(patientUuid)) return { ...answer, alreadyJoined: true };
      if (!socket.connected) return answer;
      // The acknowledgement comes when nothing that happens from now on is missed.
      const ready = Promise.withResolvers<void>();
      const stop = watchPatient(services, access, caller, {
        organizationId,
        patientUuid,
        after: null,
        at: () => ready.resolve(),
        tell: ({ name, data }) => socket.emit(name, data),
        missed: () => undefined,
        // It comes back, if it may, and looks at everything again.
        end: () => socket.disconnect(true),
      });
      rooms.set(patientUuid, stop);
      socket.once('disconnect', () => ready.resolve());
      await ready.promise;
      return answer;
    } catch (error) {
      const { type, message } = aboutOf(error);
      return { status: 'error', error: type, message };
    }
  }
}

/** The token in `auth`, where browsers can put one, or the headers of a request. */
function proofOf({ handshake }: OurSocket) {
  const { token } = handshake.auth as { token?: unknown };
  const { authorization, 'x-api-key': apiKey } = handshake.headers;
  return {
    authorization: typeof token === 'string' && token !== '' ? `Bearer ${token}` : authorization,
    apiKey: typeof apiKey === 'string' ? apiKey : undefined,
  };
}

function callerOf(
  { request, handshake }: OurSocket,
  isTrustedProxy: (address: string) => boolean,
  log: FastifyBaseLogger,
) {
  const peer = request.socket.remoteAddress ?? '';
  // From the nearest to the farthest, as long as each is one of ours.
  const chain = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  let ip = peer;
  while (isTrustedProxy(ip)) {
    const next = chain.pop();
    if (next === undefined) break;
    ip = next;
  }
  // Browsers cannot send headers with a socket.
  const { organizationId } = handshake.auth as { organizationId?: unknown };
  return {
    id: `req_${randomUUID()}`,
    ip,
    method: 'GET',
    headers: {
      ...request.headers,
      ...(typeof organizationId === 'string' ? { 'x-organization-id': organizationId } : {}),
    },
    log,
    socket: { remoteAddress: peer },
  } satisfies Asking;
}

function refusalOf(error: unknown): Error {
  const { type, message } = aboutOf(error);
  return Object.assign(new Error(message), { data: { error_type: type } });
}

function aboutOf(error: unknown): { readonly type: string; readonly message: string } {
  if (error instanceof AccessDenied) return { type: error.type, message: error.message };
  if (error instanceof RateLimited) return { type: 'rate_limit_exceeded', message: error.message };
  const failure = toSyncError(error);
  return { type: failure.code, message: failure.message };
}
