"""The CMiC simulator itself: routes, access, faults and what a clerk may do in it.

Rows, queries and the rules of an upload live in the modules beside it.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from werkzeug import Request, Response

from tests.simulators.cmic import access
from tests.simulators.cmic.access import Access, unauthorised_response
from tests.simulators.cmic.books import Books, StoredInvoice, Voucher
from tests.simulators.cmic.errors import (
    NEXUS,
    OK_WITH_ERROR,
    RefusalError,
    refusal_response,
    text_response,
)
from tests.simulators.cmic.reading.collection import (
    Listings,
    Paging,
    collection_response,
    item_response,
)
from tests.simulators.cmic.reading.resources import Resource, build_resources
from tests.simulators.cmic.trouble import FAULTS, Trouble
from tests.simulators.cmic.uploading.flysheet import FlysheetLayout
from tests.simulators.cmic.uploading.upload import Submission, examine, read_submission
from tests.simulators.contractor import Contractor, build_contractor
from tests.simulators.exact_json import json_response
from tests.simulators.simulator import Simulator
from tests.simulators.window import Window

UPLOAD = "ecm-rest-api/jersey/v1/UploadData/uploadApRegInvoice"
TOKEN = "oauth2/token"
LOOK_UPS = ("apreginv", "apreginvdetails", "apallvouchers")
MOST_IN_FLIGHT = 5
MOST_A_SECOND = 15


class CmicSimulator(Simulator):
    """CMiC of one contractor.

    `error_mode` is one of nexus, legacy, ora and ok_with_error; `duplicates` accept or
    refuse; `visibility_delay` the seconds until a stored invoice shows in look-ups.
    """

    fault_names = FAULTS
    hold_points = ("listing", "upload_arrived", "upload_stored")
    settings = (
        "limits",
        "latency",
        "error_mode",
        "duplicates",
        "visibility_delay",
        "strict_codes",
    )

    def __init__(
        self,
        contractor: Contractor | None = None,
        seed: int = 1,
        *,
        user: str = access.USER,
        password: str = access.PASSWORD,
        client_id: str = access.CLIENT_ID,
        client_secret: str = access.CLIENT_SECRET,
        base_path: str = "/cmictest",
        gl_prefix: str = "glrestapi/rest/v1",
        layout: FlysheetLayout | None = None,
        error_mode: str = NEXUS,
        duplicates: str = "accept",
        visibility_delay: float = 0.0,
        strict_codes: bool = True,
        limits: bool = False,
        latency: float = 0.0,
    ) -> None:
        super().__init__(limits=limits, latency=latency)
        self.base_path = base_path.rstrip("/")
        self.layout = layout or FlysheetLayout()
        self.error_mode = error_mode
        self.duplicates = duplicates
        self.visibility_delay = visibility_delay
        self.strict_codes = strict_codes
        self.trouble = Trouble(self.faults, self.pause, self.now)
        self.access = Access(user, password, client_id, client_secret, self.now)
        self.resources = build_resources(gl_prefix)
        self.extra_doors = {
            "invoice": self._invoice_at_door,
            "voucher": self._voucher_at_door,
            "remove_code": self.remove_code,
            "deactivate": self.deactivate,
            "close_job": self.close_job,
            "open_job": lambda **job: self.books.open_job(**job),
            "open_phase": lambda **phase: self.books.open_phase(**phase),
            "change_job": lambda **job: self.books.change_job(**job),
        }
        self._contractor = contractor or build_contractor(seed)
        self.books = Books(_copied(self._contractor), self.now)
        self._listings = Listings()
        self._window = Window(MOST_A_SECOND, 1.0, self.ticks)

    def invoices(self, number: str | None = None) -> list[StoredInvoice]:
        """Everything stored, in order, whether look-ups show it or not."""
        return self.books.find(number)

    def total(self) -> Decimal:
        return self.books.total()

    def add_invoice(
        self,
        number: str,
        amount: Decimal | str,
        day: date,
        vendor: str = "PEX01",
        company: str = "001",
        **others: Any,
    ) -> StoredInvoice:
        """An invoice that a clerk registered on the screen."""
        value = Decimal(amount)
        values = {"group": "PEX", "due_date": day, "original_amount": value, **others}
        return self.books.store(
            StoredInvoice(
                company=company,
                vendor=vendor,
                number=number,
                invoice_date=day,
                amount=value,
                **values,
            )
        )

    def convert_to_voucher(
        self, number: str, keep_registered: bool = False, posted: bool = False
    ) -> Voucher:
        return self.books.convert(
            number, keep_registered=keep_registered, posted=posted
        )

    def remove_code(self, kind: str, code: str, **where: str) -> int:
        return self.books.remove_code(kind, code, **where)

    def deactivate(self, kind: str, code: str, **where: str) -> int:
        return self.books.deactivate(kind, code, **where)

    def close_job(self, code: str, company: str = "001") -> int:
        return self.books.close_job(code, company)

    def state(self) -> dict[str, Any]:
        invoices = self.invoices()
        return {
            "invoices": [invoice.summary() for invoice in invoices],
            "vouchers": [voucher.summary() for voucher in self.books.vouchers],
            "counts": {
                "invoices": len(invoices),
                "visible": len(self.books.visible()),
                "vouchers": len(self.books.vouchers),
                "calls": len(self.calls),
                "total": self.total(),
            },
        }

    def reset(self) -> None:
        super().reset()
        self.access.tokens.clear()
        self.books = Books(_copied(self._contractor), self.now)

    def _invoice_at_door(
        self, number: str, amount: str, date: str, **others: Any
    ) -> Any:
        day = datetime.fromisoformat(date).date()
        return self.add_invoice(number, str(amount), day, **others).summary()

    def _voucher_at_door(self, number: str, **how: bool) -> Any:
        return self.convert_to_voucher(number, **how).summary()

    def throttle(self, request: Request) -> Response | None:
        if self._path(request) == TOKEN:
            return None
        if self.in_flight > MOST_IN_FLIGHT or self._window.take() > 0:
            return text_response(429, "Too Many Requests")
        return None

    def handle(self, request: Request) -> Response:
        path = self._path(request)
        if path is None:
            return Response("", 404)
        if path == TOKEN and request.method == "POST":
            return self.access.issue(request)
        try:
            return self._admitted(request, path)
        except RefusalError as error:
            mode = self.error_mode
            if path != UPLOAD and mode == OK_WITH_ERROR:
                mode = NEXUS
            return refusal_response(error, mode, self.now())

    def _path(self, request: Request) -> str | None:
        """The path below the environment, or None for a path outside it."""
        start = f"{self.base_path}/"
        if not request.path.startswith(start):
            return None
        return request.path.removeprefix(start)

    def _admitted(self, request: Request, path: str) -> Response:
        submission = None
        keys = [request.path]
        if path == UPLOAD and request.method == "POST" and self.access.admits(request):
            submission = read_submission(request)
            keys.append(submission.number(self.layout))
        if trouble := self.trouble.before_access(request, keys):
            return trouble
        if not self.access.admits(request):
            return unauthorised_response()
        if trouble := self.trouble.with_rights(path, keys):
            return trouble
        if path == UPLOAD:
            return self._upload(submission, keys)
        return self._read(request, path)

    def _read(self, request: Request, path: str) -> Response:
        resource = self.resources.get(path)
        collection, _, key = path.rpartition("/")
        if resource is None and collection not in self.resources:
            return Response("", 404)
        if request.method not in ("GET", "HEAD"):
            return Response("", 405, headers={"Allow": "GET, HEAD"})
        if resource is None:
            return item_response(request, self.resources[collection], self.books, key)
        return self._list(request, resource)

    def _list(self, request: Request, resource: Resource) -> Response:
        self.holds.reach("listing")
        keys = [request.path, request.args.get("q", "")]
        if resource.name in LOOK_UPS and (trouble := self.trouble.of_look_up(keys)):
            return trouble
        is_filtered = not self.faults.take("filter_ignored", *keys)
        unsorted = self.faults.take("unsorted", *keys)
        last_page = self.faults.take("last_page", *keys)
        answer = collection_response(
            request,
            resource,
            self.books,
            self._listings,
            is_filtered=is_filtered,
            turned_by=7 * self.faults.used("unsorted") if unsorted else 0,
            paging=Paging(
                most_rows=last_page.get("limit") if last_page else None,
                rows_known=last_page.get("rows") if last_page else None,
                hides_more=last_page is not None,
                ignores_offset=self.faults.take("offset_ignored", *keys) is not None,
            ),
        )
        if change := self.faults.take("list_changes", *keys):
            arguments = {**change.params}
            self.extra_doors[arguments.pop("door")](**arguments)
        return answer

    def _upload(self, submission: Submission | None, keys: list[str]) -> Response:
        if submission is None:
            return Response("", 405, headers={"Allow": "POST"})
        self.holds.reach("upload_arrived")
        if trouble := self.trouble.before_store(keys):
            return trouble
        invoice = examine(submission, self.books, self.layout, strict=self.strict_codes)
        invoice.user = self.access.user.rpartition("||")[2]
        self.books.store(
            invoice,
            visible_after=self.visibility_delay,
            may_repeat=self.duplicates == "accept",
        )
        self.holds.reach("upload_stored")
        if trouble := self.trouble.after_store(keys):
            return trouble
        return json_response(
            {
                "status": "Success",
                "message": "Document uploaded",
                "imageId": invoice.image_id,
                "apriVUuid": invoice.uuid,
            }
        )


def _copied(contractor: Contractor) -> Contractor:
    """Lists of our own: what is closed or removed here concerns no other simulator."""
    lists = {
        item.name: list(getattr(contractor, item.name)) for item in fields(contractor)
    }
    return Contractor(**lists)
