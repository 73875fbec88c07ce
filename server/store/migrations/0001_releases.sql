CREATE TABLE "releases" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"version" text NOT NULL,
	"executable" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	"sha256" "bytea" NOT NULL,
	"signature" "bytea" NOT NULL,
	"received_bytes" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"completed_at" timestamp (3) with time zone,
	CONSTRAINT "releases_version" UNIQUE("tenant_id","version","executable")
);
--> statement-breakpoint
CREATE TABLE "rollout_machines" (
	"rollout_id" uuid NOT NULL,
	"machine_id" uuid NOT NULL,
	"tenant_id" uuid NOT NULL,
	"canary" boolean DEFAULT false NOT NULL,
	"granted_at" timestamp (3) with time zone,
	"grants" integer DEFAULT 0 NOT NULL,
	"accepted" boolean DEFAULT false NOT NULL,
	CONSTRAINT "rollout_machines_rollout_id_machine_id_pk" PRIMARY KEY("rollout_id","machine_id")
);
--> statement-breakpoint
CREATE TABLE "rollouts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"version" text NOT NULL,
	"state" text NOT NULL,
	"state_since" timestamp (3) with time zone NOT NULL,
	"stopped_from" text,
	"stop_reason" text,
	"canary_count" integer,
	"soak_ms" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "rollouts_stopped" CHECK ((state = 'stopped') = (stop_reason is not null and stopped_from is not null))
);
--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "executable" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "incarnation_since" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "release_version" text;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "release_state" text;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "release_fault" text;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "kept_free" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "releases" ADD CONSTRAINT "releases_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rollout_machines" ADD CONSTRAINT "rollout_machines_rollout_id_rollouts_id_fk" FOREIGN KEY ("rollout_id") REFERENCES "public"."rollouts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rollout_machines" ADD CONSTRAINT "rollout_machines_machine_id_machines_id_fk" FOREIGN KEY ("machine_id") REFERENCES "public"."machines"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rollout_machines" ADD CONSTRAINT "rollout_machines_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rollouts" ADD CONSTRAINT "rollouts_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "rollout_machines_granted" ON "rollout_machines" USING btree ("machine_id") WHERE granted_at is not null;--> statement-breakpoint
CREATE INDEX "rollouts_by_tenant" ON "rollouts" USING btree ("tenant_id","id" DESC NULLS LAST);--> statement-breakpoint
CREATE UNIQUE INDEX "rollouts_one_running" ON "rollouts" USING btree ("tenant_id") WHERE state in ('running_canary', 'running_rest');