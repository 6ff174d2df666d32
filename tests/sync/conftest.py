"""Fixtures of all that happens to purchases."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User


@pytest.fixture
def sam(db):
    """Somebody who decides."""
    return User.objects.create_user("sam")
