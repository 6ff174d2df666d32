"""The Sync tab: which purchases go, what they become, what happened to each."""
