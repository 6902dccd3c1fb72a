/**
 * Follows the documents of patients wherever they are worked on. All who follow share one question to the database each
 * moment; while nobody does, nothing is asked.
 */
import { toSyncError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { DocumentEvent, DocumentEvents, SummaryNews } from '../ports/document-events.ts';

export interface DocumentFollower {
  readonly organizationId: string;
  readonly patientUuid: string;
  /** The place after which to begin; null: now. */
  readonly after: string | null;
  /** @param events none: the place itself was found */
  hear(place: string, events: readonly DocumentEvent[], missed: boolean): void;
}

export interface DocumentWatch {
  /** @returns ends it */
  follow(follower: DocumentFollower): () => void;
  /** Tells those who follow the patient, wherever they are. */
  tell(organizationId: string, patientUuid: string, news: SummaryNews): Promise<void>;
  isPlace(text: string): boolean;
  /** Aborted when the process stops following. */
  readonly closed: AbortSignal;
  close(): void;
}

const EVERY_MS = 250;

export function createDocumentWatch(options: { events: DocumentEvents; clock: Clock }): DocumentWatch {
  const { events, clock } = options;
  /** With the place of each; null: not known yet. */
  const followers = new Map<DocumentFollower, string | null>();
  const closed = new AbortController();
  let wake = new AbortController();
  let looking = false;

  async function look(): Promise<void> {
    const fresh = [...followers].filter(([, place]) => place === null);
    if (fresh.length > 0) {
      const now = await events.now();
      for (const [follower] of fresh) {
        if (!followers.has(follower)) continue;
        followers.set(follower, now);
        follower.hear(now, [], false);
      }
    }
    const asked = [...followers].flatMap(([follower, place]) => (place === null ? [] : [{ follower, place }]));
    const heard = await events.since(
      asked.map(({ follower: { organizationId, patientUuid }, place }) => ({ organizationId, patientUuid, place })),
    );
    let now: string | null = null;
    for (const [i, { events: news, missed }] of heard.entries()) {
      const { follower } = asked[i]!;
      if (!followers.has(follower) || (news.length === 0 && !missed)) continue;
      let place = news.at(-1)?.place;
      if (place === undefined) {
        now ??= await events.now();
        place = now;
      }
      followers.set(follower, place);
      follower.hear(place, news, missed);
    }
  }

  async function keepLooking(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      while (followers.size > 0 && !closed.signal.aborted) {
        wake = new AbortController();
        const signal = AbortSignal.any([closed.signal, wake.signal]);
        // The database may come back: nothing is lost, each has its place.
        await look().catch(toSyncError);
        await clock.sleep(EVERY_MS, signal).catch(() => undefined);
      }
    } finally {
      looking = false;
    }
  }

  return {
    follow(follower) {
      followers.set(follower, follower.after);
      if (looking) wake.abort();
      else void keepLooking();
      return () => void followers.delete(follower);
    },
    tell: (organizationId, patientUuid, news) => events.tell(organizationId, patientUuid, news),
    isPlace: (text) => events.isPlace(text),
    closed: closed.signal,
    close: () => closed.abort(),
  };
}
