import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SyncError } from '../../domain/errors.ts';
import { IDENTIFIER, requiredColumns, resolveMapping, type TableMappingSettings } from './mapping.ts';
import { MYSQL, POSTGRES } from './sql.ts';

const OWN = {
  patient: { table: 'people', id: 'no', uuid: 'key' },
  file: { table: 'scans', id: 'no', path: 'path' },
  fileToPatient: [['scans.person', 'people.no'] as [string, string]],
  sourceTimeZone: 'Europe/Vienna',
};

function refusal(settings: unknown, timeZone?: string): SyncError {
  try {
    resolveMapping(settings as TableMappingSettings, timeZone);
  } catch (error) {
    if (error instanceof SyncError) return error;
    throw error;
  }
  throw new Error('Expected a refusal.');
}

describe('ready mappings', () => {
  it('vsrx names the columns of the real schema', () => {
    expect(Object.fromEntries([...requiredColumns(resolveMapping('vsrx'))].map(([t, c]) => [t, [...c]]))).toEqual({
      ax_notes_attachments: ['id', 'file_uuid', 'file', 'description', 'datestamp', 'user_id', 'assessment_id'],
      assessments: ['assessment_id', 'candidate_id'],
      candidates: ['candidate_id', 'silknotePatientUuid', 'staff_id'],
      staff: ['staff_id', 'silknoteUserUuid'],
    });
  });

  it('generic has a deleted flag and no owner', () => {
    const mapping = resolveMapping('generic');
    expect(mapping.owner).toBeNull();
    expect(mapping.file).toMatchObject({ deleted: 'deleted', description: null });
    expect([...requiredColumns(mapping).keys()]).toEqual(['Files', 'Patient']);
  });

  it('can be changed column by column', () => {
    const mapping = resolveMapping({
      preset: 'vsrx',
      owner: { table: 'User', id: 'user_id' },
      patient: { owner: 'user_id' },
      file: { uuid: null, deleted: 'deleted' },
      sourceTimeZone: 'Australia/Perth',
    });
    expect(mapping.owner).toEqual({ table: 'User', id: 'user_id', uuid: 'silknoteUserUuid' });
    expect(mapping.patient).toMatchObject({ owner: 'user_id', uuid: 'silknotePatientUuid' });
    expect(mapping.file).toMatchObject({ uuid: null, deleted: 'deleted', path: 'file' });
    expect(mapping.sourceTimeZone).toBe('Australia/Perth');
  });

  it('can be used without the owner table', () => {
    const mapping = resolveMapping({ preset: 'vsrx', owner: null });
    expect(mapping).toMatchObject({ owner: null, patient: { owner: null } });
    expect(requiredColumns(mapping).has('staff')).toBe(false);
  });
});

describe('own mappings', () => {
  it('need no more than ids, patient UUID, path, join path and zone', () => {
    expect(resolveMapping(OWN)).toEqual({
      owner: null,
      patient: { ...OWN.patient, owner: null, name: null, birthDate: null, gender: null },
      file: {
        ...OWN.file,
        uuid: null,
        description: null,
        createdAt: null,
        updatedAt: null,
        deleted: null,
        uploader: null,
      },
      fileToPatient: [
        [
          { table: 'scans', column: 'person' },
          { table: 'people', column: 'no' },
        ],
      ],
      sourceTimeZone: 'Europe/Vienna',
    });
  });

  it('take the time zone of the connection first', () => {
    expect(resolveMapping(OWN, 'Asia/Tokyo').sourceTimeZone).toBe('Asia/Tokyo');
  });
});

describe('names', () => {
  const bad = ['x`; DROP TABLE a; -- ', 'a"b', 'a b', 'a.b', '1a', '', 'ä', 'a\n', 'a'.repeat(65), "a'", 'a\\'];
  it.each(bad)('refuses %j wherever a name may stand', (name) => {
    const places = [
      { ...OWN, file: { ...OWN.file, table: name } },
      { ...OWN, file: { ...OWN.file, deleted: name } },
      { ...OWN, patient: { ...OWN.patient, uuid: name } },
      { ...OWN, owner: { table: name, id: 'a', uuid: 'b' }, patient: { ...OWN.patient, owner: 'c' } },
      { ...OWN, fileToPatient: [[`scans.${name}`, 'people.no']] },
      { ...OWN, fileToPatient: [[`${name}.person`, 'people.no']] },
      { preset: 'vsrx', file: { path: name } },
      { preset: 'generic', patient: { table: name } },
    ];
    for (const settings of places) {
      const error = refusal(settings);
      expect(error.code).toBe('settings_invalid');
      // A refused name is not repeated: the message ends in logs and pages.
      if (name.length > 5) expect(error.message).not.toContain(name);
    }
  });

  it('accepts the longest name and a dollar sign', () => {
    const name = `_${'a'.repeat(62)}$`;
    expect(resolveMapping({ ...OWN, file: { ...OWN.file, path: name } }).file.path).toBe(name);
  });
});

describe('refusals say what is wrong', () => {
  it.each([
    ['an unknown ready mapping', 'oscar', /vsrx and generic/],
    ['nothing', null, /name or an object/],
    ['an unknown preset', { preset: 'oscar' }, /preset/],
    ['an unknown setting', { ...OWN, tables: [] }, /the mapping/],
    ['a missing column', { ...OWN, file: { table: 'scans', id: 'no' } }, /file/],
    ['a path that starts elsewhere', { ...OWN, fileToPatient: [['visits.person', 'people.no']] }, /start at scans/],
    [
      'a path with a gap',
      {
        ...OWN,
        fileToPatient: [
          ['scans.visit', 'visits.no'],
          ['stays.person', 'people.no'],
        ],
      },
      /stays\.person/,
    ],
    ['a path that ends elsewhere', { ...OWN, fileToPatient: [['scans.visit', 'visits.no']] }, /patient table people/],
    [
      'a path through a table twice',
      {
        ...OWN,
        fileToPatient: [
          ['scans.visit', 'visits.no'],
          ['visits.scan', 'scans.no'],
        ],
      },
      /scans twice/,
    ],
    ['no path', { ...OWN, fileToPatient: [] }, /fileToPatient/],
    ['files and patients in one table', { ...OWN, file: { ...OWN.file, table: 'people' } }, /different tables/],
    ['an owner column without table', { ...OWN, patient: { ...OWN.patient, owner: 'staff' } }, /no owner table/],
    ['an owner table without column', { ...OWN, owner: { table: 'staff', id: 'no', uuid: 'key' } }, /patient\.owner/],
    [
      'half an owner',
      { preset: 'generic', owner: { table: 'staff' }, patient: { owner: 'staff' } },
      /table, id and uuid/,
    ],
    ['an unknown zone', { ...OWN, sourceTimeZone: 'Mars/Olympus' }, /sourceTimeZone/],
  ])('%s', (_what, settings, reason) => {
    const error = refusal(settings);
    expect(error.code).toBe('settings_invalid');
    expect(error.detail).toMatch(reason);
  });
});

describe('any names', () => {
  const strange = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('a`b', 'a"b', "a'b", 'a;b', 'a b', 'a.b', 'a--', '/*', '', '\0', 'ä', 'a'.repeat(65), '1a', 'a\n'),
  );
  const plain = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_$]{0,20}$/);

  it('are taken as they are when they are plain identifiers, and refused otherwise: none can end its quotes', () => {
    fc.assert(
      fc.property(fc.oneof(plain, strange), fc.constantFrom('table', 'id', 'path', 'uuid'), (name, place) => {
        const settings = {
          ...OWN,
          file: { ...OWN.file, [place]: name },
          fileToPatient: [[`${place === 'table' ? name : 'scans'}.person`, 'people.no'] as [string, string]],
        };
        if (!IDENTIFIER.test(name)) {
          expect(refusal(settings).code).toBe('settings_invalid');
          return;
        }
        const mapping = resolveMapping(settings);
        expect(mapping.file[place as 'table' | 'id' | 'path' | 'uuid']).toBe(name);
        for (const dialect of [MYSQL, POSTGRES]) {
          const quoted = dialect.quote(name);
          expect(quoted.slice(1, -1)).toBe(name);
          expect(quoted.slice(1, -1)).not.toContain(quoted[0]);
        }
      }),
      { numRuns: 400 },
    );
  });
});
