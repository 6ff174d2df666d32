"""What axe-core finds on a page that would stand in somebody's way."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
_axe = Axe()


def refuse_barriers(page: Page, name: str) -> None:
    """Fails with each serious finding: the rule, where, and what is wrong."""
    found = _axe.run(page).response["violations"]
    told = [
        f"{finding['id']}: {' '.join(map(str, node['target']))}\n"
        f"    {node['html'][:200]}\n    {node.get('failureSummary', '')[:300]}"
        for finding in found
        if finding["impact"] in SERIOUS
        for node in finding["nodes"]
    ]
    assert not told, f"{name}: {len(told)} barriers\n" + "\n".join(told)
