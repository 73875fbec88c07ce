CREATE TABLE "application_versions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"digest" text NOT NULL,
	"source" text NOT NULL,
	"program" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "application_versions_number" UNIQUE("tenant_id","name","version")
);
--> statement-breakpoint
CREATE TABLE "files" (
	"tenant_id" uuid NOT NULL,
	"digest" text NOT NULL,
	"content" "bytea" NOT NULL,
	CONSTRAINT "files_tenant_id_digest_pk" PRIMARY KEY("tenant_id","digest")
);
--> statement-breakpoint
CREATE TABLE "workflow_versions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"digest" text NOT NULL,
	"source" text NOT NULL,
	"program" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "workflow_versions_number" UNIQUE("tenant_id","name","version")
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"machine_id" uuid NOT NULL,
	"purpose" text NOT NULL,
	"epoch" bigint NOT NULL,
	"attempt_id" uuid,
	"granted_at" timestamp (3) with time zone NOT NULL,
	"deadline_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "machines" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"pool_id" uuid NOT NULL,
	"name" text NOT NULL,
	"key_hash" "bytea" NOT NULL,
	"enrolled_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	"status" text NOT NULL,
	"status_since" timestamp (3) with time zone NOT NULL,
	"epoch" bigint NOT NULL,
	"boot_id" text,
	"start_id" text,
	"dial_number" bigint DEFAULT 0 NOT NULL,
	"replica_id" uuid,
	"session_id" uuid,
	"takeover_at" timestamp (3) with time zone,
	"inventory" jsonb,
	"applications" text[] DEFAULT '{}' NOT NULL,
	"health_at" timestamp (3) with time zone,
	"generation" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "machines_keyHash_unique" UNIQUE("key_hash"),
	CONSTRAINT "machines_name" UNIQUE("tenant_id","name"),
	CONSTRAINT "machines_takeover" CHECK ((status = 'reattaching') = (takeover_at is not null))
);
--> statement-breakpoint
CREATE TABLE "replicas" (
	"id" uuid PRIMARY KEY NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ends_at" timestamp (3) with time zone NOT NULL,
	"agent_address" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "service" (
	"id" integer PRIMARY KEY NOT NULL,
	"resumed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "artifacts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"run_id" uuid NOT NULL,
	"attempt_id" uuid NOT NULL,
	"command_number" integer NOT NULL,
	"kind" text NOT NULL,
	"content_type" text NOT NULL,
	"size_bytes" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"run_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"machine_id" uuid NOT NULL,
	"lease_id" uuid NOT NULL,
	"application_version_id" uuid NOT NULL,
	"phase" text NOT NULL,
	"command_number" integer NOT NULL,
	"command_deadline_at" timestamp (3) with time zone,
	"progress" jsonb,
	"commit_label" text NOT NULL,
	"repairs" integer DEFAULT 0 NOT NULL,
	"ready_by" timestamp (3) with time zone,
	"ending" jsonb,
	"steps_done" integer DEFAULT 0 NOT NULL,
	"proof" jsonb,
	"failure" jsonb,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"generation" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "attempts_ended" CHECK ((phase = 'ended') = (ended_at is not null))
);
--> statement-breakpoint
CREATE TABLE "commands" (
	"attempt_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"spec" jsonb NOT NULL,
	"saved_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"input" text,
	"failure" jsonb,
	"output" jsonb,
	"duration_ms" integer,
	CONSTRAINT "commands_attempt_id_number_pk" PRIMARY KEY("attempt_id","number")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"run_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"body" jsonb NOT NULL,
	CONSTRAINT "events_run_id_number_pk" PRIMARY KEY("run_id","number")
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"workflow_version_id" uuid NOT NULL,
	"workflow" text NOT NULL,
	"workflow_version" integer NOT NULL,
	"pool_id" uuid NOT NULL,
	"route" text NOT NULL,
	"inputs" jsonb NOT NULL,
	"idempotency_key" text,
	"request_digest" text NOT NULL,
	"priority" integer NOT NULL,
	"state" text NOT NULL,
	"outcome" text,
	"outputs" jsonb,
	"failure" jsonb,
	"commit_label" text,
	"last_event" integer NOT NULL,
	"attempts_used" integer DEFAULT 0 NOT NULL,
	"not_ready_count" integer DEFAULT 0 NOT NULL,
	"attempts_max" integer NOT NULL,
	"retry_on" text[] NOT NULL,
	"avoid" uuid[] DEFAULT '{}' NOT NULL,
	"attempt_id" uuid,
	"attempt_count" integer DEFAULT 0 NOT NULL,
	"queue_timeout_ms" bigint NOT NULL,
	"timeout_ms" bigint NOT NULL,
	"deadline_at" timestamp (3) with time zone,
	"run_deadline_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"generation" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "runs_ended" CHECK ((state = 'ended') = (ended_at is not null) and (state = 'ended') = (outcome is not null)),
	CONSTRAINT "runs_attempt" CHECK ((state in ('running', 'cancelling')) = (attempt_id is not null)),
	CONSTRAINT "runs_deadline_set" CHECK ((state = 'ended') = (deadline_at is null))
);
--> statement-breakpoint
CREATE TABLE "enrolment_tokens" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"pool_id" uuid NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"uses_left" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "enrolment_tokens_secretHash_unique" UNIQUE("secret_hash")
);
--> statement-breakpoint
CREATE TABLE "keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"owner" text NOT NULL,
	"scope" text NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "keys_secretHash_unique" UNIQUE("secret_hash")
);
--> statement-breakpoint
CREATE TABLE "pools" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"name" text NOT NULL,
	CONSTRAINT "pools_name" UNIQUE("tenant_id","name")
);
--> statement-breakpoint
CREATE TABLE "tenants" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "tenants_name_unique" UNIQUE("name")
);
--> statement-breakpoint
ALTER TABLE "application_versions" ADD CONSTRAINT "application_versions_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workflow_versions" ADD CONSTRAINT "workflow_versions_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "leases" ADD CONSTRAINT "leases_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "leases" ADD CONSTRAINT "leases_machine_id_machines_id_fk" FOREIGN KEY ("machine_id") REFERENCES "public"."machines"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "machines" ADD CONSTRAINT "machines_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "machines" ADD CONSTRAINT "machines_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_machine_id_machines_id_fk" FOREIGN KEY ("machine_id") REFERENCES "public"."machines"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_application_version_id_application_versions_id_fk" FOREIGN KEY ("application_version_id") REFERENCES "public"."application_versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "commands" ADD CONSTRAINT "commands_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_workflow_version_id_workflow_versions_id_fk" FOREIGN KEY ("workflow_version_id") REFERENCES "public"."workflow_versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "enrolment_tokens" ADD CONSTRAINT "enrolment_tokens_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "enrolment_tokens" ADD CONSTRAINT "enrolment_tokens_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "keys" ADD CONSTRAINT "keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pools" ADD CONSTRAINT "pools_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "leases_one_driver" ON "leases" USING btree ("machine_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "leases_by_attempt" ON "leases" USING btree ("attempt_id");--> statement-breakpoint
CREATE INDEX "machines_idle" ON "machines" USING btree ("pool_id","status_since") WHERE status = 'idle';--> statement-breakpoint
CREATE INDEX "machines_reattaching" ON "machines" USING btree ("takeover_at") WHERE status = 'reattaching';--> statement-breakpoint
CREATE INDEX "machines_by_replica" ON "machines" USING btree ("replica_id") WHERE status in ('idle', 'busy');--> statement-breakpoint
CREATE INDEX "artifacts_by_run" ON "artifacts" USING btree ("run_id","id");--> statement-breakpoint
CREATE INDEX "artifacts_by_attempt" ON "artifacts" USING btree ("attempt_id","kind","id");--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_number" ON "attempts" USING btree ("run_id","number");--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_live" ON "attempts" USING btree ("run_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "attempts_command_deadline" ON "attempts" USING btree ("command_deadline_at") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "runs_queue" ON "runs" USING btree ("pool_id","route","priority" DESC NULLS LAST,"id") WHERE state = 'queued';--> statement-breakpoint
CREATE INDEX "runs_deadline" ON "runs" USING btree ("deadline_at") WHERE state <> 'ended';--> statement-breakpoint
CREATE UNIQUE INDEX "runs_idempotency" ON "runs" USING btree ("tenant_id","idempotency_key") WHERE idempotency_key is not null;--> statement-breakpoint
CREATE INDEX "runs_by_tenant" ON "runs" USING btree ("tenant_id","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "enrolment_tokens_by_tenant" ON "enrolment_tokens" USING btree ("tenant_id","id");--> statement-breakpoint
CREATE INDEX "keys_by_tenant" ON "keys" USING btree ("tenant_id","id");