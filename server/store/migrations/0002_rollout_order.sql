DROP INDEX "rollouts_by_tenant";--> statement-breakpoint
CREATE INDEX "rollouts_by_tenant" ON "rollouts" USING btree ("tenant_id","created_at" DESC NULLS LAST,"id" DESC NULLS LAST);