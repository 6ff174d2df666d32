"""How a person gets about without a mouse."""

from __future__ import annotations

from playwright.sync_api import Page

_SAID = """kinds => document.activeElement.matches(kinds)
    ? document.activeElement.innerText : ''"""
_IS_SEEN = """() => {
    const style = getComputedStyle(document.activeElement);
    return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
}"""


def go_to(page: Page, text: str, kinds: str = "a, button") -> None:
    """With Tab alone, to what says so; where one is must be seen."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if text in page.evaluate(_SAID, kinds):
            seen = page.evaluate(_IS_SEEN)
            assert seen, f"Nobody sees that “{text}” has the focus."
            return
    raise AssertionError(f"The keyboard does not reach “{text}”.")
