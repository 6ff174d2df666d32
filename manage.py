#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.management import execute_from_command_line

from config import embedded

# What is called for files and code only; every other command may connect.
CALLS_WITHOUT_SERVICES = (
    ["check"],
    ["check", "--deploy"],
    ["collectstatic", "--noinput"],
)

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:] not in CALLS_WITHOUT_SERVICES:
        embedded.start_if_needed()
    execute_from_command_line(sys.argv)
