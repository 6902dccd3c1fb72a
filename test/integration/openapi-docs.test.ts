import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openapiDocument } from '../../scripts/openapi.ts';

test('docs/openapi.json is what the routes say', async () => {
  const committed = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
  const now = await openapiDocument();
  // Not compared by toBe: the difference of two documents of this size takes longer to show than to write anew.
  expect(committed === now, 'docs/openapi.json is not of these routes: run "node scripts/openapi.ts"').toBe(true);
});
