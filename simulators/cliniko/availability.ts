/** Free times: a weekday from nine to five, in the zone of the business, where nothing else is booked. */
import { type Answer, Refusal } from './answer.ts';
import type { Call } from './call.ts';
import { isTaken } from './conflicts.ts';
import { linkTo } from './list-answer.ts';
import { pageNumber } from './lists.ts';
import { DAY, HOUR, localFormatter, localTime, MINUTE, type Seconds, utc } from './time.ts';

interface Place {
  readonly businessId: string;
  readonly practitionerId: string;
  readonly typeId: string;
}

export function availableTimes(call: Call, place: Place): Answer {
  const all = freeTimes(call, place);
  const asked = Number(call.query.get('per_page') ?? 50);
  const size = Math.min(100, Math.max(1, Number.isInteger(asked) ? asked : 50));
  const page = pageNumber(call.query);
  const times = all.slice((page - 1) * size, page * size);
  const links: Record<string, string> = { self: linkTo(call, call.view.url, page) };
  if (page > 1) links.previous = linkTo(call, call.view.url, page - 1);
  if (page * size < all.length) links.next = linkTo(call, call.view.url, page + 1);
  const available_times = times.map((time) => ({ appointment_start: utc(time) }));
  return { status: 200, json: { available_times, total_entries: all.length, links } };
}

export function nextAvailableTime(call: Call, place: Place): Answer {
  const [first] = freeTimes(call, place);
  if (first === undefined) throw new Refusal(404, 'Not found');
  const links = { self: linkTo(call, call.view.url, 1) };
  return { status: 200, json: { appointment_start: utc(first), total_entries: 1, links } };
}

function freeTimes(call: Call, { businessId, practitionerId, typeId }: Place): Seconds[] {
  const { world } = call.view;
  const business = world.tables.businesses.get(businessId);
  const type = world.tables.appointmentTypes.get(typeId);
  if (!business || !type || !world.tables.practitioners.get(practitionerId)) throw new Refusal(404, 'Not found');
  const formatter = localFormatter(business.timeZone);
  const [from, to] = range(call.query, localTime(world.now(), formatter).day);
  const length = type.durationMinutes * MINUTE;
  const times: Seconds[] = [];
  // Local clocks differ from UTC by up to 14 hours: what falls outside is left out by its local day.
  const begin = Date.parse(`${from}T00:00:00Z`) / 1000 - 14 * HOUR;
  const end = Date.parse(`${to}T00:00:00Z`) / 1000 + DAY + 14 * HOUR;
  for (let time = begin; time < end; time += 30 * MINUTE) {
    if (time <= world.now()) continue;
    const local = localTime(time, formatter);
    const weekday = new Date(`${local.day}T00:00:00Z`).getUTCDay();
    if (local.day < from || local.day > to || weekday === 0 || weekday === 6) continue;
    if (local.minute < 9 * 60 || local.minute + type.durationMinutes > 17 * 60) continue;
    if (!isTaken(world, practitionerId, time, time + length)) times.push(time);
  }
  return times;
}

function range(query: URLSearchParams, today: string): [string, string] {
  const from = query.get('from') ?? '';
  const to = query.get('to') ?? '';
  const days = (Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 1000 / DAY;
  if (!/^\d{4}-\d\d-\d\d$/.test(from) || !/^\d{4}-\d\d-\d\d$/.test(to) || Number.isNaN(days)) {
    throw new Refusal(400, 'from and to must be dates');
  }
  if (from < today) throw new Refusal(400, 'from cannot be in the past');
  if (days < 0 || days > 7) throw new Refusal(400, 'from and to must be at most 7 days apart');
  return [from, to];
}
