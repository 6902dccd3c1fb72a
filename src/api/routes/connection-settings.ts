/** `/api/v1/connections/:connectionId/settings`: what each is, who said so, and how it is changed while the service runs. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { auditEntry } from '../../access/audit.ts';
import type { SettingMistake, SettingsView } from '../../ports/connection-settings.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const PATH = '/api/v1/connections/:connectionId/settings';
const MOST = 100;

const nullable = (schema: ReturnType<typeof Type.String>) => Type.Union([schema, Type.Null()]);
const anything = (description: string) => Type.Unknown({ description });

const Field = Type.Object({
  name: Type.String({ description: 'As in chartsync.yaml, below settings.' }),
  title: Type.String(),
  help: Type.String(),
  expected: Type.String({ description: 'Completes "expected …".' }),
  unit: nullable(Type.String({ description: 'Of a number.' })),
  schema: Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema of the value.' }),
  default: anything('What counts when nobody says anything; null: nothing, or what default_text says.'),
  default_text: nullable(Type.String()),
  value: anything('What counts now, in the words of chartsync.yaml, without secrets.'),
  configured: anything('What would count if nobody had changed it here.'),
  from: Type.Enum(['default', 'environment', 'file', 'person'], { description: 'Who said what counts now.' }),
  changed_at: nullable(Type.String({ format: 'date-time' })),
  changed_by: nullable(Type.String()),
  fixed: nullable(
    Type.String({ description: 'Why it is changed in chartsync.yaml only. Null: it may be changed here.' }),
  ),
});

const Answer = Type.Object({
  connector: Type.String(),
  version: Type.Integer({ description: 'Grows with each change; 0: nothing was ever changed here.' }),
  settings: Type.Record(Type.String(), Type.Unknown(), {
    description: 'What counts now, with times in ms and sizes in bytes, without secrets.',
  }),
  fields: Type.Array(Field),
  mistakes: Type.Array(Type.Object({ field: Type.String(), message: Type.String() }), {
    description:
      'Why what was changed here does not count: chartsync.yaml has changed since, and both together are wrong. Until that is corrected, chartsync.yaml alone counts.',
  }),
});

const Change = Type.Object(
  {
    version: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'As last seen: when somebody else changed something since, it is refused.',
      }),
    ),
    change: Type.Optional(
      Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), {
        maxProperties: MOST,
        description: 'Name → value, as in chartsync.yaml. Null: as though chartsync.yaml did not say it.',
      }),
    ),
    forget: Type.Optional(
      Type.Array(Type.String({ maxLength: 100 }), {
        maxItems: MOST,
        description: 'Names whose value is to be that of chartsync.yaml again.',
      }),
    ),
  },
  { additionalProperties: false },
);

interface Asked {
  Params: { connectionId: string };
  Body: { version?: number; change?: Record<string, unknown>; forget?: string[] };
}

export function connectionSettingsRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = {
    tags: ['connections'],
    headers: SelectOrganization,
    params: Type.Object({ connectionId: Type.String({ maxLength: 64, description: 'Id of the connection.' }) }),
  };

  app.get<Pick<Asked, 'Params'>>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'The settings of a connection, without secrets',
        description: 'What each of them is, may be, and who said so: for a form.',
        operationId: 'connectionSettings',
        response: { 200: { ...Answer, description: 'The settings.' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      // They name machines and folders: nothing for who only looks.
      const organizationId = await access.authorize(request, 'connections:write');
      return answer(organizationId, request.params.connectionId);
    },
  );

  app.patch<Asked>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Change settings of a connection',
        description:
          'For administrators. Counts before chartsync.yaml for every run that begins from now on, on every machine, without a restart; a run in progress ends with the old ones.',
        operationId: 'changeConnectionSettings',
        body: Change,
        response: { 200: { ...Answer, description: 'They count now.' }, ...refusals(...ACCESS_REFUSALS, 409) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'admin');
      const { connectionId } = request.params;
      const { version = null, change = {}, forget = [] } = request.body;
      const both = forget.find((name) => Object.hasOwn(change, name));
      if (both !== undefined) refuse([{ name: both, message: 'is both changed and forgotten' }]);
      await answer(organizationId, connectionId);
      const { kind, id } = access.principalOf(request);
      const done = await services.configured.settings.change(
        { organizationId, connectionId },
        { version, choose: change, forget, by: `${kind} ${id}` },
        (names) =>
          auditEntry(
            access.deedOf(request, {
              organizationId,
              action: 'settings.change',
              subject: { kind: 'connection', id: connectionId },
              // Names alone: values may be addresses of people.
              details: { settings: names.join(' ') },
            }),
          ),
      );
      if (done === 'stale') {
        const message = 'Somebody else has changed these settings meanwhile. Look at them again, then change them.';
        throw new HttpError(409, 'settings_changed', message);
      }
      if (done !== 'changed') refuse(done.mistakes);
      return answer(organizationId, connectionId);
    },
  );

  async function answer(organizationId: string, connectionId: string) {
    const found = await services.configured.settings.view({ organizationId, connectionId });
    if (found === null) throw new HttpError(404, 'not_found', 'No such connection.');
    return settingsAnswer(found);
  }
}

function refuse(mistakes: readonly SettingMistake[]): never {
  const message = mistakes.map((mistake) => `${mistake.name}: ${mistake.message}.`).join(' ');
  const validationErrors = mistakes.map(({ name, message }) => ({ field: name, message }));
  throw new HttpError(400, 'settings_invalid', message, { validationErrors });
}

function settingsAnswer({ connector, version, settings, fields, mistakes }: SettingsView) {
  return {
    connector,
    version,
    settings,
    mistakes: mistakes.map(({ name, message }) => ({ field: name, message })),
    fields: fields.map(({ defaultText, changedAt, changedBy, ...field }) => ({
      ...field,
      default_text: defaultText,
      changed_at: changedAt,
      changed_by: changedBy,
    })),
  };
}
