"""A purchase's page, story and choices in the admin."""
