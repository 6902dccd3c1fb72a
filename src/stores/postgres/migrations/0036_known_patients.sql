-- Everybody whom a source has is known before there is a document. What it said of each, as a hash: only changes are written.
ALTER TABLE connection_filesets
  ADD COLUMN given text COLLATE "C",
  -- What it said last: only what came from it is replaced by what it says now.
  ADD COLUMN given_dob varchar(20),
  ADD COLUMN given_gender varchar(50);
