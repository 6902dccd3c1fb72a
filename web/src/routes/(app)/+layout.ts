import { redirect } from '@sveltejs/kit';
import { asProblem } from '#lib/api/problem.ts';
import { session } from '#lib/session.svelte.ts';

/** Every page but the sign-in wants to know who looks; each waits for it (`parent`) before it asks for anything. */
export const load = async ({ url }: { url: URL }) => {
  if (session.current !== null) return { problem: null };
  try {
    await session.load();
    return { problem: null };
  } catch (error) {
    const problem = asProblem(error);
    if (problem.kind !== 'signed-out') return { problem };
    const wanted = url.pathname + url.search;
    const next = wanted === '/' ? '' : `?next=${encodeURIComponent(wanted)}`;
    redirect(307, `/sign-in${next}`);
  }
};
