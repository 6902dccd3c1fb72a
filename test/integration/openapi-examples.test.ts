/** Every answer and every body in the description has an example, and each example is one that the service could give. */
import Schema from 'typebox/schema';
import { expect, test } from 'vitest';
import { openapiDocument } from '../../scripts/openapi.ts';
import { ACCESS_EXAMPLES } from '../../src/api/examples/access.ts';
import { ALERT_EXAMPLES } from '../../src/api/examples/alerts.ts';
import { BOOK_EXAMPLES } from '../../src/api/examples/book.ts';
import { CLINIC_EXAMPLES } from '../../src/api/examples/clinic.ts';
import { CONNECTION_EXAMPLES } from '../../src/api/examples/connections.ts';
import { DOCUMENT_EXAMPLES } from '../../src/api/examples/documents.ts';
import { RUN_EXAMPLES } from '../../src/api/examples/runs.ts';
import { type DescribedContent, describedPaths } from '../support/description.ts';

const described = describedPaths(JSON.parse(await openapiDocument()));
const operations = Object.values(described).flatMap((methods) => Object.values(methods));

/** What → its content as JSON. */
const contents = new Map<string, DescribedContent>();
for (const { operationId, requestBody, responses } of operations) {
  const body = requestBody?.content['application/json'];
  if (body !== undefined) contents.set(`${operationId}, body`, body);
  for (const [status, { content }] of Object.entries(responses)) {
    const json = content?.['application/json'];
    if (json !== undefined) contents.set(`${operationId}, ${status}`, json);
  }
}

test('every JSON answer and every body has an example', () => {
  expect(contents.size).toBeGreaterThan(300);
  const without = [...contents].filter(([, { example }]) => example === undefined).map(([what]) => what);
  expect(without).toEqual([]);
});

test('every example is as its schema says, without a field that the schema does not know', () => {
  for (const [what, { schema, example }] of contents) {
    const [, errors] = Schema.Errors(closed(schema) as object, example);
    expect(errors, what).toEqual([]);
  }
});

test('an example with a mistake would be noticed', () => {
  for (const [what, wrong] of [
    ['syncVsrx, 202', { syncId: 1 }],
    ['syncVsrx, 202', { status: 'begun' }],
    ['syncVsrx, 202', { sync_id: 'x' }],
    ['syncTrigger, 200', { timestamp: 'today' }],
    ['patientSyncStatus, 200', { patientUuid: 'x' }],
    ['createKey, body', { role: 'nobody' }],
  ] as const) {
    const { schema, example } = contents.get(what)!;
    const [, errors] = Schema.Errors(closed(schema) as object, { ...(example as object), ...wrong });
    expect(errors.length, what).toBeGreaterThan(0);
  }
});

test('no example is of an operation or an answer that is not there', () => {
  for (const [operationId, example] of Object.entries({
    ...RUN_EXAMPLES,
    ...CONNECTION_EXAMPLES,
    ...ACCESS_EXAMPLES,
    ...CLINIC_EXAMPLES,
    ...DOCUMENT_EXAMPLES,
    ...BOOK_EXAMPLES,
    ...ALERT_EXAMPLES,
  })) {
    if (example.body !== undefined) expect(contents.get(`${operationId}, body`)?.example).toEqual(example.body);
    for (const [status, answer] of Object.entries(example.answers)) {
      expect(contents.get(`${operationId}, ${status}`)?.example, `${operationId}, ${status}`).toEqual(answer);
    }
  }
});

/** The same schema, but an object has only the fields that are described. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  return 'properties' in inner && !('additionalProperties' in inner)
    ? { ...inner, additionalProperties: false }
    : inner;
}
