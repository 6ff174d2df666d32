"""Receipts from PEX to CMiC and onto the purchase's page, whole."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pypdfium2
import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image, ImageChops, ImageStat

from connector.roles import Role
from sync.admin.remedies import remedy_for
from sync.engine.alert.troubles import troubles_of
from tests.support.driver import codes_of, execute, number_of, row_of, set_up
from tests.support.people import add_staff
from tests.sync.engine.run.faults.test_outages import go_on
from tests.sync.receipts import corpus
from tests.sync.receipts.readers import are_alike, in_pdfium
from tests.sync.receipts.specimens import papers, rare

GOOD = corpus.saved(corpus.slip(), "JPEG")
BROKEN = corpus.saved(corpus.slip(), "PNG")[:900]
pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


def add(pex, *receipts):
    receipts = [
        each if isinstance(each, tuple) else (each, "Image", "Loaded")
        for each in receipts
    ]
    return pex.add_purchase(amount=Decimal("118.40"), receipts=receipts)


def invoice_of(cmic, purchase):
    (found,) = [one for one in cmic.invoices() if one.number == number_of(purchase)]
    return found


def test_three_receipts_arrive_as_one_pdf_in_order(tenant, pex, cmic):
    heic, clear = (corpus.GOOD[name][0]() for name in ("heic", "png clear"))
    purchase = add(pex, heic, corpus.pdf("a", "b"), clear)
    execute(tenant)
    invoice = invoice_of(cmic, purchase)
    assert invoice.file_name == f"PEX-{purchase}.pdf"
    assert invoice.content_type == "application/pdf"
    pdf = pypdfium2.PdfDocument(invoice.file)
    assert len(pdf) == 4
    pdf.close()
    row = row_of(purchase)
    assert row.document_pages == [
        ["1 of 3", 1],
        ["2 of 3", 1],
        ["2 of 3", 2],
        ["3 of 3", 1],
    ]
    assert row.document_size == len(invoice.file)
    assert row.warnings == []


def test_a_picture_of_twelve_megabytes_arrives_under_the_limit(tenant, pex, cmic):
    noise = Image.effect_noise((3600, 4800), 40).convert("RGB")
    noise.paste(corpus.slip().resize((1800, 2400)), (900, 1200))
    large = corpus.saved(noise, "JPEG", quality=97)
    assert len(large) > 12_000_000
    purchase = add(pex, large)
    execute(tenant)
    invoice = invoice_of(cmic, purchase)
    assert len(invoice.file) <= 10_485_760
    with Image.open(io.BytesIO(invoice.file)) as picture:
        assert max(picture.size) >= 2200
        width, height = picture.size
        middle = picture.crop(
            (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
        )
        shown = middle.convert("L").resize(corpus.SIZE)
    unlike = ImageChops.difference(shown, corpus.slip().convert("L"))
    assert ImageStat.Stat(unlike).mean[0] < 5
    assert "made smaller" in row_of(purchase).warnings[0]


@pytest.mark.parametrize("only", [False, True])
def test_what_becomes_of_each_when_only_some_are_usable(tenant, pex, cmic, only):
    set_up(tenant, attachments_only=only)
    infected, broken = (b"x", "Image", "HasMalware"), BROKEN
    waiting = (b"x", "Image", "NotLoaded")
    some = add(pex, infected, GOOD, broken)
    none = add(pex)
    bad = add(pex, infected, waiting, broken)
    pex.clear_calls()
    execute(tenant)
    asked = [call.path for call in pex.calls if "ttachment" in call.path]
    assert [path for path in asked if str(none) in path] == []
    assert len([path for path in asked if str(some) in path]) == 3
    assert invoice_of(cmic, some).file == GOOD
    assert [warning.split(":")[0] for warning in row_of(some).warnings] == [
        "Receipt 1 of 3 was left out",
        "Receipt 3 of 3 was left out",
    ]
    if only:
        assert codes_of(none) == {"no_attachment"}
        assert codes_of(bad) == {"no_attachment", "receipt_unusable"}
        said = row_of(bad).reasons[1]["message"]
        for words in ("malware", "not loaded it yet", "damaged PNG"):
            assert words in said
        return
    for purchase in (none, bad):
        assert b"No Attachment" in invoice_of(cmic, purchase).file
    assert len(row_of(bad).warnings) == 3


MAIL = b"From: a@example.com\nTo: b@example.com\nSubject: Receipt\n\nThank you."


@pytest.mark.parametrize("receipts", [[BROKEN], [MAIL, (b"x", "Image", "HasMalware")]])
def test_a_purchase_is_held_for_its_receipts_where_the_tenant_wants_that(
    tenant, pex, cmic, receipts
):
    set_up(tenant, unusable_receipts="hold")
    purchase, bare = add(pex, *receipts), add(pex)
    execute(tenant)
    row = row_of(purchase)
    (reason,) = row.reasons
    assert (row.status, reason["code"]) == ("blocked", "receipt_unusable")
    assert (reason["who"], len(row.warnings)) == ("cardholder", len(receipts))
    assert reason["message"] == " ".join(row.warnings)
    assert "let the settings send it with “No Attachment”" in (
        remedy_for(reason["code"], tenant.pk).sentence
    )
    assert b"No Attachment" in invoice_of(cmic, bare).file
    assert not row_of(bare).lacks_receipt
    pex.change(purchase, receipts=[*receipts[1:], (GOOD, "Image", "Loaded")])
    execute(tenant)
    assert invoice_of(cmic, purchase).file == GOOD
    assert not row_of(purchase).lacks_receipt


def test_what_went_without_its_receipts_is_on_record_and_told_of(tenant, pex, cmic):
    tenant.alert_contacts = "ana@example.com"
    tenant.save()
    unusable, some = add(pex, MAIL), add(pex, BROKEN, GOOD)
    deleted = add(pex, (b"x", "Image", "Deleted"))
    execute(tenant)
    lacking = [row_of(each).lacks_receipt for each in (unusable, some, deleted)]
    assert lacking == [True, False, False]
    assert len(cmic.invoices()) == 3
    now = timezone.now()
    (trouble,) = troubles_of(tenant, now)
    assert (trouble.count, trouble.amount) == (1, "118.40 USD")
    assert trouble.detail.startswith(
        f"For example: PEX-{unusable}: Receipt 1 of 1 was left out: it is a mail"
    )
    assert troubles_of(tenant, now + timedelta(days=61)) == []


def test_what_people_really_send_arrives_as_it_looks(tenant, pex, cmic, client):
    torn = rare.TORN["jpeg without its last bytes"][0]()
    purchase = add(pex, MAIL, papers.filled("118.40"), torn, rare.inked())
    execute(tenant)
    row = row_of(purchase)
    said = [warning.partition(":")[0] for warning in row.warnings]
    assert said == ["Receipt 1 of 4 was left out", "Receipt 3 of 4"]
    assert not row.lacks_receipt
    form, *pictures = in_pdfium(invoice_of(cmic, purchase).file)
    assert are_alike([form], in_pdfium(papers.filled("118.40")))
    for page in pictures:
        seen = page.convert("L").resize(corpus.SIZE)
        unlike = ImageChops.difference(seen, corpus.slip().convert("L"))
        assert ImageStat.Stat(unlike).mean[0] < 12
    client.force_login(add_staff("vic", Role.VIEWER))
    url = reverse("admin:sync_purchasesync_receipts", args=[row.pk])
    shown = client.get(url).content.decode()
    assert shown.count("data:image/jpeg;base64,") == 3
    assert "What can be seen of it travels" in shown


def add_loading(pex, *others, age, status="NotLoaded"):
    """A purchase with a receipt that was added so long ago and is not loaded yet."""
    purchase = add(pex, *others, (GOOD, "Image", status))
    row = pex.transaction(purchase)
    *rest, last = row.attachments
    row.attachments = (*rest, replace(last, created_at=timezone.now() - age))
    return purchase


def load(pex, purchase):
    row = pex.transaction(purchase)
    row.attachments = tuple(replace(each, status="Loaded") for each in row.attachments)


def downloads(pex):
    return [call for call in pex.calls if "/Attachment/" in call.path]


@pytest.mark.parametrize("others", [(), (corpus.pdf("a"),)])
@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize("status", ["NotLoaded", "Not Loaded"])
def test_a_receipt_added_a_moment_ago_is_waited_for_within_the_run(
    tenant, pex, cmic, only, others, status
):
    set_up(tenant, attachments_only=only)
    age = timedelta(minutes=3)
    purchase = add_loading(pex, *others, age=age, status=status)
    run = execute(tenant)
    row = row_of(purchase)
    assert (run.status, row.status, row.is_deferred) == ("running", "pending", False)
    assert row.not_before > timezone.now()
    number = len(others) + 1
    assert f"not loaded receipt {number} of {number} yet" in row.reasons[0]["message"]
    assert downloads(pex) == cmic.invoices() == []
    load(pex, purchase)
    go_on(2)
    run.refresh_from_db()
    assert (run.status, row_of(purchase).reasons) == ("succeeded", [])
    assert b"No Attachment" not in invoice_of(cmic, purchase).file
    assert row_of(purchase).warnings == []


def test_a_receipt_added_hours_ago_is_left_to_the_next_sync(tenant, pex, cmic):
    purchase = add_loading(pex, age=timedelta(hours=3))
    run = execute(tenant)
    row = row_of(purchase)
    assert (run.status, row.status, row.is_deferred) == ("partial", "pending", True)
    assert "not loaded receipt 1 of 1 yet" in row.reasons[0]["message"]
    load(pex, purchase)
    assert execute(tenant).status == "succeeded"
    assert invoice_of(cmic, purchase).file == GOOD


def test_what_is_not_loaded_after_a_day_is_left_out_with_a_warning(tenant, pex, cmic):
    waiting = add_loading(pex, age=timedelta(hours=23))
    execute(tenant)
    assert cmic.invoices() == []
    entry = pex.transaction(waiting)
    old = timezone.now() - timedelta(hours=25)
    entry.attachments = tuple(
        replace(each, created_at=old) for each in entry.attachments
    )
    execute(tenant)
    assert b"No Attachment" in invoice_of(cmic, waiting).file
    assert "not loaded it yet" in row_of(waiting).warnings[0]


@pytest.mark.parametrize("settled", [timedelta(days=2), timedelta(hours=2)])
@pytest.mark.parametrize("added", [timedelta(days=-400), None])
def test_a_receipt_of_no_sensible_age_is_waited_for_a_day_after_the_settlement(
    tenant, pex, cmic, settled, added, monkeypatch
):
    when = timezone.now() - settled
    receipts = [(GOOD, "Image", "NotLoaded")]
    purchase = pex.add_purchase(amount=Decimal("5.00"), receipts=receipts, when=when)
    row = pex.transaction(purchase)
    moment = timezone.now() - added if added else None
    [receipt] = row.attachments
    row.attachments = (replace(receipt, created_at=moment),)
    execute(tenant)
    is_over = settled > timedelta(days=1)
    assert bool(cmic.invoices()) == is_over
    assert row_of(purchase).status == ("completed" if is_over else "pending")


def test_receipts_that_do_not_fit_block_the_purchase_with_their_sizes(tenant, pex):
    set_up(tenant, max_file_bytes=100_000)
    noise = Image.effect_noise((900, 900), 80)
    pdf = corpus.saved(noise.convert("RGB"), "PDF")
    purchase = add(pex, pdf, GOOD)
    execute(tenant)
    assert row_of(purchase).status == "blocked"
    (reason,) = row_of(purchase).reasons
    assert reason["code"] == "receipt_unusable"
    assert (
        f"receipt 1 of 2 {len(pdf):,}, receipt 2 of 2 {len(GOOD):,}"
        in (reason["message"])
    )


class TestOnThePage:
    @pytest.fixture
    def sent(self, tenant, pex, cmic):
        purchase = add(pex, GOOD, corpus.pdf("a", "b"), BROKEN)
        execute(tenant)
        return row_of(purchase)

    def test_pages_and_what_was_left_out(self, client, sent):
        client.force_login(add_staff("vic", Role.VIEWER))
        page = reverse("admin:sync_purchasesync_change", args=[sent.pk])
        body = client.get(page).content.decode()
        assert "Pages 2 to 3: receipt 2 of 3" in body
        assert "Receipt 3 of 3 was left out" in body
        url = reverse("admin:sync_purchasesync_receipts", args=[sent.pk])
        assert url in body
        for query in ({}, {"part": "1"}):
            pages = client.get(url, query).content.decode()
            assert pages.count("data:image/jpeg;base64,") == 3
            assert "Receipt 2 of 3, page 2" in pages
            assert "Receipt 3 of 3 was left out" in pages
            assert "not the ones any more" not in pages
            assert "Download" not in pages

    def test_the_download_is_what_was_sent(self, client, sent, cmic):
        client.force_login(add_staff("sue", Role.SUPPORT))
        url = reverse("admin:sync_purchasesync_document", args=[sent.pk])
        answer = client.get(url)
        assert answer.content == cmic.invoices()[0].file
        name = f"{sent.invoice_number}.pdf"
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer["X-Content-Type-Options"] == "nosniff"

    def test_receipts_that_changed_since_are_told_of(self, client, sent, pex):
        pex.change(sent.pex_transaction_id, receipts=[(corpus.pdf(), "Pdf", "Loaded")])
        client.force_login(add_staff("vic", Role.VIEWER))
        url = reverse("admin:sync_purchasesync_receipts", args=[sent.pk])
        assert "not the ones any more" in client.get(url).content.decode()

    def test_a_failed_download_is_a_sentence(self, client, sent, pex):
        pex.faults.set("attachment_error", match="/Attachment/")
        client.force_login(add_staff("sue", Role.SUPPORT))
        url = reverse("admin:sync_purchasesync_receipts", args=[sent.pk])
        assert "could not be fetched: PEX answered" in client.get(url).content.decode()
        url = reverse("admin:sync_purchasesync_document", args=[sent.pk])
        assert "could not be fetched" in client.get(url, follow=True).content.decode()
