/** What this FHIR server says it can do. */
import { KINDS } from './search.ts';

const TYPES: Readonly<Record<string, string>> = {
  _id: 'token',
  _lastUpdated: 'date',
  identifier: 'token',
  active: 'token',
  name: 'string',
  family: 'string',
  given: 'string',
  birthdate: 'date',
  date: 'date',
  status: 'token',
  patient: 'reference',
  practitioner: 'reference',
  location: 'reference',
  actor: 'reference',
};

export function capabilityStatement(version: string): object {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-11-27',
    kind: 'instance',
    software: { name: 'Chartsync', version },
    implementation: { description: 'Copies of what practice management systems hold. Read only.' },
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [
      {
        mode: 'server',
        resource: KINDS.map((kind) => ({
          type: kind.type,
          interaction: [{ code: 'read' }, { code: 'search-type' }],
          searchParam: ['_id', '_lastUpdated', 'identifier', ...kind.parameters, ...kind.personal].map((name) => ({
            name,
            type: TYPES[name],
          })),
        })),
      },
    ],
  };
}
