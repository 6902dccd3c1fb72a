-- The book of a clinic: its slots, its appointments as the source shows them, and the places promised to callers.
--
-- schedule_slots, schedule_appointments, clinic_schedule_config, clinic_blocked_periods, vapi_bookings and the view
-- schedule_syncs keep the names and columns that other applications read; what we added to them comes after those columns.
--
-- A clinic's UUID exists once: whoever owns its row in clinic_schedule_config owns everything about it, and the foreign keys
-- hold every other table to that. So a UUID alone, which is all that those applications pass, names one organisation's clinic.

CREATE TABLE clinic_schedule_config (
  id                       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  clinic_id                uuid NOT NULL UNIQUE,
  open_time                time NOT NULL DEFAULT '08:00',
  close_time               time NOT NULL DEFAULT '18:00',
  -- 0 = Sunday.
  days_of_week             integer[] NOT NULL DEFAULT '{1,2,3,4,5,6}' CHECK (days_of_week <@ '{0,1,2,3,4,5,6}'::integer[]),
  slot_duration_minutes    integer NOT NULL DEFAULT 15 CHECK (slot_duration_minutes BETWEEN 1 AND 120),
  default_capacity         integer NOT NULL DEFAULT 2 CHECK (default_capacity > 0),
  sync_horizon_days        integer NOT NULL DEFAULT 14 CHECK (sync_horizon_days BETWEEN 1 AND 60),
  stale_threshold_minutes  integer NOT NULL DEFAULT 60 CHECK (stale_threshold_minutes > 0),
  timezone                 text NOT NULL DEFAULT 'America/Los_Angeles',
  idexx_config_snapshot    jsonb,
  sync_schedules           jsonb NOT NULL DEFAULT '[]',
  -- {"1": [{"open": "08:00", "close": "12:00"}, …], …}; null: open_time to close_time on days_of_week.
  daily_hours              jsonb,
  created_at               timestamptz NOT NULL DEFAULT now(),
  updated_at               timestamptz NOT NULL DEFAULT now(),
  organization_id          text NOT NULL,
  connection_id            text NOT NULL,
  -- From here on an old book is not only shown as old but reported.
  alarm_threshold_minutes  integer NOT NULL DEFAULT 240 CHECK (alarm_threshold_minutes > 0),
  -- Calendar columns whose appointments count; null: all of them.
  scheduling_room_ids      text[],
  -- [{"name": "Vaccination", "minutes": 15}, …]
  appointment_types        jsonb NOT NULL DEFAULT '[]',
  UNIQUE (organization_id, clinic_id),
  CHECK (close_time > open_time),
  FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id)
);

CREATE TABLE clinic_blocked_periods (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  clinic_id        uuid NOT NULL,
  name             text NOT NULL,
  start_time       time NOT NULL,
  end_time         time NOT NULL,
  days_of_week     integer[] NOT NULL DEFAULT '{1,2,3,4,5,6}',
  is_active        boolean NOT NULL DEFAULT true,
  organization_id  text NOT NULL,
  CHECK (end_time > start_time),
  FOREIGN KEY (organization_id, clinic_id) REFERENCES clinic_schedule_config (organization_id, clinic_id) ON DELETE CASCADE
);
CREATE INDEX clinic_blocked_periods_clinic ON clinic_blocked_periods (organization_id, clinic_id);

CREATE TABLE clinic_closed_days (
  organization_id  text NOT NULL,
  clinic_id        uuid NOT NULL,
  date             date NOT NULL,
  name             text NOT NULL,
  PRIMARY KEY (organization_id, clinic_id, date),
  FOREIGN KEY (organization_id, clinic_id) REFERENCES clinic_schedule_config (organization_id, clinic_id) ON DELETE CASCADE
);

CREATE TABLE schedule_slots (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  clinic_id        uuid NOT NULL,
  date             date NOT NULL,
  start_time       time NOT NULL,
  -- 24:00 for the last slot of a day that never closes.
  end_time         time NOT NULL,
  capacity         integer NOT NULL DEFAULT 2 CHECK (capacity > 0),
  booked_count     integer NOT NULL DEFAULT 0 CHECK (booked_count >= 0),
  last_synced_at   timestamptz,
  sync_id          text,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  organization_id  text NOT NULL,
  starts_at        timestamptz NOT NULL,
  ends_at          timestamptz NOT NULL,
  -- 1 when the clock shows this time for the second time that day: a clinic open at night has two slots of that name.
  fold             integer NOT NULL DEFAULT 0 CHECK (fold IN (0, 1)),
  -- Not of the present opening hours any more, kept because of a booking. Not offered.
  retired_at       timestamptz,
  CHECK (ends_at > starts_at),
  UNIQUE (clinic_id, date, start_time, fold),
  FOREIGN KEY (organization_id, clinic_id) REFERENCES clinic_schedule_config (organization_id, clinic_id)
);
CREATE INDEX schedule_slots_day ON schedule_slots (organization_id, clinic_id, date);
CREATE INDEX schedule_slots_time ON schedule_slots (organization_id, clinic_id, starts_at);

CREATE TABLE schedule_appointments (
  id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  clinic_id           uuid NOT NULL,
  slot_id             uuid REFERENCES schedule_slots (id) ON DELETE SET NULL,
  neo_appointment_id  text NOT NULL,
  date                date NOT NULL,
  start_time          time NOT NULL,
  end_time            time NOT NULL,
  patient_name        text,
  client_name         text,
  client_phone        text,
  provider_name       text,
  room_id             text,
  appointment_type    text,
  status              text NOT NULL DEFAULT 'scheduled'
                      CHECK (status IN ('scheduled', 'finalized', 'no_show', 'cancelled', 'in_progress')),
  sync_hash           text NOT NULL,
  last_synced_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at          timestamptz,
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now(),
  organization_id     text NOT NULL,
  -- The widest reading of times that exist twice or not at all.
  starts_at           timestamptz NOT NULL,
  ends_at             timestamptz NOT NULL,
  deleted_reason      text,
  deleted_by_run      text,
  -- Reads of its date have been missing it since then, and it still takes its place.
  unconfirmed_since   timestamptz,
  CHECK (ends_at > starts_at),
  -- Full, not only of live rows: one that comes back is the same appointment.
  UNIQUE (clinic_id, neo_appointment_id),
  FOREIGN KEY (organization_id, clinic_id) REFERENCES clinic_schedule_config (organization_id, clinic_id)
);
CREATE INDEX schedule_appointments_day ON schedule_appointments (organization_id, clinic_id, date) WHERE deleted_at IS NULL;
-- By the end: the future is what is asked for, and it stays small.
CREATE INDEX schedule_appointments_time ON schedule_appointments (organization_id, clinic_id, ends_at, starts_at)
  WHERE deleted_at IS NULL;
CREATE INDEX schedule_appointments_slot ON schedule_appointments (slot_id) WHERE slot_id IS NOT NULL;

CREATE TABLE vapi_bookings (
  id                         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  clinic_id                  uuid NOT NULL,
  slot_id                    uuid REFERENCES schedule_slots (id) ON DELETE SET NULL,
  date                       date NOT NULL,
  start_time                 time NOT NULL,
  client_name                text,
  client_phone               text,
  patient_name               text,
  species                    text,
  breed                      text,
  reason                     text,
  is_new_client              boolean NOT NULL DEFAULT false,
  -- pending: held until hold_expires_at. rescheduled: confirmed, then moved. An expired hold becomes cancelled.
  status                     text NOT NULL DEFAULT 'pending'
                             CHECK (status IN ('pending', 'confirmed', 'rescheduled', 'cancelled')),
  confirmation_number        text NOT NULL CHECK (confirmation_number ~ '^ODIS-[0-9A-F]{8}$'),
  vapi_call_id               text,
  hold_expires_at            timestamptz,
  booked_at_sync_id          text,
  -- When the slot's date had last been read.
  sync_freshness_at_booking  timestamptz,
  has_conflict               boolean NOT NULL DEFAULT false,
  original_date              date,
  original_time              time,
  rescheduled_at             timestamptz,
  rescheduled_reason         text,
  metadata                   jsonb NOT NULL DEFAULT '{}',
  created_at                 timestamptz NOT NULL DEFAULT now(),
  updated_at                 timestamptz NOT NULL DEFAULT now(),
  organization_id            text NOT NULL,
  fold                       integer NOT NULL DEFAULT 0 CHECK (fold IN (0, 1)),
  starts_at                  timestamptz NOT NULL,
  ends_at                    timestamptz NOT NULL,
  -- The caller's own name of its request, and what it asked for: the same again gets the same booking.
  request_key                text,
  request_hash               text,
  confirmed_at               timestamptz,
  cancelled_at               timestamptz,
  cancelled_reason           text,
  -- The appointment that the clinic made of it. Once seen, that takes the place, and the booking does not any more.
  neo_appointment_id         text,
  seen_in_source_at          timestamptz,
  CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '1 day'),
  CHECK (status <> 'pending' OR hold_expires_at IS NOT NULL),
  CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
  UNIQUE (organization_id, confirmation_number),
  UNIQUE (organization_id, clinic_id, request_key),
  FOREIGN KEY (organization_id, clinic_id) REFERENCES clinic_schedule_config (organization_id, clinic_id)
);
CREATE INDEX vapi_bookings_time ON vapi_bookings (organization_id, clinic_id, starts_at) WHERE status <> 'cancelled';
CREATE INDEX vapi_bookings_expiry ON vapi_bookings (organization_id, hold_expires_at) WHERE status = 'pending';
-- One appointment takes one place: two bookings that name the same one would give the other's place away.
CREATE UNIQUE INDEX vapi_bookings_appointment ON vapi_bookings (organization_id, clinic_id, neo_appointment_id)
  WHERE status <> 'cancelled';
CREATE INDEX vapi_bookings_slot ON vapi_bookings (slot_id) WHERE slot_id IS NOT NULL;

-- How old the book of each date is.
CREATE TABLE schedule_days (
  organization_id  text NOT NULL,
  clinic_id        uuid NOT NULL,
  date             date NOT NULL,
  -- Beginning of the last good read.
  read_at          timestamptz,
  read_by_run      text,
  -- Of the last read, when it failed.
  failed_at        timestamptz,
  failed_code      text,
  PRIMARY KEY (organization_id, clinic_id, date),
  FOREIGN KEY (organization_id, clinic_id) REFERENCES clinic_schedule_config (organization_id, clinic_id) ON DELETE CASCADE
);

-- What a run of a clinic's book says beyond other runs.
CREATE TABLE schedule_run_windows (
  run_id           text NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
  organization_id  text NOT NULL,
  clinic_id        uuid NOT NULL,
  sync_start_date  date NOT NULL,
  sync_end_date    date NOT NULL,
  progress_date    date,
  failed_dates     text[] NOT NULL DEFAULT '{}',
  idexx_config     jsonb,
  PRIMARY KEY (run_id, clinic_id),
  FOREIGN KEY (organization_id, clinic_id) REFERENCES clinic_schedule_config (organization_id, clinic_id) ON DELETE CASCADE
);
CREATE INDEX schedule_run_windows_clinic ON schedule_run_windows (organization_id, clinic_id);

CREATE VIEW schedule_syncs AS
SELECT r.id, w.clinic_id, w.sync_start_date, w.sync_end_date,
       CASE WHEN r.finished_at IS NULL THEN 'in_progress' WHEN r.state = 'completed' THEN 'completed' ELSE 'failed' END AS status,
       coalesce((r.effects ->> 'slotsCreated')::integer, 0) AS slots_created,
       coalesce((r.effects ->> 'slotsUpdated')::integer, 0) AS slots_updated,
       coalesce((r.effects ->> 'added')::integer, 0) AS appointments_added,
       coalesce((r.effects ->> 'updated')::integer, 0) + coalesce((r.effects ->> 'moved')::integer, 0) AS appointments_updated,
       coalesce((r.effects ->> 'removed')::integer, 0) AS appointments_removed,
       coalesce((r.effects ->> 'conflictsDetected')::integer, 0) AS conflicts_detected,
       coalesce((r.effects ->> 'conflictsResolved')::integer, 0) AS conflicts_resolved,
       w.idexx_config, r.error ->> 'message' AS error_message, r.error AS error_details, r.started_at,
       r.finished_at AS completed_at, floor(extract(epoch FROM r.finished_at - r.started_at) * 1000)::integer AS duration_ms,
       r.queued_at AS created_at, round(r.percentage)::integer AS progress_percentage, w.progress_date, w.failed_dates,
       w.failed_dates <> '{}' AS partial_success, 'appointments'::text AS sync_type, r.organization_id, r.connection_id
FROM schedule_run_windows AS w JOIN sync_runs AS r ON r.id = w.run_id AND r.organization_id = w.organization_id;

-- A confirmed booking takes its place until its appointment does. Volatile: a hold ends by the clock, also within a transaction.
CREATE FUNCTION chartsync_takes_place(b vapi_bookings) RETURNS boolean LANGUAGE sql VOLATILE AS $$
  SELECT b.seen_in_source_at IS NULL
    AND (b.status IN ('confirmed', 'rescheduled') OR (b.status = 'pending' AND b.hold_expires_at > clock_timestamp()))
$$;

-- Counts all slots of the dates in one statement: appointments that began before a slot's end, less those that had ended by its
-- beginning. Two sorted passes, where a join of slots with appointments would compare each with each.
-- Returns how many counts were wrong before.
CREATE FUNCTION chartsync_count_slots(p_organization_id text, p_clinic_id uuid, p_start date, p_end date)
RETURNS integer LANGUAGE sql
-- Before the tables are analysed for the first time the planner expects a row or two, and would join rows with rows.
SET enable_nestloop = off AS $$
  WITH slots AS (
    SELECT id, starts_at, ends_at FROM schedule_slots
    WHERE organization_id = p_organization_id AND clinic_id = p_clinic_id AND date BETWEEN p_start AND p_end
    -- Everybody locks slots in this order.
    ORDER BY starts_at, id FOR NO KEY UPDATE
  ), busy AS (
    SELECT a.starts_at, a.ends_at
    FROM schedule_appointments AS a
    JOIN clinic_schedule_config AS c ON c.organization_id = a.organization_id AND c.clinic_id = a.clinic_id
    WHERE a.organization_id = p_organization_id AND a.clinic_id = p_clinic_id AND a.deleted_at IS NULL
      AND a.status NOT IN ('cancelled', 'no_show')
      AND (c.scheduling_room_ids IS NULL OR a.room_id IS NULL OR a.room_id = ANY (c.scheduling_room_ids))
      AND a.ends_at > (SELECT min(starts_at) FROM slots) AND a.starts_at < (SELECT max(ends_at) FROM slots)
  ), begun AS (
    SELECT id, sum(one) OVER (ORDER BY at, one ROWS UNBOUNDED PRECEDING) AS n
    FROM (SELECT id, ends_at AS at, 0 AS one FROM slots UNION ALL SELECT NULL, starts_at, 1 FROM busy) AS e
  ), ended AS (
    SELECT id, sum(one) OVER (ORDER BY at, one DESC ROWS UNBOUNDED PRECEDING) AS n
    FROM (SELECT id, starts_at AS at, 0 AS one FROM slots UNION ALL SELECT NULL, ends_at, 1 FROM busy) AS e
  ), counted AS (
    SELECT id, sum(n) AS n
    FROM (SELECT id, n FROM begun UNION ALL SELECT id, -n FROM ended) AS both_passes
    WHERE id IS NOT NULL GROUP BY id
  ), changed AS (
    UPDATE schedule_slots AS s SET booked_count = counted.n, updated_at = now()
    FROM counted
    WHERE s.id = counted.id AND s.organization_id = p_organization_id AND s.clinic_id = p_clinic_id
      AND s.booked_count <> counted.n
    RETURNING 1
  )
  SELECT count(*)::integer FROM changed
$$;

CREATE FUNCTION update_slot_counts_bulk(p_clinic_id uuid, p_start_date date, p_end_date date)
RETURNS TABLE (updated_count integer) LANGUAGE sql AS $$
  SELECT chartsync_count_slots(c.organization_id, c.clinic_id, p_start_date, p_end_date)
  FROM clinic_schedule_config AS c WHERE c.clinic_id = p_clinic_id
$$;

-- Why the clinic is closed at the time of a slot that exists still: slots follow with the next run. Null: it is open.
CREATE FUNCTION chartsync_block_of(s schedule_slots) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT d.name FROM clinic_closed_days AS d
  WHERE d.organization_id = s.organization_id AND d.clinic_id = s.clinic_id AND d.date = s.date
  UNION ALL
  SELECT p.name FROM clinic_blocked_periods AS p
  WHERE p.organization_id = s.organization_id AND p.clinic_id = s.clinic_id AND p.is_active
    AND extract(dow FROM s.date)::integer = ANY (p.days_of_week) AND p.start_time < s.end_time AND p.end_time > s.start_time
  LIMIT 1
$$;

CREATE FUNCTION chartsync_available_slots(p_organization_id text, p_clinic_id uuid, p_start date, p_end date)
RETURNS TABLE (slot_id uuid, date date, slot_start time, slot_end time, fold integer, starts_at timestamptz, ends_at timestamptz,
               capacity integer, booked_count integer, available_count integer, is_blocked boolean, block_reason text,
               last_synced_at timestamptz, is_stale boolean) LANGUAGE sql AS $$
  SELECT s.id, s.date, s.start_time, s.end_time, s.fold, s.starts_at, s.ends_at, s.capacity, s.booked_count + b.n,
         CASE WHEN p.name IS NULL THEN greatest(0, s.capacity - s.booked_count - b.n) ELSE 0 END, p.name IS NOT NULL, p.name,
         s.last_synced_at,
         s.last_synced_at IS NULL OR s.last_synced_at < clock_timestamp() - c.stale_threshold_minutes * interval '1 minute'
  FROM schedule_slots AS s
  JOIN clinic_schedule_config AS c ON c.organization_id = s.organization_id AND c.clinic_id = s.clinic_id
  CROSS JOIN LATERAL (
    SELECT count(*)::integer AS n FROM vapi_bookings AS b
    WHERE b.organization_id = s.organization_id AND b.clinic_id = s.clinic_id AND b.status <> 'cancelled'
      -- No booking is longer than a day: without this the index would be read from its beginning.
      AND b.starts_at > s.starts_at - interval '1 day' AND b.starts_at < s.ends_at AND b.ends_at > s.starts_at
      AND chartsync_takes_place(b)
  ) AS b
  CROSS JOIN LATERAL chartsync_block_of(s) AS p (name)
  WHERE s.organization_id = p_organization_id AND s.clinic_id = p_clinic_id AND s.date BETWEEN p_start AND p_end
    AND s.retired_at IS NULL
  ORDER BY s.starts_at
$$;

CREATE FUNCTION get_available_slots(p_clinic_id uuid, p_date date)
RETURNS TABLE (slot_start time, slot_end time, capacity integer, booked_count integer, available_count integer,
               is_blocked boolean, block_reason text, last_synced_at timestamptz, is_stale boolean) LANGUAGE sql AS $$
  SELECT s.slot_start, s.slot_end, s.capacity, s.booked_count, s.available_count, s.is_blocked, s.block_reason,
         s.last_synced_at, s.is_stale
  FROM clinic_schedule_config AS c, chartsync_available_slots(c.organization_id, c.clinic_id, p_date, p_date) AS s
  WHERE c.clinic_id = p_clinic_id ORDER BY s.starts_at
$$;

CREATE FUNCTION get_active_sync_count(p_clinic_id uuid) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT count(*)::integer FROM schedule_syncs
  WHERE clinic_id = p_clinic_id AND status = 'in_progress' AND started_at > now() - interval '10 minutes'
$$;
