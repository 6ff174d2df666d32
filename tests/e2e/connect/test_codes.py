"""The button that has CMiC's codes read, and the page that follows by itself."""

from __future__ import annotations

import pytest

from connector.models import CmicCode
from tests.e2e.conftest import log_in
from tests.support.factories import make_tenant

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("administrator", "worker")
def test_codes_are_refreshed_at_the_press_of_a_button(page, pex, cmic, show):
    tenant = make_tenant(pex.url, cmic.url)
    log_in(page, "admin")
    page.goto(f"/admin/connector/tenant/{tenant.pk}/change/#mappings")
    codes = page.locator("#codes")
    assert "not read yet" in codes.inner_text()
    cmic.hold("listing")
    codes.get_by_role("button", name="Refresh codes").click()
    codes.get_by_text("being read: company, 0 so far").wait_for()
    show(page, "codes-being-read")
    cmic.release()
    codes.get_by_text("were read").wait_for()
    codes.get_by_text("What was read").click()
    assert "vendor: 12" in codes.inner_text()
    show(page, "codes-read")
    assert CmicCode.objects.filter(kind="job").count() == 25
