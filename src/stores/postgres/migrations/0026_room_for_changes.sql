-- A group appointment is touched whenever one of its attendees changes: with room on its page, no index has to be told.
ALTER TABLE appointments SET (fillfactor = 80);
