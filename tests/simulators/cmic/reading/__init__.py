"""CMiC's resources: their rows, queries, pages and envelopes."""
