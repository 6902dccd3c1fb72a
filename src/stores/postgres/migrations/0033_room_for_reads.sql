-- Every run notes when it read each slot of its window: with room on their pages, no index has to be told.
ALTER TABLE schedule_slots SET (fillfactor = 45);
