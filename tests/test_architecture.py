"""Which way imports point, and what may be done in one place only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PURE_RULES = (
    "window",
    "selection",
    "coding",
    "invoicing",
    "reasons",
    "facts",
    "option_filter",
    "tag_dependencies",
    "tag_options",
)
NO_DJANGO = (
    "connector/api/exceptions.py",
    "connector/api/http.py",
    "connector/api/limits.py",
    "connector/api/pex/option_names.py",
    "connector/api/parsing.py",
    "connector/api/transport.py",
)
_RECEIPT_READERS = tuple(
    f"sync.receipts.{name}"
    for name in ("assembly", "metadata", "pictures", "pdfs", "thumbnails")
)
IO_LIBRARIES = {"requests", "redis", "celery", "django", "socket", "subprocess"}


def modules(*roots: str) -> list[Path]:
    found = [path for root in roots for path in sorted((ROOT / root).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every imported module with its names, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or "", node.lineno
            yield from ((f"{node.module}.{a.name}", node.lineno) for a in node.names)


def importers(paths: list[Path], *unwanted: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in paths
        for name, line in imports(path)
        if any(name == each or name.startswith(f"{each}.") for each in unwanted)
    ]


def test_the_connect_tab_knows_nothing_of_syncing():
    assert importers(modules("connector"), "sync") == []


def test_the_apps_know_nothing_of_the_tests():
    assert importers(modules("connector", "sync", "config"), "tests") == []


def test_the_clients_know_neither_django_nor_a_model():
    clients = [ROOT / name for name in NO_DJANGO]
    clients += modules("connector/api/pex", "connector/api/cmic")
    unwanted = ("django", "connector.models", "connector.connections.clients", "config")
    assert importers(clients, *unwanted) == []


@pytest.mark.parametrize("name", PURE_RULES)
def test_a_pure_rule_imports_no_io(name):
    for imported, line in imports(ROOT / "sync" / "rules" / f"{name}.py"):
        top, _, _ = imported.partition(".")
        assert top not in IO_LIBRARIES, f"{name}.py:{line} imports {imported}"
        if top == "connector":
            known = ("types", ".reading", ".option_names")
            assert any(each in imported for each in known), imported
        if top == "sync":
            assert imported.split(".")[2] in PURE_RULES, imported


@pytest.mark.parametrize("name", PURE_RULES)
def test_a_pure_rule_asks_no_clock(name):
    for node in ast.walk(
        ast.parse((ROOT / "sync" / "rules" / f"{name}.py").read_text())
    ):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("now", "today", "utcnow"), f"{name}:{node.lineno}"


def test_what_reads_receipts_does_no_io_and_knows_no_models():
    inside = modules("sync/receipts")
    assert importers(inside, *IO_LIBRARIES, "time", "datetime") == []
    assert importers(inside, "connector.models", "sync.models", "sync.engine") == []
    workshop = modules("sync/workshop")
    assert importers(workshop, "django", "connector.models", "sync.models") == []


def test_a_worker_does_not_load_what_reads_the_bytes_of_others():
    readers = (*_RECEIPT_READERS, "sync.workshop.child")
    outside = [
        path
        for path in modules("connector", "sync", "config")
        if path.parent.name != "receipts" and path.name != "child.py"
    ]
    assert importers(outside, *readers, "PIL", "pikepdf", "img2pdf") == []


def test_the_engine_sends_no_messages():
    engine = modules("sync/engine", "sync/models")
    assert importers(engine, "sync.tasks", "celery", "sync.admin") == []


def test_the_models_know_neither_engine_nor_clients():
    unwanted = (
        "sync.engine",
        "connector.connections.clients",
        "connector.api.http",
        "connector.api.transport",
    )
    assert importers(modules("sync/models", "connector/models"), *unwanted) == []


def test_requests_is_used_in_one_place_only():
    users = {
        line.split(":")[0]
        for line in importers(modules("connector", "sync", "config"), "requests")
    }
    assert users == {"connector/api/http.py", "connector/api/transport.py"}


def test_messages_are_sent_in_one_place_only():
    senders = [
        str(path.relative_to(ROOT))
        for path in modules("connector", "sync", "config")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("delay_on_commit", "apply_async", "send_task")
    ]
    assert set(senders) == {"sync/tasks.py"}


def test_the_environment_is_read_in_the_wiring_only():
    # Secrets of an imported tenant are named by variables of the environment.
    allowed = {"connector/management/commands/import_tenant.py"}
    readers = {
        str(path.relative_to(ROOT))
        for path in modules("connector", "sync")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert readers <= allowed


def test_a_status_is_set_in_the_models_only():
    writers = []
    for path in modules("connector", "sync"):
        if path.is_relative_to(ROOT / "sync" / "models"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            targets = node.targets if isinstance(node, ast.Assign) else []
            is_set = any(
                isinstance(t, ast.Attribute) and t.attr == "status" for t in targets
            )
            is_update = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("update", "update_or_create")
                and any(keyword.arg == "status" for keyword in node.keywords)
            )
            if is_set or is_update:
                writers.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    # An error remembers the HTTP status it was answered with.
    assert [
        each for each in writers if not each.startswith("connector/api/exceptions.py")
    ] == []


def test_the_simulators_know_the_wire_and_not_our_classes():
    simulators = modules("tests/simulators")
    assert importers(simulators, "connector", "sync", "config", "django") == []


def test_no_import_hides_in_a_function():
    hidden = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for path in modules("connector", "sync", "config")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]
    assert hidden == []


def test_every_module_says_what_it_owns():
    silent = [
        str(path.relative_to(ROOT))
        for path in modules("connector", "sync", "config", "tests")
        if path.read_text().strip()
        and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []


def test_no_module_is_a_drawer_for_odds_and_ends():
    unwanted = {
        "utils",
        "helpers",
        "misc",
        "services",
        "common",
        "base",
        "core",
        "manager",
    }
    assert [
        p for p in modules("connector", "sync", "config", "tests") if p.stem in unwanted
    ] == []


def test_no_module_passes_four_hundred_lines():
    long = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in modules("connector", "sync", "config", "tests")
    }
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
