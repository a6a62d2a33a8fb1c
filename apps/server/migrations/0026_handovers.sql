CREATE TABLE "incident_handovers" (
	"incident_id" uuid NOT NULL,
	"role" text NOT NULL,
	"to_id" uuid NOT NULL,
	"by_id" uuid NOT NULL,
	"by" text NOT NULL,
	"note_id" uuid,
	"requested_at" timestamptz(3) NOT NULL,
	CONSTRAINT "incident_handovers_incident_id_role_pk" PRIMARY KEY("incident_id","role"),
	CONSTRAINT "incident_handovers_role_known" CHECK ("incident_handovers"."role" in ('lead', 'owner', 'communications', 'executive'))
);
--> statement-breakpoint
ALTER TABLE "obligations" DROP CONSTRAINT "obligations_decision_reason_category_known";--> statement-breakpoint
ALTER TABLE "incident_handovers" ADD CONSTRAINT "incident_handovers_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_handovers" ADD CONSTRAINT "incident_handovers_to_id_people_id_fk" FOREIGN KEY ("to_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_handovers" ADD CONSTRAINT "incident_handovers_by_id_people_id_fk" FOREIGN KEY ("by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "incident_handovers_to" ON "incident_handovers" USING btree ("to_id");--> statement-breakpoint
ALTER TABLE "obligations" ADD CONSTRAINT "obligations_decision_reason_category_known" CHECK ("obligations"."decision_reason_category" in ('not-affected', 'data-unintelligible', 'would-tip-off-attacker', 'would-harm-others', 'asked-by-authority', 'other'));