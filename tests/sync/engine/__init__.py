"""Previews, alerts, upkeep; runs and tags have folders of their own."""
