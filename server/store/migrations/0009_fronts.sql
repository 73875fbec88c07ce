DROP INDEX "runs_unsettled";--> statement-breakpoint
CREATE INDEX "runs_unsettled" ON "runs" USING btree ("pool_id","route_id","front" DESC NULLS LAST,"id") WHERE state = 'unsettled' and due;