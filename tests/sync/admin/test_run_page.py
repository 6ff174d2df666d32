"""The page of a run: how far it is and how fast, how it went, and what is different."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from connector.api.cmic.types import CodeKind
from connector.models import CmicCode
from sync.engine.run.counts import count_outcomes, counts_of
from sync.models import PurchaseSync, RunOutcome, Status, SyncRun
from tests.support.factories import make_tenant
from tests.support.people import add_staff
from tests.support.rows import (
    UNKNOWN_JOB,
    add_person,
    add_purchase,
    add_run,
    add_tag_sync,
)

PURCHASES = reverse("admin:sync_purchasesync_changelist")


@pytest.fixture
def acme(db):
    return make_tenant()


def words_of(client, run):
    url = reverse("admin:sync_syncrun_change", args=[run.pk])
    return _words(client.get(url).content.decode())


def panel_of(client, run):
    """What the page asks for again while the run is active."""
    answer = client.get(reverse("admin:sync_syncrun_progress", args=[run.pk])).json()
    return answer, _words(answer["html"])


def _words(html):
    return " ".join(strip_tags(html.replace("<", " <")).split())


def touch(row, moment):
    PurchaseSync.objects.filter(pk=row.pk).update(updated_at=moment)


def end_with(run, row, status):
    RunOutcome.objects.create(run=run, purchase=row, status=status)


@pytest.mark.parametrize("has_ended", [False, True])
def test_each_count_is_how_many_purchases_its_link_lists(admin_client, acme, has_ended):
    run = add_run(acme, "running")
    for number, status in enumerate(Status, start=70000):
        add_purchase(run, number, status=status, invoice_number=f"PEX-{number}")
    lost = {"code": "lost_answer", "message": "m", "who": "support"}
    asked = add_purchase(run, 70050, status="posting", invoice_number="PEX-70050")
    PurchaseSync.objects.filter(pk=asked.pk).update(reasons=[lost], needs_person=True)
    add_purchase(run, 70051, status="pending", is_deferred=True)
    if has_ended:
        run.end(SyncRun.State.PARTIAL, timezone.now(), counts=count_outcomes(run))
    counts = counts_of(run)
    for name, count in counts.items():
        body = admin_client.get(PURCHASES, {"run": f"{run.pk}-{name}"}).content.decode()
        assert len(set(re.findall(r"\b700\d\d\b", body))) == count, name
    assert counts == {
        "seen": 9,
        "completed": 1,
        "skipped": 1,
        "blocked": 2,
        "failed": 1,
        "waiting": 4,
    }


class TestWhileItIsActive:
    def test_it_says_how_far_it_is_how_fast_and_how_long_yet(self, admin_client, acme):
        now = timezone.now()
        run = add_run(acme, "running", prepared_at=now - timedelta(minutes=10))
        for number in range(30):
            row = add_purchase(run, number)
            # Ten of them in the last minute.
            touch(row, now - timedelta(seconds=20 if number < 10 else 300))
        for number in range(30, 50):
            add_purchase(run, number, status="pending")
        untouched = add_purchase(run, 99, status="skipped")
        touch(untouched, now - timedelta(hours=1))
        answer, said = panel_of(admin_client, run)
        assert "30 of 50 worked on, 10 a minute, about 2 min 0 s left." in said
        assert 'max="50" value="30"' in answer["html"]
        assert answer["announcement"] == "It sends the purchases."

    def test_before_anything_is_done_it_promises_no_end(self, admin_client, acme):
        run = add_run(acme, "running", prepared_at=timezone.now())
        add_purchase(run, 1, status="pending")
        touch(PurchaseSync.objects.get(), timezone.now() - timedelta(hours=1))
        _, said = panel_of(admin_client, run)
        assert "0 of 1 worked on." in said
        assert "left" not in said

    def test_while_all_wait_for_a_look_up_it_says_so(self, admin_client, acme):
        run = add_run(acme, "running", prepared_at=timezone.now())
        later = timezone.now() + timedelta(minutes=5)
        for number in (1, 2):
            add_purchase(
                run,
                number,
                status="posting",
                invoice_number=f"PEX-{number}",
                not_before=later,
            )
        _, said = panel_of(admin_client, run)
        at = f"{timezone.localtime(later):%H:%M:%S}"
        assert f"It waits until {at}" in said
        assert "to ask CMiC once more for the 2 invoices whose answer was lost" in said

    def test_one_that_may_go_on_is_no_waiting(self, admin_client, acme):
        run = add_run(acme, "running", prepared_at=timezone.now())
        later = timezone.now() + timedelta(minutes=5)
        add_purchase(run, 1, status="pending", not_before=later)
        add_purchase(run, 2, status="pending")
        _, said = panel_of(admin_client, run)
        assert "It sends the purchases." in said

    def test_one_that_is_due_does_not_wait_for_a_moment_that_has_passed(
        self, admin_client, acme
    ):
        run = add_run(acme, "running", resume_at=timezone.now())
        row = add_purchase(run, 70001, status="pending")
        assert "It goes on in a moment, with what PEX says now." in words_of(
            admin_client, run
        )
        url = reverse("admin:sync_purchasesync_change", args=[row.pk])
        said = _words(admin_client.get(url).content.decode())
        assert f"Run {run.pk} goes on in a moment." in said


class TestOnceItHasEnded:
    def test_the_outcome_is_a_sentence_with_the_amount(self, admin_client, acme):
        CmicCode.objects.create(
            tenant=acme,
            kind=CodeKind.COMPANY,
            code=acme.transactions.company_code,
            currency="USD",
            seen_at=timezone.now(),
        )
        now = timezone.now()
        run = add_run(
            acme,
            "partial",
            started_at=now - timedelta(minutes=2),
            ended_at=now,
            counts={"seen": 5, "completed": 3, "blocked": 1, "failed": 1},
        )
        for number, ago in ((1, 1), (2, 1), (3, 999)):
            row = add_purchase(
                run,
                number,
                amount=Decimal("1000.50"),
                posted_at=now - timedelta(minutes=ago),
            )
            end_with(run, row, "completed")
        said = words_of(admin_client, run)
        assert (
            "It brought 2 purchases over 2,001.00 USD into CMiC in 2 min 0 s." in said
        )
        assert "1 needs somebody and 1 was refused by CMiC." in said

    def test_a_run_that_had_nothing_to_send_says_so(self, admin_client, acme):
        run = add_run(acme, counts={"seen": 4, "skipped": 4})
        said = words_of(admin_client, run)
        assert "It found nothing that could be sent" in said
        assert "4 are left out." in said

    def test_what_changed_since_the_run_before_leads_to_those_purchases(
        self, admin_client, acme
    ):
        before, run = add_run(acme), add_run(acme)
        story = {
            1: ("completed", "completed"),
            2: ("blocked", "completed"),
            3: ("skipped", "blocked"),
            4: ("blocked", "failed"),
            5: (None, "blocked"),
        }
        for number, (then, now) in story.items():
            row = add_purchase(run, 70000 + number, status=now)
            end_with(run, row, now)
            if then:
                end_with(before, row, then)
        said = words_of(admin_client, run)
        assert f"Since run {before.pk}" in said
        found = {
            "new": {"70005"},
            "newly_held": {"70003", "70005"},
            "solved": {"70002"},
            "still_held": {"70004"},
        }
        assert "1 done now that were held before" in said
        assert "2 newly blocked or failed" in said
        for name, numbers in found.items():
            body = admin_client.get(PURCHASES, {"run": f"{run.pk}-{name}"})
            shown = {
                f"7000{number}"
                for number in story
                if f"7000{number}" in body.content.decode()
            }
            assert shown == numbers, name

    def test_changed_settings_are_named_with_who(self, admin_client, acme):
        add_run(acme)
        acme.transactions.approved_only = True
        acme.transactions.save()
        said = words_of(admin_client, add_run(acme))
        assert "approved only: off → on (a script," in said
        assert "Nothing is different" not in said

    def test_a_machine_whose_clock_is_ahead_names_them_too(
        self, admin_client, acme, time_machine
    ):
        add_run(acme)
        time_machine.move_to(timezone.now() + timedelta(days=365), tick=True)
        acme.transactions.approved_only = True
        acme.transactions.save()
        time_machine.move_to(timezone.now() - timedelta(days=365), tick=True)
        assert "approved only: off → on" in words_of(admin_client, add_run(acme))

    def test_who_may_not_look_at_the_tenant_is_not_told_its_settings(
        self, client, acme
    ):
        add_run(acme)
        acme.transactions.approved_only = True
        acme.transactions.save()
        client.force_login(add_person("sync.view_syncrun"))
        assert "approved only" not in words_of(client, add_run(acme))

    def test_two_runs_alike_say_that_nothing_is_different(self, admin_client, acme):
        before, run = add_run(acme), add_run(acme)
        row = add_purchase(run, 1)
        end_with(before, row, "completed")
        end_with(run, row, "completed")
        assert "Nothing is different" in words_of(admin_client, run)

    def test_the_first_run_is_compared_with_nothing(self, admin_client, acme):
        assert "Since" not in words_of(admin_client, add_run(acme))

    def test_what_it_wrote_to_tags_is_shown_with_details(self, admin_client, acme):
        run = add_run(acme)
        add_tag_sync(
            run,
            message="1 option was added.",
            added=1,
            difference={"added": [["24-0999", "North <b>Tower</b>"]]},
        )
        said = words_of(admin_client, run)
        assert "1 option was added." in said
        assert "24-0999: North &lt;b&gt;Tower" in said

    def test_it_costs_the_same_for_any_number_of_purchases(self, admin_client, acme):
        counts = []
        for size in (1, 25):
            before, run = add_run(acme), add_run(acme)
            for number in range(size):
                row = add_purchase(
                    run,
                    size * 1000 + number,
                    status="blocked",
                    reasons=[UNKNOWN_JOB],
                )
                end_with(before, row, "skipped")
                end_with(run, row, "blocked")
            words_of(admin_client, run)
            with CaptureQueriesContext(connection) as queries:
                words_of(admin_client, run)
            counts.append(len(queries))
        assert counts[0] == counts[1]


@pytest.mark.django_db
def test_a_link_to_the_changes_of_a_foreign_run_shows_nothing(client):
    mine = make_tenant()
    mine.slug = "mine"
    mine.save()
    foreign = make_tenant()
    add_run(foreign)
    run = add_run(foreign)
    end_with(run, add_purchase(run, 70001, status="blocked"), "blocked")
    client.force_login(add_staff("sam", "Support", tenants=[mine]))
    body = client.get(PURCHASES, {"run": f"{run.pk}-new"}).content.decode()
    assert "70001" not in body
