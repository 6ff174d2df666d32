"""The PEX simulator itself: access, limits, routes and state.

What each endpoint answers lives in the modules beside it, what people do in `office`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule

from tests.simulators.contractor import Contractor, build_contractor
from tests.simulators.pex.answers import accounts, configuration, listing, papers
from tests.simulators.pex.answers.errors import RefusalError, refusal_response
from tests.simulators.pex.answers.summary import transaction_summary
from tests.simulators.pex.books import Books
from tests.simulators.pex.dependencies import Dependencies
from tests.simulators.pex.office import Office
from tests.simulators.pex.seeding.seed import Seeder
from tests.simulators.pex.tags import TagBook, seed_tags
from tests.simulators.pex.tokens import Tokens
from tests.simulators.pex.trouble import FAULTS, PexFaults, Trouble, usage_response
from tests.simulators.simulator import Simulator
from tests.simulators.window import Window

TOKEN = "sandbox-token"
CALLS_PER_MINUTE = 120
LISTS_PER_HOUR = 10
SCARCE = ("/v4/details/allcardholdertransactions", "/v4/details/accountdetails")
OPEN = ("/v4/ping", "/internal/v4/account/token/exchange")
ROUTES = [*accounts.ROUTES, *configuration.ROUTES, *listing.ROUTES, *papers.ROUTES]
TABLE = Map(
    [
        Rule(path, endpoint=handler, methods=[method])
        for method, path, handler in ROUTES
    ],
    strict_slashes=False,
)


class PexSimulator(Office, Simulator):
    """PEX with one business.

    `page_names` are the query names that turn a page of the newer listings (vendors
    disagree); `retry_after` adds that header to the 429 of a limit. `now` stops the
    clock at a moment; without it the clock runs with the real time.
    """

    fault_names = FAULTS
    hold_points = ("listing", "attachment", "note_arrived", "note_stored")
    settings = ("limits", "latency", "page_size", "page_names", "retry_after")

    def __init__(
        self,
        seed: int = 1,
        purchases: int = 200,
        *,
        now: datetime | None = None,
        token: str = TOKEN,
        limits: bool = False,
        contractor: Contractor | None = None,
        tags: bool = True,
        page_size: int = 30_000,
        page_names: Sequence[str] = ("PageIndex", "page"),
        retry_after: bool = False,
        latency: float = 0.0,
    ) -> None:
        super().__init__(limits=limits, latency=latency)
        self.page_size = page_size
        self.page_names = page_names
        self.retry_after = retry_after
        self._contractor = contractor or build_contractor(seed)
        self._seed = seed
        self._purchases = purchases
        self._has_tags = tags
        self._token = token
        self._began = now
        # Replaced rather than configured: it must look at our notes.
        self.faults: PexFaults = PexFaults(lambda: self.books.last_note_id)
        self.trouble = Trouble(self.faults, self.pause)
        self.extra_doors = {
            "purchase": self.purchase_at_door,
            "settle": self.settle,
            "override": self.override,
            "change": self.change,
            "add_note": self.add_note,
            "remove_note": self.remove_note,
            "remove": self.remove,
            "delete_tag": self.delete_tag,
            "issue_token": lambda **business: self.tokens.issue(**business),
        }
        self._open()

    @classmethod
    def empty(cls, seed: int = 1, **options: Any) -> Self:
        """Without purchases, but with cardholders and tags."""
        return cls(seed, 0, **options)

    def _open(self) -> None:
        """Open fresh books, as they were at the beginning."""
        if self._began is not None:
            self.set_clock(self._began)
        self.tokens = Tokens(self._token, self.now)
        self.books = Books(self.now)
        self.tag_book = TagBook(self.now)
        self.dependencies = Dependencies(self.tag_book, self.now)
        if self._has_tags:
            seed_tags(self.tag_book, self._contractor)
        if self._purchases:
            seeder = Seeder(self._contractor, self._seed, self.now())
            seeder.fill(self.books, self.tag_book, self._purchases)
        hour = 3600.0
        self._overall = Window(CALLS_PER_MINUTE, 60.0, self.ticks)
        self._scarce = {
            path: Window(LISTS_PER_HOUR, hour, self.ticks) for path in SCARCE
        }

    def reset(self) -> None:
        super().reset()
        self._open()

    def state(self) -> dict[str, Any]:
        rows = self.transactions()
        return {
            "transactions": [transaction_summary(row) for row in rows],
            "tags": {
                one.name: [[o.value, o.name, o.is_enabled] for o in one.options]
                for one in self.tag_book.living()
            },
            "counts": {
                "transactions": len(rows),
                "markers": sum(self.markers(row.id) for row in rows),
                "calls": len(self.calls),
            },
        }

    def throttle(self, request: Request) -> Response | None:
        path = request.path.lower().rstrip("/")
        if path in OPEN:
            return None
        wait = self._overall.take()
        if not wait and path in self._scarce:
            wait = self._scarce[path].take()
        if not wait:
            return None
        return usage_response(int(wait) + 1 if self.retry_after else None)

    def handle(self, request: Request) -> Response:
        try:
            return self._answered(request)
        except RefusalError as error:
            return refusal_response(error.status, error.message)

    def _answered(self, request: Request) -> Response:
        if trouble := self.trouble.before_access(request):
            return trouble
        path = request.path.lower()
        if path.rstrip("/") not in OPEN:
            self.tokens.admitted(request)
            if trouble := self.trouble.with_token(request):
                return trouble
        try:
            handler, values = TABLE.bind("").match(path, request.method)
        except MethodNotAllowed:
            raise RefusalError(405, "The method is not supported.") from None
        except HTTPException:
            raise RefusalError(404, "No HTTP resource was found") from None
        response: Response = handler(self, request, **values)
        return response
