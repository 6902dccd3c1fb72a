/** `/api/v1/alerts`: whom to tell about which problems of the organisation. For administrators. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { auditEntry } from '../../access/audit.ts';
import { ALERT_KINDS } from '../../domain/alerts.ts';
import type { AlertStatus } from '../../ports/alert-store.ts';
import { testAlert } from '../../runs/alerts.ts';
import type { Access } from '../access.ts';
import { type AlertBody, alertFrom } from '../alert-body.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const PATH = '/api/v1/alerts';
const ONE = `${PATH}/:alertId`;

/** Null first: the validator would make an empty text, or a nought, of it. */
const orNull = <T extends ReturnType<typeof Type.String> | ReturnType<typeof Type.Integer>>(schema: T) =>
  Type.Union([Type.Null(), schema]);
const instant = (description: string) => Type.String({ format: 'date-time', description });

const Target = Type.Union([
  Type.Object(
    {
      channel: Type.Literal('webhook'),
      url: Type.String({
        minLength: 1,
        maxLength: 2000,
        description: 'https:, at an address that is public or allowed.',
      }),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      channel: Type.Literal('email'),
      recipients: Type.Array(Type.String({ minLength: 3, maxLength: 254 }), {
        minItems: 1,
        maxItems: 20,
        description: 'E-mail addresses.',
      }),
    },
    { additionalProperties: false },
  ),
]);

const Kind = Type.Enum([...ALERT_KINDS]);

const Body = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100, description: 'What it is for; not a person.' }),
    kind: Kind,
    connection_id: Type.Optional(orNull(Type.String({ maxLength: 64, description: 'Null or absent: all.' }))),
    threshold: Type.Optional(
      orNull(
        Type.Integer({
          minimum: 1,
          maximum: 1_000_000,
          description:
            'connection_failing: failed runs in a row, default 3; not_fresh: minutes, default 120. Others have none.',
        }),
      ),
    ),
    remind_minutes: Type.Optional(
      orNull(
        Type.Integer({
          minimum: 5,
          maximum: 525_600,
          description: 'How often it is told again while it lasts; null: once. Absent: each day.',
        }),
      ),
    ),
    enabled: Type.Optional(Type.Boolean({ description: 'Default true.' })),
    target: Target,
  },
  { additionalProperties: false },
);

const Answer = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    kind: Kind,
    connection_id: orNull(Type.String()),
    threshold: orNull(Type.Integer()),
    remind_minutes: orNull(Type.Integer()),
    enabled: Type.Boolean(),
    target: Target,
    updated_at: instant('When it was last changed.'),
    updated_by: Type.String(),
    problems: Type.Array(
      Type.Object({
        connection_id: orNull(Type.String()),
        since: instant('As far as it is known.'),
        told_at: instant('Last.'),
        code: orNull(Type.String()),
        count: orNull(Type.Integer()),
        run_id: orNull(Type.String()),
      }),
      { description: 'Those that last.' },
    ),
    last_delivery: Type.Union([
      Type.Object(
        {
          event: Type.Enum(['problem', 'reminder', 'resolved', 'test']),
          state: Type.Enum(['waiting', 'sent', 'given_up']),
          at: instant('When it was sent or given up, or else written.'),
          attempts: Type.Integer(),
          code: orNull(Type.String()),
          detail: orNull(Type.String()),
        },
        { description: 'The newest message. code and detail: why the last try failed.' },
      ),
      Type.Null(),
    ]),
  },
  { $id: 'AlertRule' },
);

interface One {
  Params: { alertId: string };
}

export function alertRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['alerts'], headers: SelectOrganization };
  const ofOne = { ...common, params: Type.Object({ alertId: Type.String({ maxLength: 64 }) }) };
  const secret = Type.Union([Type.String(), Type.Null()], {
    description: 'What signs its webhooks; shown once. Null: there is none, or the one before stays.',
  });

  app.get(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Alerts of the organisation',
        operationId: 'alerts',
        response: {
          200: Type.Object(
            {
              alerts: Type.Array(Answer),
              mail: Type.Boolean({ description: 'Is a mail server configured?' }),
            },
            { description: 'Oldest first.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'admin');
      const alerts = await services.alerts.store.list(organizationId);
      return { alerts: alerts.map(alertAnswer), mail: services.alerts.channels.mail !== null };
    },
  );

  app.post<{ Body: AlertBody }>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Add an alert',
        description:
          'A problem is told once, again after the time for reminders, and when it is over. Messages hold ids and codes, no personal data.',
        operationId: 'createAlert',
        body: Body,
        response: {
          201: Type.Object({ alert: Answer, secret }, { description: 'It counts from now on.' }),
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'admin');
      const alert = alertFrom(services, organizationId, `alert_${randomUUID()}`, request.body);
      const made = alert.target.channel === 'webhook' ? services.alerts.secrets.make(organizationId, alert.id) : null;
      const done = await services.alerts.store.add(
        alert,
        made?.sealed ?? null,
        whoOf(request),
        entry(request, organizationId, 'alert.create', alert.id, { kind: alert.kind }),
      );
      if (!done) throw new HttpError(409, 'too_many_alerts', 'An organisation has a hundred alerts at most.');
      reply.status(201).header('cache-control', 'no-store');
      return { alert: alertAnswer(await known(organizationId, alert.id)), secret: made?.secret ?? null };
    },
  );

  app.put<One & { Body: AlertBody }>(
    ONE,
    {
      schema: {
        ...ofOne,
        summary: 'Change an alert',
        description:
          'The whole of it. The secret of a webhook stays while its address does; another address gets another one.',
        operationId: 'changeAlert',
        body: Body,
        response: {
          200: Type.Object({ alert: Answer, secret }, { description: 'It counts from now on.' }),
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'admin');
      const before = await known(organizationId, request.params.alertId);
      const alert = alertFrom(services, organizationId, before.id, request.body);
      const same =
        before.target.channel === 'webhook' && 'url' in alert.target && before.target.url === alert.target.url;
      const made =
        alert.target.channel === 'webhook' && !same ? services.alerts.secrets.make(organizationId, alert.id) : null;
      const done = await services.alerts.store.change(
        alert,
        made?.sealed ?? null,
        whoOf(request),
        entry(request, organizationId, 'alert.change', alert.id, { kind: alert.kind, enabled: alert.enabled }),
      );
      if (!done) throw missing();
      reply.header('cache-control', 'no-store');
      return { alert: alertAnswer(await known(organizationId, alert.id)), secret: made?.secret ?? null };
    },
  );

  app.post<One>(
    `${ONE}/secret`,
    {
      schema: {
        ...ofOne,
        summary: 'A new secret for the webhook of an alert',
        description:
          'Signs every message from now on, those that wait included; the former one signs none any more. The address stays.',
        operationId: 'renewAlertSecret',
        response: {
          200: Type.Object({ alert: Answer, secret: Type.String() }, { description: 'The secret; shown once.' }),
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'admin');
      const alert = await known(organizationId, request.params.alertId);
      if (alert.target.channel !== 'webhook')
        throw new HttpError(409, 'alert_without_secret', 'It is told by e-mail, which no secret signs.');
      const made = services.alerts.secrets.make(organizationId, alert.id);
      const audit = entry(request, organizationId, 'alert.secret', alert.id);
      const { store } = services.alerts;
      if (!(await store.renewSecret(organizationId, alert.id, made.sealed, whoOf(request), audit))) throw missing();
      reply.header('cache-control', 'no-store');
      return { alert: alertAnswer(await known(organizationId, alert.id)), secret: made.secret };
    },
  );

  app.delete<One>(
    ONE,
    {
      schema: {
        ...ofOne,
        summary: 'Remove an alert',
        description: 'With its messages, those on their way included.',
        operationId: 'removeAlert',
        response: {
          200: Type.Object({ id: Type.String() }, { description: 'It is removed.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'admin');
      const { alertId } = request.params;
      const audit = entry(request, organizationId, 'alert.remove', alertId);
      if (!(await services.alerts.store.remove(organizationId, alertId, audit))) throw missing();
      return { id: alertId };
    },
  );

  app.post<One>(
    `${ONE}/test`,
    {
      schema: {
        ...ofOne,
        summary: 'Send a test message of an alert',
        description: 'Really sends it, and says what failed.',
        operationId: 'testAlert',
        response: {
          200: Type.Object(
            {
              delivered: Type.Boolean({ description: 'The other side took it.' }),
              duration_ms: Type.Integer(),
              code: orNull(Type.String({ description: 'A code of docs/errors.md.' })),
              message: orNull(Type.String({ description: 'What failed.' })),
              remedy: orNull(Type.String()),
            },
            { description: 'How it went.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'admin');
      const alert = await known(organizationId, request.params.alertId);
      const begun = Date.now();
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const failure = await testAlert(services.alerts, alert, gone.signal);
      await services.audit.append(
        entry(request, organizationId, 'alert.test', alert.id, { code: failure?.code ?? null }),
      );
      return {
        delivered: failure === null,
        duration_ms: Date.now() - begun,
        code: failure?.code ?? null,
        message: failure?.message ?? null,
        remedy: failure?.remedy ?? null,
      };
    },
  );

  const whoOf = (request: FastifyRequest) => {
    const { kind, id } = access.principalOf(request);
    return `${kind} ${id}`;
  };
  const entry = (
    request: FastifyRequest,
    organizationId: string,
    action: string,
    id: string,
    details: Record<string, string | boolean | null> = {},
  ) => auditEntry(access.deedOf(request, { organizationId, action, subject: { kind: 'alert', id }, details }));

  async function known(organizationId: string, id: string): Promise<AlertStatus> {
    const found = (await services.alerts.store.list(organizationId)).find((alert) => alert.id === id);
    if (found === undefined) throw missing();
    return found;
  }
}

const missing = () => new HttpError(404, 'not_found', 'No such alert.');

function alertAnswer(alert: AlertStatus) {
  const { target, lastDelivery } = alert;
  return {
    id: alert.id,
    name: alert.name,
    kind: alert.kind,
    connection_id: alert.connectionId,
    threshold: alert.threshold,
    remind_minutes: alert.remindMinutes,
    enabled: alert.enabled,
    target: target.channel === 'webhook' ? target : { channel: target.channel, recipients: [...target.recipients] },
    updated_at: alert.updatedAt,
    updated_by: alert.updatedBy,
    problems: alert.problems.map(({ connectionId, since, toldAt, details }) => ({
      connection_id: connectionId,
      since,
      told_at: toldAt,
      code: details.code ?? null,
      count: details.count ?? null,
      run_id: details.run_id ?? null,
    })),
    last_delivery: lastDelivery,
  };
}
