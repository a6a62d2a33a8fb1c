-- The record only grows: neither the program nor somebody at its connection changes or removes an entry without the trigger being dropped,
-- which the Merkle tree over the entries then shows.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the journal is append-only';
end $$;
--> statement-breakpoint
create trigger journal_append_only before update or delete or truncate on journal for each statement execute function refuse_change();
--> statement-breakpoint
create trigger journal_leaves_append_only before update or delete or truncate on journal_leaves for each statement execute function refuse_change();
--> statement-breakpoint
create trigger journal_nodes_append_only before update or delete or truncate on journal_nodes for each statement execute function refuse_change();
--> statement-breakpoint
create trigger journal_checkpoints_append_only before update or delete or truncate on journal_checkpoints for each statement execute function refuse_change();
