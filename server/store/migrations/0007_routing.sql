CREATE TABLE "concurrency_limits" (
	"tenant_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"max" integer NOT NULL,
	"set_by" text NOT NULL,
	"set_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "concurrency_limits_tenant_id_kind_name_pk" PRIMARY KEY("tenant_id","kind","name")
);
--> statement-breakpoint
CREATE TABLE "offers" (
	"id" text PRIMARY KEY NOT NULL,
	"body" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pauses" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"target" text NOT NULL,
	"reason" text NOT NULL,
	"paused_by" text NOT NULL,
	"paused_at" timestamp (3) with time zone NOT NULL,
	"ended_by" text,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "routes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"pool_id" uuid NOT NULL,
	"workflow" text NOT NULL,
	"caller" text NOT NULL,
	"requirement" jsonb NOT NULL,
	"digest" text NOT NULL,
	CONSTRAINT "routes_digest" UNIQUE("tenant_id","digest")
);
--> statement-breakpoint
CREATE TABLE "shares" (
	"pool_id" uuid NOT NULL,
	"caller" text NOT NULL,
	"finish" double precision NOT NULL,
	CONSTRAINT "shares_pool_id_caller_pk" PRIMARY KEY("pool_id","caller")
);
--> statement-breakpoint
CREATE TABLE "retentions" (
	"tenant_id" uuid PRIMARY KEY NOT NULL,
	"runs_ms" bigint,
	"artifacts_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "spent_keys" (
	"tenant_id" uuid NOT NULL,
	"key_hash" "bytea" NOT NULL,
	"spent_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "spent_keys_tenant_id_key_hash_pk" PRIMARY KEY("tenant_id","key_hash")
);
--> statement-breakpoint
DROP INDEX "runs_queue";--> statement-breakpoint
DROP INDEX "runs_unsettled";--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "offer_id" text;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "warm" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "failures_in_a_row" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "failure_rate" double precision DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "quarantines" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "quarantined_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "tenant_id" uuid;--> statement-breakpoint
UPDATE "events" e SET "tenant_id" = r.tenant_id FROM "runs" r WHERE r.id = e.run_id;--> statement-breakpoint
ALTER TABLE "events" ALTER COLUMN "tenant_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "tx" "xid8" DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "application" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "route_id" uuid;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "caller" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "front" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "due" boolean DEFAULT true NOT NULL;--> statement-breakpoint
-- Nobody remembers who started them: they share as one caller. No digest of a new route is like these.
INSERT INTO "routes" (id, tenant_id, pool_id, workflow, caller, requirement, digest)
  SELECT gen_random_uuid(), tenant_id, pool_id, workflow, '', jsonb_build_object('application', route, 'labels', '[]'::jsonb),
    concat_ws(' ', pool_id, workflow, route)
  FROM (SELECT DISTINCT tenant_id, pool_id, workflow, route FROM "runs") old;--> statement-breakpoint
UPDATE "runs" r SET application = r.route, caller = '', route_id = t.id, due = r.not_before_at IS NULL OR r.state = 'ended'
  FROM "routes" t WHERE t.tenant_id = r.tenant_id AND t.digest = concat_ws(' ', r.pool_id, r.workflow, r.route);--> statement-breakpoint
ALTER TABLE "runs" ALTER COLUMN "application" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ALTER COLUMN "route_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ALTER COLUMN "caller" SET NOT NULL;--> statement-breakpoint
-- Labels were refused until now: there are none.
UPDATE "workflow_versions" SET program = jsonb_set(program, '{requires,labels}', '[]');--> statement-breakpoint
ALTER TABLE "pools" ADD COLUMN "virtual_time" double precision DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "pools" ADD COLUMN "fronts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "concurrency_limits" ADD CONSTRAINT "concurrency_limits_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pauses" ADD CONSTRAINT "pauses_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routes" ADD CONSTRAINT "routes_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routes" ADD CONSTRAINT "routes_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "shares" ADD CONSTRAINT "shares_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "retentions" ADD CONSTRAINT "retentions_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "spent_keys" ADD CONSTRAINT "spent_keys_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "pauses_in_force" ON "pauses" USING btree ("tenant_id","kind","target") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "pauses_by_tenant" ON "pauses" USING btree ("tenant_id","id");--> statement-breakpoint
CREATE INDEX "spent_keys_by_age" ON "spent_keys" USING btree ("spent_at");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_route_id_routes_id_fk" FOREIGN KEY ("route_id") REFERENCES "public"."routes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "artifacts_by_age" ON "artifacts" USING btree ("tenant_id","created_at");--> statement-breakpoint
CREATE INDEX "events_by_tenant" ON "events" USING btree ("tenant_id","tx","run_id","number");--> statement-breakpoint
CREATE INDEX "runs_not_due" ON "runs" USING btree ("not_before_at") WHERE not due;--> statement-breakpoint
CREATE INDEX "runs_by_end" ON "runs" USING btree ("tenant_id","ended_at") WHERE state = 'ended';--> statement-breakpoint
CREATE INDEX "runs_queue" ON "runs" USING btree ("pool_id","route_id","front" DESC NULLS LAST,"priority" DESC NULLS LAST,"id") WHERE state = 'queued' and due;--> statement-breakpoint
CREATE INDEX "runs_unsettled" ON "runs" USING btree ("pool_id","route_id","id") WHERE state = 'unsettled' and due;