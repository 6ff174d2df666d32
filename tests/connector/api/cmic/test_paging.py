"""Lists are read to their end, and none of their rows is missed while they move."""

from datetime import date, timedelta

import pytest

from connector.api.cmic.paging import parse_page
from connector.api.cmic.types import CodeKind
from connector.api.exceptions import ListMovedError
from tests.connector.api.cmic.test_client import codes_of, connect
from tests.simulators.contractor import Job


class TestListsThatMove:
    """CMiC counts rows from the start of a list, whatever became of those before."""

    @pytest.fixture(autouse=True)
    def _of_ten(self, sim, monkeypatch):
        monkeypatch.setattr("connector.api.cmic.client.PAGE_SIZE", 10)

    def test_a_row_that_goes_between_two_pages_is_noticed(self, sim):
        pages = connect(sim).iter_code_pages(CodeKind.JOB, "001")
        read = [code.code for code in next(pages)]
        sim.remove_code("job", read[3])
        with pytest.raises(ListMovedError, match="jcjob changed while it was read"):
            list(pages)

    def test_a_row_that_comes_between_two_pages_is_noticed(self, sim):
        pages = connect(sim).iter_code_pages(CodeKind.JOB, "001")
        next(pages)
        sim.books.contractor.jobs.insert(0, Job("001", "NEW", "New", "I", "10"))
        sim.books.change_job("NEW", name="Newest")
        with pytest.raises(ListMovedError):
            list(pages)

    def test_a_row_that_only_changes_its_name_disturbs_nothing(self, sim):
        pages = connect(sim).iter_code_pages(CodeKind.JOB, "001")
        read = next(pages)
        sim.books.change_job(read[-1].code, name="Other name")
        assert len(read) + sum(len(page) for page in pages) == 25

    def test_a_full_page_is_not_believed_to_be_the_last(self, sim):
        sim.faults.set("last_page", match="jcjob")
        assert len(codes_of(sim, CodeKind.JOB)) == 25

    def test_a_page_as_full_as_the_server_makes_it_is_full(self, sim):
        sim.faults.set("last_page", match="jcjob", limit=4)
        assert len(codes_of(sim, CodeKind.JOB)) == 25

    def test_a_server_that_always_gives_the_first_page_is_noticed(self, sim):
        sim.faults.set("offset_ignored", match="jcjob")
        with pytest.raises(ListMovedError):
            codes_of(sim, CodeKind.JOB)

    def test_an_invoice_that_becomes_a_voucher_meanwhile_hides_no_other(self, sim):
        day = date(2026, 3, 31)
        numbers = [f"PEX-{number}" for number in range(25)]
        for number in numbers:
            sim.add_invoice(number, "1.00", day)
        first = min(sim.invoices(), key=lambda each: each.uuid)
        sim.faults.set("list_changes", times=1, door="voucher", number=first.number)
        found = connect(sim).find_invoices_since(
            "001", "PEX01", day - timedelta(days=1)
        )
        assert sorted(found) == sorted(numbers)
        assert found[first.number].voucher_number


def test_a_full_page_that_does_not_say_whether_there_is_more_is_no_last_page():
    rows = [{"JobCode": str(number)} for number in range(7)]
    assert parse_page({"items": rows}, 7, "jcjob", "https://cmic.example").may_go_on
    page = parse_page({"items": rows}, 8, "jcjob", "https://cmic.example")
    assert not page.may_go_on
