"""Where rules, rows and clients meet: prepare a run, sync one purchase, recover.

The engine sends no messages. It returns what should happen next as `Step`s, and
`sync.tasks` sends them. Callers import from its rooms.
"""
