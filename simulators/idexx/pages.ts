/** The portal's pages. As little HTML as a browser needs to find its way. */
import type { PortalVariant } from './portal.ts';
import type { Day } from './wall.ts';
import type { Clinic } from './world.ts';

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

export function page(title: string, body: string, head = ''): string {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>${head}</head>
<body>
${body}
</body></html>
`;
}

export type LoginFailure = 'wrong' | 'locked' | null;

export function loginPage(variant: PortalVariant, token: string, failure: LoginFailure = null): string {
  const hidden = variant.loginToken ? `<input type="hidden" name="_token" value="${token}">` : '';
  const company = variant.companyField === 'none' ? '' : companyInput(variant);
  return page(
    'Log in - Sample Neo',
    `<h1>Sample Neo</h1>
${failure ? failureSign(variant, failure) : ''}
<form method="post" action="/login">
${hidden}
${company}
${userInput(variant)}
${passwordInput(variant)}
${submitButton(variant)}
</form>`,
  );
}

const FAILURES = {
  wrong: 'These credentials do not match our records.',
  locked: 'Your account has been locked because of too many attempts. Try again later.',
};

function failureSign(variant: PortalVariant, failure: 'wrong' | 'locked'): string {
  const text = FAILURES[failure];
  if (variant.failureSign === 'role') return `<p role="alert">${text}</p>`;
  if (variant.failureSign === 'test-id') return `<p data-testid="login-error">${text}</p>`;
  return `<div class="${variant.failureSign}">${text}</div>`;
}

/** What the fields are called when their names are of no use to a reader of the page. */
export const OPAQUE_NAMES = { company: 'f1', user: 'f2', password: 'f3' } as const;

/** The names the form sends. */
export function fieldNames(variant: PortalVariant): { company: string; user: string; password: string } {
  if (variant.loginFields !== 'name') return OPAQUE_NAMES;
  return {
    company: variant.companyField === 'none' ? '' : variant.companyField,
    user: variant.userField,
    password: 'password',
  };
}

function field(variant: PortalVariant, which: 'company' | 'user' | 'password', handle: Handle): string {
  const name = fieldNames(variant)[which];
  const by = variant.loginFields;
  const type = which === 'password' ? 'password' : by === 'type' ? handle.type : 'text';
  const id = by === 'id' ? ` id="${handle.id}"` : by === 'text' ? ` id="${name}"` : '';
  const placeholder = by === 'placeholder' ? ` placeholder="${handle.label}"` : '';
  const label = by === 'text' ? `<label for="${name}">${handle.label}</label> ` : '';
  return `<p>${label}<input type="${type}" name="${name}"${id}${placeholder}></p>`;
}

interface Handle {
  readonly id: string;
  readonly label: string;
  readonly type: string;
}

function companyInput(variant: PortalVariant): string {
  const id = variant.companyField === 'company_id' ? 'company_id' : 'companyId';
  return field(variant, 'company', { id, label: 'Company ID', type: 'text' });
}

function userInput(variant: PortalVariant): string {
  const id = variant.userField;
  return field(variant, 'user', { id, label: id === 'email' ? 'Email' : 'Username', type: 'email' });
}

function passwordInput(variant: PortalVariant): string {
  return field(variant, 'password', { id: 'password', label: 'Password', type: 'password' });
}

/** With a text nobody looks for, the type must do. */
function submitButton(variant: PortalVariant): string {
  return `<p><button type="submit">${variant.submitText}</button></p>`;
}

export function secondFactorPage(name: 'code' | 'otp', token: string, isWrong: boolean): string {
  return page(
    'Verify - Sample Neo',
    `<h1>Enter your code</h1>
${isWrong ? '<div class="error-message">The code is wrong.</div>' : ''}
<form method="post" action="/login/verify">
<input type="hidden" name="_token" value="${token}">
<p><input type="text" name="${name}" inputmode="numeric" autocomplete="one-time-code"></p>
<p><button type="submit">Verify</button></p>
</form>`,
  );
}

export interface Inside {
  readonly clinic: Clinic;
  readonly csrfToken: string;
  readonly variant: PortalVariant;
}

function inside({ clinic, csrfToken, variant }: Inside, title: string, body: string): string {
  const meta = variant.csrfCarrier === 'meta' ? `<meta name="csrf-token" content="${csrfToken}">` : '';
  const input = variant.csrfCarrier === 'input' ? `<input type="hidden" name="_token" value="${csrfToken}">` : '';
  return page(
    `${title} - Sample Neo`,
    `<div id="dashboard_shell">
<p>${escapeHtml(clinic.name)} (${clinic.companyId}) · <a href="/schedule">Schedule</a> · <a href="/consultations">Consultations</a> · <a href="/logout">Log out</a></p>
${input}
${body}
</div>`,
    meta,
  );
}

export function plainPage(shell: Inside, title: string): string {
  return inside(shell, title, `<h1>${escapeHtml(title)}</h1>`);
}

export function schedulePage(shell: Inside, days: { day: Day; before: Day; after: Day }): string {
  return inside(
    shell,
    'Schedule',
    `<h1>Schedule of <span id="schedule_date">${days.day}</span></h1>
<p><a href="/schedule?date=${days.before}">Back</a> <a href="/schedule?date=${days.after}">Forward</a></p>
<p id="calendar_state">Loading</p>
<table><tbody id="calendar" data-date="${days.day}" data-next="${days.after}"></tbody></table>
<script>${SCHEDULE_SCRIPT}</script>`,
  );
}

/** Fetches the day and makes a row of each entry. Exported so that a test can run it without a browser. */
export const SCHEDULE_SCRIPT = `
(async () => {
  const body = document.getElementById('calendar');
  const state = document.getElementById('calendar_state');
  const query = new URLSearchParams({ start: body.dataset.date + ' 00:00:00', end: body.dataset.next + ' 00:00:00' });
  try {
    const answer = await fetch('/appointments/getCalendarEventData?' + query, {
      headers: { Accept: 'application/json', 'X-Requested-With': 'XMLHttpRequest' },
    });
    if (!answer.ok) throw new Error('status ' + answer.status);
    const found = await answer.json();
    const events = Array.isArray(found) ? found : found.events || found.appointments || found.data || found.results;
    for (const event of events) {
      const row = document.createElement('tr');
      row.className = 'fc-event ' + (event.className || '');
      row.dataset.eventId = event.id;
      row.dataset.resourceId = event.resourceId;
      row.dataset.start = event.start;
      row.dataset.end = event.end || '';
      for (const text of [event.start, event.end, event.title, event.status_label || event.status]) {
        const cell = document.createElement('td');
        cell.textContent = text || '';
        row.appendChild(cell);
      }
      body.appendChild(row);
    }
    state.textContent = events.length + ' entries';
  } catch (error) {
    state.textContent = 'Could not load the schedule: ' + error.message;
  }
})();
`;
