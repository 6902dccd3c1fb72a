/** Doctors come and go. */
import type { Random } from '../vsrx/random.ts';
import type { Wall } from './wall.ts';
import { type Clinic, newId } from './world.ts';

const SHRUBS = ['Dogrose', 'Elderberry', 'Fuchsia', 'Gorse', 'Heather', 'Jasmine'];

/** One leaves, and a colleague takes the future appointments; or somebody new comes. */
export function changeStaff(
  clinic: Clinic,
  random: Random,
  wall: Wall,
): { readonly kind: 'staff changed'; readonly id: string } {
  const active = clinic.providers.filter((provider) => provider.active);
  if (active.length > 2 && random.chance(0.5)) {
    const leaving = random.pick(active);
    const heir = random.pick(active.filter(({ id }) => id !== leaving.id));
    leaving.active = false;
    for (const event of [...clinic.events]) {
      if (event.providerId !== leaving.id || event.start <= wall) continue;
      if (event.kind === 'roster') clinic.events.splice(clinic.events.indexOf(event), 1);
      else event.providerId = heir.id;
    }
    return { kind: 'staff changed', id: leaving.id };
  }
  const name = `Dr Specimen ${SHRUBS[clinic.providers.length % SHRUBS.length]!}`;
  const id = newId(clinic);
  clinic.providers.push({ id, name, color: '#cccccc', active: true });
  return { kind: 'staff changed', id };
}
