/** Only the calls: a login without a browser when it is asked for, then the calls of a run, so many at one time. */
import { createVisitor } from '../../../simulators/idexx/visitor.ts';
import { addDays } from '../../../simulators/idexx/wall.ts';
import { measureInside, subjectInput } from '../inside.ts';

export interface IdexxCallsInput {
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly first: string;
  readonly days: number;
  readonly atOnce: number;
  /** The login is a part of the work, and so is the call for the clinic's settings. */
  readonly login: boolean;
  readonly settings: boolean;
}

const input = subjectInput<IdexxCallsInput>();
const visitor = createVisitor(input.url);
if (!input.login) await visitor.login(input.fields);
await measureInside(
  async () => {
    if (input.login) await visitor.login(input.fields);
    if (input.settings) await (await visitor.get('/appointments/getAppointmentView')).json();
    const days = Array.from({ length: input.days }, (_, i) => addDays(input.first, i));
    let rows = 0;
    const work = async () => {
      for (let day = days.shift(); day !== undefined; day = days.shift()) {
        const answer = await visitor.calendar(`${day} 00:00:00`, `${addDays(day, 1)} 00:00:00`);
        rows += ((await answer.json()) as unknown[]).length;
      }
    };
    await Promise.all(Array.from({ length: input.atOnce }, work));
    return rows;
  },
  (rows) => {
    if (rows === 0) throw new Error('The calendar was empty.');
  },
);
