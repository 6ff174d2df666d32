"""The rules of the house: which way imports point, how full a folder may be, and what
may be done in one place only. They name folders, so that a new module is held too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("connector", "sync", "audit", "logins", "config")
MOST_MODULES = 12
MOST_LINES = 400

# Who imports, and what it must not: `folder -> folders`. The way down is admin, tasks,
# engine, models, rules, connector.api; nothing looks up.
FORBIDDEN = {
    "connector": ("sync", "tests"),
    "sync": ("tests",),
    "logins": ("sync.engine", "sync.tasks", "tests"),
    "audit": ("logins", "sync.engine", "sync.tasks", "tests"),
    "config": ("tests",),
    "connector/api": (
        "django",
        "celery",
        "config",
        "connector.models",
        "connector.connections",
        "connector.codes",
        "connector.transfer",
        "connector.admin",
    ),
    "connector/models": (
        "audit",
        "connector.admin",
        "connector.codes",
        "connector.connections",
        "connector.transfer",
        "connector.api.http",
        "connector.api.wire.transport",
    ),
    "connector/connections": (
        "connector.admin",
        "connector.codes",
        "connector.transfer",
    ),
    "connector/codes": ("connector.admin", "connector.transfer"),
    "connector/transfer": ("connector.admin",),
    "sync/rules": (
        "django",
        "celery",
        "redis",
        "requests",
        "socket",
        "subprocess",
    ),
    "sync/receipts": (
        "django",
        "celery",
        "redis",
        "requests",
        "socket",
        "subprocess",
        "time",
        "datetime",
        "connector.models",
        "sync.models",
        "sync.engine",
        "sync.admin",
    ),
    "sync/workshop": ("django", "connector.models", "sync.models", "sync.engine"),
    "sync/models": (
        "audit",
        "sync.engine",
        "sync.admin",
        "sync.tasks",
        "celery",
        "connector.admin",
        "connector.codes",
        "connector.connections",
        "connector.api.http",
        "connector.api.wire.transport",
    ),
    "sync/engine": ("sync.tasks", "sync.admin", "celery", "connector.admin"),
    # A simulator that knew our classes would agree with our mistakes.
    "tests/simulators": ("connector", "sync", "audit", "logins", "config", "django"),
}
# Of the engine's rooms: each may know those after it, as far as they are named.
ENGINE = {
    "preview": ("run", "purchase", "judging"),
    "run": ("purchase", "tags", "judging"),
    "purchase": ("judging",),
    "tags": ("judging",),
    "judging": (),
    "alert": (),
    "upkeep": ("alert",),
}
# They read the bytes of others, which is done in the children of `sync.workshop` only.
NO_RECEIPT_READERS = ("__init__", "default_page")
PICTURE_LIBRARIES = ("PIL", "pikepdf", "img2pdf", "pypdfium2", "pillow_heif")


def modules(*roots: str) -> list[Path]:
    for root in roots:
        assert (ROOT / root).is_dir(), f"{root} is no folder: the rule holds nothing"
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


def nodes(*roots: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node of every module, with the module's path."""
    for path in modules(*roots):
        for node in ast.walk(ast.parse(path.read_text())):
            yield str(path.relative_to(ROOT)), node


def rooms_in(folder: Path) -> list[str]:
    """What a person sees who opens a folder: its modules, and its folders of modules.

    Names that Python, pytest and Django prescribe are left out, and so is what lies in
    Django's own folders.
    """
    prescribed = {"__init__", "__main__", "conftest", "migrations", "management"}
    inside = [
        each
        for each in folder.iterdir()
        if each.suffix == ".py" or (each.is_dir() and any(each.rglob("*.py")))
    ]
    return sorted(each.stem for each in inside if each.stem not in prescribed)


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_a_folder_imports_nothing_from_above_it(folder):
    assert importers(modules(folder), *FORBIDDEN[folder]) == []


def test_every_room_of_the_engine_has_a_rule():
    rooms = {each.name for each in (ROOT / "sync/engine").iterdir() if each.is_dir()}
    assert rooms - {"__pycache__"} == set(ENGINE)


@pytest.mark.parametrize("room", ENGINE)
def test_a_room_of_the_engine_knows_those_beneath_it_only(room):
    others = set(ENGINE) - {room, *ENGINE[room]}
    unwanted = [f"sync.engine.{each}" for each in others]
    assert importers(modules(f"sync/engine/{room}"), *unwanted) == []


def test_no_folder_holds_more_than_twelve_modules():
    folders = {path.parent for path in modules(*APPS, "tests")}
    folders |= {folder.parent for folder in folders} - {ROOT}
    counts = {str(folder.relative_to(ROOT)): rooms_in(folder) for folder in folders}
    full = {name: rooms for name, rooms in counts.items() if len(rooms) > MOST_MODULES}
    assert full == {}


def test_a_rule_knows_rules_and_the_values_of_the_two_apis_only():
    values = ("types", "reading", "option_names", "texts")
    strange = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules("sync/rules")
        for name, line in imports(path)
        if name.split(".")[0] in (*APPS, "tests")
        and not name.startswith("sync.rules")
        and not (
            name.startswith("connector.api.")
            and any(part.endswith(values) for part in name.split("."))
        )
    ]
    assert strange == []


def test_a_rule_asks_no_clock():
    askers = [
        f"{path}:{node.lineno}"
        for path, node in nodes("sync/rules")
        if isinstance(node, ast.Attribute) and node.attr in ("now", "today", "utcnow")
    ]
    assert askers == []


def test_a_worker_does_not_load_what_reads_the_bytes_of_others():
    readers = [
        f"sync.receipts.{path.stem}"
        for path in modules("sync/receipts")
        if path.stem not in NO_RECEIPT_READERS
    ]
    outside = [
        path
        for path in modules(*APPS)
        if path.parent.name != "receipts" or path.parent.parent.name == "admin"
        if path.name != "child.py"
    ]
    unwanted = (*readers, "sync.workshop.child", *PICTURE_LIBRARIES)
    assert importers(outside, *unwanted) == []


def test_requests_is_used_in_one_place_only():
    users = {line.split(":")[0] for line in importers(modules(*APPS), "requests")}
    assert users == {"connector/api/http.py", "connector/api/wire/transport.py"}


def test_messages_are_sent_in_one_place_only():
    sending = ("delay_on_commit", "apply_async", "send_task")
    senders = {
        path
        for path, node in nodes(*APPS)
        if isinstance(node, ast.Attribute) and node.attr in sending
    }
    assert senders == {"sync/tasks.py"}


def test_the_environment_is_read_in_the_wiring_only():
    # Secrets of an imported tenant are named by variables of the environment.
    allowed = {"connector/management/commands/import_tenant.py"}
    readers = {
        path
        for path, node in nodes("connector", "sync", "audit", "logins")
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert readers <= allowed


def test_a_status_is_set_in_the_models_only():
    writers = []
    for path, node in nodes("connector", "sync", "audit", "logins"):
        # An error remembers the HTTP status it was answered with.
        if path.startswith("sync/models/") or path == "connector/api/exceptions.py":
            continue
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
            writers.append(f"{path}:{node.lineno}")
    assert writers == []


def test_no_import_hides_in_a_function():
    hidden = [
        f"{path}:{inner.lineno}"
        for path, node in nodes(*APPS)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]
    assert hidden == []


def test_every_module_says_what_it_owns():
    silent = [
        str(path.relative_to(ROOT))
        for path in modules(*APPS, "tests")
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
    names = (path.relative_to(ROOT).with_suffix("") for path in modules(*APPS, "tests"))
    assert [str(name) for name in names if {*name.parts} & unwanted] == []


def test_no_module_passes_four_hundred_lines():
    long = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in modules(*APPS, "tests")
    }
    assert {name: count for name, count in long.items() if count > MOST_LINES} == {}
