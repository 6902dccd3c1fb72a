-- How many pages have text: a document of which nothing can be found says so. Null: some have, it was read before this was counted.
ALTER TABLE document_renditions
  ADD COLUMN text_pages integer,
  -- Its pages without text were asked for once Tesseract was there. Where another machine, without it, took them, they are not asked
  -- for again and again.
  ADD COLUMN ocr_asked boolean NOT NULL DEFAULT false;
CREATE INDEX document_renditions_unread_scans ON document_renditions (organization_id, sha256)
  WHERE warnings @> '{ocr_missing}' AND NOT ocr_asked;

-- A page without text is a line of 38 characters and its number: what is no longer than that has none at all.
UPDATE document_renditions SET text_pages = 0
WHERE verdict = 'processed'
  AND pages_size = 38::bigint * page_count + page_count + greatest(page_count - 9, 0) + greatest(page_count - 99, 0)
                   + greatest(page_count - 999, 0) + greatest(page_count - 9999, 0);
