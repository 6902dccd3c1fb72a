/** How the settings of connections are called and explained in forms. Which values they may have is said by the schema. */
import type { ConnectionConfig } from './config.ts';

export interface SettingWords {
  readonly title: string;
  readonly help: string;
  readonly unit?: string;
  /** As in the configuration. */
  readonly default?: unknown;
  /** Where the default is not one value. */
  readonly defaultText?: string;
  /** Why it is changed in the file only. */
  readonly fixed?: string;
}

const SOURCE =
  'It says which source this is, and its credentials go there. Another source in the place of this one would mix the data of two: change it in chartsync.yaml.';
const HOSTS = 'It says whom this machine trusts: change it in chartsync.yaml.';
const MIRROR = 'It changes tables of the source: change it in chartsync.yaml, then restart.';

const VSRX: Readonly<Record<string, SettingWords>> = {
  database: { title: 'Source database', help: 'Server and name of the database that is read.', fixed: SOURCE },
  fileBasePath: { title: 'Folder of the files', help: 'Paths in the source begin here.', fixed: SOURCE },
  mapping: {
    title: 'Mapping',
    help: 'Where patients and files are in the source database.',
    default: 'vsrx',
    fixed: SOURCE,
  },
  activate: {
    title: 'Filesets that are copied',
    help: 'All of them; those that were activated here (recorded); or those that the source says are active.',
    default: 'recorded',
  },
  pathPrefixes: {
    title: 'Allowed folders',
    help: 'Files elsewhere are refused. An empty list allows all. Narrowed, what was copied from elsewhere is kept.',
    default: ['notes/'],
  },
  shareMarker: {
    title: 'File that proves the share',
    help: 'It is there whenever the share is mounted; without it no run reads or removes anything.',
    defaultText: 'none',
  },
  sourceTimeZone: {
    title: 'Time zone of the source',
    help: 'In which the clock of the source database runs.',
    defaultText: 'the time zone of the organisation',
  },
  'modes.deep': {
    title: 'Look at every file each',
    help: 'So old may the last deep run be before a scheduled run becomes one.',
    default: '1d',
  },
  'modes.checksum': {
    title: 'Hash every file each',
    help: 'So old may the last checksum run be before a scheduled run becomes one.',
    default: 'never',
  },
  maxFileSize: {
    title: 'Largest file',
    help: 'Larger ones are refused and reported. Not above the limit of the installation.',
    defaultText: 'the limit of the installation',
  },
  'timeouts.connect': { title: 'Wait for a connection', help: 'To the source database.', default: '60s' },
  'timeouts.query': { title: 'Wait for a query', help: 'Of the source database, without an answer.', default: '60s' },
  'timeouts.file': { title: 'Wait for a file', help: 'Of the share.', default: '60s' },
  mirrorTables: {
    title: 'Keep tables in the source',
    help: 'Keeps the silknote tables of the source’s database in step.',
    default: false,
    fixed: MIRROR,
  },
};

const CLINIKO: Readonly<Record<string, SettingWords>> = {
  baseUrl: {
    title: 'Address of the interface',
    help: 'Only for stand-ins: the key says where it is.',
    defaultText: 'from the key',
    fixed: SOURCE,
  },
  contactEmail: { title: 'Contact for Cliniko', help: 'Stands in every request, so that Cliniko can write to it.' },
  requestsPerMinute: {
    title: 'Requests a minute',
    help: 'Of the user of the key, all processes together.',
    unit: 'requests a minute',
    default: 200,
  },
  timeout: { title: 'Wait for an answer', help: 'Of one request.', default: '30s' },
  fullCompareAt: {
    title: 'Nightly read of everything',
    help: 'When it is due, in the time zone of the organisation.',
    default: '02:00',
  },
  notes: { title: 'Notes of appointments', help: 'Copy them too.', default: false },
  unavailableBlocks: { title: 'Times that cannot be booked', help: 'Copy them too.', default: true },
  attachments: { title: 'Files of patients', help: 'Bring them as documents.', default: false },
  attachmentHosts: {
    title: 'Hosts of files',
    help: 'From which such files may come, beside Cliniko’s own.',
    default: [],
    fixed: HOSTS,
  },
};

const IDEXX: Readonly<Record<string, SettingWords>> = {
  portalUrl: { title: 'Address of the portal', help: 'Of IDEXX Neo.', fixed: SOURCE },
  clinicId: { title: 'Clinic', help: 'The UUID under which other applications know it.', fixed: SOURCE },
  timeZone: {
    title: 'Time zone of the clinic',
    help: 'The times of the portal have none.',
    defaultText: 'the time zone of the organisation',
    fixed: 'All stored times were read in it: change it in chartsync.yaml.',
  },
  daysAhead: { title: 'Dates ahead', help: 'Read from today on.', unit: 'days', default: 14 },
  staleAfter: { title: 'Old after', help: 'From when on the book of a date counts as old.', default: '60m' },
  alarmAfter: { title: 'Reported after', help: 'From when on the age of a date is an alarm.', default: '4h' },
  slotMinutes: {
    title: 'Length of a slot',
    help: 'Slots of this length are offered.',
    unit: 'minutes',
    defaultText: 'what the portal says',
  },
  capacity: {
    title: 'Places at one time',
    help: 'How many appointments a slot can hold.',
    unit: 'places',
    defaultText: 'one for each calendar column that counts',
  },
  rooms: {
    title: 'Calendar columns that count',
    help: 'Names or ids. Entries without a column always count.',
    defaultText: 'all',
  },
  breaks: {
    title: 'Breaks',
    help: 'Hours without slots.',
    defaultText: 'as they are stored',
  },
  moveHolds: {
    title: 'Move held places',
    help: 'Out of a slot that became full. Confirmed bookings are never moved.',
    default: false,
  },
  emptyCalendar: {
    title: 'An empty calendar is',
    help: 'Believed: a window without a single entry is taken as it is.',
    default: 'doubted',
  },
  settingsMaxAge: {
    title: 'Settings of the portal are used for',
    help: 'Hours, columns and types, before they are asked for again. None: in each run.',
    default: '30m',
  },
  'consultations.every': {
    title: 'Read consultations each',
    help: 'What was written down about visits.',
    defaultText: 'only when somebody asks',
  },
  'consultations.daysBack': {
    title: 'Consultations of the last',
    help: 'Dates before today.',
    unit: 'days',
    default: 7,
  },
  timeout: { title: 'Wait for an answer', help: 'Of the portal.', default: '30s' },
};

export const SETTING_WORDS: Readonly<Record<ConnectionConfig['connector'], Readonly<Record<string, SettingWords>>>> = {
  vsrx: VSRX,
  cliniko: CLINIKO,
  idexx: IDEXX,
};
