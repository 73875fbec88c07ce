-- A start with a key whose run was deleted is refused (G5). It may have waited in the unique index for that very deletion: the
-- statement's own snapshot is older than it, and does not show that the key is spent. Each query of a function that is volatile
-- sees what is committed by then, so this one is asked once the key is known to be free.
-- Whoever restores a dump has no search path.
CREATE FUNCTION "refuse_spent_key"() RETURNS trigger LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM "public"."spent_keys"
    WHERE "tenant_id" = NEW."tenant_id" AND "key_hash" = sha256(convert_to(NEW."idempotency_key", 'UTF8'))
  ) THEN
    RAISE EXCEPTION 'the idempotency key is spent' USING ERRCODE = 'DRKEY';
  END IF;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER "runs_spent_key" AFTER INSERT ON "runs" FOR EACH ROW
  WHEN (NEW."idempotency_key" IS NOT NULL) EXECUTE FUNCTION "refuse_spent_key"();
