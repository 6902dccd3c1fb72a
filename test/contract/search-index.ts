/**
 * The contract of `src/ports/search-index.ts`, sentence by sentence, for any adapter.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IndexedDocument, SearchIndex, SearchPlace } from '../../src/ports/search-index.ts';
import { documentsFound, entryOf, findAll, longText, newPlace, versionOf } from '../support/search-samples.ts';
import { until } from '../support/until.ts';

export interface SearchIndexUnderTest {
  readonly index: SearchIndex;
  /** Another index over the same data, as another process has it. */
  another(): Promise<SearchIndex>;
  close(): Promise<void>;
}

/** @param makeIndex called once; every test uses an organisation of its own. */
export function describeSearchIndex(name: string, makeIndex: () => Promise<SearchIndexUnderTest>): void {
  describe(`search index contract: ${name}`, () => {
    let subject: SearchIndexUnderTest;
    let index: SearchIndex;
    let other: SearchIndex;

    beforeAll(async () => {
      subject = await makeIndex();
      index = subject.index;
      await index.prepare();
      other = await subject.another();
      await other.prepare();
    });
    afterAll(async () => {
      await other.close();
      await index.close();
      await subject.close();
    });

    const listOf = (place: SearchPlace): Promise<IndexedDocument[]> =>
      Array.fromAsync(index.list(place.organizationId, place.patientUuid));

    /** At once, or a little later where the index says so. */
    async function eventually(check: () => Promise<void>): Promise<void> {
      if (index.capabilities.immediate) return check();
      await until(() =>
        check().then(
          () => true,
          () => false,
        ),
      ).catch(() => {});
      await check();
    }

    async function expectFound(place: SearchPlace, text: string, documents: readonly string[]): Promise<void> {
      await eventually(async () => {
        for (const each of [index, other]) {
          expect((await documentsFound(each, place, text)).sort()).toEqual([...documents].sort());
        }
      });
    }

    describe('put', () => {
      it('makes a document found by its words, with the place where they stand', async () => {
        const place = newPlace();
        const documentUuid = randomUUID();
        const pages = ['Nothing of interest.', 'Later: fracture of the left ulna, treated with a cast.'];
        expect(await index.put(entryOf(place, documentUuid, ...pages))).toBe('created');
        await expectFound(place, 'ulna', [documentUuid]);
        const { passages } = await index.search({ ...place, text: 'ulna', limit: 10 });
        const [found] = passages;
        expect(found).toMatchObject({ documentUuid, version: versionOf(pages.join('\f')), page: 2 });
        expect(pages[1]!.slice(found!.start, found!.end)).toBe(found!.text);
        expect(found!.highlights.map(([from, to]) => found!.text.slice(from, to))).toEqual(['ulna']);
        expect(found!.score).toBeGreaterThan(0);
      });

      it('is unchanged for the same version, also from another process', async () => {
        const place = newPlace();
        const entry = entryOf(place, randomUUID(), 'Carcinoma excluded.');
        expect(await index.put(entry)).toBe('created');
        expect(await index.put(entry)).toBe('unchanged');
        expect(await other.put(entry)).toBe('unchanged');
        expect(await index.count(place.organizationId, place.patientUuid)).toEqual({ documents: 1, passages: 1 });
      });

      it('replaces another version, and nothing of the former is found', async () => {
        const place = newPlace();
        const documentUuid = randomUUID();
        await index.put(entryOf(place, documentUuid, longText('Migraine', 4), longText('Migraine', 2)));
        expect(await other.put(entryOf(place, documentUuid, 'Only tinnitus now.'))).toBe('replaced');
        await expectFound(place, 'tinnitus', [documentUuid]);
        await expectFound(place, 'migraine', []);
        expect(await listOf(place)).toMatchObject([
          { documentUuid, passages: 1, version: versionOf('Only tinnitus now.') },
        ]);
      });

      it('writes what may wait for others together with the next one that does not, and alone when its time is over', async () => {
        const place = newPlace();
        const [patient, hurried, alone] = [randomUUID(), randomUUID(), randomUUID()];
        const waiting = index.put(entryOf(place, patient, 'Bursitis, can wait.'), undefined, 600_000);
        // One that waits for ever would wait for the end of the test.
        expect(await index.put(entryOf(place, hurried, 'Bursitis, at once.'))).toBe('created');
        const another = index.put(entryOf(place, hurried, 'Bursitis, once more.'));
        expect(await Promise.all([waiting, another])).toEqual(['created', 'replaced']);
        expect(await index.put(entryOf(place, alone, 'Bursitis, alone.'), undefined, 20)).toBe('created');
        await expectFound(place, 'bursitis', [patient, hurried, alone]);
      });

      it('keeps what was put last, whether it waits for others or not', async () => {
        const place = newPlace();
        const documents = Array.from({ length: index.capabilities.immediate ? 20 : 2 }, () => randomUUID());
        for (const [number, documentUuid] of documents.entries()) {
          const first = index.put(entryOf(place, documentUuid, 'Bursitis, the first.'), undefined, 600_000);
          // It has got as far as it gets by itself.
          if (number % 2 === 0) await index.count(place.organizationId, null);
          await index.put(entryOf(place, documentUuid, 'Bursitis, the last.'));
          await first;
        }
        await eventually(async () => {
          const found = await findAll(index, place, 'bursitis');
          expect(found.map(({ documentUuid }) => documentUuid).sort()).toEqual(documents.toSorted());
          expect(new Set(found.map(({ text }) => text))).toEqual(new Set(['Bursitis, the last.']));
        });
      });

      it('does not ask for the pages of what it has already, whether that may wait or not', async () => {
        const place = newPlace();
        const documentUuid = randomUUID();
        let asked = 0;
        const entry = () => ({
          ...entryOf(place, documentUuid, 'Bursitis.'),
          pages: (async function* () {
            asked++;
            yield { number: 1, text: 'Bursitis.' };
          })(),
        });
        expect(await index.put(entry())).toBe('created');
        expect(asked).toBe(1);
        for (const waitMs of [0, 20]) expect(await index.put(entry(), undefined, waitMs)).toBe('unchanged');
        expect(asked).toBe(1);
      });

      it('lists a document without words, which is found by none', async () => {
        const place = newPlace();
        const entry = entryOf(place, randomUUID(), '', ' \n ');
        expect(await index.put(entry)).toBe('created');
        expect(await index.put(entry)).toBe('unchanged');
        const { documentUuid, version } = entry;
        expect(await listOf(place)).toEqual([
          { patientUuid: place.patientUuid, documentUuid, version, passages: 0, current: true },
        ]);
      });

      it('takes pages that come one after another, and any characters', async () => {
        const place = newPlace();
        const documentUuid = randomUUID();
        async function* pages() {
          yield { number: 3, text: 'zero \0 half \ud800 quotes \'" OR 1=1 -- \\ % _' };
          yield { number: 9, text: '東京の病院 🏥 Größe' };
        }
        await index.put({ ...place, documentUuid, version: versionOf('odd'), pages: pages() });
        await expectFound(place, 'quotes', [documentUuid]);
        await expectFound(place, 'GROSSE', [documentUuid]);
        await eventually(async () => {
          const { passages } = await index.search({ ...place, text: '病院', limit: 5 });
          expect(passages[0]).toMatchObject({ page: 9, start: 0 });
        });
      });

      it('puts nothing when its pages cannot be read to the end', async () => {
        const place = newPlace();
        const documentUuid = randomUUID();
        async function* pages() {
          yield { number: 1, text: 'Half a letter.' };
          throw new Error('The rest is not there.');
        }
        await expect(
          index.put({ ...place, documentUuid, version: versionOf('half'), pages: pages() }),
        ).rejects.toThrow();
        expect(await index.count(place.organizationId, place.patientUuid)).toEqual({ documents: 0, passages: 0 });
        expect(await index.put(entryOf(place, documentUuid, 'A whole letter.'))).toBe('created');
        await expectFound(place, 'letter', [documentUuid]);
      });

      it('lets the last of many writers stay, whole', async () => {
        const place = newPlace();
        const documentUuid = randomUUID();
        const words = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'];
        await Promise.all(
          words.map((word, i) => (i % 2 ? other : index).put(entryOf(place, documentUuid, longText(word, 1 + i)))),
        );
        const [document] = await listOf(place);
        const last = words.findIndex((word, i) => versionOf(longText(word, 1 + i)) === document!.version);
        for (const [i, word] of words.entries()) await expectFound(place, word, i === last ? [documentUuid] : []);
        expect(await index.count(place.organizationId, null)).toEqual({ documents: 1, passages: document!.passages });
      });

      it('is there once, whoever else puts it for the first time', async () => {
        const place = newPlace();
        const documents = Array.from({ length: index.capabilities.immediate ? 24 : 3 }, () => randomUUID());
        // Those that wait for others are written in another way.
        const waits = [
          [0, 0],
          [20, 20],
          [20, 0],
        ] as const;
        for (const [number, documentUuid] of documents.entries()) {
          const waitMs = waits[number % waits.length]!;
          await Promise.all(
            [index, other].map((each, i) =>
              each.put(entryOf(place, documentUuid, longText(`Common ${i}`, 1 + i)), undefined, waitMs[i]),
            ),
          );
        }
        const listed = await listOf(place);
        expect(listed.map((document) => document.documentUuid)).toEqual(documents.toSorted());
        await eventually(async () => {
          for (const each of [index, other]) {
            const found = await findAll(each, place, 'common');
            for (const { documentUuid, version, passages } of listed) {
              const own = found.filter((passage) => passage.documentUuid === documentUuid);
              expect(own.map((passage) => passage.version)).toEqual(Array(passages).fill(version));
            }
          }
        });
        expect((await index.count(place.organizationId, null)).documents).toBe(documents.length);
      });

      it('is seen whole or not at all while it replaces', async () => {
        const place = newPlace();
        const documentUuid = randomUUID();
        const texts = [longText('sameword firstword', 3), longText('sameword secondword', 6)];
        await index.put(entryOf(place, documentUuid, texts[0]!));
        await expectFound(place, 'sameword', [documentUuid]);
        let done = false;
        const writing = (async () => {
          for (let i = 1; i <= 6; i++) await index.put(entryOf(place, documentUuid, texts[i % 2]!));
          done = true;
        })();
        do {
          const { passages } = await other.search({ ...place, text: 'sameword', limit: 50 });
          expect(new Set(passages.map((passage) => passage.version)).size).toBeLessThanOrEqual(1);
          for (const { version, text } of passages) {
            expect(text).toContain(version === versionOf(texts[0]!) ? 'firstword' : 'secondword');
          }
        } while (!done);
        await writing;
      });
    });

    describe('search', () => {
      it('counts letters without case and accents, in several languages', async () => {
        const place = newPlace();
        const [german, english, spanish] = [randomUUID(), randomUUID(), randomUUID()];
        await index.put(entryOf(place, german, 'Frau Müller klagt über Rückenschmerzen und die Größe der Schwellung.'));
        await index.put(entryOf(place, english, 'The patient complains of back pain after the naïve exercise.'));
        await index.put(entryOf(place, spanish, 'El niño tiene fiebre y dolor de cabeza desde el año pasado.'));
        await expectFound(place, 'RUCKENSCHMERZEN', [german]);
        if (index.capabilities.phrases) await expectFound(place, 'Mueller', [german]);
        await expectFound(place, 'grosse', [german]);
        await expectFound(place, 'naive', [english]);
        await expectFound(place, 'NINO ano', [spanish]);
        await expectFound(place, 'nin\u0303o', [spanish]);
      });

      it('ranks what fits better first', async () => {
        const place = newPlace();
        const [both, one] = [randomUUID(), randomUUID()];
        await index.put(entryOf(place, one, 'The knee was examined and is without findings today, as it was before.'));
        await index.put(entryOf(place, both, 'Meniscus of the knee torn; the knee is swollen.'));
        await eventually(async () => {
          const { passages } = await index.search({ ...place, text: 'knee meniscus', limit: 10 });
          expect(passages.map((passage) => passage.documentUuid)).toEqual([both, one]);
          expect(passages[0]!.score).toBeGreaterThan(passages[1]!.score);
        });
      });

      it('finds by frequent words when there are no others', async () => {
        const place = newPlace();
        const documentUuid = randomUUID();
        await index.put(entryOf(place, documentUuid, 'This is what the others of us will be.'));
        await expectFound(place, 'the of', [documentUuid]);
      });

      it('keeps to phrases and beginnings', async () => {
        const place = newPlace();
        const [left, right] = [randomUUID(), randomUUID()];
        await index.put(entryOf(place, left, 'Fracture of the left wrist, right side unharmed. Herzinsuffizienz.'));
        await index.put(entryOf(place, right, 'Left side unharmed; the right wrist is fractured.'));
        if (!index.capabilities.phrases) return expectFound(place, 'wrist', [left, right]);
        await expectFound(place, '"left wrist"', [left]);
        await expectFound(place, '"wrist left"', []);
        await expectFound(place, '„of the left“', [left]);
        await expectFound(place, '"right wrist" herzinsuffizienz', [right]);
        await expectFound(place, 'herz*', [left]);
        await expectFound(place, 'fractu*', [left, right]);
        await expectFound(place, 'ractu*', []);
        const { passages } = await index.search({ ...place, text: '"left wrist"', limit: 5 });
        expect(passages[0]!.highlights.map(([from, to]) => passages[0]!.text.slice(from, to))).toEqual(['left wrist']);
      });

      it('gives an answer page by page, each passage once, in the same order', async () => {
        const place = newPlace();
        for (let i = 0; i < 6; i++) await index.put(entryOf(place, randomUUID(), longText(`Eczema${i} eczema`, 5)));
        await eventually(async () => expect((await findAll(index, place, 'eczema', 100)).length).toBeGreaterThan(20));
        const whole = await findAll(index, place, 'eczema', 100);
        const key = (p: (typeof whole)[number]): string => `${p.documentUuid} ${p.page} ${p.start}`;
        expect(new Set(whole.map(key)).size).toBe(whole.length);
        for (const limit of [1, 7]) {
          if (limit === 1 && !index.capabilities.immediate) continue;
          expect((await findAll(index, place, 'eczema', limit)).map(key)).toEqual(whole.map(key));
        }
      });

      it.each([
        '',
        ' ',
        '***',
        '"',
        '""',
        "'; DROP TABLE x; --",
        '\\',
        '\0',
        '%_',
        'AND OR NOT',
        '(((',
        '🏥',
        '\ud800',
      ])('finds nothing and does not fail for %j', async (text) => {
        const place = newPlace();
        await index.put(entryOf(place, randomUUID(), 'Plain words only.'));
        expect((await index.search({ ...place, text, limit: 5 })).passages).toEqual([]);
      });

      it('does not fail for any text', async () => {
        const place = newPlace();
        await index.put(entryOf(place, randomUUID(), 'Plain words only.'));
        const piece = fc.oneof(
          fc.string({ unit: 'binary', maxLength: 12 }),
          fc.constantFrom('plain', '"', '*', ' ', "'", '~2'),
        );
        await fc.assert(
          fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
            await index.search({ ...place, text: pieces.join(''), limit: 3 });
          }),
          { numRuns: index.capabilities.immediate ? 60 : 10 },
        );
      });
    });

    describe('apart', () => {
      it('the same document of two patients and two organisations is four entries', async () => {
        const [a, b] = [newPlace(), newPlace()];
        const places = [a, { ...a, patientUuid: b.patientUuid }, b, { ...b, patientUuid: a.patientUuid }];
        const documentUuid = randomUUID();
        const word = (i: number): string => `secret${'abcd'[i]}`;
        for (const [i, place] of places.entries())
          await index.put(entryOf(place, documentUuid, `Common ${word(i)} text`));
        for (const [i, place] of places.entries()) {
          for (const k of places.keys()) await expectFound(place, word(k), i === k ? [documentUuid] : []);
          const passages = await findAll(index, place, 'common');
          expect(passages.map((passage) => passage.text)).toEqual([`Common ${word(i)} text`]);
          expect(await index.count(place.organizationId, place.patientUuid)).toEqual({ documents: 1, passages: 1 });
          expect(await index.count(place.organizationId, null)).toEqual({ documents: 2, passages: 2 });
        }
        expect(await index.remove(places[0]!, [documentUuid])).toEqual({ removed: 1, remaining: 0 });
        await expectFound(places[0]!, 'common', []);
        for (const place of places.slice(1)) await expectFound(place, 'common', [documentUuid]);
      });

      it('organisations whose ids differ only a little are different ones', async () => {
        const base = newPlace();
        const ids = ['', '-', '_', '0', 'a', 'A'].map((end) => `${base.organizationId}${end}`);
        for (const organizationId of ids) {
          await index.put(entryOf({ ...base, organizationId }, randomUUID(), 'Shared word.'));
        }
        for (const organizationId of ids) {
          expect(await index.count(organizationId, null)).toEqual({ documents: 1, passages: 1 });
          expect((await documentsFound(index, { ...base, organizationId }, 'shared')).length).toBeLessThanOrEqual(1);
        }
      });

      it.each(["' OR '1'='1", 'org/other', '', '../org', 'org\n', 'org"', `org${'x'.repeat(64)}`, 'örg'])(
        'refuses the organisation %j',
        async (organizationId) => {
          const place = { ...newPlace(), organizationId };
          await expectRefused(place, randomUUID());
        },
      );

      it.each([
        "' OR '1'='1",
        '',
        '*',
        '0',
        'all',
        `${randomUUID()}'`,
        randomUUID().toUpperCase(),
        `${randomUUID()}\n`,
      ])('refuses the UUID %j', async (uuid) => {
        await expectRefused({ ...newPlace(), patientUuid: uuid }, randomUUID());
        const place = newPlace();
        await expect(async () => index.put(entryOf(place, uuid, 'x'))).rejects.toThrow(TypeError);
        await expect(async () => index.remove(place, [uuid])).rejects.toThrow(TypeError);
      });

      async function expectRefused(place: SearchPlace, documentUuid: string): Promise<void> {
        const { organizationId, patientUuid } = place;
        const calls: (() => Promise<unknown>)[] = [
          async () => index.put(entryOf(place, documentUuid, 'x')),
          async () => index.remove(place, [documentUuid]),
          async () => index.remove(place, 'all'),
          async () => Array.fromAsync(index.list(organizationId, patientUuid)),
          async () => index.count(organizationId, patientUuid),
          async () => index.search({ ...place, text: 'x', limit: 5 }),
          async () => index.beginRebuild(organizationId, patientUuid),
        ];
        for (const call of calls) await expect(call()).rejects.toThrow(TypeError);
      }

      it('refuses other limits and places to go on', async () => {
        const place = newPlace();
        for (const limit of [0, -1, 1.5, 101, Number.NaN]) {
          await expect(async () => index.search({ ...place, text: 'x', limit })).rejects.toThrow(TypeError);
        }
        for (const after of ['', '0', '-1', 'x', '1 OR 1', '99999']) {
          await expect(async () => index.search({ ...place, text: 'x', limit: 5, after })).rejects.toThrow(TypeError);
        }
      });
    });

    describe('remove', () => {
      it('says what was there, and that nothing is left', async () => {
        const place = newPlace();
        const documents = [randomUUID(), randomUUID(), randomUUID()];
        for (const documentUuid of documents) await index.put(entryOf(place, documentUuid, longText('Asthma', 3)));
        expect(await other.remove(place, [documents[0]!, documents[1]!, randomUUID()])).toEqual({
          removed: 2,
          remaining: 0,
        });
        await expectFound(place, 'asthma', [documents[2]!]);
        expect((await index.count(place.organizationId, null)).documents).toBe(1);
        expect(await index.remove(place, documents)).toEqual({ removed: 1, remaining: 0 });
        expect(await index.remove(place, documents)).toEqual({ removed: 0, remaining: 0 });
        expect(await index.remove(place, [])).toEqual({ removed: 0, remaining: 0 });
        expect(await index.put(entryOf(place, documents[0]!, 'Asthma again.'))).toBe('created');
        await expectFound(place, 'asthma', [documents[0]!]);
      });

      it('of all takes one patient only', async () => {
        const place = newPlace();
        const neighbour = { ...place, patientUuid: randomUUID() };
        for (let i = 0; i < 3; i++) await index.put(entryOf(place, randomUUID(), 'Gone soon.'));
        await index.put(entryOf(neighbour, randomUUID(), 'Gone never.'));
        expect(await index.remove(place, 'all')).toEqual({ removed: 3, remaining: 0 });
        expect(await index.count(place.organizationId, null)).toEqual({ documents: 1, passages: 1 });
        expect(await index.remove(newPlace(), 'all')).toEqual({ removed: 0, remaining: 0 });
      });
    });

    it('lists in byte order of patient, then document, and counts the same', async () => {
      const { organizationId } = newPlace();
      const keys: string[] = [];
      for (let p = 0; p < 3; p++) {
        const place = { organizationId, patientUuid: randomUUID() };
        for (let d = 0; d < 4; d++) {
          const documentUuid = randomUUID();
          keys.push(`${place.patientUuid} ${documentUuid}`);
          await index.put(entryOf(place, documentUuid, 'Some text.'));
        }
      }
      const all = await Array.fromAsync(index.list(organizationId, null));
      expect(all.map((document) => `${document.patientUuid} ${document.documentUuid}`)).toEqual(keys.toSorted());
      expect(await index.count(organizationId, null)).toEqual({ documents: 12, passages: 12 });
      expect(await Array.fromAsync(index.list(newPlace().organizationId, null))).toEqual([]);
      expect(await index.count(newPlace().organizationId, null)).toEqual({ documents: 0, passages: 0 });
    });

    describe.each([
      ['a patient', (place: SearchPlace) => place.patientUuid],
      ['the organisation', () => null],
    ])('a rebuild of %s', (_, covered) => {
      it('leaves what it brought and what was put meanwhile, and answers all the time', async () => {
        const place = newPlace();
        const [kept, dropped, changed, removed, added] = Array.from({ length: 5 }, () => randomUUID()) as [
          string,
          string,
          string,
          string,
          string,
        ];
        for (const uuid of [kept, dropped, changed, removed]) await index.put(entryOf(place, uuid, `Word old ${uuid}`));
        await expectFound(place, 'word', [kept, dropped, changed, removed]);

        const rebuild = await index.beginRebuild(place.organizationId, covered(place));
        expect(await rebuild.put(entryOf(place, kept, `Word old ${kept}`))).toMatch(/created|replaced/);
        expect(await other.put(entryOf(place, changed, 'Word new'))).toBe('replaced');
        expect(await other.put(entryOf(place, added, 'Word added'))).toBe('created');
        expect(await other.remove(place, [removed])).toEqual({ removed: 1, remaining: 0 });
        await expectFound(place, 'word', [kept, dropped, changed, added]);
        expect(await rebuild.put(entryOf(place, changed, `Word old ${changed}`))).toBe('kept');
        expect(await rebuild.put(entryOf(place, removed, `Word old ${removed}`))).toBe('kept');
        expect(await rebuild.put(entryOf(place, kept, `Word old ${kept}`))).toBe('unchanged');
        await expectFound(place, 'word', [kept, dropped, changed, added]);

        expect(await rebuild.finish()).toEqual({ documents: 3, passages: 3 });
        await expectFound(place, 'word', [kept, changed, added]);
        await expectFound(place, 'new', [changed]);
        await expectFound(place, 'old', [kept]);
        await expect(rebuild.put(entryOf(place, kept, 'x'))).rejects.toMatchObject({ code: 'search_rebuild_ended' });
        await index.maintain();
        expect((await listOf(place)).map((document) => document.documentUuid)).toEqual([kept, changed, added].sort());
        expect(await index.put(entryOf(place, removed, 'Word back'))).toBe('created');
        await expectFound(place, 'back', [removed]);
      });

      it('abandoned, or ended by a later one, changes nothing', async () => {
        const place = newPlace();
        const [one, two] = [randomUUID(), randomUUID()];
        await index.put(entryOf(place, one, 'Stays one.'));
        const first = await index.beginRebuild(place.organizationId, covered(place));
        const second = await other.beginRebuild(place.organizationId, covered(place));
        await expect(first.put(entryOf(place, two, 'No.'))).rejects.toMatchObject({ code: 'search_rebuild_ended' });
        await expect(first.finish()).rejects.toMatchObject({ code: 'search_rebuild_ended' });
        await first.abandon();
        await index.put(entryOf(place, two, 'Stays two.'));
        await second.abandon();
        await expect(second.finish()).rejects.toMatchObject({ code: 'search_rebuild_ended' });
        await expectFound(place, 'stays', [one, two]);
      });
    });

    it('a rebuild of a patient leaves the others alone, and takes nothing of theirs', async () => {
      const place = newPlace();
      const neighbour = { ...place, patientUuid: randomUUID() };
      const documentUuid = randomUUID();
      await index.put(entryOf(neighbour, documentUuid, 'Neighbour.'));
      await index.put(entryOf(place, documentUuid, 'Own.'));
      const rebuild = await index.beginRebuild(place.organizationId, place.patientUuid);
      await expect(async () => rebuild.put(entryOf(neighbour, documentUuid, 'x'))).rejects.toThrow(TypeError);
      await expect(async () => rebuild.put(entryOf(newPlace(), documentUuid, 'x'))).rejects.toThrow(TypeError);
      expect(await rebuild.finish()).toEqual({ documents: 0, passages: 0 });
      await expectFound(neighbour, 'neighbour', [documentUuid]);
      await expectFound(place, 'own', []);
    });

    it('may be maintained at any time, and is well', async () => {
      const place = newPlace();
      const documentUuid = randomUUID();
      const putting = (async () => {
        for (let i = 0; i < 5; i++) await index.put(entryOf(place, documentUuid, longText(`Round${i} rounds`, 3)));
      })();
      await Promise.all([index.maintain(), other.maintain(), putting]);
      await index.maintain();
      await expectFound(place, 'round4', [documentUuid]);
      await expectFound(place, 'round3', []);
      expect(await index.health()).toEqual({ error: null });
    });

    it('stops every call before it begins when the signal is aborted', async () => {
      const place = newPlace();
      const { organizationId } = place;
      const signal = AbortSignal.abort();
      const calls = [
        index.put(entryOf(place, randomUUID(), 'x'), signal),
        index.remove(place, [randomUUID()], signal),
        index.count(organizationId, null, signal),
        index.search({ ...place, text: 'x', limit: 5 }, signal),
        index.beginRebuild(organizationId, null, signal),
        index.maintain(signal),
      ];
      for (const result of await Promise.allSettled(calls)) {
        expect(result).toMatchObject({ status: 'rejected', reason: { name: 'SyncError', code: 'cancelled' } });
      }
      expect(await listOf(place)).toEqual([]);
    });
  });
}
