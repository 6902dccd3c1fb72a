/** The text of `docs/openapi.json`, made from the routes. `node scripts/openapi.ts` writes it; a test compares. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Access } from '../src/api/access.ts';
import { createApp } from '../src/api/app.ts';
import type { ApiServices } from '../src/api/services.ts';
import { version } from '../src/version.ts';

export async function openapiDocument(): Promise<string> {
  const app = await createApp({
    // No route is asked, so nothing of what they work with is needed.
    services: {} as ApiServices,
    access: {} as Access,
    isTrustedProxy: () => false,
    role: 'all',
    version: await version(),
  });
  try {
    await app.ready();
    return `${JSON.stringify(app.swagger(), null, 2)}\n`;
  } finally {
    await app.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../docs/openapi.json', import.meta.url), await openapiDocument());
}
