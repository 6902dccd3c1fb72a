/** `/api/patients/:uuid/events`: what happens to the documents of a patient, as it happens; and tokens to watch with. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { auditEntry } from '../../access/audit.ts';
import { COMPONENT_SCOPES, type ComponentScope, LONGEST_COMPONENT_TOKEN_MS } from '../../access/component-tokens.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { watchPatient } from '../document-stream.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { openEventStream } from '../sse.ts';

const LONGEST_SECONDS = LONGEST_COMPONENT_TOKEN_MS / 1000;

const TokenBody = Type.Union([
  Type.Object(
    {
      scopes: Type.Optional(
        Type.Array(Type.Enum([...COMPONENT_SCOPES]), {
          minItems: 1,
          uniqueItems: true,
          description: 'Default: documents:read. The key must have them itself.',
        }),
      ),
      expiresInSeconds: Type.Optional(
        Type.Integer({ minimum: 10, maximum: LONGEST_SECONDS, description: `Default: ${LONGEST_SECONDS}.` }),
      ),
    },
    { additionalProperties: false },
  ),
  Type.Null(),
]);

const TokenAnswer = Type.Object(
  {
    token: Type.String({ description: 'For "Authorization: Bearer …" and the handshake of the socket. Secret.' }),
    silknotePatientUuid: Type.String({ format: 'uuid' }),
    scopes: Type.Array(Type.Enum([...COMPONENT_SCOPES])),
    expiresAt: Type.String({ format: 'date-time' }),
  },
  { description: 'The token; there is no way to see it again.' },
);

type Patient = { Params: { uuid: string } };

export function patientEventRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<Patient>(
    '/api/patients/:uuid/events',
    {
      config: { component: 'patient' },
      schema: {
        summary: 'Follow the documents of a patient',
        description:
          'Server-sent events: fileStatus, documentUpdated, fileDeleted, patientDeleted, caseSummaryChanged, caseSummaryStatus, caseSummaryComplete, caseSummaryError with the data of the socket. "ready" says that nothing is missed from now on; "reset": some events are forgotten, list the documents again. With Last-Event-ID it goes on after that event, for a day. A fetch that reads the stream can send Authorization; no token belongs into the address.',
        operationId: 'patientEvents',
        tags: ['documents'],
        headers: Type.Object({
          ...SelectOrganization.properties,
          'last-event-id': Type.Optional(Type.String({ description: 'The id of the last event that was heard.' })),
        }),
        params: PatientUuid,
        response: {
          200: {
            description: 'The stream; a comment every 15 seconds.',
            content: { 'text/event-stream': { schema: Type.String() } },
          },
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      await access.note(request, {
        organizationId,
        action: 'document.watch',
        subject: { kind: 'patient', id: patientUuid },
      });
      const last = request.headers['last-event-id'];
      const after = typeof last === 'string' && services.documentWatch.isPlace(last) ? last : null;
      const stream = openEventStream(request, reply, services.documentWatch.closed);
      let ready = false;
      if (after !== null) {
        stream.send('ready', { silknotePatientUuid: patientUuid }, true, after);
        ready = true;
      }
      const stop = watchPatient(services, access, request, {
        organizationId,
        patientUuid,
        after,
        at(place) {
          if (!ready) stream.send('ready', { silknotePatientUuid: patientUuid }, true, place);
          ready = true;
        },
        tell: ({ name, data }, place) => stream.send(name, data, true, place),
        // With the id that the client has: until it has looked again, it has heard nothing newer.
        missed: () => stream.send('reset', { silknotePatientUuid: patientUuid }, true, after ?? undefined),
        end: () => stream.end(),
      });
      stream.onClose(stop);
      return reply;
    },
  );

  app.post<Patient & { Body?: { scopes?: ComponentScope[]; expiresInSeconds?: number } | null }>(
    '/api/patients/:uuid/component-token',
    {
      schema: {
        summary: 'A token for the page of one patient',
        description:
          'Asked for with an API key by a server, given to a browser. It opens the documents of this patient, nothing else, until it ends or the key is revoked.',
        operationId: 'createComponentToken',
        tags: ['documents'],
        headers: SelectOrganization,
        params: PatientUuid,
        body: TokenBody,
        response: { 201: TokenAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const { scopes = ['documents:read'], expiresInSeconds = LONGEST_SECONDS } = request.body ?? {};
      const deed = access.deedOf(request, {
        organizationId,
        action: 'component_token.create',
        subject: { kind: 'patient', id: patientUuid },
        details: { scopes: scopes.join(' '), seconds: expiresInSeconds },
      });
      const { token, expiresAt } = await services.components.issue(
        {
          by: access.principalOf(request),
          organizationId,
          patientUuid,
          scopes,
          lifetimeMs: expiresInSeconds * 1000,
        },
        auditEntry(deed),
      );
      return reply
        .status(201)
        .header('cache-control', 'no-store')
        .send({ token, silknotePatientUuid: patientUuid, scopes, expiresAt: new Date(expiresAt).toISOString() });
    },
  );
}
