/** How far a document is, and how one of its copies is, in words and colour. */
import type { Copies, Group, PatientDocument } from './api/client.ts';
import type { Shown } from './connection-state.ts';
import { readingOf } from './warning-words.ts';
import { words } from './words.ts';

export function documentStateOf({
  status,
  stage,
  warnings,
  textPages,
  keptOn,
}: Pick<PatientDocument, 'status' | 'stage' | 'warnings' | 'textPages' | 'keptOn'>): Shown {
  const text = words.documents.states[status] ?? status;
  switch (status) {
    case 'complete': {
      // Also when a PDF was made of it here: it is found there, not here.
      if (keptOn !== null) return { text: words.documents.keptOn(keptOn), tone: 'good' };
      const reading = readingOf({ warnings, textPages });
      if (reading === 'whole') return { text, tone: 'good' };
      return { text: reading === 'partly' ? words.documents.partly : words.documents.noText, tone: 'warn' };
    }
    case 'error':
      return { text, tone: 'warn' };
    case 'processing':
      return { text: stage === null ? text : `${text}: ${words.documents.stages[stage] ?? stage}`, tone: 'busy' };
    default:
      return { text, tone: 'off' };
  }
}

export function groupStateOf(status: Group['status']): Shown {
  const tone = status === 'complete' ? 'good' : status === 'error' ? 'warn' : 'busy';
  return { text: words.groups.states[status] ?? status, tone };
}

export function copyToneOf(verdict: Copies['copies'][number]['verdict']): Shown {
  const text = words.copies.verdicts[verdict] ?? verdict;
  if (verdict === 'same') return { text, tone: 'good' };
  if (verdict === 'none') return { text, tone: 'off' };
  return { text, tone: verdict === 'unknown' ? 'warn' : 'bad' };
}
