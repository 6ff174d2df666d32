"""What axe-core finds on a page that would stand in somebody's way."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
# What is let pass: the rule, what the element has in it, and why.
PASSED = (
    (
        "list",
        'class="select2-selection__rendered"',
        "select2 puts the button that clears among the items; it is read out all the "
        "same.",
    ),
)
# What else there is to be found is the same in another shape and theme.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
_FIND = "async (options) => (await axe.run(options)).violations"


def refuse_barriers(page: Page, name: str, rules: list[str] | None = None) -> None:
    """Fails with each serious finding: the rule, where, and what is wrong. `rules` are
    those to look for, all if None."""
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(_FIND, options)
    told = [
        f"{finding['id']}: {' '.join(map(str, node['target']))}\n"
        f"    {node['html'][:200]}\n    {node.get('failureSummary', '')[:300]}"
        for finding in found
        if finding["impact"] in SERIOUS
        for node in finding["nodes"]
        if not _is_passed(finding["id"], node["html"])
    ]
    assert not told, f"{name}: {len(told)} barriers\n" + "\n".join(told)


def _is_passed(rule: str, html: str) -> bool:
    return any(rule == named and part in html for named, part, _ in PASSED)
