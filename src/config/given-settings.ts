/** Finds the settings of a connection where they were given, and resolves them again with others in their place. */
import type { SettingsOfConnections } from './config.ts';
import { databaseOfVariables } from './environment.ts';
import type { Mistake, Path } from './mistake.ts';
import { type ResolveOptions, resolveConfig } from './resolve.ts';
import { formOf, type GivenConnection, refusedNames, resolveChosen } from './settings-form.ts';

type Given = Omit<ResolveOptions, 'mistakes' | 'instead'>;

export function settingsOfConnections(options: Given): SettingsOfConnections {
  const unknown = { mistakes: [{ name: '', message: 'there is no such connection' }] };
  return {
    form(organizationId, connectionId, chosen) {
      const given = givenConnection(options, organizationId, connectionId);
      return given === null ? null : formOf(given, chosen);
    },
    refused(organizationId, connectionId, names) {
      const given = givenConnection(options, organizationId, connectionId);
      return given === null ? unknown.mistakes : refusedNames(given.connector, names);
    },
    resolve(organizationId, connectionId, chosen) {
      const given = givenConnection(options, organizationId, connectionId);
      return given === null ? unknown : resolveChosen(given, chosen);
    },
  };
}

function givenConnection(options: Given, organizationId: string, connectionId: string): GivenConnection | null {
  const resolved = resolveConfig({ ...options, mistakes: [] })
    .organizations.find(({ id }) => id === organizationId)
    ?.connections.find(({ id }) => id === connectionId);
  if (resolved === undefined) return null;
  const organizations = options.file.organizations ?? [];
  const i = organizations.findIndex((organization) => organization?.id === organizationId);
  const j = organizations[i]?.connections?.findIndex((connection) => connection?.id === connectionId) ?? -1;
  const settings = organizations[i]?.connections?.[j]?.settings ?? {};
  const inside: Path = ['organizations', i, 'connections', j, 'settings'];
  return {
    connector: resolved.connector,
    settings: { ...settings },
    fromEnvironment: (path) => options.source.fromEnvironment([...inside, ...path]),
    variables: resolved.connector === 'vsrx' ? vsrxVariables(options) : {},
    resolve(changed, mistake) {
      const mistakes: Mistake[] = [];
      const config = resolveConfig({
        ...options,
        mistakes,
        instead: { organizationId, connectionId, settings: changed },
      });
      for (const { path, message } of mistakes) mistake(path.split('].settings.').at(-1) ?? path, message);
      return (
        config.organizations
          .find(({ id }) => id === organizationId)
          ?.connections.find(({ id }) => id === connectionId) ?? null
      );
    },
  };
}

function vsrxVariables({ variables }: Given): Record<string, unknown> {
  const database = databaseOfVariables(variables, []);
  return {
    ...(database === null ? {} : { database }),
    ...(variables.VSRX_FILE_BASE_PATH === undefined ? {} : { fileBasePath: variables.VSRX_FILE_BASE_PATH }),
  };
}
