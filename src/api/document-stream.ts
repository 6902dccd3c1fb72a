/** One who watches a patient, whatever carries the news: in order, only as long as what was presented is valid. */
import { toSyncError } from '../domain/errors.ts';
import type { Access, Asking } from './access.ts';
import { type DocumentNews, newsOf } from './document-news.ts';
import type { ApiServices } from './services.ts';

/** Keys are revoked and tokens end while somebody watches. */
const CHECK_MS = 10_000;

export interface PatientWatcher {
  readonly organizationId: string;
  readonly patientUuid: string;
  /** Null: from now on. */
  readonly after: string | null;
  /** Where the watcher is from now on; with the first one it begins. */
  at(place: string): void;
  tell(news: DocumentNews, place: string): void;
  /** Some news are forgotten: look at everything again. */
  missed(): void;
  /** The caller may not watch any more, or the database does not answer. */
  end(): void;
}

/** @returns ends it */
export function watchPatient(
  services: Pick<ApiServices, 'desk' | 'patients' | 'documentWatch'>,
  access: Access,
  caller: Asking,
  watcher: PatientWatcher,
): () => void {
  const { organizationId, patientUuid, after } = watcher;
  let telling: Promise<void> = Promise.resolve();
  let over = false;
  const stop = () => {
    over = true;
    clearInterval(check);
    unfollow();
  };
  const end = () => {
    if (over) return;
    stop();
    watcher.end();
  };
  const check = setInterval(() => {
    void access.isStillValid(caller).then((valid) => {
      if (!valid) end();
    });
  }, CHECK_MS);
  check.unref();
  const unfollow = services.documentWatch.follow({
    organizationId,
    patientUuid,
    after,
    hear(place, events, missed) {
      telling = telling
        .then(async () => {
          if (missed && !over) watcher.missed();
          for (const event of events) {
            const news = await newsOf(services, { organizationId, patientUuid }, event);
            if (over) return;
            if (news !== null) watcher.tell(news, event.place);
          }
          if (!over) watcher.at(place);
        })
        .catch((error) => {
          caller.log.warn({ code: toSyncError(error).code }, 'news of documents could not be told');
          // Whoever watched comes back to the place it had heard of last.
          end();
        });
    },
  });
  return stop;
}
