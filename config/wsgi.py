"""The web process's entry point."""

import os

from django.core.wsgi import get_wsgi_application

from config import checks, embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
checks.refuse_errors(is_web=True)
embedded.start_if_needed()
