"""The forms of a tenant's page: what they show, take and say."""
