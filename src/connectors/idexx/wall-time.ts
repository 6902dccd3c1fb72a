/** Times of the portal: three formats, none with a zone. */

/** `YYYY-MM-DDTHH:MM:SS`. @returns null when it is no time of the calendar */
export function parseWall(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const iso = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.0+)?)?$/.exec(value);
  const dotted = /^(\d\d)\.(\d\d)\.(\d{4}) (\d\d):(\d\d)(?::(\d\d))?$/.exec(value);
  const parts = iso?.slice(1) ?? (dotted ? [dotted[3], dotted[2], dotted[1], ...dotted.slice(4)] : null);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second = '00'] = parts;
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  // 30 February and 25:61 do not come back as they went in.
  const read = new Date(`${text}Z`);
  return Number.isNaN(read.getTime()) || read.toISOString().slice(0, 19) !== text ? null : text;
}

export function addSeconds(wall: string, seconds: number): string {
  return new Date(Date.parse(`${wall}Z`) + seconds * 1000).toISOString().slice(0, 19);
}

export function addMinutes(wall: string, minutes: number): string {
  return addSeconds(wall, minutes * 60);
}

export function nextDate(date: string): string {
  return addMinutes(`${date}T00:00:00`, 1440).slice(0, 10);
}

export const dateOf = (wall: string) => wall.slice(0, 10);
export const timeOfWall = (wall: string) => wall.slice(11, 16);
