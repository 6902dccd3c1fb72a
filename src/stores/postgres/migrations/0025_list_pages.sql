-- Lists of what failed and of what is held, page by page.
CREATE INDEX sync_failures_by_organization ON sync_failures (organization_id, id);
CREATE INDEX held_sets_newest ON held_sets (organization_id, created_at DESC, id);
