"""The commands that scripts rely on: their JSON and their exit codes."""

from __future__ import annotations

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from connector.models import Tenant
from sync.engine.run.requesting import request_run
from sync.models import PurchaseSync, SyncRun
from tests.support.driver import drive, execute, set_up

pytestmark = pytest.mark.django_db


def run_command(*arguments):
    """(exit code, JSON) of a command that may end by itself."""
    out, err = StringIO(), StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return ended.code, json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


@pytest.fixture
def at_once(monkeypatch):
    """The run is over before the command begins to wait: no worker needed."""
    monkeypatch.setattr(
        "sync.management.commands.execute.send_on_commit",
        lambda step: drive([step]),
    )


def test_execute_tells_the_run_as_the_contract_says(tenant, pex, cmic, at_once):
    purchase = pex.add_purchase(
        amount=Decimal("118.40"), tags={"Job/Dept/Eqp.": "017401"}
    )
    fee = pex.add_purchase(amount=Decimal("3.00"), kind="fee")
    code, data = run_command("execute", "acme", "--wait", "--json")
    assert code == 0
    assert set(data) == {
        "run",
        "status",
        "reason",
        "message",
        "window",
        "counts",
        "purchases",
    }
    assert (data["status"], data["reason"]) == ("succeeded", None)
    assert data["counts"] == {
        "seen": 1,
        "completed": 1,
        "skipped": 0,
        "blocked": 0,
        "failed": 0,
        "waiting": 0,
    }
    assert data["purchases"] == [
        {
            "transaction_id": purchase,
            "status": "completed",
            "amount": "118.40",
            "invoice_number": f"PEX-{purchase}",
            "lines": [
                {
                    "type": "J",
                    "codes": ["017401", "02.100", "4000"],
                    "sources": ["tag", "default", "static"],
                    "amount": "118.40",
                }
            ],
            "reasons": [],
        }
    ]
    assert fee not in {each["transaction_id"] for each in data["purchases"]}
    assert run_command("show_run", str(data["run"]), "--json") == (0, data)


def test_execute_ends_with_1_when_a_purchase_was_refused(tenant, pex, cmic, at_once):
    pex.add_purchase(amount=Decimal("5.00"))
    cmic.faults.set("refuse_upload", message="No.")
    code, data = run_command("execute", "acme", "--wait", "--json")
    assert (code, data["status"], data["counts"]["failed"]) == (1, "partial", 1)


def test_execute_ends_with_2_when_the_run_could_not_go_on(tenant, pex, at_once):
    pex.faults.set("token_expired")
    code, data = run_command("execute", "acme", "--wait", "--json")
    assert (code, data["status"]) == (2, "failed")
    assert data["reason"] == "credentials_refused"


def test_execute_is_refused_with_2_while_another_run_is_active(tenant):
    run, _ = request_run(tenant, "manual")
    code, data = run_command("execute", "acme", "--json")
    assert code == 2
    assert data["active_run"] == run.pk
    assert f"Run {run.pk}" in data["error"]


def test_execute_is_refused_with_2_while_settings_are_missing(tenant):
    set_up(tenant, company_code="")
    code, data = run_command("execute", "acme", "--json")
    assert (code, data["active_run"]) == (2, None)
    assert "CMiC company" in data["error"]


def test_execute_times_out_with_3_and_the_run_goes_on(tenant, monkeypatch):
    monkeypatch.setattr(
        "sync.management.commands.execute.send_on_commit", lambda step: None
    )
    code, data = run_command("execute", "acme", "--wait", "--json", "--timeout", "0.1")
    assert (code, data["status"]) == (3, "queued")


def test_an_automatic_run_never_covers_more_than_two_months(tenant, at_once):
    set_up(tenant, start_date="2026-01-01")
    _, automatic = run_command("execute", "acme", "--auto", "--wait", "--json")
    _, manual = run_command("execute", "acme", "--wait", "--json")
    assert automatic["window"]["from"] > manual["window"]["from"]
    assert automatic["window"]["to"] == manual["window"]["to"]


def test_an_unknown_tenant_is_one_sentence_and_the_exit_code():
    for command, code in (
        ("execute", 2),
        ("export_tenant", 2),
        ("check_connection", 1),
        ("refresh_codes", 1),
        ("preview", 1),
    ):
        with pytest.raises(CommandError, match="no tenant “nobody”") as raised:
            call_command(command, "nobody")
        assert raised.value.returncode == code


def test_a_preview_tells_what_would_go_and_sends_nothing(tenant, pex, cmic):
    good = pex.add_purchase(amount=Decimal("5.00"))
    bad = pex.add_purchase(amount=Decimal("6.00"), tags={"Job/Dept/Eqp.": "99.999"})
    code, data = run_command("preview", "acme", "--json")
    assert code == 0
    assert set(data) == {"window", "purchases"}
    by_id = {each["transaction_id"]: each for each in data["purchases"]}
    assert by_id[good]["status"] == "pending"
    assert by_id[good]["invoice_number"] == f"PEX-{good}"
    assert by_id[bad]["reasons"][0]["code"] == "value_unknown"
    assert (cmic.invoices(), PurchaseSync.objects.count()) == ([], 0)
    assert [call for call in pex.calls if call.method != "GET"] == []


def test_a_preview_and_the_execute_after_it_agree(tenant, pex, cmic):
    for amount in ("5.00", "6.00"):
        pex.add_purchase(amount=Decimal(amount))
    _, before = run_command("preview", "acme", "--json")
    execute(tenant)
    _, after = run_command("preview", "acme", "--json")
    told = {each["invoice_number"]: each["lines"] for each in before["purchases"]}
    sent = {each.number: each.amount for each in cmic.invoices()}
    assert told.keys() == sent.keys()
    assert {each["status"] for each in after["purchases"]} == {"completed"}


def test_an_ended_run_is_shown_as_it_ended(tenant, pex, cmic):
    purchase = pex.add_purchase(amount=Decimal("5.00"), tags={"Job/Dept/Eqp.": "99.9"})
    first = execute(tenant)
    pex.change(purchase, tags={"Job/Dept/Eqp.": "017401"})
    second = execute(tenant)
    _, before = run_command("show_run", str(first.pk), "--json")
    _, after = run_command("show_run", str(second.pk), "--json")
    assert before["purchases"][0]["status"] == "blocked"
    assert after["purchases"][0]["status"] == "completed"


def test_show_run_says_that_there_is_no_such_run():
    with pytest.raises(CommandError, match="no run 4711"):
        call_command("show_run", "4711")


@pytest.mark.django_db(transaction=True)
def test_check_connection_tells_both_sides(tenant, pex, cmic):
    code, data = run_command("check_connection", "acme", "--json")
    assert code == 0
    assert data["pex"]["ok"] is True
    assert data["pex"]["business"]
    assert data["pex"]["expires_at"]
    assert data["cmic"] == {
        "ok": True,
        "modules": [
            {"name": name, "ok": True, "message": ""}
            for name in ("gl", "ap", "jc", "ecm")
        ],
    }


@pytest.mark.django_db(transaction=True)
def test_check_connection_ends_with_1_and_each_module_has_its_sentence(
    tenant, pex, cmic
):
    pex.faults.set("token_expired")
    cmic.faults.set("unauthorised")
    code, data = run_command("check_connection", "acme", "--json")
    assert (code, data["pex"]["ok"], data["cmic"]["ok"]) == (1, False, False)
    assert all(module["message"] for module in data["cmic"]["modules"])
    tenant = Tenant.objects.get()
    assert tenant.pex.is_ok is False
    assert tenant.cmic.is_ok is False


@pytest.mark.django_db(transaction=True)
def test_a_closed_port_is_one_sentence_and_no_traceback(tenant):
    type(tenant.cmic).objects.update(base_url="http://127.0.0.1:9/cmictest")
    type(tenant.pex).objects.update(base_url="http://127.0.0.1:9")
    code, data = run_command("check_connection", "acme", "--json")
    assert code == 1
    assert "could not be reached" in data["pex"]["message"]
    assert "could not be reached" in data["cmic"]["modules"][0]["message"]
    run = execute(tenant)
    assert (run.status, run.reason) == ("running", "outage")
    assert "could not be reached" in SyncRun.objects.get().message
