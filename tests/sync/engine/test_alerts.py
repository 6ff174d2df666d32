"""Alerts (F27): what is mailed to whom and when, over a real SMTP socket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from connector.models import Tenant
from connector.transfer.exporting import export_tenant
from connector.transfer.importing import import_tenant
from sync.engine.alert.mailing import send_alerts
from sync.engine.alert.writing import write_daily_alerts, write_urgent_alerts
from sync.models import Alert, PurchaseSync
from tests.support.factories import CMIC_PASSWORD, PEX_TOKEN, make_tenant
from tests.support.mailbox import mailbox
from tests.support.rows import UNKNOWN_JOB, add_names, add_purchase, add_run

NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def mails(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mailbox() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        yield server.mails


@pytest.fixture
def acme(db):
    tenant = make_tenant()
    tenant.alert_contacts = "ana@example.com"
    tenant.save()
    return tenant


def mail_on(now):
    write_daily_alerts(now)
    return send_alerts(now)


def text_of(mail):
    return mail.get_body(("plain",)).get_content().replace("\r", "")


def block(tenant, number=1):
    return add_purchase(
        add_run(tenant), number, status="blocked", reasons=[UNKNOWN_JOB]
    )


def test_amounts_in_mails_have_their_currency(acme, mails):
    add_names(acme, currency="CAD")
    block(acme)
    mail_on(NOON)
    assert "1 purchase, 118.40 CAD" in text_of(mails[0])


def test_what_is_new_is_mailed_once_and_then_that_it_is_solved(acme, mails, settings):
    settings.ALERT_SUPPORT_ADDRESSES = ["support@example.com"]
    block(acme)
    assert [mail_on(NOON), mail_on(NOON), mail_on(NOON + DAY)] == [1, 0, 0]
    assert mails[0]["To"] == "ana@example.com, support@example.com"
    assert mails[0]["Subject"] == "Acme Construction: 1 new"
    assert "Value unknown: 1 purchase, 118.40" in text_of(mails[0])
    assert "CMiC has no job “999”." in mails[0].get_body(("html",)).get_content()
    PurchaseSync.objects.update(status="pending", reasons=[])
    assert mail_on(NOON + 2 * DAY) == 1
    assert "✓ Solved\nValue unknown" in text_of(mails[1])


def test_each_purchase_without_its_receipt_is_news_and_none_is_solved_by_age(
    acme, mails
):
    run = add_run(acme)

    def send_without(number, at):
        said = ["Receipt 1 of 1 was left out: it is a mail."]
        add_purchase(run, number, lacks_receipt=True, posting_at=at, warnings=said)

    send_without(1, NOON)
    assert [mail_on(NOON), mail_on(NOON + DAY)] == [1, 0]
    assert "Receipt 1 of 1 was left out: it is a mail." in text_of(mails[0])
    PurchaseSync.objects.update(posting_at=NOON - 70 * DAY)
    send_without(2, NOON + DAY)
    assert mail_on(NOON + 2 * DAY) == 1
    assert mails[1]["Subject"] == "Acme Construction: 1 new"
    assert mail_on(NOON + 90 * DAY) == 0


def test_more_of_a_cause_is_news_and_another_cause_is_still_so(acme, mails):
    run = add_run(acme, "failed", message="PEX was away.")
    add_purchase(run, 1, status="blocked", reasons=[UNKNOWN_JOB])
    mail_on(NOON)
    add_purchase(run, 2, status="blocked", reasons=[UNKNOWN_JOB])
    mail_on(NOON + DAY)
    assert mails[1]["Subject"] == "Acme Construction: 1 new, 1 still"


def test_dead_credentials_are_mailed_at_once_and_once(acme, mails):
    acme.pex.token_expires_at = NOON - timedelta(hours=1)
    acme.pex.save()
    for minute in range(3):
        write_urgent_alerts(NOON + timedelta(minutes=minute))
        send_alerts(NOON + timedelta(minutes=minute))
    assert [mail["Subject"] for mail in mails] == [
        "Acme Construction: The PEX token is dead"
    ]


def test_a_run_whose_credentials_were_refused_is_mailed_at_once(acme, mails):
    for _ in range(2):
        add_run(
            acme,
            "failed",
            reason="credentials_refused",
            message="CMiC refused the password.",
            ended_at=NOON,
        )
        write_urgent_alerts(NOON)
    assert send_alerts(NOON) == 1
    assert "CMiC refused the password." in text_of(mails[0])


def test_a_mail_server_that_is_down_delays_the_alert(acme, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mailbox() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
    block(acme)
    assert mail_on(NOON) == 0
    alert = Alert.objects.get()
    assert (alert.sent_at, alert.attempt_count) == (None, 1)
    assert "Connection refused" in alert.error
    with mailbox(settings.EMAIL_PORT) as server:
        assert send_alerts(alert.not_before - timedelta(seconds=1)) == 0
        assert send_alerts(alert.not_before) == 1
        assert len(server.mails) == 1
    assert Alert.objects.get().error == ""


def test_an_alert_that_never_left_is_replaced_by_the_next_days(acme, mails):
    block(acme)
    write_daily_alerts(NOON)
    assert mail_on(NOON + DAY) == 1
    assert Alert.objects.get().occasion == "2026-03-03"


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_one_mail(acme, mails):
    block(acme)

    def work(_):
        try:
            return mail_on(NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 1
    assert len(mails) == 1


def test_hostile_names_break_neither_header_nor_page(acme, mails):
    Tenant.objects.update(name="Evil\r\nBcc: x@example.com <script>")
    block(acme)
    assert mail_on(NOON) == 1
    assert mails[0]["Bcc"] is None
    assert mails[0]["Subject"].startswith("Evil Bcc: x@example.com <script>: 1 new")
    assert "<script>" not in mails[0].get_body(("html",)).get_content()


def test_contacts_get_mail_of_their_own_tenant_only_and_no_secret(acme, mails):
    other = Tenant.objects.create(slug="b", name="B", alert_contacts="bo@example.com")
    block(acme)
    block(other)
    assert mail_on(NOON) == 2
    for mail in mails:
        whole = mail.as_string()
        assert ("Acme" in whole) == (mail["To"] == "ana@example.com")
        assert PEX_TOKEN not in whole
        assert CMIC_PASSWORD not in whole


def test_nothing_is_mailed_before_seven_or_to_nobody(acme, mails):
    block(acme)
    assert mail_on(NOON.replace(hour=11)) == 0
    Tenant.objects.update(alert_contacts="")
    assert mail_on(NOON) == 0
    assert not Alert.objects.exists()


def test_contacts_are_addresses_and_travel_with_the_tenant(acme):
    assert export_tenant(acme)["alert_contacts"] == ["ana@example.com"]
    import_tenant({"slug": "acme", "alert_contacts": ["bo@example.com"]}, None)
    acme.refresh_from_db()
    assert acme.alert_contacts == "bo@example.com"
    acme.alert_contacts = "bo@example.com\nno address"
    with pytest.raises(ValidationError, match="no address"):
        acme.full_clean()
