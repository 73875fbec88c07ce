CREATE TABLE "halts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"target" text NOT NULL,
	"reason" text NOT NULL,
	"halted_by" text NOT NULL,
	"halted_at" timestamp (3) with time zone NOT NULL,
	"resumed_by" text,
	"resumed_at" timestamp (3) with time zone,
	CONSTRAINT "halts_resumed" CHECK ((resumed_at is null) = (resumed_by is null))
);
--> statement-breakpoint
CREATE TABLE "retry_budgets" (
	"tenant_id" uuid NOT NULL,
	"workflow" text NOT NULL,
	"left" double precision NOT NULL,
	CONSTRAINT "retry_budgets_tenant_id_workflow_pk" PRIMARY KEY("tenant_id","workflow")
);
--> statement-breakpoint
CREATE TABLE "inventories" (
	"digest" text PRIMARY KEY NOT NULL,
	"body" jsonb NOT NULL
);
--> statement-breakpoint
ALTER TABLE "runs" DROP CONSTRAINT "runs_attempt";--> statement-breakpoint
DROP INDEX "attempts_live";--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "cordoned_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "drain_by" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "hold" text;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "desktop" text;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "resume_number" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "unready_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "unready_verdict" text;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "unready_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "machines" ADD COLUMN "unclean_attempt_id" uuid;--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "purpose" text DEFAULT 'attempt' NOT NULL;--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "commits_begun" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "held" jsonb;--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "inventory_digest" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "retry" jsonb DEFAULT '{"delayMs":0,"delayMaxMs":0,"anotherMachine":true}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "not_before_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "unsettled" jsonb;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "resolution" jsonb;--> statement-breakpoint
ALTER TABLE "halts" ADD CONSTRAINT "halts_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "retry_budgets" ADD CONSTRAINT "retry_budgets_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "halts_in_force" ON "halts" USING btree ("tenant_id","kind","target") WHERE resumed_at is null;--> statement-breakpoint
CREATE INDEX "halts_by_tenant" ON "halts" USING btree ("tenant_id","id");--> statement-breakpoint
CREATE INDEX "machines_draining" ON "machines" USING btree ("drain_by") WHERE drain_by is not null;--> statement-breakpoint
CREATE INDEX "runs_unsettled" ON "runs" USING btree ("pool_id","route","id") WHERE state = 'unsettled';--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_live" ON "attempts" USING btree ("run_id") WHERE ended_at is null and purpose <> 'upkeep';--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_attempt" CHECK ((state in ('running', 'cancelling', 'verifying')) = (attempt_id is not null));