import { answerOf, api } from '#lib/api/client.ts';
import type { PageLoad } from './$types';

/** Whether there is a choice is not worth a failure: the key always is. */
export const load: PageLoad = async () => ({
  providers: await answerOf(api.GET('/api/v1/session/oidc')).then(
    ({ providers }) => providers,
    () => [],
  ),
});
