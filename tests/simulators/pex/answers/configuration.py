"""Answers about tag definitions, their options and the filters between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from tests.simulators.exact_json import json_response
from tests.simulators.pex.answers.asking import Body, Query, enum_name
from tests.simulators.pex.answers.errors import invalid
from tests.simulators.pex.answers.tags_wire import definition_row
from tests.simulators.pex.tags import TYPES, Definition, Draft, Option, check_options

if TYPE_CHECKING:
    from tests.simulators.pex.app import PexSimulator

TYPE_NAMES = tuple(name.lower() for name in TYPES)


def list_tags(sim: PexSimulator, request: Request) -> Response:
    rows = [definition_row(one, show_restricted=False) for one in sim.tag_book.living()]
    return json_response(rows)


def one_tag(sim: PexSimulator, request: Request, tag: str) -> Response:
    overrides = Query(request).is_true("OverrideRestrictions")
    found = sim.tag_book.find(tag)
    return json_response(definition_row(found, show_restricted=overrides))


def create_dropdown(sim: PexSimulator, request: Request) -> Response:
    new = sim.tag_book.create(_draft(Body(request)))
    return _whole(new, 201)


def replace_dropdown(sim: PexSimulator, request: Request, tag: str) -> Response:
    body = Body(request)
    sim.tag_book.dropdown(tag)
    changed = sim.tag_book.replace(tag, body.get("ConcurrencyKey"), _draft(body))
    return _whole(changed)


def delete_dropdown(sim: PexSimulator, request: Request, tag: str) -> Response:
    sim.tag_book.dropdown(tag)
    sim.tag_book.delete(tag)
    return json_response(None)


def add_options(sim: PexSimulator, request: Request, tag: str) -> Response:
    options = [_option(Body.of(one)) for one in Body(request).list("Options")]
    return _whole(sim.tag_book.add_options(tag, options), 201)


def change_option(sim: PexSimulator, request: Request, tag: str) -> Response:
    return _whole(sim.tag_book.change_option(tag, _option(Body(request))))


def _whole(definition: Definition, status: int = 200) -> Response:
    return json_response(definition_row(definition, show_restricted=True), status)


def _draft(body: Body) -> Draft:
    """The dropdown described in a body; raises RefusalError if it breaks a rule."""
    kind = str(body.get("Type", "Dropdown"))
    if enum_name(kind, TYPE_NAMES) != "dropdown":
        raise invalid("The tag is not a dropdown.")
    options = tuple(_option(Body.of(one)) for one in body.list("Options"))
    check_options(options)
    changes: dict[str, Any] = {
        "name": body.text("Name"),
        "description": body.get("Description"),
        "is_required": body.flag("IsRequired", default=False),
        "is_enabled": body.flag("IsEnabled", default=True),
    }
    if body.get("Order") is not None:
        changes["order"] = body.whole("Order")
    return Draft(options, changes)


def _option(body: Body) -> Option:
    order = body.get("Order", 0)
    if not isinstance(order, int):
        raise invalid("The Order field must be a number.")
    return Option(
        name=body.text("Name"),
        value=body.text("Value"),
        order=order,
        is_enabled=body.flag("IsEnabled", default=True),
    )


def all_dependencies(sim: PexSimulator, request: Request) -> Response:
    brief = ("Rules", "Default", "Source")
    rows = [
        {name: value for name, value in row.items() if name not in brief}
        for row in sim.dependencies.all()
    ]
    return json_response(rows)


def list_dependencies(sim: PexSimulator, request: Request, tag: str) -> Response:
    return json_response(sim.dependencies.of_child(tag))


def create_dependency(sim: PexSimulator, request: Request, tag: str) -> Response:
    return json_response(sim.dependencies.create(tag, Body(request)))


def one_dependency(
    sim: PexSimulator, request: Request, tag: str, dependency: str
) -> Response:
    return json_response(sim.dependencies.find(tag, dependency))


def replace_dependency(
    sim: PexSimulator, request: Request, tag: str, dependency: str
) -> Response:
    return json_response(sim.dependencies.replace(tag, dependency, Body(request)))


def delete_dependency(
    sim: PexSimulator, request: Request, tag: str, dependency: str
) -> Response:
    sim.dependencies.delete(tag, dependency)
    return json_response(None)


_TAGS = "/v4/business/configuration"
_FILTERS = "/v4/tags/<tag>/option-dependencies"
ROUTES = [
    ("GET", f"{_TAGS}/tags", list_tags),
    ("GET", f"{_TAGS}/tag/<tag>", one_tag),
    ("POST", f"{_TAGS}/tag/dropdown", create_dropdown),
    ("PUT", f"{_TAGS}/tag/dropdown/<tag>", replace_dropdown),
    ("DELETE", f"{_TAGS}/tag/dropdown/<tag>", delete_dropdown),
    ("POST", f"{_TAGS}/tag/dropdown/<tag>/options", add_options),
    ("PUT", f"{_TAGS}/tag/dropdown/<tag>/option", change_option),
    ("GET", "/v4/tags/dependencies", all_dependencies),
    ("GET", _FILTERS, list_dependencies),
    ("POST", _FILTERS, create_dependency),
    ("GET", f"{_FILTERS}/<dependency>", one_dependency),
    ("PUT", f"{_FILTERS}/<dependency>", replace_dependency),
    ("DELETE", f"{_FILTERS}/<dependency>", delete_dependency),
]
