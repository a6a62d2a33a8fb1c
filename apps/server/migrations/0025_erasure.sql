CREATE TABLE "erasures" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"state" text NOT NULL,
	"target" text,
	"within_id" uuid,
	"basis" text NOT NULL,
	"reason" text NOT NULL,
	"requested_by_id" uuid,
	"requested_at" timestamptz(3) NOT NULL,
	"decided_by_id" uuid,
	"decided_at" timestamptz(3),
	"records" integer NOT NULL,
	"fields" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "erasures_kind_known" CHECK ("erasures"."kind" in ('reporter', 'note', 'incident')),
	CONSTRAINT "erasures_state_known" CHECK ("erasures"."state" in ('requested', 'done', 'withdrawn')),
	CONSTRAINT "erasures_basis_known" CHECK ("erasures"."basis" in ('request', 'retention'))
);
--> statement-breakpoint
CREATE TABLE "journal_values" (
	"entry_id" uuid NOT NULL,
	"path" text NOT NULL,
	"salt" "bytea",
	"value" text,
	"erased_in" uuid,
	CONSTRAINT "journal_values_entry_id_path_pk" PRIMARY KEY("entry_id","path")
);
--> statement-breakpoint
ALTER TABLE "reports" ADD COLUMN "erasure" jsonb;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "legal_hold_reason" text;--> statement-breakpoint
ALTER TABLE "notes" ADD COLUMN "erasure" jsonb;--> statement-breakpoint
ALTER TABLE "erasures" ADD CONSTRAINT "erasures_requested_by_id_people_id_fk" FOREIGN KEY ("requested_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "erasures" ADD CONSTRAINT "erasures_decided_by_id_people_id_fk" FOREIGN KEY ("decided_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "erasures_requested" ON "erasures" USING btree ("requested_at","id");--> statement-breakpoint
CREATE INDEX "reports_email" ON "reports" USING btree (lower("contact_email"));
--> statement-breakpoint
-- A text that an entry commits to can be erased, and nothing else can be made of it.
create trigger journal_values_no_delete before delete or truncate on journal_values for each statement execute function refuse_change();
--> statement-breakpoint
create trigger journal_values_only_erased before update on journal_values for each row
  when (not (old.value is not null and new.value is null and new.salt is null and new.erased_in is not null and old.erased_in is null
    and new.entry_id = old.entry_id and new.path = old.path))
  execute function refuse_change();
--> statement-breakpoint
-- Of entries from before there were commitments, the body can be erased as a whole, where that is marked (a value without a path).
create function refuse_change_but_erasure() returns trigger language plpgsql as $$
begin
  if new.data is null and new.salt is null and old.data is not null
    and to_jsonb(new) - 'data' - 'salt' = to_jsonb(old) - 'data' - 'salt'
    and exists (select 1 from journal_values where entry_id = old.id and path = '' and erased_in is not null)
  then return new; end if;
  raise exception 'the journal is append-only';
end $$;
--> statement-breakpoint
drop trigger journal_append_only on journal;
--> statement-breakpoint
create trigger journal_append_only before delete or truncate on journal for each statement execute function refuse_change();
--> statement-breakpoint
create trigger journal_only_erased before update on journal for each row execute function refuse_change_but_erasure();
