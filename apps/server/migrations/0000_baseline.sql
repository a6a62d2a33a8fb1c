CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"scopes" jsonb NOT NULL,
	"secret_digest" text NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamptz(3) NOT NULL,
	"last_used_at" timestamptz(3),
	"revoked_at" timestamptz(3)
);
--> statement-breakpoint
CREATE TABLE "challenges" (
	"id" uuid PRIMARY KEY NOT NULL,
	"challenge" text NOT NULL,
	"person_id" uuid,
	"expires_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "invitations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"created_at" timestamptz(3) NOT NULL,
	"expires_at" timestamptz(3) NOT NULL,
	"used_at" timestamptz(3),
	CONSTRAINT "invitations_role_known" CHECK ("invitations"."role" in ('observer', 'responder', 'lead', 'administrator'))
);
--> statement-breakpoint
CREATE TABLE "passkeys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"name" text NOT NULL,
	"credential_id" text NOT NULL,
	"public_key" "bytea" NOT NULL,
	"counter" bigint NOT NULL,
	"transports" jsonb NOT NULL,
	"created_at" timestamptz(3) NOT NULL,
	"last_used_at" timestamptz(3)
);
--> statement-breakpoint
CREATE TABLE "people" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"role" text NOT NULL,
	"is_active" boolean DEFAULT true NOT NULL,
	"password_hash" text,
	"totp_secret" text,
	"totp_confirmed_at" timestamptz(3),
	"totp_step" bigint DEFAULT 0 NOT NULL,
	"failed_attempts" integer DEFAULT 0 NOT NULL,
	"locked_until" timestamptz(3),
	"created_at" timestamptz(3) NOT NULL,
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "people_role_known" CHECK ("people"."role" in ('observer', 'responder', 'lead', 'administrator'))
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"token_digest" text NOT NULL,
	"assurance" text NOT NULL,
	"failed_codes" integer DEFAULT 0 NOT NULL,
	"device" text NOT NULL,
	"created_at" timestamptz(3) NOT NULL,
	"last_seen_at" timestamptz(3) NOT NULL,
	"expires_at" timestamptz(3) NOT NULL,
	CONSTRAINT "sessions_assurance_known" CHECK ("sessions"."assurance" in ('password', 'full'))
);
--> statement-breakpoint
CREATE TABLE "alerts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"number" bigserial NOT NULL,
	"kind" text NOT NULL,
	"title" text NOT NULL,
	"severity" text NOT NULL,
	"status" text NOT NULL,
	"service_id" uuid,
	"dedup_scope" text NOT NULL,
	"dedup_key" text,
	"is_open" boolean DEFAULT true NOT NULL,
	"source" text NOT NULL,
	"labels" jsonb NOT NULL,
	"links" jsonb NOT NULL,
	"description" text NOT NULL,
	"observables" jsonb NOT NULL,
	"count" integer DEFAULT 1 NOT NULL,
	"first_seen_at" timestamptz(3) NOT NULL,
	"last_seen_at" timestamptz(3) NOT NULL,
	"source_resolved_at" timestamptz(3),
	"has_paged" boolean DEFAULT false NOT NULL,
	"silenced_by_id" uuid,
	"acknowledged_by_id" uuid,
	"acknowledged_at" timestamptz(3),
	"disposition_outcome" text,
	"disposition_value" text,
	"disposition_responsibility" text,
	"disposition_reason" text,
	"disposition_by_id" uuid,
	"disposition_at" timestamptz(3),
	"incident_id" uuid,
	"incident_number" integer,
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "alerts_kind_known" CHECK ("alerts"."kind" in ('alert', 'report')),
	CONSTRAINT "alerts_severity_known" CHECK ("alerts"."severity" in ('info', 'low', 'medium', 'high', 'critical')),
	CONSTRAINT "alerts_status_known" CHECK ("alerts"."status" in ('open', 'acknowledged', 'escalated', 'dismissed', 'resolved')),
	CONSTRAINT "alerts_disposition_outcome_known" CHECK ("alerts"."disposition_outcome" in ('dismissed', 'escalated')),
	CONSTRAINT "alerts_disposition_value_known" CHECK ("alerts"."disposition_value" in ('false-positive', 'benign-true-positive', 'not-security', 'duplicate')),
	CONSTRAINT "alerts_disposition_responsibility_known" CHECK ("alerts"."disposition_responsibility" in ('us', 'customer', 'shared'))
);
--> statement-breakpoint
CREATE TABLE "heartbeats" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"service_id" uuid,
	"severity" text NOT NULL,
	"every_minutes" integer NOT NULL,
	"token_digest" text NOT NULL,
	"state" text NOT NULL,
	"last_heartbeat_at" timestamptz(3),
	"created_at" timestamptz(3) NOT NULL,
	CONSTRAINT "heartbeats_severity_known" CHECK ("heartbeats"."severity" in ('info', 'low', 'medium', 'high', 'critical')),
	CONSTRAINT "heartbeats_state_known" CHECK ("heartbeats"."state" in ('new', 'healthy', 'silent'))
);
--> statement-breakpoint
CREATE TABLE "silences" (
	"id" uuid PRIMARY KEY NOT NULL,
	"matchers" jsonb NOT NULL,
	"reason" text NOT NULL,
	"hours" jsonb,
	"start" timestamptz(3) NOT NULL,
	"end" timestamptz(3) NOT NULL,
	"author_id" uuid NOT NULL,
	"created_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "integrations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"key_digest" text NOT NULL,
	"service_id" uuid,
	"created_at" timestamptz(3) NOT NULL,
	"last_seen_at" timestamptz(3),
	"received" integer DEFAULT 0 NOT NULL,
	"revoked_at" timestamptz(3),
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "integrations_kind_known" CHECK ("integrations"."kind" in ('alertmanager', 'pagerduty'))
);
--> statement-breakpoint
CREATE TABLE "report_files" (
	"report_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	CONSTRAINT "report_files_report_id_file_id_pk" PRIMARY KEY("report_id","file_id")
);
--> statement-breakpoint
CREATE TABLE "reports" (
	"id" uuid PRIMARY KEY NOT NULL,
	"reference" text NOT NULL,
	"audience" text NOT NULL,
	"text" text NOT NULL,
	"happened_at" text NOT NULL,
	"affected" text NOT NULL,
	"contact_name" text NOT NULL,
	"contact_email" text NOT NULL,
	"received_at" timestamptz(3) NOT NULL,
	"alert_id" uuid NOT NULL,
	CONSTRAINT "reports_audience_known" CHECK ("reports"."audience" in ('employee', 'customer'))
);
--> statement-breakpoint
CREATE TABLE "correlation_states" (
	"correlation_id" text PRIMARY KEY NOT NULL,
	"state" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"source_id" uuid NOT NULL,
	"received_at" timestamptz(3) NOT NULL,
	"reason" text NOT NULL,
	"text" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "detection_days" (
	"rule_id" uuid NOT NULL,
	"day" date NOT NULL,
	"matches" bigint NOT NULL,
	CONSTRAINT "detection_days_rule_id_day_pk" PRIMARY KEY("rule_id","day")
);
--> statement-breakpoint
CREATE TABLE "detection_matches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"alert_id" uuid NOT NULL,
	"rule_id" uuid,
	"source_id" uuid NOT NULL,
	"at" timestamptz(3) NOT NULL,
	"fields" jsonb NOT NULL,
	"event" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "detection_rule_versions" (
	"rule_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"text" text NOT NULL,
	"changed_at" timestamptz(3) NOT NULL,
	"changed_by" text NOT NULL,
	CONSTRAINT "detection_rule_versions_rule_id_version_pk" PRIMARY KEY("rule_id","version")
);
--> statement-breakpoint
CREATE TABLE "detection_rules" (
	"id" uuid PRIMARY KEY NOT NULL,
	"rule_id" text NOT NULL,
	"kind" text NOT NULL,
	"title" text NOT NULL,
	"level" text,
	"origin" text NOT NULL,
	"tags" jsonb NOT NULL,
	"logsource" jsonb NOT NULL,
	"description" text NOT NULL,
	"text" text NOT NULL,
	"is_enabled" boolean NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"changed_at" timestamptz(3) NOT NULL,
	"changed_by" text NOT NULL,
	"matches" bigint DEFAULT 0 NOT NULL,
	"last_match_at" timestamptz(3),
	"expires_at" timestamptz(3),
	CONSTRAINT "detection_rules_kind_known" CHECK ("detection_rules"."kind" in ('rule', 'correlation', 'filter')),
	CONSTRAINT "detection_rules_level_known" CHECK ("detection_rules"."level" in ('informational', 'low', 'medium', 'high', 'critical')),
	CONSTRAINT "detection_rules_origin_known" CHECK ("detection_rules"."origin" in ('starter', 'own', 'imported', 'exception'))
);
--> statement-breakpoint
CREATE TABLE "event_batches" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"source_id" uuid NOT NULL,
	"received_at" timestamptz(3) NOT NULL,
	"logsource" jsonb,
	"size_bytes" integer NOT NULL,
	"body" "bytea" NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "followed_files" (
	"source_id" uuid NOT NULL,
	"path" text NOT NULL,
	"identity" text NOT NULL,
	"position" bigint NOT NULL,
	"head" text NOT NULL,
	"read_at" timestamptz(3) NOT NULL,
	CONSTRAINT "followed_files_source_id_identity_pk" PRIMARY KEY("source_id","identity")
);
--> statement-breakpoint
CREATE TABLE "ignored_indicators" (
	"key" text PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"ignored_at" timestamptz(3) NOT NULL,
	"ignored_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "indicator_lists" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"level" text NOT NULL,
	"is_enabled" boolean DEFAULT true NOT NULL,
	"url" text,
	"username" text,
	"secret_sealed" text,
	"pull_minutes" integer,
	"added_after" text,
	"generation" integer DEFAULT 0 NOT NULL,
	"last_generation" integer DEFAULT 0 NOT NULL,
	"size" bigint DEFAULT 0 NOT NULL,
	"refused" bigint DEFAULT 0 NOT NULL,
	"refused_examples" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"sightings" bigint DEFAULT 0 NOT NULL,
	"last_sighting_at" timestamptz(3),
	"updated_at" timestamptz(3),
	"problem" text,
	"created_at" timestamptz(3) NOT NULL,
	CONSTRAINT "indicator_lists_level_known" CHECK ("indicator_lists"."level" in ('informational', 'low', 'medium', 'high', 'critical'))
);
--> statement-breakpoint
CREATE TABLE "indicators" (
	"list_id" uuid NOT NULL,
	"key" text NOT NULL,
	"kind" text NOT NULL,
	"description" text NOT NULL,
	"valid_until" timestamptz(3),
	"object_id" text,
	"generation" integer NOT NULL,
	CONSTRAINT "indicators_list_id_key_generation_pk" PRIMARY KEY("list_id","key","generation"),
	CONSTRAINT "indicators_kind_known" CHECK ("indicators"."kind" in ('ipv4-addr', 'ipv6-addr', 'domain-name', 'url', 'file-hash'))
);
--> statement-breakpoint
CREATE TABLE "log_sources" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"key_digest" text NOT NULL,
	"logsource" jsonb NOT NULL,
	"senders" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"files" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"gap_minutes" integer,
	"is_silent" boolean DEFAULT false NOT NULL,
	"created_at" timestamptz(3) NOT NULL,
	"last_seen_at" timestamptz(3),
	"events" bigint DEFAULT 0 NOT NULL,
	"revoked_at" timestamptz(3)
);
--> statement-breakpoint
CREATE TABLE "customer_services" (
	"customer_id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	CONSTRAINT "customer_services_customer_id_service_id_pk" PRIMARY KEY("customer_id","service_id")
);
--> statement-breakpoint
CREATE TABLE "customers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"region" text NOT NULL,
	"terms" text NOT NULL,
	"notice_hours" integer NOT NULL,
	"contacts" jsonb NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"is_demo" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "services" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"security_team_id" uuid NOT NULL,
	"engineering_team_id" uuid NOT NULL,
	"page_from" text NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "services_page_from_known" CHECK ("services"."page_from" in ('info', 'low', 'medium', 'high', 'critical'))
);
--> statement-breakpoint
CREATE TABLE "team_members" (
	"team_id" uuid NOT NULL,
	"person_id" uuid NOT NULL,
	CONSTRAINT "team_members_team_id_person_id_pk" PRIMARY KEY("team_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "teams" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "teams_kind_known" CHECK ("teams"."kind" in ('security', 'engineering'))
);
--> statement-breakpoint
CREATE TABLE "class_definitions" (
	"class" text NOT NULL,
	"version" integer NOT NULL,
	"text" text NOT NULL,
	"changed_by" text NOT NULL,
	"changed_at" timestamptz(3) NOT NULL,
	CONSTRAINT "class_definitions_class_version_pk" PRIMARY KEY("class","version"),
	CONSTRAINT "class_definitions_class_known" CHECK ("class_definitions"."class" in ('suspected', 'security-incident', 'customer-reportable', 'privacy-breach', 'not-an-incident'))
);
--> statement-breakpoint
CREATE TABLE "incident_customers" (
	"incident_id" uuid NOT NULL,
	"customer_id" uuid NOT NULL,
	"basis" text NOT NULL,
	CONSTRAINT "incident_customers_incident_id_customer_id_pk" PRIMARY KEY("incident_id","customer_id")
);
--> statement-breakpoint
CREATE TABLE "incident_members" (
	"incident_id" uuid NOT NULL,
	"person_id" uuid NOT NULL,
	CONSTRAINT "incident_members_incident_id_person_id_pk" PRIMARY KEY("incident_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "incident_services" (
	"incident_id" uuid NOT NULL,
	"service_id" uuid NOT NULL,
	"basis" text NOT NULL,
	CONSTRAINT "incident_services_incident_id_service_id_pk" PRIMARY KEY("incident_id","service_id")
);
--> statement-breakpoint
CREATE TABLE "incidents" (
	"id" uuid PRIMARY KEY NOT NULL,
	"number" bigserial NOT NULL,
	"title" text NOT NULL,
	"summary" text DEFAULT '' NOT NULL,
	"status" text NOT NULL,
	"class" text NOT NULL,
	"severity" text,
	"severity_criteria" jsonb,
	"severity_why" text,
	"responsibility" text NOT NULL,
	"lead_id" uuid,
	"owner_id" uuid,
	"communications_id" uuid,
	"executive_id" uuid,
	"approximate_users" bigint,
	"data_touched" jsonb NOT NULL,
	"monitor_until" date,
	"opened_at" timestamptz(3) NOT NULL,
	"declared_at" timestamptz(3),
	"closed_at" timestamptz(3),
	"is_restricted" boolean NOT NULL,
	"parent_id" uuid,
	"version" integer DEFAULT 1 NOT NULL,
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "incidents_status_known" CHECK ("incidents"."status" in ('suspected', 'declared', 'contained', 'eradicated', 'recovered', 'closed')),
	CONSTRAINT "incidents_class_known" CHECK ("incidents"."class" in ('suspected', 'security-incident', 'customer-reportable', 'privacy-breach', 'not-an-incident')),
	CONSTRAINT "incidents_severity_known" CHECK ("incidents"."severity" in ('SEV1', 'SEV2', 'SEV3', 'SEV4')),
	CONSTRAINT "incidents_responsibility_known" CHECK ("incidents"."responsibility" in ('us', 'customer', 'shared'))
);
--> statement-breakpoint
CREATE TABLE "notes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"incident_id" uuid NOT NULL,
	"author_id" uuid NOT NULL,
	"markdown" text NOT NULL,
	"created_at" timestamptz(3) NOT NULL,
	"edited_at" timestamptz(3),
	"version" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"incident_id" uuid NOT NULL,
	"title" text NOT NULL,
	"assignee_id" uuid,
	"due_on" date,
	"is_business_impacting" boolean DEFAULT false NOT NULL,
	"approved_by_id" uuid,
	"done_at" timestamptz(3),
	"done_by_id" uuid,
	"version" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "journal" (
	"id" uuid PRIMARY KEY NOT NULL,
	"seq" bigserial NOT NULL,
	"at" timestamptz(3) NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_id" text,
	"actor_name" text NOT NULL,
	"type" text NOT NULL,
	"subject_kind" text NOT NULL,
	"subject_id" text NOT NULL,
	"within_id" uuid,
	"version" integer NOT NULL,
	"data" jsonb,
	"is_demo" boolean NOT NULL,
	"is_exercise" boolean NOT NULL,
	"is_restricted" boolean NOT NULL,
	"salt" "bytea",
	"body_hash" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "journal_checkpoints" (
	"size" bigint PRIMARY KEY NOT NULL,
	"note" text NOT NULL,
	"at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "journal_cursors" (
	"name" text PRIMARY KEY NOT NULL,
	"seq" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "journal_dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"reader" text NOT NULL,
	"entry_id" uuid NOT NULL,
	"error" text NOT NULL,
	"attempts" integer NOT NULL,
	"at" timestamptz(3) NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"settled_at" timestamptz(3),
	"settled_by" text,
	"reason" text,
	CONSTRAINT "journal_dead_letters_state_known" CHECK ("journal_dead_letters"."state" in ('open', 'replayed', 'discarded'))
);
--> statement-breakpoint
CREATE TABLE "journal_leaves" (
	"leaf_index" bigint PRIMARY KEY NOT NULL,
	"entry_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "journal_marks" (
	"record_id" text PRIMARY KEY NOT NULL,
	"is_demo" boolean DEFAULT false NOT NULL,
	"is_exercise" boolean DEFAULT false NOT NULL,
	"is_restricted" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "journal_nodes" (
	"level" integer NOT NULL,
	"node_index" bigint NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "journal_nodes_level_node_index_pk" PRIMARY KEY("level","node_index")
);
--> statement-breakpoint
CREATE TABLE "file_chunks" (
	"file_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"content" "bytea" NOT NULL,
	CONSTRAINT "file_chunks_file_id_position_pk" PRIMARY KEY("file_id","position")
);
--> statement-breakpoint
CREATE TABLE "files" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"media_type" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	"sha256" text NOT NULL,
	"created_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"request" text NOT NULL,
	"reply" text,
	"created_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "jobs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"lane" text NOT NULL,
	"priority" smallint NOT NULL,
	"destination" text NOT NULL,
	"key" text NOT NULL,
	"data" jsonb NOT NULL,
	"run_at" timestamptz(3) NOT NULL,
	"scheduled_at" timestamptz(3) NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"last_error" text,
	"leased_by" integer
);
--> statement-breakpoint
CREATE TABLE "settings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notices" (
	"id" uuid PRIMARY KEY NOT NULL,
	"obligation_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"state" text NOT NULL,
	"nature" text NOT NULL,
	"user_impact" text NOT NULL,
	"mitigation" text NOT NULL,
	"is_investigation_complete" boolean NOT NULL,
	"next_steps" text,
	"next_communication_at" timestamptz(3),
	"author_id" uuid NOT NULL,
	"editor_id" uuid NOT NULL,
	"approved_by_id" uuid,
	"approved_at" timestamptz(3),
	"sent_at" timestamptz(3),
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "notices_kind_known" CHECK ("notices"."kind" in ('initial', 'update')),
	CONSTRAINT "notices_state_known" CHECK ("notices"."state" in ('draft', 'approved', 'sending', 'sent'))
);
--> statement-breakpoint
CREATE TABLE "obligations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"incident_id" uuid NOT NULL,
	"customer_id" uuid NOT NULL,
	"state" text NOT NULL,
	"hours" integer NOT NULL,
	"started_at" timestamptz(3),
	"due_at" timestamptz(3),
	"notified_at" timestamptz(3),
	"decision_kind" text,
	"decision_reason_category" text,
	"decision_reason" text,
	"decision_review_on" date,
	"decision_by_id" uuid,
	"decision_approved_by_id" uuid,
	"version" integer DEFAULT 1 NOT NULL,
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "obligations_state_known" CHECK ("obligations"."state" in ('pending', 'due', 'deferred', 'waived', 'notified')),
	CONSTRAINT "obligations_decision_kind_known" CHECK ("obligations"."decision_kind" in ('defer', 'waive')),
	CONSTRAINT "obligations_decision_reason_category_known" CHECK ("obligations"."decision_reason_category" in ('data-unintelligible', 'would-tip-off-attacker', 'would-harm-others', 'asked-by-authority', 'other'))
);
--> statement-breakpoint
CREATE TABLE "contact_methods" (
	"id" uuid PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"address" text NOT NULL,
	"label" text DEFAULT '' NOT NULL,
	"secret" text,
	"created_at" timestamptz(3) NOT NULL,
	"verified_at" timestamptz(3),
	"code_digest" text,
	"code_expires_at" timestamptz(3),
	"code_attempts" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "contact_methods_kind_known" CHECK ("contact_methods"."kind" in ('email', 'push', 'sms', 'voice', 'slack', 'teams-bot', 'ntfy', 'webhook'))
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"channel" text NOT NULL,
	"address" text NOT NULL,
	"purpose" text NOT NULL,
	"purpose_id" uuid NOT NULL,
	"within_id" uuid,
	"subject" text NOT NULL,
	"body" text NOT NULL,
	"link_path" text,
	"link_claims" jsonb,
	"webhook_secret" text,
	"state" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"last_error" text,
	"receipt" text,
	"created_at" timestamptz(3) NOT NULL,
	"sent_at" timestamptz(3),
	"troubled_at" timestamptz(3),
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "messages_channel_known" CHECK ("messages"."channel" in ('email', 'push', 'sms', 'voice', 'slack', 'teams-bot', 'teams', 'ntfy', 'webhook')),
	CONSTRAINT "messages_state_known" CHECK ("messages"."state" in ('queued', 'held', 'sent', 'failed', 'cancelled'))
);
--> statement-breakpoint
CREATE TABLE "notification_rules" (
	"person_id" uuid NOT NULL,
	"urgency" text NOT NULL,
	"steps" jsonb NOT NULL,
	CONSTRAINT "notification_rules_person_id_urgency_pk" PRIMARY KEY("person_id","urgency"),
	CONSTRAINT "notification_rules_urgency_known" CHECK ("notification_rules"."urgency" in ('high', 'low'))
);
--> statement-breakpoint
CREATE TABLE "team_channels" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"address" text NOT NULL,
	"secret" text,
	CONSTRAINT "team_channels_kind_known" CHECK ("team_channels"."kind" in ('slack', 'teams-bot', 'teams', 'ntfy', 'webhook'))
);
--> statement-breakpoint
CREATE TABLE "page_bundles" (
	"id" uuid PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"due_at" timestamptz(3) NOT NULL,
	"sent_at" timestamptz(3)
);
--> statement-breakpoint
CREATE TABLE "page_notifications" (
	"id" uuid PRIMARY KEY NOT NULL,
	"page_id" uuid NOT NULL,
	"person_id" uuid,
	"level_index" integer NOT NULL,
	"channel" text NOT NULL,
	"method_id" uuid,
	"message_id" uuid,
	"bundle_id" uuid,
	"instead_of" uuid,
	"at" timestamptz(3) NOT NULL,
	CONSTRAINT "page_notifications_channel_known" CHECK ("page_notifications"."channel" in ('email', 'push', 'sms', 'voice', 'slack', 'teams-bot', 'teams', 'ntfy', 'webhook'))
);
--> statement-breakpoint
CREATE TABLE "pages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid,
	"subject_kind" text NOT NULL,
	"subject_id" uuid NOT NULL,
	"within_id" uuid,
	"title" text NOT NULL,
	"summary" text NOT NULL,
	"severity" text NOT NULL,
	"urgency" text DEFAULT 'high' NOT NULL,
	"service_id" uuid,
	"state" text NOT NULL,
	"key" text NOT NULL,
	"first_person_id" uuid,
	"level_index" integer DEFAULT 0 NOT NULL,
	"needed" integer DEFAULT 1 NOT NULL,
	"acknowledgements" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"next_escalation_at" timestamptz(3),
	"snoozed_until" timestamptz(3),
	"progress_at" timestamptz(3),
	"acknowledged_by_id" uuid,
	"acknowledged_at" timestamptz(3),
	"created_at" timestamptz(3) NOT NULL,
	"is_demo" boolean DEFAULT false NOT NULL,
	CONSTRAINT "pages_subject_kind_known" CHECK ("pages"."subject_kind" in ('alert', 'incident', 'drill', 'system')),
	CONSTRAINT "pages_severity_known" CHECK ("pages"."severity" in ('info', 'low', 'medium', 'high', 'critical')),
	CONSTRAINT "pages_urgency_known" CHECK ("pages"."urgency" in ('high', 'low')),
	CONSTRAINT "pages_state_known" CHECK ("pages"."state" in ('triggered', 'acknowledged', 'resolved', 'exhausted'))
);
--> statement-breakpoint
CREATE TABLE "policies" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"name" text NOT NULL,
	"levels" jsonb NOT NULL,
	"repeats" integer NOT NULL,
	"business_hours" jsonb,
	"version" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "followUps" (
	"id" uuid PRIMARY KEY NOT NULL,
	"review_id" uuid NOT NULL,
	"incident_id" uuid NOT NULL,
	"title" text NOT NULL,
	"owner_id" uuid NOT NULL,
	"due_on" date NOT NULL,
	"state" text NOT NULL,
	"evidence" text,
	"verified_by_id" uuid,
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "followUps_state_known" CHECK ("followUps"."state" in ('open', 'done', 'verified'))
);
--> statement-breakpoint
CREATE TABLE "reviews" (
	"id" uuid PRIMARY KEY NOT NULL,
	"incident_id" uuid NOT NULL,
	"state" text NOT NULL,
	"sequence" text NOT NULL,
	"findings" jsonb NOT NULL,
	"finished_by_id" uuid,
	"finished_at" timestamptz(3),
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "reviews_state_known" CHECK ("reviews"."state" in ('draft', 'finished'))
);
--> statement-breakpoint
CREATE TABLE "apprenticeships" (
	"team_id" uuid NOT NULL,
	"person_id" uuid NOT NULL,
	"started_at" timestamptz(3) NOT NULL,
	"finished_at" timestamptz(3),
	"finished_by_id" uuid,
	CONSTRAINT "apprenticeships_team_id_person_id_pk" PRIMARY KEY("team_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "calendar_feeds" (
	"id" uuid PRIMARY KEY NOT NULL,
	"token_digest" text NOT NULL,
	"person_id" uuid NOT NULL,
	"schedule_id" uuid,
	"created_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "handoff_notes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"text" text NOT NULL,
	"written_by_id" uuid NOT NULL,
	"written_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "on_call_settings" (
	"team_id" uuid PRIMARY KEY NOT NULL,
	"settings" jsonb NOT NULL,
	"version" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "schedule_overrides" (
	"id" uuid PRIMARY KEY NOT NULL,
	"schedule_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"position" integer DEFAULT 0 NOT NULL,
	"participant_ids" jsonb NOT NULL,
	"name" text,
	"layers" jsonb,
	"merge" text,
	"start" timestamptz(3) NOT NULL,
	"end" timestamptz(3) NOT NULL,
	"reason" text NOT NULL,
	"created_by_id" uuid,
	"created_at" timestamptz(3) NOT NULL,
	CONSTRAINT "schedule_overrides_kind_known" CHECK ("schedule_overrides"."kind" in ('replace', 'add', 'remove', 'shadow', 'temporary')),
	CONSTRAINT "schedule_overrides_merge_known" CHECK ("schedule_overrides"."merge" in ('top', 'all'))
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"name" text NOT NULL,
	"time_zone" text NOT NULL,
	"merge" text NOT NULL,
	"layers" jsonb NOT NULL,
	"needs_apprenticeship" boolean DEFAULT false NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "schedules_merge_known" CHECK ("schedules"."merge" in ('top', 'all'))
);
--> statement-breakpoint
CREATE TABLE "shift_records" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"schedule_id" uuid NOT NULL,
	"schedule_name" text NOT NULL,
	"position" integer NOT NULL,
	"participant_ids" jsonb NOT NULL,
	"shadow_ids" jsonb NOT NULL,
	"start" timestamptz(3) NOT NULL,
	"end" timestamptz(3),
	"entry_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "time_off" (
	"id" uuid PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"start" timestamptz(3) NOT NULL,
	"end" timestamptz(3) NOT NULL,
	"reason" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_created_by_people_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "passkeys" ADD CONSTRAINT "passkeys_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_service_id_services_id_fk" FOREIGN KEY ("service_id") REFERENCES "public"."services"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_silenced_by_id_silences_id_fk" FOREIGN KEY ("silenced_by_id") REFERENCES "public"."silences"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_acknowledged_by_id_people_id_fk" FOREIGN KEY ("acknowledged_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_disposition_by_id_people_id_fk" FOREIGN KEY ("disposition_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "heartbeats" ADD CONSTRAINT "heartbeats_service_id_services_id_fk" FOREIGN KEY ("service_id") REFERENCES "public"."services"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "silences" ADD CONSTRAINT "silences_author_id_people_id_fk" FOREIGN KEY ("author_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "integrations" ADD CONSTRAINT "integrations_service_id_services_id_fk" FOREIGN KEY ("service_id") REFERENCES "public"."services"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "report_files" ADD CONSTRAINT "report_files_report_id_reports_id_fk" FOREIGN KEY ("report_id") REFERENCES "public"."reports"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "report_files" ADD CONSTRAINT "report_files_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reports" ADD CONSTRAINT "reports_alert_id_alerts_id_fk" FOREIGN KEY ("alert_id") REFERENCES "public"."alerts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "dead_letters" ADD CONSTRAINT "dead_letters_source_id_log_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."log_sources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_days" ADD CONSTRAINT "detection_days_rule_id_detection_rules_id_fk" FOREIGN KEY ("rule_id") REFERENCES "public"."detection_rules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_matches" ADD CONSTRAINT "detection_matches_alert_id_alerts_id_fk" FOREIGN KEY ("alert_id") REFERENCES "public"."alerts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_matches" ADD CONSTRAINT "detection_matches_rule_id_detection_rules_id_fk" FOREIGN KEY ("rule_id") REFERENCES "public"."detection_rules"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_matches" ADD CONSTRAINT "detection_matches_source_id_log_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."log_sources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_rule_versions" ADD CONSTRAINT "detection_rule_versions_rule_id_detection_rules_id_fk" FOREIGN KEY ("rule_id") REFERENCES "public"."detection_rules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "event_batches" ADD CONSTRAINT "event_batches_source_id_log_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."log_sources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "followed_files" ADD CONSTRAINT "followed_files_source_id_log_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."log_sources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "indicators" ADD CONSTRAINT "indicators_list_id_indicator_lists_id_fk" FOREIGN KEY ("list_id") REFERENCES "public"."indicator_lists"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "customer_services" ADD CONSTRAINT "customer_services_customer_id_customers_id_fk" FOREIGN KEY ("customer_id") REFERENCES "public"."customers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "customer_services" ADD CONSTRAINT "customer_services_service_id_services_id_fk" FOREIGN KEY ("service_id") REFERENCES "public"."services"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "services" ADD CONSTRAINT "services_security_team_id_teams_id_fk" FOREIGN KEY ("security_team_id") REFERENCES "public"."teams"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "services" ADD CONSTRAINT "services_engineering_team_id_teams_id_fk" FOREIGN KEY ("engineering_team_id") REFERENCES "public"."teams"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_members" ADD CONSTRAINT "team_members_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_members" ADD CONSTRAINT "team_members_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_customers" ADD CONSTRAINT "incident_customers_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_customers" ADD CONSTRAINT "incident_customers_customer_id_customers_id_fk" FOREIGN KEY ("customer_id") REFERENCES "public"."customers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_members" ADD CONSTRAINT "incident_members_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_members" ADD CONSTRAINT "incident_members_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_services" ADD CONSTRAINT "incident_services_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_services" ADD CONSTRAINT "incident_services_service_id_services_id_fk" FOREIGN KEY ("service_id") REFERENCES "public"."services"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incidents" ADD CONSTRAINT "incidents_lead_id_people_id_fk" FOREIGN KEY ("lead_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incidents" ADD CONSTRAINT "incidents_owner_id_people_id_fk" FOREIGN KEY ("owner_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incidents" ADD CONSTRAINT "incidents_communications_id_people_id_fk" FOREIGN KEY ("communications_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incidents" ADD CONSTRAINT "incidents_executive_id_people_id_fk" FOREIGN KEY ("executive_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notes" ADD CONSTRAINT "notes_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notes" ADD CONSTRAINT "notes_author_id_people_id_fk" FOREIGN KEY ("author_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_assignee_id_people_id_fk" FOREIGN KEY ("assignee_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_approved_by_id_people_id_fk" FOREIGN KEY ("approved_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_done_by_id_people_id_fk" FOREIGN KEY ("done_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "file_chunks" ADD CONSTRAINT "file_chunks_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."files"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notices" ADD CONSTRAINT "notices_obligation_id_obligations_id_fk" FOREIGN KEY ("obligation_id") REFERENCES "public"."obligations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notices" ADD CONSTRAINT "notices_author_id_people_id_fk" FOREIGN KEY ("author_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notices" ADD CONSTRAINT "notices_editor_id_people_id_fk" FOREIGN KEY ("editor_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notices" ADD CONSTRAINT "notices_approved_by_id_people_id_fk" FOREIGN KEY ("approved_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "obligations" ADD CONSTRAINT "obligations_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "obligations" ADD CONSTRAINT "obligations_customer_id_customers_id_fk" FOREIGN KEY ("customer_id") REFERENCES "public"."customers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "obligations" ADD CONSTRAINT "obligations_decision_by_id_people_id_fk" FOREIGN KEY ("decision_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "obligations" ADD CONSTRAINT "obligations_decision_approved_by_id_people_id_fk" FOREIGN KEY ("decision_approved_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "contact_methods" ADD CONSTRAINT "contact_methods_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notification_rules" ADD CONSTRAINT "notification_rules_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_channels" ADD CONSTRAINT "team_channels_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "page_bundles" ADD CONSTRAINT "page_bundles_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "page_notifications" ADD CONSTRAINT "page_notifications_page_id_pages_id_fk" FOREIGN KEY ("page_id") REFERENCES "public"."pages"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "page_notifications" ADD CONSTRAINT "page_notifications_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "page_notifications" ADD CONSTRAINT "page_notifications_bundle_id_page_bundles_id_fk" FOREIGN KEY ("bundle_id") REFERENCES "public"."page_bundles"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pages" ADD CONSTRAINT "pages_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pages" ADD CONSTRAINT "pages_first_person_id_people_id_fk" FOREIGN KEY ("first_person_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pages" ADD CONSTRAINT "pages_acknowledged_by_id_people_id_fk" FOREIGN KEY ("acknowledged_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "policies" ADD CONSTRAINT "policies_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "followUps" ADD CONSTRAINT "followUps_review_id_reviews_id_fk" FOREIGN KEY ("review_id") REFERENCES "public"."reviews"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "followUps" ADD CONSTRAINT "followUps_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "followUps" ADD CONSTRAINT "followUps_owner_id_people_id_fk" FOREIGN KEY ("owner_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "followUps" ADD CONSTRAINT "followUps_verified_by_id_people_id_fk" FOREIGN KEY ("verified_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_finished_by_id_people_id_fk" FOREIGN KEY ("finished_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "apprenticeships" ADD CONSTRAINT "apprenticeships_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "apprenticeships" ADD CONSTRAINT "apprenticeships_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "apprenticeships" ADD CONSTRAINT "apprenticeships_finished_by_id_people_id_fk" FOREIGN KEY ("finished_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "calendar_feeds" ADD CONSTRAINT "calendar_feeds_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "calendar_feeds" ADD CONSTRAINT "calendar_feeds_schedule_id_schedules_id_fk" FOREIGN KEY ("schedule_id") REFERENCES "public"."schedules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "handoff_notes" ADD CONSTRAINT "handoff_notes_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "handoff_notes" ADD CONSTRAINT "handoff_notes_written_by_id_people_id_fk" FOREIGN KEY ("written_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "on_call_settings" ADD CONSTRAINT "on_call_settings_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "schedule_overrides" ADD CONSTRAINT "schedule_overrides_schedule_id_schedules_id_fk" FOREIGN KEY ("schedule_id") REFERENCES "public"."schedules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "schedule_overrides" ADD CONSTRAINT "schedule_overrides_created_by_id_people_id_fk" FOREIGN KEY ("created_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "shift_records" ADD CONSTRAINT "shift_records_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "time_off" ADD CONSTRAINT "time_off_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "passkeys_credential" ON "passkeys" USING btree ("credential_id");--> statement-breakpoint
CREATE INDEX "passkeys_person" ON "passkeys" USING btree ("person_id");--> statement-breakpoint
CREATE UNIQUE INDEX "people_email" ON "people" USING btree ("email");--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_token" ON "sessions" USING btree ("token_digest");--> statement-breakpoint
CREATE INDEX "sessions_person" ON "sessions" USING btree ("person_id");--> statement-breakpoint
CREATE UNIQUE INDEX "alerts_open_key" ON "alerts" USING btree ("dedup_scope","dedup_key") WHERE "alerts"."is_open";--> statement-breakpoint
CREATE INDEX "alerts_number" ON "alerts" USING btree ("number");--> statement-breakpoint
CREATE INDEX "alerts_queue" ON "alerts" USING btree ("number") WHERE "alerts"."disposition_at" is null;--> statement-breakpoint
CREATE INDEX "alerts_incident" ON "alerts" USING btree ("incident_id");--> statement-breakpoint
CREATE UNIQUE INDEX "heartbeats_token" ON "heartbeats" USING btree ("token_digest");--> statement-breakpoint
CREATE INDEX "silences_end" ON "silences" USING btree ("end");--> statement-breakpoint
CREATE UNIQUE INDEX "sources_key" ON "integrations" USING btree ("key_digest");--> statement-breakpoint
CREATE UNIQUE INDEX "reports_reference" ON "reports" USING btree ("reference");--> statement-breakpoint
CREATE INDEX "reports_alert" ON "reports" USING btree ("alert_id");--> statement-breakpoint
CREATE INDEX "dead_letters_received" ON "dead_letters" USING btree ("received_at");--> statement-breakpoint
CREATE INDEX "detection_matches_alert" ON "detection_matches" USING btree ("alert_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "detection_rules_rule_id" ON "detection_rules" USING btree ("rule_id");--> statement-breakpoint
CREATE INDEX "detection_rules_title" ON "detection_rules" USING btree ("title","id");--> statement-breakpoint
CREATE INDEX "indicators_object" ON "indicators" USING btree ("list_id","object_id") WHERE "indicators"."object_id" is not null;--> statement-breakpoint
CREATE INDEX "indicators_end" ON "indicators" USING btree ("valid_until") WHERE "indicators"."valid_until" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "log_sources_key" ON "log_sources" USING btree ("key_digest");--> statement-breakpoint
CREATE UNIQUE INDEX "customers_name" ON "customers" USING btree ("name");--> statement-breakpoint
CREATE UNIQUE INDEX "services_name" ON "services" USING btree ("name");--> statement-breakpoint
CREATE UNIQUE INDEX "teams_name" ON "teams" USING btree ("name");--> statement-breakpoint
CREATE INDEX "incidents_number" ON "incidents" USING btree ("number");--> statement-breakpoint
CREATE INDEX "incidents_status" ON "incidents" USING btree ("status");--> statement-breakpoint
CREATE INDEX "incidents_covered" ON "incidents" USING btree ("parent_id");--> statement-breakpoint
CREATE INDEX "notes_incident" ON "notes" USING btree ("incident_id");--> statement-breakpoint
CREATE INDEX "tasks_incident" ON "tasks" USING btree ("incident_id");--> statement-breakpoint
CREATE UNIQUE INDEX "journal_seq" ON "journal" USING btree ("seq");--> statement-breakpoint
CREATE INDEX "journal_within" ON "journal" USING btree ("within_id","seq");--> statement-breakpoint
CREATE INDEX "journal_subject" ON "journal" USING btree ("subject_id","seq");--> statement-breakpoint
CREATE UNIQUE INDEX "journal_dead_letters_entry" ON "journal_dead_letters" USING btree ("reader","entry_id");--> statement-breakpoint
CREATE INDEX "journal_dead_letters_open" ON "journal_dead_letters" USING btree ("reader") WHERE "journal_dead_letters"."state" = 'open';--> statement-breakpoint
CREATE INDEX "journal_dead_letters_at" ON "journal_dead_letters" USING btree ("at","id");--> statement-breakpoint
CREATE INDEX "journal_leaves_entry" ON "journal_leaves" USING btree ("entry_id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "jobs_key" ON "jobs" USING btree ("key");--> statement-breakpoint
CREATE INDEX "jobs_due" ON "jobs" USING btree ("lane","priority","run_at");--> statement-breakpoint
CREATE INDEX "notices_obligation" ON "notices" USING btree ("obligation_id");--> statement-breakpoint
CREATE UNIQUE INDEX "obligations_once" ON "obligations" USING btree ("incident_id","customer_id");--> statement-breakpoint
CREATE INDEX "obligations_due" ON "obligations" USING btree (("notified_at" is not null),coalesce("due_at", 'infinity'::timestamptz));--> statement-breakpoint
CREATE INDEX "contact_methods_person" ON "contact_methods" USING btree ("person_id");--> statement-breakpoint
CREATE INDEX "messages_created" ON "messages" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "messages_purpose" ON "messages" USING btree ("purpose","purpose_id");--> statement-breakpoint
CREATE INDEX "messages_state" ON "messages" USING btree ("state");--> statement-breakpoint
CREATE INDEX "messages_unsent" ON "messages" USING btree ("channel","created_at") WHERE "messages"."state" in ('queued', 'held');--> statement-breakpoint
CREATE INDEX "team_channels_team" ON "team_channels" USING btree ("team_id");--> statement-breakpoint
CREATE UNIQUE INDEX "page_bundles_open" ON "page_bundles" USING btree ("person_id") WHERE "page_bundles"."sent_at" is null;--> statement-breakpoint
CREATE INDEX "page_notifications_page" ON "page_notifications" USING btree ("page_id");--> statement-breakpoint
CREATE INDEX "page_notifications_person" ON "page_notifications" USING btree ("person_id","at");--> statement-breakpoint
CREATE INDEX "page_notifications_bundle" ON "page_notifications" USING btree ("bundle_id");--> statement-breakpoint
CREATE INDEX "page_notifications_message" ON "page_notifications" USING btree ("message_id");--> statement-breakpoint
CREATE UNIQUE INDEX "pages_escalating" ON "pages" USING btree ("key") WHERE "pages"."state" = 'triggered';--> statement-breakpoint
CREATE INDEX "pages_subject" ON "pages" USING btree ("subject_id");--> statement-breakpoint
CREATE INDEX "pages_list" ON "pages" USING btree (("state" in ('triggered', 'exhausted')),"created_at","id");--> statement-breakpoint
CREATE INDEX "pages_drills" ON "pages" USING btree ("team_id","created_at","id") WHERE "pages"."subject_kind" = 'drill';--> statement-breakpoint
CREATE INDEX "pages_system" ON "pages" USING btree ("key") WHERE "pages"."subject_kind" = 'system';--> statement-breakpoint
CREATE INDEX "pages_open" ON "pages" USING btree ("next_escalation_at") WHERE "pages"."state" = 'triggered';--> statement-breakpoint
CREATE INDEX "policies_team" ON "policies" USING btree ("team_id");--> statement-breakpoint
CREATE INDEX "follow_ups_review" ON "followUps" USING btree ("review_id");--> statement-breakpoint
CREATE INDEX "follow_ups_due" ON "followUps" USING btree ("due_on","id");--> statement-breakpoint
CREATE UNIQUE INDEX "reviews_incident" ON "reviews" USING btree ("incident_id");--> statement-breakpoint
CREATE UNIQUE INDEX "calendar_feeds_token" ON "calendar_feeds" USING btree ("token_digest");--> statement-breakpoint
CREATE INDEX "handoff_notes_team" ON "handoff_notes" USING btree ("team_id","written_at","id");--> statement-breakpoint
CREATE INDEX "schedule_overrides_schedule" ON "schedule_overrides" USING btree ("schedule_id","end");--> statement-breakpoint
CREATE INDEX "schedules_team" ON "schedules" USING btree ("team_id");--> statement-breakpoint
CREATE INDEX "shift_records_team" ON "shift_records" USING btree ("team_id","start");--> statement-breakpoint
CREATE UNIQUE INDEX "shift_records_open" ON "shift_records" USING btree ("schedule_id","position") WHERE "shift_records"."end" is null;--> statement-breakpoint
CREATE INDEX "time_off_end" ON "time_off" USING btree ("end");