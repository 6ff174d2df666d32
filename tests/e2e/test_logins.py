"""Who guesses is locked out and let in again; what is kept of it, at the screen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from playwright.sync_api import expect

from connector.roles import Role
from logins.models import PersonSession
from tests.e2e.conftest import PASSWORD, log_in
from tests.support.people import add_lock, add_staff

pytestmark = pytest.mark.browser


def test_a_locked_login_is_unlocked_by_an_administrator(page, administrator, show):
    add_staff("vera", Role.VIEWER)
    page.goto("/admin/")
    for number in range(5):
        page.fill("#id_username", "vera")
        page.fill("#id_password", f"wrong {number}")
        page.click("button[type=submit]")
        page.wait_for_load_state("load")
    expect(page.get_by_role("alert")).to_contain_text("Too many wrong passwords")
    show(page, "login-locked")
    page.get_by_role("link", name="Back to the login").click()
    log_in(page, "admin")
    add_lock("unknown:4711")
    page.get_by_role("link", name="Locked logins").click()
    show(page, "locked-logins")
    page.get_by_role("checkbox").first.check()
    page.locator("select[name=action]").select_option("unlock_selected")
    page.locator("button[name=index]").click()
    expect(page.get_by_text("from 127.0.0.1 was unlocked.")).to_be_visible()
    page.goto("/admin/audit/entry/")
    expect(page.get_by_text("was locked after 5 wrong passwords.")).to_be_visible()
    show(page, "audit-list")


def test_somebody_signs_out_everywhere(page, live_server, show):
    add_staff("vera", Role.VIEWER)
    log_in(page, "vera")
    page.goto("/admin/logins/personsession/")
    expect(page.get_by_text("(this one)")).to_be_visible()
    show(page, "sessions")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("You are signed out everywhere.")).to_be_visible()
    page.fill("#id_username", "vera")
    page.fill("#id_password", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator("#nav-sidebar-apps")).to_be_visible()


def test_the_password_is_asked_for_again_before_people(page, administrator, show):
    log_in(page, "admin")
    long_ago = F("confirmed_at") - timedelta(minutes=11)
    PersonSession.objects.update(confirmed_at=long_ago)
    page.goto("/admin/auth/user/add/")
    expect(page.get_by_role("heading", name="Enter your password")).to_be_visible()
    show(page, "password-again")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_label("Username")).to_be_visible()
