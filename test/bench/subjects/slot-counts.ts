/** Counts the slots of all clinics: one statement for each clinic, or one for each slot. */
import pg from 'pg';
import { measureInside, subjectInput } from '../inside.ts';

export interface SlotCountsInput {
  readonly url: string;
  readonly from: string;
  readonly to: string;
  readonly how: 'clinic' | 'slot';
  readonly statements: number;
}

const { url, from, to, how, statements } = subjectInput<SlotCountsInput>();
const client = new pg.Client({ connectionString: url });
await client.connect();
await client.query('UPDATE schedule_slots SET booked_count = 0');
await measureInside(
  async () => {
    let asked = 0;
    const { rows: clinics } = await client.query<{ id: string }>('SELECT clinic_id AS id FROM clinic_schedule_config');
    for (const { id } of clinics) {
      if (how === 'clinic') {
        asked++;
        await client.query('SELECT * FROM update_slot_counts_bulk($1, $2, $3)', [id, from, to]);
        continue;
      }
      const slots = await client.query<{ id: string }>('SELECT id FROM schedule_slots WHERE clinic_id = $1', [id]);
      for (const slot of slots.rows) {
        asked++;
        await client.query(
          `UPDATE schedule_slots AS s SET booked_count = (
             SELECT count(*) FROM schedule_appointments AS a
             WHERE a.clinic_id = s.clinic_id AND a.organization_id = s.organization_id AND a.deleted_at IS NULL
               AND a.status NOT IN ('cancelled', 'no_show') AND a.starts_at < s.ends_at AND a.ends_at > s.starts_at)
           WHERE id = $1`,
          [slot.id],
        );
      }
    }
    return asked;
  },
  (asked) => {
    if (asked !== statements) throw new Error(`${asked} statements in place of ${statements}.`);
  },
);
const { rows } = await client.query<{ booked: string }>('SELECT sum(booked_count) AS booked FROM schedule_slots');
await client.end();
if (Number(rows[0]?.booked) === 0) throw new Error('Nothing was counted.');
