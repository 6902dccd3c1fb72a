import type { HeldSet } from '#lib/api/client.ts';
import type { Tone } from '#lib/connection-state.ts';

const TONES: Record<HeldSet['state'], Tone> = {
  pending: 'warn',
  approved: 'busy',
  applied: 'good',
  rejected: 'off',
  superseded: 'off',
};

export function toneOf(state: HeldSet['state']): Tone {
  return TONES[state];
}
