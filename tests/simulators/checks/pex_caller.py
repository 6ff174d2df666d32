"""How tests call the PEX simulator: the paths, the names of its tags, and a caller.

What must come of a call is left to the tests.
"""

from __future__ import annotations

from datetime import UTC, datetime

import requests

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
ALL = "V4/Details/AllCardholderTransactions"
COUNT = "V4/Details/AllCardholderTransactionCount"
PURCHASES = "V4/Transactions/Cardholder/Purchases"
TAGS = "V4/Business/Configuration/Tags"
TAG = "V4/Business/Configuration/Tag"
ACCOUNTS = "V4/Details/AccountDetails"
JOB_ID = "65f0c1a2b3c4d5e6f7a8b901"
PHASE_ID = "65f0c1a2b3c4d5e6f7a8b902"
CATEGORY_ID = "65f0c1a2b3c4d5e6f7a8b903"
JOB, PHASE, CATEGORY = (
    "Job/Dept/Eqp.",
    "Cost Code/Account/Category",
    "Cost Type/Tran Code",
)
CODING = {JOB: "017401", PHASE: "02.100", CATEGORY: "4000"}
DAYS = {"StartDate": "2026-09-01T00:00:00", "EndDate": "2026-11-23T23:59:59"}


class PexCaller:
    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = "token sandbox-token"

    def call(self, method, path, status=200, **options):
        options.setdefault("timeout", 10)
        answer = self.session.request(method, f"{self.url}/{path}", **options)
        assert answer.status_code == status, answer.text[:500]
        return answer

    def get(self, path, status=200, **query):
        return self.call("GET", path, status, params=query).json()

    def send(self, method, path, status=200, **body):
        return self.call(method, path, status, json=body).json()

    def listed(self, **query):
        return self.get(ALL, **{**DAYS, **query})["TransactionList"]

    def row(self, transaction_id, **query):
        rows = self.listed(IncludePendings=True, IncludeDeclines=True, **query)
        return next(row for row in rows if row["TransactionId"] == transaction_id)

    def note(self, transaction_id, text="Synced with CMiC", status=200):
        body = {"TransactionId": transaction_id, "NoteText": text, "Pending": False}
        return self.send("POST", "V4/Note", status, **body)
