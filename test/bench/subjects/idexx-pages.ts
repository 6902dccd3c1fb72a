/** One browser that logs in once and opens every day's page in turn, reading its rows. */
import { chromium } from 'playwright-core';
import { addDays } from '../../../simulators/idexx/wall.ts';
import { findChromium } from '../../../src/connectors/idexx/chromium.ts';
import { measureInside, subjectInput } from '../inside.ts';
import type { IdexxCallsInput } from './idexx-calls.ts';

const { url, fields, first, days } = subjectInput<Pick<IdexxCallsInput, 'url' | 'fields' | 'first' | 'days'>>();
await measureInside(
  async () => {
    const browser = await chromium.launch({ executablePath: findChromium(null)!, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      await page.goto(`${url}/login`);
      for (const [name, value] of Object.entries(fields)) await page.fill(`input[name="${name}"]`, value);
      await page.click('[type="submit"]');
      await page.waitForSelector('#dashboard_shell');
      let rows = 0;
      for (let i = 0; i < days; i++) {
        await page.goto(`${url}/schedule?date=${addDays(first, i)}`);
        await page.waitForFunction("document.getElementById('calendar_state').textContent !== 'Loading'");
        rows += await page.locator('tr.fc-event').count();
      }
      return rows;
    } finally {
      await browser.close();
    }
  },
  (rows) => {
    if (rows === 0) throw new Error('The pages were empty.');
  },
);
