"""Workers killed, services lost, random faults: nothing is lost and nothing doubled."""
