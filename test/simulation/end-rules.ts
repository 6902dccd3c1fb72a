/** What must hold when the source rests, the faults have ended and everything had its time. */
import type { MemoryDocument, MemoryWorld } from '../../src/stores/memory/world.ts';
import { keyOfItem, ownerOfContent, type Practice, type PracticeRow } from './practice.ts';
import { isOf, Violation } from './rules.ts';
import { wallClock } from './wall-clock.ts';

export function endViolations(
  world: MemoryWorld,
  contents: ReadonlyMap<string, Uint8Array>,
  practices: readonly Practice[],
  lost: ReadonlySet<string>,
): Violation[] {
  const found: Violation[] = [];
  for (const practice of practices) found.push(...convergence(world, practice));
  const named = new Set<string>();
  const inSource = new Set<string>();
  for (const uuid of world.liveDocuments.values()) {
    const document = world.documents.get(uuid)!;
    const name = `${document.organizationId}/${document.sha256}`;
    named.add(name);
    const practice = practices.find((p) => isOf(document, p))!;
    if (practice.present().has(keyOfItem(document.unit, document.reference))) inSource.add(name);
  }
  for (const name of named) {
    // A lost content can only come back from the source.
    if (contents.has(name) || (lost.has(name) && !inSource.has(name))) continue;
    found.push(new Violation('every document has its content', name));
  }
  for (const [name, bytes] of contents) {
    if (!named.has(name)) found.push(new Violation('no content is left over', name));
    const owner = ownerOfContent(name.slice(name.indexOf('/') + 1));
    if (owner !== null && !name.startsWith(`${owner}/`))
      found.push(new Violation('no tenant in another', `a content of ${owner} under ${name}`));
    if (bytes.byteLength === 0) found.push(new Violation('every content is whole', name));
  }
  for (const blob of world.blobs.values()) {
    const documents = [...world.liveDocuments.values()].filter((uuid) => {
      const document = world.documents.get(uuid)!;
      return document.organizationId === blob.organizationId && document.sha256 === blob.sha256;
    }).length;
    if (blob.references !== documents)
      found.push(new Violation('references are counted right', `${blob.references} instead of ${documents}`));
  }
  return found;
}

function convergence(world: MemoryWorld, practice: Practice): Violation[] {
  const found: Violation[] = [];
  const where = `${practice.organizationId}/${practice.connectionId}`;
  const live = new Map<string, MemoryDocument[]>();
  for (const document of world.documents.values()) {
    if (document.deletedAt !== null || !isOf(document, practice)) continue;
    const key = keyOfItem(document.unit, document.reference);
    live.set(key, [...(live.get(key) ?? []), document]);
  }
  for (const row of practice.rows()) {
    if (row.deleted) continue;
    const key = keyOfItem(row.unit, row.reference);
    const documents = live.get(key) ?? [];
    live.delete(key);
    const content = practice.contentAt(row.path);
    if (content === null) continue;
    if (documents.length !== 1)
      found.push(new Violation('every item is stored once', `${key} of ${where}: ${documents.length} times`));
    else if (documents[0]!.sha256 !== content)
      found.push(new Violation('every item has its content', `${key} of ${where}`));
    else if (documents[0]!.path !== row.path)
      found.push(new Violation('every item has its path', `${key} of ${where}`));
    else if (!isReadingOf(documents[0]!.uploadedAt, row, practice.timeZone))
      found.push(
        new Violation(
          'every item has its time',
          `${key} of ${where}: ${row.wallClock} is no ${documents[0]!.uploadedAt}`,
        ),
      );
  }
  for (const [key, documents] of live) {
    for (const document of documents) {
      const orphan = !practice.patients.has(document.unit);
      if (!orphan && document.keptSince === null)
        found.push(new Violation('nothing is left that is gone', `${key} of ${where}`));
    }
  }
  return found;
}

/** At that instant the clock of the source shows what the row says. In an hour that comes twice either is right. */
function isReadingOf(instant: string | null, row: PracticeRow, timeZone: string): boolean {
  return instant !== null && wallClock(timeZone, Date.parse(instant)) === row.wallClock;
}
