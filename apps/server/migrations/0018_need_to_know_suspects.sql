CREATE TABLE "incident_suspects" (
	"incident_id" uuid NOT NULL,
	"person_id" uuid NOT NULL,
	"named_by_id" uuid NOT NULL,
	"named_at" timestamptz(3) NOT NULL,
	CONSTRAINT "incident_suspects_incident_id_person_id_pk" PRIMARY KEY("incident_id","person_id")
);
--> statement-breakpoint
ALTER TABLE "people" ADD COLUMN "is_executive" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "codename" text;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "person_ids" jsonb;--> statement-breakpoint
ALTER TABLE "incident_suspects" ADD CONSTRAINT "incident_suspects_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_suspects" ADD CONSTRAINT "incident_suspects_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_suspects" ADD CONSTRAINT "incident_suspects_named_by_id_people_id_fk" FOREIGN KEY ("named_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "incident_suspects_person" ON "incident_suspects" USING btree ("person_id");