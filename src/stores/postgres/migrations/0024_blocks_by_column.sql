-- Recurring blocked times that share one id may stand in several columns at one time: the column is part of the id under which we
-- know them. Those that are stored get it here; otherwise the next read would take all of them for new ones, and the old for gone.
UPDATE schedule_appointments
SET neo_appointment_id = neo_appointment_id || '/' || room_id
WHERE neo_appointment_id LIKE 'block:%@%' AND neo_appointment_id NOT LIKE '%/%' AND room_id IS NOT NULL;
