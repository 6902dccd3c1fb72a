import { answerOf, api, type BookSchedule } from '#lib/api/client.ts';
import { asProblem } from '#lib/api/problem.ts';
import { addDays, dateIn, weekOf } from '#lib/book.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** Which clinic, which day and how many stand in the address: they are about nobody. */
export const load: PageLoad = async ({ url, parent }) => {
  await parent();
  const view: 'day' | 'week' = url.searchParams.get('view') === 'week' ? 'week' : 'day';
  const wanted = url.searchParams.get('clinic');
  try {
    const { clinics } = await answerOf(api.GET('/api/v1/clinics'));
    const clinic = clinics.find(({ clinicId }) => clinicId === wanted) ?? clinics[0] ?? null;
    const today = dateIn(clinic?.timeZone ?? 'UTC', Date.now());
    const asked = url.searchParams.get('date') ?? '';
    const date = DATE.test(asked) && !Number.isNaN(Date.parse(asked)) ? asked : today;
    const from = view === 'week' ? weekOf(date) : date;
    const to = view === 'week' ? addDays(from, 6) : date;
    const book =
      clinic === null
        ? null
        : new Live<BookSchedule>(() => {
            const params = { path: { clinicId: clinic.clinicId }, query: { from, to } };
            return answerOf(api.GET('/api/v1/clinics/{clinicId}/schedule', { params }));
          });
    return { problem: null, clinics, clinic, view, date, today, from, to, book };
  } catch (error) {
    const problem = asProblem(error);
    return { problem, clinics: [], clinic: null, view, date: '', today: '', from: '', to: '', book: null };
  }
};
