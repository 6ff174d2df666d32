"""How tests call the CMiC simulator: the paths, a caller, and an invoice to upload.

What must come of a call is left to the tests.
"""

from __future__ import annotations

import json

from tests.simulators.contractor import AP_INVOICE_UUID, PEX_SOURCE_UUID

AUTH = ("ACME||APIUSER", "sandbox-password")
VENDORS = "ap-rest-api/rest/1/apvendor"
CATEGORIES = "jc-rest-api/rest/1/jcjobcategory"
JOBS = "jc-rest-api/rest/1/jcjob"
INVOICES = "ap-rest-api/rest/1/apreginv"
DETAILS = "ap-rest-api/rest/1/apreginvdetails"
VOUCHERS = "ap-rest-api/rest/1/apallvouchers"
UPLOAD = "ecm-rest-api/jersey/v1/UploadData/uploadApRegInvoice"
NUMBER = "PEX-00012345"
PDF = b"%PDF-1.4\r\n\x00\xff not text \r\n--x\r\n"


class CmicCaller:
    def __init__(self, server, session):
        self.server = server
        self.session = session

    def get(self, path, **query):
        url = f"{self.server.base_url}/{path}"
        return self.session.get(
            url, params=query, auth=AUTH, timeout=10, allow_redirects=False
        )

    def codes(self, path, attribute, **query):
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return [item[attribute] for item in answer.json()["items"]]

    def upload(
        self,
        payload=None,
        file=("receipt.pdf", PDF, "application/pdf"),
        timeout=10,
    ):
        parts = {
            "payload": (None, json.dumps(payload or make_payload()), "application/json")
        }
        if file:
            parts["file"] = file
        return self.session.post(
            f"{self.server.base_url}/{UPLOAD}",
            files=parts,
            auth=AUTH,
            timeout=timeout,
            allow_redirects=False,
        )

    def door(self, method, path, **body):
        url = f"{self.server.url}/_sim/{path}"
        return self.session.request(method, url, json=body or None, timeout=10)


def make_line(number=1, amount="118.40", **changes):
    line = {
        "Aprid_Line_Num": str(number),
        "Aprid_Comp_Code": "001",
        "Aprid_Type_Code": "J",
        "Aprid_Jobdepteqp_Code": "017401",
        "Aprid_Costaccount_Code": "02.100",
        "Aprid_Costtran_Code": "4000",
        "Aprid_Amt": amount,
        "Aprid_Desc": "Lumber",
    }
    return {key: value for key, value in (line | changes).items() if value is not None}


def make_payload(lines=None, top=None, **header):
    data = {
        "Apri_Comp_Code": "001",
        "Apri_Ven_Code": "PEX01",
        "Apri_Job_Code": "017401",
        "Apri_Group_Code": "PEX",
        "Apri_Inv_Code": NUMBER,
        "Apri_Inv_Date": "2026/03/31",
        "Apri_Due_Date": "2026/03/31",
        "Apri_Curr_Code": "USD",
        "Apri_Desc": "Hardware store - J Doe",
        "Apri_Orig_Amt": "118.40",
        "Apri_Amt": "118.40",
        "Apri_Valid_Flag": "Y",
    } | header
    return {
        "srcUuid": PEX_SOURCE_UUID,
        "docTypeUuid": AP_INVOICE_UUID,
        "headerFlysheet": "AP Registered Invoice",
        "headerData": {k: v for k, v in data.items() if v is not None},
        "detailFlysheet": "AP Registered Invoice Detail",
        "detailData": [make_line()] if lines is None else lines,
    } | (top or {})


def look_up(number=NUMBER):
    return (
        f"ApriCompCode = '001' and ApriVenCode = 'PEX01' and ApriInvCode = '{number}'"
    )
