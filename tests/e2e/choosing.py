"""How a person chooses in the searchable selects, with the keyboard alone."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

SEARCH = ".select2-container--open .select2-search__field"
OFFERED = ".select2-container--open .select2-results__option"


def box(page: Page, input_id: str) -> Locator:
    """What one sees of a select: its box with what is chosen."""
    return page.locator(f"#{input_id} + .select2 .select2-selection")


def look(page: Page, input_id: str, term: str = "") -> Locator:
    """Open a select and type into its search; the options that are offered."""
    box(page, input_id).focus()
    page.keyboard.press("Enter")
    expect(page.locator(SEARCH)).to_be_focused()
    if term:
        page.keyboard.type(term)
    expect(page.get_by_text("Searching")).to_have_count(0)
    return page.locator(OFFERED)


def choose(page: Page, input_id: str, term: str, code: str) -> None:
    """Search for `term` and take the option with `code`, by the keyboard."""
    offered = look(page, input_id, term)
    expect(offered.first).to_contain_text(code)
    page.keyboard.press("Enter")
    expect(box(page, input_id)).to_contain_text(code)


def close(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.locator(SEARCH)).to_have_count(0)


def open_tab(page: Page, name: str) -> None:
    page.click(f"#tabs-items a[href='#{name}']")


def save(page: Page) -> None:
    page.click("button[name=_continue]")
    page.wait_for_load_state("networkidle")
