"""What is wrong with a tenant, written into the outbox and mailed from there."""
