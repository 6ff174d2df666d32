"""No secret is anywhere but in its own encrypted column, whatever was done with it.

One story with everything that people, commands and workers do with credentials; then
all that was written down or shown is searched for each secret in each spelling.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import time
from datetime import timedelta
from decimal import Decimal
from urllib.parse import quote, quote_plus

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from redis import Redis

from connector.models import CmicConnection, PexConnection, Tenant
from sync.models import PurchaseSync, SyncRun
from sync.tasks import recover, renew_tokens
from tests.simulators.cmic import CmicSimulator
from tests.simulators.pex import PexSimulator
from tests.support.factories import tenant_data
from tests.support.worker import running_worker
from tests.sync.admin.test_roles import OF_NO_ROW, PAGES, address

LONGEST_RUN = 60  # seconds
TOKEN = "pex-token-7f3a91c2d4e5"
PASSWORD = "p&ss \"w0rd\"/'9c1e'<b>"
OAUTH_SECRET = "oauth+secret/55aa=="
WRONG = ["wrong-token-aa11bb22", "wrong & password cc33"]
USER = "ACME||APIUSER"


def spellings(secret):
    """The secret as pages, addresses, JSON and headers would write it."""
    yield from {
        secret,
        html.escape(secret),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        secret.encode().hex(),
    }
    for text in (secret, f"{USER}:{secret}", f"sandbox-client:{secret}"):
        # All but its end, which depends on what follows.
        yield base64.b64encode(text.encode()).decode().rstrip("=")[:-2]


def leaks(secrets, shown):
    """(place, first characters of the secret) of each one found."""
    return [
        (place, secret[:6])
        for secret in secrets
        for spelling in set(spellings(secret))
        for place, text in shown.items()
        if spelling in text
    ]


def database_dump():
    """Every row of every table as PostgreSQL writes it into a dump."""
    parts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            with cursor.copy(f'COPY "{table}" TO STDOUT') as rows:
                parts += [bytes(each).decode() for each in rows]
    # Django packs these; what is in them is what counts.
    parts += [str(session.get_decoded()) for session in Session.objects.all()]
    return "\n".join(parts)


def broker_dump():
    """Every key and value of broker and limiter."""
    parts = []
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as server:
        for key in server.scan_iter():
            read = {
                "string": server.get,
                "list": lambda name: server.lrange(name, 0, -1),
                "hash": server.hgetall,
                "set": server.smembers,
                "zset": lambda name: server.zrange(name, 0, -1, withscores=True),
            }[server.type(key)]
            value = str(read(key))
            parts += [key, value, *_unpacked(value)]
    return "\n".join(parts)


def _unpacked(message):
    """The bodies of Celery's messages, which are in base64."""
    for part in message.split('"body": "')[1:]:
        yield base64.b64decode(part.split('"')[0]).decode(errors="replace")


@pytest.fixture
def pex():
    simulator = PexSimulator.empty(token=TOKEN)
    with simulator.serve() as server:
        simulator.url = server.url
        yield simulator


@pytest.fixture
def cmic():
    simulator = CmicSimulator(user=USER, password=PASSWORD, client_secret=OAUTH_SECRET)
    with simulator.serve() as server:
        simulator.url = server.base_url
        yield simulator


class Reader:
    """A client that keeps all it was sent, header and body."""

    def __init__(self, client):
        self._client = client
        self.pages = {}

    def get(self, url):
        return self._keep(url, self._client.get(url, follow=True))

    def post(self, url, **data):
        return self._keep(url, self._client.post(url, data, follow=True))

    def _keep(self, url, answer):
        headers = "\n".join(f"{name}: {value}" for name, value in answer.items())
        hops = "\n".join(hop for hop, _ in answer.redirect_chain)
        text = b"".join(answer) if answer.streaming else answer.content
        place = f"page {url} ({len(self.pages)})"
        self.pages[place] = "\n".join([hops, headers, text.decode(errors="replace")])
        return answer


@pytest.fixture
def reader(admin_client):
    return Reader(admin_client)


def enter(reader, tenant, side, **data):
    url = reverse("admin:connector_tenant_credentials", args=[tenant.pk, side])
    seen = reader.get(url).context["seen"]
    return reader.post(url, seen=seen, **data)


def connect(reader, tenant, pex, cmic):
    basic = {
        "base_url": cmic.url,
        "auth": "basic",
        "client_id": "ACME",
        "username": "APIUSER",
        "upload_encoding": "multipart",
        "flysheets": "{}",
    }
    enter(reader, tenant, "pex", base_url=pex.url, token=WRONG[0])
    enter(reader, tenant, "pex", base_url=pex.url, token=TOKEN)
    enter(reader, tenant, "cmic", **basic, password=WRONG[1])
    enter(reader, tenant, "cmic", **basic, password=WRONG[1], insist="yes")
    enter(reader, tenant, "cmic", **basic, password=PASSWORD)
    enter(reader, tenant, "cmic", **{**basic, "base_url": "nonsense"}, password="")


def import_with_oauth(reader, pex, cmic):
    """By upload, secrets and all."""
    data = tenant_data(pex.url, cmic.url)
    data |= {"slug": "zenith", "name": "Zenith Builders"}
    data["pex"]["token"] = pex.tokens.issue()
    data["cmic"] = {
        "base_url": cmic.url,
        "auth": "oauth",
        "token_url": f"{cmic.url}/oauth2/token",
        "client_id": "ACME",
        "oauth_client_id": "sandbox-client",
        "oauth_client_secret": OAUTH_SECRET,
    }
    url = reverse("admin:connector_tenant_import_file")
    broken = json.dumps({**data, "colour": "red"}).encode()
    reader.post(url, file=SimpleUploadedFile("tenant.json", broken))
    whole = json.dumps(data).encode()
    reader.post(url, file=SimpleUploadedFile("tenant.json", whole))
    return Tenant.objects.get(slug="zenith")


def cause_trouble(pex, cmic):
    """Each failure once, so that what is said about it is on record too."""
    for number in range(12):
        pex.add_purchase(amount=Decimal(number + 1))
    cmic.faults.set("server_error", times=1, match="UploadData")
    cmic.faults.set("reset_after_store", times=1)
    cmic.faults.set("error_in_ok", times=1)
    cmic.faults.set("refuse_upload", times=1)
    pex.faults.set("note_reset_before_store", times=1)
    pex.faults.set("note_500_before_store", times=1)


def wait_for_runs():
    deadline = time.monotonic() + LONGEST_RUN
    while active := list(SyncRun.objects.active()):
        states = [(run.status, run.message) for run in active]
        assert time.monotonic() < deadline, states
        # Beat's round, without the minutes that faults are waited out.
        now = timezone.now()
        SyncRun.objects.filter(resume_at__isnull=False).update(resume_at=now)
        PurchaseSync.objects.filter(not_before__isnull=False).update(not_before=now)
        recover()
        time.sleep(0.5)


def look_at_everything(reader):
    rows = {
        "connector_tenant": Tenant.objects.get(slug="acme"),
        "auth_user": User.objects.first(),
    }
    for row in [*SyncRun.objects.all(), *PurchaseSync.objects.all()]:
        rows[f"sync_{row._meta.model_name}"] = row
        reader.get(reverse(f"admin:sync_{row._meta.model_name}_change", args=[row.pk]))
    for name in PAGES:
        model = "_".join(name.split("_")[:2])
        if model in rows or name.endswith(OF_NO_ROW):
            reader.get(address(name, rows))


@pytest.mark.django_db(transaction=True)
def test_no_secret_is_shown_logged_sent_on_or_stored_in_the_open(
    pex, cmic, reader, tmp_path, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    page = reverse("admin:connector_tenant_add")
    reader.get(page)
    tenant = Tenant.objects.create(slug="acme", name="Acme Construction")
    connect(reader, tenant, pex, cmic)
    other = import_with_oauth(reader, pex, cmic)
    copy = reverse("admin:connector_tenant_copy_settings", args=[tenant.pk])
    found = reader.get(f"{copy}?source={other.pk}").context
    paths = [row["each"].path for row in found["rows"]]
    reader.post(f"{copy}?source={other.pk}", seen=found["seen"], path=paths)
    assert not Tenant.objects.get(pk=tenant.pk).missing_settings()

    cause_trouble(pex, cmic)
    for each in (tenant, other):
        reader.post(reverse("admin:connector_tenant_execute_one", args=[each.pk]))
    shown = {"messages": broker_dump()}
    log = tmp_path / "worker.log"
    with log.open("wb") as sink, running_worker(log=sink):
        wait_for_runs()
        pex.faults.set("token_expired")
        cmic.faults.set("unauthorised")
        for each in (tenant, other):
            reader.post(reverse("admin:connector_tenant_execute_one", args=[each.pk]))
        wait_for_runs()
    for faults in (pex.faults, cmic.faults):
        faults.clear()
    assert PurchaseSync.objects.filter(status="completed").exists()
    assert SyncRun.objects.filter(status="failed").count() == 2

    pex.tokens.expire(TOKEN, at=timezone.now() + timedelta(days=20))
    renew_tokens()
    assert PexConnection.objects.get(tenant=tenant).token not in ("", TOKEN)
    for command in ("check_connection", "export_tenant", "preview"):
        call_command(command, "acme")
    call_command("show_run", str(SyncRun.objects.last().pk))
    look_at_everything(reader)

    shown |= {
        "database": database_dump(),
        "broker": broker_dump(),
        "the worker's log": log.read_text(),
        "log": caplog.text,
        "output": "".join(capfd.readouterr()),
        "mail": "\n".join(str(each.message()) for each in mail.outbox),
        **reader.pages,
    }
    secrets = [TOKEN, PASSWORD, OAUTH_SECRET, *WRONG]
    secrets += [*pex.tokens.expirations, *cmic.access.tokens]
    assert len(shown["the worker's log"]) > 10_000
    assert "APIUSER" in shown["database"]
    assert len(cmic.access.tokens) > 0
    assert leaks(secrets, shown) == []
    check_disconnecting(reader, tenant)


def check_disconnecting(reader, tenant):
    """Even what is encrypted is gone then."""
    sealed = sealed_secrets(tenant)
    assert all(each in database_dump() for each in sealed)
    for side in ("pex", "cmic"):
        reader.post(
            reverse("admin:connector_tenant_disconnect", args=[tenant.pk, side])
        )
    assert not any(each in database_dump() for each in sealed)
    assert PexConnection.objects.get(tenant=tenant).token == ""
    assert CmicConnection.objects.get(tenant=tenant).password == ""


def sealed_secrets(tenant):
    """The columns as they are stored, in the digits that a dump has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT encode(token, 'hex'), encode(password, 'hex') "
            "FROM connector_pexconnection JOIN connector_cmicconnection "
            "USING (tenant_id) WHERE tenant_id = %s",
            [tenant.pk],
        )
        return cursor.fetchone()


@pytest.mark.parametrize("secret", [TOKEN, PASSWORD, OAUTH_SECRET, *WRONG])
def test_the_search_would_find_each_spelling(secret):
    header = base64.b64encode(f"{USER}:{secret}".encode()).decode()
    for text in (
        f"Authorization: Basic {header}",
        f"?password={quote_plus(secret)}",
        f"<td>{html.escape(secret)}</td>",
        json.dumps({"token": secret}),
    ):
        assert leaks([secret], {"place": text})
    assert not leaks([secret], {"place": "nothing to see"})
