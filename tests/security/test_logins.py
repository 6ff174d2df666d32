"""Logging in: what a guesser gets, how long a login holds, and how to end it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import hashers
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from audit.models import Entry
from connector import clock
from connector.roles import Role
from logins import sessions
from logins.models import Lock, PersonSession
from sync.tasks import prune
from tests.support.factories import make_tenant
from tests.support.people import PASSWORD, add_lock, add_staff

HOME, LOGIN = "/admin/", "/admin/login/"
SESSIONS = "/admin/logins/personsession/"
CONFIRM = f"{SESSIONS}confirm/"


@pytest.fixture
def kim(db):
    return add_staff("kim", Role.VIEWER)


@pytest.fixture
def later(monkeypatch):
    """Has the clock of sessions go ahead."""
    now = clock.now

    def go(**ahead):
        monkeypatch.setattr(sessions.clock, "now", lambda: now() + timedelta(**ahead))

    return go


@pytest.fixture
def hashed(monkeypatch):
    """How many passwords were hashed."""
    counted = []
    hasher = hashers.get_hasher()
    verify = type(hasher).verify
    encode = type(hasher).encode

    def count_encode(self, *args, **options):
        counted.append("encode")
        return encode(self, *args, **options)

    monkeypatch.setattr(type(hasher), "encode", count_encode)
    monkeypatch.setattr(type(hasher), "verify", verify)
    return counted


def log_in(name, password, client=None, **headers):
    data = {"username": name, "password": password}
    return (client or Client()).post(LOGIN, data, **headers)


def fail(name, times, **headers):
    return [log_in(name, f"wrong {n}", **headers) for n in range(times)]


def words_of(answer):
    """What the page says, without its markup."""
    return " ".join(strip_tags(answer.content.decode()).split())


def is_logged_in(client):
    return client.get(HOME).status_code == 200


def test_a_login_without_an_address_to_go_to_leads_to_the_first_page(kim):
    assert log_in("kim", PASSWORD)["Location"] == HOME


class TestGuessing:
    def test_sixty_wrong_passwords_cost_five_hashes(self, kim, hashed, settings):
        answers = fail("kim", 60)
        assert len(hashed) == settings.LOGIN_TRIES == 5
        assert [answer.status_code for answer in answers[:5]] == [200] * 4 + [429]
        assert {answer.status_code for answer in answers[4:]} == {429}

    def test_a_name_that_no_account_has_is_locked_alike(self, db, hashed):
        answers = fail("nobody", 60)
        assert len(hashed) == 5
        assert answers[-1].status_code == 429

    def test_the_right_password_does_not_help_either(self, kim):
        fail("kim", 5)
        client = Client()
        answer = log_in("kim", PASSWORD, client)
        assert answer.status_code == 429
        assert not is_logged_in(client)
        assert "ask an administrator to unlock it" in words_of(answer)
        assert "Login locked" in words_of(answer)

    def test_others_at_the_address_and_the_person_elsewhere_log_in(self, kim):
        add_staff("lee")
        fail("kim", 5, REMOTE_ADDR="192.0.2.1")
        for name, address in (("lee", "192.0.2.1"), ("kim", "192.0.2.2")):
            answer = log_in(name, PASSWORD, REMOTE_ADDR=address)
            assert answer.status_code == 302, name

    def test_a_made_up_address_opens_nothing(self, kim):
        answers = [
            log_in("kim", "wrong", HTTP_X_FORWARDED_FOR=f"203.0.113.{n}")
            for n in range(6)
        ]
        assert answers[-1].status_code == 429

    def test_another_address_of_the_same_network_opens_nothing(self, kim):
        fail("kim", 5, REMOTE_ADDR="2001:db8::1")
        answer = log_in("kim", PASSWORD, REMOTE_ADDR="2001:db8::ffff:1")
        assert answer.status_code == 429

    def test_another_browser_opens_nothing(self, kim):
        for n in range(6):
            answer = log_in("kim", "wrong", HTTP_USER_AGENT=f"Browser {n}")
        assert answer.status_code == 429

    def test_a_lock_ends_by_itself(self, kim, settings):
        fail("kim", 5)
        AccessAttempt.objects.update(
            attempt_time=clock.now() - settings.AXES_COOLOFF_TIME
        )
        assert log_in("kim", PASSWORD).status_code == 302

    def test_a_login_makes_earlier_slips_forgotten(self, kim):
        for _ in range(3):
            fail("kim", 4)
            assert log_in("kim", PASSWORD).status_code == 302

    def test_a_lock_is_on_the_audit_list_once(self, kim):
        fail("kim", 60)
        [row] = Entry.objects.filter(kind=Entry.Kind.LOCK_OUT)
        assert row.person == kim
        assert row.sentence == "Logging in as kim was locked after 5 wrong passwords."
        assert Entry.objects.filter(kind=Entry.Kind.FAILED_LOGIN).count() == 5

    def test_the_right_password_of_who_is_no_staff_is_kept(self, db):
        User.objects.create_user("customer", password=PASSWORD)
        assert log_in("customer", PASSWORD).status_code == 200
        [row] = Entry.objects.filter(kind=Entry.Kind.FAILED_LOGIN)
        assert row.sentence == "A login as customer failed: it is not of the staff."


class TestUnlocking:
    def unlock(self, client, lock):
        data = {"action": "unlock_selected", "_selected_action": lock.pk}
        return client.post(reverse("admin:logins_lock_changelist"), data, follow=True)

    def test_an_administrator_unlocks(self, client, kim):
        for n in range(5):
            log_in("kim", "wrong", HTTP_USER_AGENT=f"Browser {n}")
        boss = add_staff("boss", Role.ADMINISTRATOR)
        client.force_login(boss)
        page = self.unlock(client, Lock.objects.first())
        assert "Logging in as kim from 127.0.0.1 was unlocked." in words_of(page)
        assert log_in("kim", PASSWORD).status_code == 302
        row = Entry.objects.get(kind=Entry.Kind.UNLOCK)
        assert row.person == boss

    def test_support_does_not(self, client, kim):
        lock = add_lock("kim")
        client.force_login(add_staff("sam", Role.SUPPORT))
        assert self.unlock(client, lock).status_code == 403
        assert Lock.objects.exists()

    def test_what_is_not_locked_is_not_listed(self, client, kim):
        fail("kim", 4)
        assert not Lock.objects.exists()

    def test_who_is_limited_sees_locks_of_those_they_know_of(self, client, db):
        mine = make_tenant()
        mine.slug = "mine"
        mine.save()
        add_staff("near", tenants=[mine])
        add_staff("far", tenants=[make_tenant()])
        add_lock("near")
        add_lock("far")
        add_lock("unknown:4711")
        client.force_login(add_staff("sam", Role.ADMINISTRATOR, tenants=[mine]))
        page = words_of(client.get(reverse("admin:logins_lock_changelist")))
        assert "near" in page
        assert "far" not in page
        assert "no account has" not in page


class TestPasswords:
    @pytest.mark.parametrize(
        ("new", "is_taken"), [("elevenchars", 0), ("twelve chars", 1)]
    )
    def test_one_has_twelve_characters_at_least(self, client, kim, new, is_taken):
        client.force_login(kim)
        data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        client.post(reverse("admin:password_change"), data)
        kim.refresh_from_db()
        assert kim.check_password(new) == bool(is_taken)


class TestSessions:
    def test_one_in_which_nothing_is_done_ends(self, kim, client, later):
        log_in("kim", PASSWORD, client)
        later(minutes=59)
        assert is_logged_in(client)
        later(minutes=118)
        assert is_logged_in(client)
        later(minutes=179)
        answer = client.get(HOME, follow=True)
        assert "Nothing was done for 60 minutes. Please log in again." in words_of(
            answer
        )
        assert not is_logged_in(client)
        sentence = Entry.objects.filter(kind=Entry.Kind.LOGOUT).get().sentence
        assert sentence == (
            "The session of kim has ended. Nothing was done for 60 minutes."
        )

    def test_a_page_that_asks_by_itself_does_not_keep_it(self, kim, client, later):
        log_in("kim", PASSWORD, client)
        for minutes in (30, 59):
            later(minutes=minutes)
            client.get("/admin/sync/syncrun/1/progress/")
        later(minutes=61)
        assert not is_logged_in(client)

    def test_one_that_is_used_ends_after_twelve_hours(self, kim, client, later):
        log_in("kim", PASSWORD, client)
        for minutes in range(0, 12 * 60, 30):
            later(minutes=minutes)
            assert is_logged_in(client), minutes
        later(hours=12, seconds=1)
        answer = client.get(HOME, follow=True)
        assert "A login holds for 12 hours. Please log in again." in words_of(answer)

    def test_one_from_before_there_were_limits_begins_now(self, kim, client, later):
        log_in("kim", PASSWORD, client)
        PersonSession.objects.all().delete()
        assert is_logged_in(client)
        later(minutes=61)
        assert not is_logged_in(client)

    def test_a_change_of_the_password_keeps_this_one(self, kim, client):
        log_in("kim", PASSWORD, client)
        other = Client()
        log_in("kim", PASSWORD, other)
        new = "quite another one"
        data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        client.post(reverse("admin:password_change"), data)
        assert is_logged_in(client)
        assert not is_logged_in(other)

    def test_one_sees_ones_own_and_no_others(self, kim, client):
        log_in("kim", PASSWORD, client, HTTP_USER_AGENT="Firefox on Linux")
        log_in("kim", PASSWORD, HTTP_USER_AGENT="Safari", REMOTE_ADDR="192.0.2.9")
        add_staff("lee")
        log_in("lee", PASSWORD, HTTP_USER_AGENT="Opera")
        page = words_of(client.get(SESSIONS))
        assert "Firefox on Linux (this one)" in page
        assert "Safari192.0.2.9" in page
        assert "Opera" not in page

    def test_signing_out_everywhere_ends_all_of_ones_own(self, kim, client):
        others = [Client(), Client()]
        lee = add_staff("lee")
        stranger = Client()
        stranger.force_login(lee)
        for each in (client, *others):
            log_in("kim", PASSWORD, each)
        assert client.get(f"{SESSIONS}sign-out/").status_code == 405
        answer = client.post(f"{SESSIONS}sign-out/", follow=True)
        assert "You are signed out everywhere." in words_of(answer)
        assert not any(is_logged_in(each) for each in (client, *others))
        assert is_logged_in(stranger)
        sentence = Entry.objects.filter(kind=Entry.Kind.LOGOUT).get().sentence
        assert sentence == "kim signed out everywhere: 3 sessions ended."

    def test_logging_out_ends_its_row(self, kim, client):
        log_in("kim", PASSWORD, client)
        client.post(reverse("admin:logout"))
        assert not PersonSession.objects.exists()

    def test_what_has_ended_is_removed_daily(self, kim, client, later):
        log_in("kim", PASSWORD, client)
        prune()
        assert PersonSession.objects.count() == Session.objects.count() == 1
        later(hours=13)
        prune()
        assert not PersonSession.objects.exists()
        assert not Session.objects.exists()


class TestEnteringThePasswordAgain:
    """Before credentials, people and deletion, ten minutes after the last time."""

    @pytest.fixture
    def boss(self, db, client):
        boss = add_staff("boss", Role.ADMINISTRATOR)
        log_in("boss", PASSWORD, client)
        return boss

    @pytest.fixture
    def addresses(self, boss, kim):
        tenant = make_tenant()
        group = Group.objects.create(name="Team")
        return [
            reverse("admin:connector_tenant_credentials", args=[tenant.pk, "pex"]),
            reverse("admin:connector_tenant_disconnect", args=[tenant.pk, "pex"]),
            reverse("admin:connector_tenant_delete", args=[tenant.pk]),
            reverse("admin:auth_user_add"),
            reverse("admin:auth_user_change", args=[kim.pk]),
            reverse("admin:auth_user_password_change", args=[kim.pk]),
            reverse("admin:auth_group_add"),
            reverse("admin:auth_group_change", args=[group.pk]),
            reverse("admin:auth_group_delete", args=[group.pk]),
        ]

    def test_is_asked_of_who_logged_in_long_ago(self, client, addresses, later):
        assert {client.get(each).status_code for each in addresses} == {200}
        later(minutes=11)
        for each in addresses:
            answer = client.get(each)
            assert answer["Location"] == f"{CONFIRM}?{urlencode({'next': each})}"
        client.post(answer["Location"], {"password": PASSWORD})
        assert {client.get(each).status_code for each in addresses} == {200}

    def test_leads_on_to_where_one_wanted_to_go(self, client, addresses, later):
        later(minutes=11)
        page = client.get(addresses[0])["Location"]
        assert client.post(page, {"password": "wrong"}).status_code == 200
        assert client.get(addresses[0]).status_code == 302
        answer = client.post(page, {"password": PASSWORD})
        assert answer["Location"] == addresses[0]

    @pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example", ""])
    def test_leads_nowhere_else(self, client, boss, away):
        answer = client.post(
            f"{CONFIRM}?{urlencode({'next': away})}", {"password": PASSWORD}
        )
        assert answer["Location"] == HOME

    def test_changes_nothing_before(self, client, boss, kim, later):
        later(minutes=11)
        new = {"password1": "quite another one", "password2": "quite another one"}
        page = reverse("admin:auth_user_password_change", args=[kim.pk])
        answer = client.post(page, {**new, "usable_password": "true"}, follow=True)
        assert "Nothing was changed yet" in words_of(answer)
        kim.refresh_from_db()
        assert kim.check_password(PASSWORD)

    def test_is_asked_before_an_action_on_many(self, client, boss, later):
        group = Group.objects.create(name="Team")
        later(minutes=11)
        client.post(
            reverse("admin:auth_group_changelist"),
            {"action": "delete_selected", "_selected_action": group.pk, "post": "yes"},
        )
        assert Group.objects.filter(pk=group.pk).exists()

    def test_is_not_asked_before_anything_else(self, client, boss, later):
        later(minutes=11)
        for name in ("auth_user", "connector_tenant", "sync_syncrun", "audit_entry"):
            page = reverse(f"admin:{name}_changelist")
            assert client.get(page).status_code == 200, name

    def test_guessing_there_is_locked_as_on_the_login_page(self, client, boss, hashed):
        for number in range(20):
            answer = client.post(CONFIRM, {"password": f"wrong {number}"})
        assert answer.status_code == 429
        assert len(hashed) == 5
