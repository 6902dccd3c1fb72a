/** Every text of the component, in one place. */
import { instantIn, zoneName } from '../src/lib/time.ts';

const many = (count: number, one: string, other = `${one}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? one : other}`;

export const words = {
  region: (company: string) => `Documents of this patient, ${company}`,
  title: 'Documents',
  loading: 'Loading …',
  again: 'Try again',
  close: 'Close',
  more: 'Show more',
  whatToDo: 'What to do:',
  offline: 'The document service does not answer. It is asked again by itself.',
  noPatient: 'This page does not say which patient it is about.',
  noToken: 'This page could not get a token for this patient.',
  refused: 'The document service refused this.',

  activation: {
    title: 'Not activated',
    text: (company: string) => `The documents of this patient are not used by ${company} yet.`,
    activate: (price: string) => `Activate for ${price}`,
    confirmTitle: 'Activate this patient?',
    confirmText: (price: string, company: string) =>
      `${company} charges ${price} once. This cannot be taken back. From then on the documents of this patient are kept in step.`,
    confirm: (price: string) => `Yes, activate for ${price}`,
    dismiss: 'Not now',
    done: 'The patient is activated.',
    at: (time: string) => `Activated ${time}`,
  },

  sync: {
    title: 'In step with the clinic system?',
    running: 'Being synchronised …',
    never: 'Not synchronised yet.',
    notActivated: 'Documents of the clinic system are brought once this patient is activated.',
    uploadsOnly: 'No clinic system is connected for this patient; documents can be uploaded.',
    last: (time: string) => `In step since ${time}.`,
    before: (time: string) => `Last in step at ${time}.`,
    tried: (time: string) => `Looked at ${time}, but not everything could be read.`,
    failing: (count: number) => `The last ${many(count, 'try', 'tries')} failed.`,
    paused: 'The connection is paused.',
    problem: 'The last try failed as a whole; what has changed since is not known.',
    /** The service lists so many at most. */
    errors: (count: number) =>
      `${count >= 20 ? 'at least ' : ''}${many(count, 'file could not be read', 'files could not be read')}`,
    failed: (file: string, why: string) => `${file}: ${why}`,
    start: 'Sync this patient',
    started: 'The synchronisation has begun.',
  },

  summary: {
    title: 'Case summary',
    none: 'Nobody has written one.',
    label: 'Summary of this case',
    write: 'Write a summary',
    edit: 'Change the summary',
    save: 'Save the summary',
    dismiss: 'Not now',
    remove: 'Remove the summary',
    removeTitle: 'Remove the case summary?',
    removeText: 'It is not kept anywhere else.',
    confirm: 'Yes, remove it',
    notSaved: 'Somebody else has changed the summary meanwhile. Yours was not saved.',
    notRemoved: 'Somebody else has changed the summary meanwhile. It was not removed.',
    theirs: 'Somebody else has changed the summary while you wrote. What is there now:',
    keepMine: 'Save mine instead',
    takeTheirs: 'Leave theirs',
    yes: 'yes',
    no: 'no',
    empty: '–',
  },

  alerts: {
    title: (count: number) => many(count, 'alert'),
    of: (name: string) => `about ${name}`,
    acknowledge: 'Acknowledge',
    acknowledgeNamed: (name: string, type: string) => `Acknowledge the alert about ${name}: ${type}`,
    types: {
      ERROR: 'Error',
      ALERT: 'Alert',
      DELAYED: 'Delayed',
      INCORRECT_PATIENT: 'Perhaps of another patient',
    } as Record<string, string>,
    acknowledged: 'The alert is acknowledged.',
  },

  upload: {
    label: 'Add documents',
    hint: 'PDF, pictures, letters, mails',
    send: 'Upload',
    sending: 'Uploading …',
    done: (accepted: number) => `${many(accepted, 'document')} uploaded.`,
    refused: (name: string, why: string) => `${name}: ${why}`,
    progress: (done: number, total: number) => `${done.toLocaleString('en')} of ${total.toLocaleString('en')} uploaded`,
    left: (count: number) => `${many(count, 'document')} could not be sent and wait here: upload again.`,
  },

  search: {
    label: 'Search in these documents',
    find: 'Search',
    none: 'No passage has these words.',
    found: (count: number, more: boolean) => (more ? `The best ${many(count, 'passage')}` : many(count, 'passage')),
    more: 'More passages',
    elsewhere: (hosts: string) => `Documents that are kept on ${hosts} are searched there, not here.`,
    open: (name: string, page: number) => `${name}, page ${page}`,
  },

  files: {
    title: (count: number) => many(count, 'document'),
    none: 'There are no documents yet.',
    tooMany: (shown: number) =>
      `There are more: only the first ${shown.toLocaleString('en')} are listed. The search looks in all of them.`,
    states: {
      stored: 'stored',
      queued: 'waits to be read',
      processing: 'being read',
      complete: 'ready',
      error: 'stored, cannot be read',
    } as Record<string, string>,
    stages: {
      initializing: 'fetching',
      analyzing: 'reading',
      extracting: 'indexing',
      categorizing: 'sorting',
    } as Record<string, string>,
    partly: 'ready, but not all of it was read',
    noText: 'ready; no text to search',
    keptOn: (host: string) => `kept on ${host}`,
    again: 'Read again',
    againNamed: (name: string) => `Read again: ${name}`,
    open: 'Open',
    openNamed: (name: string) => `Open ${name} in a new window`,
    select: (name: string) => `Select ${name}`,
    pages: (count: number) => many(count, 'page'),
    grouped: 'in a group',
    /** Such as MEDICAL_REPORT. */
    category: (name: string) => name.toLowerCase().replaceAll('_', ' '),
  },

  duplicates: {
    text: (count: number) =>
      `${many(count, 'content is', 'contents are')} here more than once. Nothing is removed by itself.`,
    copies: (name: string, count: number) => `${name}: ${count} times`,
  },

  groups: {
    group: (count: number) => `Group ${many(count, 'document')}`,
    name: 'Name of the group',
    cancel: 'Not now',
    save: 'Group',
    grouped: 'The documents are grouped.',
    ungroup: 'Ungroup',
    ungroupNamed: (name: string) => `Ungroup ${name}`,
    ungrouped: 'The group is taken apart; its documents are as before.',
    list: 'Groups',
    states: { waiting: 'the PDF is being made', error: 'no PDF can be made' } as Record<string, string>,
    proposals: 'May belong together: of one date and type',
    proposal: (date: string, type: string, names: string) => `${date}, ${type}: ${names}`,
    groupNamed: (count: number, names: string) => `Group ${many(count, 'document')}: ${names}`,
  },
};

export function price(cost: number): string {
  const whole = Number.isInteger(cost);
  const options = { style: 'currency', currency: 'USD', minimumFractionDigits: whole ? 0 : 2 } as const;
  return new Intl.NumberFormat('en-US', options).format(cost);
}

/** At the clinic. @param zone undefined: not known, where the viewer is */
export function time(iso: string, zone: string | undefined): string {
  return `${instantIn(zone, iso)} ${zoneName(zone, iso)}`;
}

/** For the title of what shows a time. */
export function viewerTime(iso: string): string {
  return `${time(iso, undefined)} where you are`;
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
