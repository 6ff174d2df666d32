"""What tests share: tenants, rows, people, processes, and a run taken step by step."""
