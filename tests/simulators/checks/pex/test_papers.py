"""What hangs on a PEX transaction: notes, receipts, tags and approval.

The definitions of tags are left to `test_pex_tags`.
"""

import base64
from io import BytesIO

from PIL import Image

from tests.simulators.checks.pex_caller import CODING, JOB, JOB_ID, PURCHASES


def test_a_note_is_stored_and_seen_in_both_families(pex, api):
    number = pex.add_purchase("1.00")
    note = api.note(number, "Synced with CMiC: PEX-1")["Id"]
    assert pex.markers(number) == 1
    shown = api.row(number)["TransactionNotes"][0]
    assert (shown["NoteId"], shown["SystemGenerated"]) == (note, True)
    assert shown["UserName"] == "dana.admin"
    assert api.get(f"{PURCHASES}/{number}")["Notes"][0]["Id"] == note
    assert api.send("PUT", f"V4/Note/{note}", NoteText="Changed") == {"Id": note}
    assert pex.notes(number) == ["Changed"]
    assert api.send("DELETE", f"V4/Note/{note}", Pending=False) == {"Id": note}
    assert pex.notes(number) == []
    for method in ("PUT", "DELETE"):
        gone = api.send(method, f"V4/Note/{note}", 403, NoteText="x")
        assert gone == {"Message": "Note not found"}


def test_a_note_too_long_empty_or_for_an_unknown_row_is_refused(pex, api):
    number = pex.add_purchase("1.00")
    api.note(number, "x" * 200)
    assert "200" in api.note(number, "x" * 201, status=400)["Message"]
    api.note(number, " ", status=400)
    api.note(1, status=404)
    api.call("POST", "V4/Note", 400, data="{not json")
    assert len(pex.notes(number)) == 1


def test_a_person_may_remove_the_marker_by_hand(pex, api):
    number = pex.add_purchase(
        "1.00", note=["keep", "synced WITH cmic by old connector"]
    )
    assert pex.markers(number) == 1
    assert pex.remove_note(number) == 1
    assert pex.notes(number) == ["keep"]


def test_receipts_are_listed_and_downloaded_as_files_that_open(pex, api):
    number = pex.add_purchase("64.20", receipts=["pdf", "png", "jpeg"])
    listed = api.get(f"V4/Transactions/{number}/Attachments")["Attachments"]
    starts = []
    for item in listed:
        path = f"V4/Transactions/{number}/Attachment/{item['AttachmentId']}"
        assert item["Link"]["related"].endswith(path)
        full = api.get(path, AttachmentLinkType="Full")
        content = base64.b64decode(full["Content"], validate=True)
        assert len(content) == full["Size"] == item["Size"]
        starts.append(content[:4])
        if item["Type"] == "Image":
            Image.open(BytesIO(content)).verify()
    assert [item["Type"] for item in listed] == ["Pdf", "Image", "Image"]
    assert starts == [b"%PDF", b"\x89PNG", b"\xff\xd8\xff\xe0"]
    assert api.get(path)["Content"].startswith("https://")


def test_no_receipts_is_404_and_an_unsound_one_cannot_be_downloaded(pex, api):
    bare = pex.add_purchase("1.00")
    none = api.get(f"V4/Transactions/{bare}/Attachments", 404)
    assert none == {"Message": "Attachments not found"}
    files = [(b"virus", "Image", "HasMalware"), (b"%PDF-", "Pdf", "Loaded")]
    number = pex.add_purchase("1.00", receipts=files)
    bad, good = api.get(f"V4/Transactions/{number}/Attachments")["Attachments"]
    assert (bad["UploadStatus"], bad["Size"]) == ("HasMalware", 0)
    start = f"V4/Transactions/{number}/Attachment"
    api.get(f"{start}/{bad['AttachmentId']}", 404, AttachmentLinkType="Full")
    full = api.get(f"{start}/{good['AttachmentId']}", AttachmentLinkType="full")
    assert base64.b64decode(full["Content"]) == b"%PDF-"


def test_tags_of_a_transaction_are_read_and_replaced(pex, api):
    number = pex.add_purchase("1.00", tags=CODING)
    path = f"V4/Transactions/{number}/Tags"
    tags = api.get(path)
    assert tags["Values"][0]["Definition"]["Name"] == JOB
    values = [{"TagId": JOB_ID, "Value": "24.018"}]
    body = {"ConcurrencyKey": tags["ConcurrencyKey"], "Values": values}
    api.send("PUT", path, **body)
    api.send("PUT", path, 409, **body)
    assert api.row(number)["TransactionTags"]["Tags"][0]["Value"] == "24.018"
    api.get("V4/Transactions/1/Tags", 404)


def test_approval_is_changed_by_an_approver(pex, api):
    number = pex.add_purchase("1.00", approved=None)
    for act, state in (
        ("Approve", "Approved"),
        ("Reject", "Rejected"),
        ("Reset", "NotReviewed"),
    ):
        answer = api.send("POST", f"V4/Approval/{number}/{act}", Reason="because")
        assert answer["State"] == api.row(number)["MetadataApprovalStatus"] == state
