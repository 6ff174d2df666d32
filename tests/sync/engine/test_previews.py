"""Previews: what Execute would send, with nothing sent, and how the two compare."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from connector.models import Tenant
from sync import tasks
from sync.engine.preview.comparing import compare_with_run
from sync.engine.preview.previews import due_previews, make_preview, request_preview
from sync.engine.run.requesting import RunRefusedError
from sync.engine.upkeep.retention import prune
from sync.models import Preview, PreviewedPurchase, PreviewLostError, PurchaseSync
from tests.simulators.pex.entities import REFUND
from tests.support.driver import execute, set_up
from tests.support.factories import make_tenant
from tests.support.people import add_staff
from tests.support.rows import (
    LOOKING,
    UNKNOWN_JOB,
    add_person,
    add_preview,
    add_purchase,
    add_run,
)

JOB = "Job/Dept/Eqp."
LOOKING_AT_PREVIEWS = (*LOOKING, "sync.view_preview")


@pytest.fixture
def sent(monkeypatch):
    """The previews whose message would have gone to the broker."""
    ids = []
    monkeypatch.setattr(tasks, "_send_preview", ids.append)
    return ids


def make(tenant):
    """A preview asked for and made."""
    preview = request_preview(Tenant.objects.get(pk=tenant.pk), None)
    make_preview(preview.pk)
    preview.refresh_from_db()
    return preview


def page_url(preview, name="change"):
    return reverse(f"admin:sync_preview_{name}", args=[preview.pk])


def words_of(client, url):
    body = client.get(url).content.decode()
    return " ".join(strip_tags(body.replace("<", " <")).split())


@pytest.mark.usefixtures("no_http_inside_transactions")
class TestAgainstTheSimulators:
    def test_it_holds_what_execute_then_sends_and_sends_nothing(
        self, tenant, pex, cmic
    ):
        for amount in ("10.00", "20.50"):
            pex.add_purchase(amount=Decimal(amount), tags={JOB: "017401"})
        held = pex.add_purchase(amount=Decimal("5"), kind=REFUND)
        pex.add_purchase(amount=Decimal("1"), pending=True)
        preview = make(tenant)
        assert preview.state == "done", preview.message
        assert cmic.invoices() == []
        assert not PurchaseSync.objects.exists()
        rows = {row.pex_transaction_id: row for row in preview.purchases.all()}
        assert rows[held].status == "blocked"
        assert rows[held].reasons[0]["code"] == "refund_held"
        assert execute(tenant).status == "succeeded"
        pending = [row for row in rows.values() if row.status == "pending"]
        for row in pending:
            done = PurchaseSync.objects.get(pex_transaction_id=row.pex_transaction_id)
            assert done.attempts.get().payload == row.invoice
        assert len(pending) == len(cmic.invoices()) == 2
        found = compare_with_run(preview)
        assert (found.previewed, found.same, found.deviations) == (2, 2, ())

    def test_what_became_otherwise_is_named_with_how(self, tenant, pex, cmic):
        changed = pex.add_purchase(amount=Decimal("10.00"), tags={JOB: "017401"})
        unapproved = pex.add_purchase(amount=Decimal("20.00"))
        preview = make(tenant)
        pex.change(changed, amount="11.00")
        pex.change(unapproved, approved=False)
        set_up(tenant, approved_only=True)
        late = pex.add_purchase(amount=Decimal("30.00"))
        execute(tenant)
        found = compare_with_run(preview)
        said = {
            each.transaction_id: " ".join(each.sentences) for each in found.deviations
        }
        assert set(said) == {changed, unapproved, late}
        assert "The amount was 10.00 in the preview, and 11.00" in said[changed]
        assert "It was not sent: skipped." in said[unapproved]
        assert "only approved ones are synced" in said[unapproved]
        assert said[late] == "It was sent, but not previewed."
        assert (found.previewed, found.same) == (2, 0)

    def test_what_is_in_cmic_already_stays_what_it_is(self, tenant, pex):
        pex.add_purchase(amount=Decimal("10.00"))
        execute(tenant)
        preview = make(tenant)
        assert [row.status for row in preview.purchases.all()] == ["completed"]

    def test_a_pex_that_is_down_leaves_a_sentence(self, tenant, pex):
        pex.add_purchase(amount=Decimal("10.00"))
        pex.faults.set("server_error")
        preview = make(tenant)
        assert preview.state == "failed"
        assert "PEX" in preview.message
        assert not preview.purchases.exists()


class TestStates:
    def test_a_second_one_is_refused_while_one_is_made(self, db):
        tenant = make_tenant()
        request_preview(tenant, None)
        with pytest.raises(RunRefusedError, match="being made already"):
            request_preview(tenant, None)
        with pytest.raises(IntegrityError), transaction.atomic():
            add_preview(tenant, "running")

    def test_an_incomplete_tenant_is_refused(self, db):
        tenant = Tenant.objects.create(slug="new", name="New")
        with pytest.raises(RunRefusedError, match="not complete"):
            request_preview(tenant, None)

    def test_a_lost_message_and_a_dead_worker_are_noticed(self, db, sent):
        now = timezone.now()
        tenant = make_tenant()
        fresh = add_preview(tenant, "queued")
        assert due_previews(now) == []
        assert due_previews(now + timedelta(minutes=1)) == [fresh.pk]
        Preview.objects.update(state="running", heartbeat_at=now)
        assert due_previews(now + timedelta(seconds=5)) == []
        Preview.objects.update(heartbeat_at=now - timedelta(hours=1))
        tasks.recover()
        assert sent == [fresh.pk]

    def test_who_was_taken_for_dead_writes_nothing(self, db):
        now = timezone.now()
        slow = add_preview(make_tenant(), "queued")
        assert slow.begin(now)
        other = Preview.objects.get()
        assert not other.begin(now)
        assert other.begin(now + timedelta(minutes=1))
        row = PreviewedPurchase(preview=slow, pex_transaction_id=1, status="pending")
        for write in (
            lambda: slow.beat(now),
            lambda: slow.finish([row], now, ""),
            lambda: slow.fail(now, "x"),
        ):
            with pytest.raises(PreviewLostError):
                write()
        assert not PreviewedPurchase.objects.exists()
        row.preview = other
        other.finish([row], now, "")
        assert Preview.objects.get().state == "done"

    def test_a_fault_of_ours_ends_it_in_words_and_is_not_hidden(self, db, monkeypatch):
        monkeypatch.setattr(
            "sync.engine.preview.previews.require_ready", lambda *_: 1 / 0
        )
        preview = request_preview(make_tenant(), None)
        with pytest.raises(ZeroDivisionError):
            make_preview(preview.pk)
        preview.refresh_from_db()
        assert preview.state == "failed"
        assert "log" in preview.message
        make_preview(preview.pk)

    def test_after_thirty_days_it_is_removed(self, db):
        old = timezone.now() - timedelta(days=31)
        add_preview(make_tenant(), ended_at=old, purchases=[{}])
        kept = add_preview(Tenant.objects.get(), ended_at=timezone.now())
        assert prune(timezone.now())["previews"] == 1
        assert list(Preview.objects.all()) == [kept]
        assert not PreviewedPurchase.objects.exists()


class TestOnThePage:
    @pytest.mark.django_db(transaction=True)
    def test_it_asks_and_then_leads_to_the_preview(self, client, sent):
        tenant = make_tenant()
        client.force_login(add_person(*LOOKING_AT_PREVIEWS, "sync.execute_sync"))
        url = reverse("admin:connector_tenant_preview", args=[tenant.pk])
        assert "Nothing is sent." in words_of(client, url)
        assert not Preview.objects.exists()
        answer = client.post(url, follow=True)
        preview = Preview.objects.get()
        assert answer.redirect_chain[-1][0] == page_url(preview)
        assert preview.asked_by.username == "sam"
        assert sent == [preview.pk]
        again = client.post(url, follow=True)
        assert "being made already" in again.content.decode()
        assert Preview.objects.count() == 1

    def test_who_only_looks_may_not_ask_for_one(self, client, db):
        tenant = make_tenant()
        client.force_login(add_person(*LOOKING_AT_PREVIEWS))
        url = reverse("admin:connector_tenant_preview", args=[tenant.pk])
        assert client.get(url).status_code == 403
        assert client.post(url).status_code == 403
        assert client.get(page_url(add_preview(tenant))).status_code == 200

    def test_it_tells_what_goes_and_why_the_others_do_not(self, admin_client, db):
        evil = "<script>alert(1)</script>"
        preview = add_preview(
            make_tenant(),
            purchases=[
                {"invoice_number": "PEX-1", "merchant": evil, "invoice": {"a": evil}},
                {"status": "blocked", "reasons": [UNKNOWN_JOB]},
                {"status": "completed"},
            ],
        )
        said = words_of(admin_client, page_url(preview))
        assert "Execute would have sent 1 purchase over 118.40" in said
        assert "The others: 1 blocked, 1 in CMiC already." in said
        assert "PEX-1" in said
        assert evil not in admin_client.get(page_url(preview)).content.decode()
        blocked = words_of(admin_client, f"{page_url(preview)}?show=blocked")
        assert "CMiC has no job “999”." in blocked
        assert "This is for the cardholder." in blocked
        assert "PEX-1" in words_of(admin_client, f"{page_url(preview)}?show=x&page=y")

    def test_while_it_is_made_the_page_asks_again(self, admin_client, db):
        preview = add_preview(make_tenant(), "running")
        url = page_url(preview, "progress")
        assert url in admin_client.get(page_url(preview)).content.decode()
        assert admin_client.get(url).json()["is_active"]
        Preview.objects.update(state="done", ended_at=timezone.now())
        answer = admin_client.get(url).json()
        assert not answer["is_active"]
        assert "would have sent nothing" in answer["announcement"]

    def test_its_csv_has_every_purchase_and_no_formula(self, admin_client, db):
        preview = add_preview(
            make_tenant(),
            purchases=[
                {"merchant": "=1+1"},
                {"status": "blocked", "reasons": [UNKNOWN_JOB]},
            ],
        )
        answer = admin_client.get(page_url(preview, "csv"))
        content = b"".join(answer.streaming_content).decode("utf-8-sig")
        first, second = csv.DictReader(io.StringIO(content))
        assert first["Merchant"] == "'=1+1"
        assert second["Reasons"] == "value unknown"

    def test_the_comparison_is_told_once_a_run_has_ended(self, admin_client, db):
        tenant = make_tenant()
        preview = add_preview(tenant, purchases=[{"pex_transaction_id": 7}])
        assert "What was then sent" not in words_of(admin_client, page_url(preview))
        run = add_run(tenant)
        said = words_of(admin_client, page_url(preview))
        assert f"Run {run.pk} sent 0 of 1 just as previewed." in said
        assert "7: The run did not meet it any more." in said

    def test_another_tenants_preview_is_not_there(self, client, db):
        mine = make_tenant()
        mine.slug = "mine"
        mine.save()
        preview = add_preview(make_tenant())
        client.force_login(add_staff("sam", "Support", tenants=[mine]))
        for name in ("change", "progress", "csv"):
            assert client.get(page_url(preview, name)).status_code == 404

    def test_its_cost_does_not_grow_with_its_purchases(self, admin_client, db):
        counts = []
        for size in (1, 30):
            tenant = make_tenant()
            tenant.slug = f"acme-{size}"
            tenant.save()
            preview = add_preview(
                tenant,
                purchases=[{"pex_transaction_id": each + 1} for each in range(size)],
            )
            add_purchase(add_run(tenant), 1)
            url = page_url(preview)
            admin_client.get(url)
            with CaptureQueriesContext(connection) as queries:
                admin_client.get(url)
            counts.append(len(queries))
        assert counts[0] == counts[1]
