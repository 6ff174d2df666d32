"""Whatever an address asks for, the admin answers: with a sentence, with nothing found
or with a refusal, and never with a fault of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.contrib.admin import site
from django.test import RequestFactory
from django.urls import URLResolver, get_resolver

from tests.support.factories import make_tenant
from tests.support.rows import (
    add_alert,
    add_preview,
    add_purchase,
    add_run,
    text_of,
)

VALUES = [
    "",
    "1e9999999",
    "NaN",
    "a%00b",
    "9" * 400,
    "-1",
    "9223372036854775808",
    "0000-01-01",
    "99999-01-01",
    "%FF%FE",
    "%C2%B2",
    "%5B%5D",
    "(",
]
# Besides those of the list's own filters.
NAMES = (
    *("q", "p", "o", "e", "all", "page", "show", "term", "tenant", "part", "id"),
    *("_to_field", "_popup", "_changelist_filters", "_facets", "app_label"),
    *("model_name", "field_name", "company", "type", "source", "first", "second"),
    *("id__exact", "id__in", "amount__gte", "created_at__gte", "causes__contains"),
    *("merchant__regex", "name__iregex", "message__regex", "username__regex"),
)
# Leave the session, or call whoever the tenant's addresses name.
LEFT_OUT = ("logout", "password", "/tags/", "/receipts/", "/document/", "/check/")
_PART = re.compile(r"<(?:(\w+):)?(\w+)>")


@pytest.fixture
def rows(db):
    tenant = make_tenant()
    run = add_run(tenant)
    return {
        "connector/tenant": tenant,
        "sync/syncrun": run,
        "sync/purchasesync": add_purchase(run, 1),
        "sync/preview": add_preview(tenant),
        "sync/alert": add_alert(tenant),
    }


def patterns(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for each in resolver.url_patterns:
        place = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from patterns(each, place)
        elif "^" not in place and not any(part in place for part in LEFT_OUT):
            yield f"/{place}"


def addresses():
    found = [each for each in patterns(get_resolver()) if each.startswith("/admin/")]
    assert len(found) > 50
    return found


def of_row(address, rows):
    """The address of a row that is there."""
    kind = "/".join(address.split("/")[2:4])
    names = {"form": "csv", "name": "vendor_code", "key": "pex", "content_type_id": "1"}
    pk = str(rows[kind].pk) if kind in rows else "1"
    return _PART.sub(lambda part: names.get(part[2], pk), address)


def with_id(address, value):
    """Whole numbers alone reach a page that takes one."""
    number = value if value.isdigit() else "1"
    return _PART.sub(lambda part: number if part[1] == "int" else value, address)


def parameters_of(address, admin_user):
    """Those of the filters of the list, if it is one."""
    request = RequestFactory().get("/")
    request.user = admin_user
    for model, admin in site._registry.items():
        place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        if address in (place, f"{place}export/csv/"):
            filters = admin.get_changelist_instance(request).get_filters(request)[0]
            return [name for each in filters for name in each.expected_parameters()]
    return []


def faults(client, urls, post=None):
    """Those of the addresses that are answered with a fault."""
    found = []
    client.raise_request_exception = False
    for url in urls:
        if post is None:
            answer = client.get(url)
        else:
            kind = "application/x-www-form-urlencoded"
            answer = client.generic("POST", url, post, content_type=kind)
        if answer.streaming:
            b"".join(answer.streaming_content)
        if answer.status_code >= 500:
            found.append(f"{url} {post or ''}"[:200])
    return found


@pytest.mark.django_db(transaction=True)
def test_no_id_in_an_address_is_answered_with_a_fault(admin_client, rows):
    urls = {with_id(each, value) for each in addresses() for value in VALUES}
    assert faults(admin_client, sorted(urls)) == []


@pytest.mark.django_db(transaction=True)
def test_no_parameter_of_an_address_is_answered_with_a_fault(
    admin_client, admin_user, rows
):
    urls = []
    for address in addresses():
        url = of_row(address, rows)
        own = parameters_of(url, admin_user)
        urls += [
            f"{url}?" + "&".join(f"{name}={value}" for name in (*NAMES, *own))
            for value in VALUES
        ]
        urls += [f"{url}?{name}={value}" for name in own for value in VALUES]
    assert faults(admin_client, urls) == []


@pytest.mark.django_db(transaction=True)
def test_each_parameter_alone_of_a_list_is_answered(admin_client, rows):
    url = "/admin/sync/purchasesync/"
    alone = [f"{url}?{name}={value}" for name in NAMES for value in VALUES]
    assert faults(admin_client, alone) == []


@pytest.mark.django_db(transaction=True)
def test_no_form_that_is_sent_is_answered_with_a_fault(admin_client, rows):
    names = (
        *("_selected_action", "action", "select_across", "index", "why", "key", "seen"),
        *("mappings-TOTAL_FORMS", "mappings-INITIAL_FORMS", "mappings-0-id"),
        *("transactions-TOTAL_FORMS", "transactions-INITIAL_FORMS"),
        *("transactions-0-id", "transactions-0-start_date", "_to_field"),
    )
    found = []
    for address in addresses():
        for value in VALUES:
            sent = "&".join(f"{name}={value}" for name in names)
            found += faults(admin_client, [of_row(address, rows)], sent)
    assert found == []


@pytest.mark.django_db(transaction=True)
def test_a_list_that_cannot_be_looked_for_says_so(admin_client, rows):
    url = "/admin/sync/purchasesync/?amount__gte=1e9999999"
    answer = admin_client.get(url)
    assert (answer.status_code, answer["Location"]) == (302, f"{url.split('?')[0]}?e=1")
    assert "so the whole list is shown" in text_of(admin_client, answer["Location"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("amount_from=1e9999999", False),
        ("amount_to=-1e9999999", False),
        ("amount_to=1e9999999", True),
        ("amount_from=1e-9999999", True),
        (f"q={quote('PEX-1' + chr(0))}", True),
    ],
)
def test_amounts_of_any_size_are_compared(admin_client, rows, query, is_found):
    page = text_of(admin_client, f"/admin/sync/purchasesync/?{query}")
    pk = rows["sync/purchasesync"].pk
    assert (f"/admin/sync/purchasesync/{pk}/change/" in page) is is_found


@pytest.mark.django_db
def test_a_form_with_nul_is_refused_in_a_sentence(admin_client, rows):
    for address in addresses():
        url = of_row(address, rows)
        answer = admin_client.post(url, {"kind": "a\0", "name": "b"})
        assert answer.status_code == 400, url
        assert "Enter it anew" in answer.content.decode()
