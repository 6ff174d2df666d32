"""The simulators held against the API documents that they are written from."""
