"""Which purchases go, and all the reasons of those that do not."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.api.cmic.types import CodeKind, LineType
from connector.api.pex.split_types import Split, TagValue
from connector.api.pex.types import Note, Purchase, Tag, TagOption
from sync.rules.coding import Catalog, CodingRules, FieldRule
from sync.rules.selection import SelectionRules, check_codes, judge, places_to_check
from sync.rules.tag_reading import TagReader

SETTLED = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)  # the evening of the 2nd in New York
JOB_TAG = Tag(
    "t1", "Job", "dropdown", True, (TagOption("Main Street", "017401", True),)
)
COST_TAG = Tag("t2", "Cost code", "dropdown", True)


def coding(job_default="017401", cost_default="02.100", **job):
    return CodingRules(
        LineType.JOB,
        (
            FieldRule(
                "Job/Dept/Eqp.",
                CodeKind.JOB,
                tag="Job",
                default=job_default,
                definition=JOB_TAG,
                **job,
            ),
            FieldRule(
                "Cost Code/Account/Category",
                CodeKind.COST_CODE,
                tag="Cost code",
                default=cost_default,
                definition=COST_TAG,
            ),
            FieldRule("Cost Type/Tran Code", CodeKind.CATEGORY, static="4000"),
        ),
    )


def rules(*, coding_rules=None, **changes):
    options = {
        "approved_only": False,
        "attachments_only": False,
        "refunds": "hold",
        "invoice_date": "transaction",
        "coding": coding_rules or coding(),
        **changes,
    }
    return SelectionRules(**options)


def purchase(**changes):
    options = {
        "transaction_id": 1,
        "amount": Decimal("-118.40"),
        "occurred_at": SETTLED,
        "settled_at": SETTLED,
        "type": "network",
        "category": "spend",
        "merchant": "Hardware store",
        **changes,
    }
    return Purchase(**options)


def codes(judgement):
    return [str(reason.code) for reason in judgement.reasons]


def tag(name, value):
    return TagValue({"Job": "t1", "Cost code": "t2"}[name], name, value)


def test_a_settled_purchase_goes():
    judgement = judge(purchase(), rules())
    assert (judgement.status, codes(judgement)) == ("pending", [])
    assert judgement.amount == Decimal("118.40")


@pytest.mark.parametrize(
    ("changes", "settings", "reason", "status"),
    [
        ({"is_pending": True}, {}, "pending", "skipped"),
        ({"settled_at": None}, {}, "pending", "skipped"),
        ({"is_declined": True, "settled_at": None}, {}, "declined", "skipped"),
        (
            {"type": "transfer", "category": "cardaccountfee"},
            {},
            "not_a_purchase",
            "skipped",
        ),
        ({"category": "businessrebate"}, {}, "not_a_purchase", "skipped"),
        ({"type": "", "category": ""}, {}, "not_a_purchase", "skipped"),
        ({"amount": Decimal("15.25")}, {}, "refund_held", "blocked"),
        (
            {"amount": Decimal("15.25")},
            {"refunds": "leave_out"},
            "refund_left_out",
            "skipped",
        ),
        ({"type": "transfer", "category": "dispute"}, {}, "refund_held", "blocked"),
        ({"amount": Decimal("0.00")}, {}, "zero_amount", "skipped"),
        ({"approval": "rejected"}, {"approved_only": True}, "not_approved", "skipped"),
        ({"approval": ""}, {"approved_only": True}, "not_approved", "skipped"),
        (
            {"has_attachments": False},
            {"attachments_only": True},
            "no_attachment",
            "skipped",
        ),
        (
            {"notes": (Note(1, "synced WITH cmic yesterday"),)},
            {},
            "already_synced",
            "skipped",
        ),
        ({"unreadable": ("TransactionTime",)}, {}, "value_unknown", "blocked"),
    ],
)
def test_each_reason_holds_a_purchase_back(changes, settings, reason, status):
    judgement = judge(purchase(**changes), rules(**settings))
    assert codes(judgement) == [reason]
    assert judgement.status == status


def test_a_purchase_carries_all_its_reasons():
    judgement = judge(
        purchase(is_pending=True, has_attachments=False, settled_at=None),
        rules(
            approved_only=True,
            attachments_only=True,
            coding_rules=coding(job_default=""),
        ),
    )
    assert codes(judgement) == [
        "pending",
        "not_approved",
        "no_attachment",
        "value_missing",
    ]
    assert [str(reason.who) for reason in judgement.reasons] == [
        "pex_admin",
        "approver",
        "cardholder",
        "cardholder",
    ]
    assert judgement.status == "skipped"


def test_what_is_never_sent_is_not_asked_for_codes():
    judgement = judge(
        purchase(is_declined=True), rules(coding_rules=coding(job_default=""))
    )
    assert codes(judgement) == ["declined"]


def test_unknown_receipts_do_not_hold_a_purchase_back_yet():
    judgement = judge(purchase(has_attachments=None), rules(attachments_only=True))
    assert judgement.status == "pending"


def test_a_refund_that_is_sent_is_negative():
    judgement = judge(purchase(amount=Decimal("15.25")), rules(refunds="send"))
    assert judgement.status == "pending"
    assert judgement.amount == Decimal("-15.25")
    assert judgement.lines[0].amount == Decimal("-15.25")


def test_the_invoice_date_is_the_new_york_day():
    assert judge(purchase(), rules()).invoice_on == date(2026, 11, 2)


def test_the_settlement_date_is_used_where_the_tenant_wants_it():
    settled = datetime(2026, 11, 5, 12, tzinfo=UTC)
    judgement = judge(purchase(settled_at=settled), rules(invoice_date="settlement"))
    assert judgement.invoice_on == date(2026, 11, 5)


def test_a_tag_wins_over_the_default_and_a_static_value_needs_no_tag():
    judgement = judge(purchase(tags=(tag("Job", "24.018"),)), rules())
    (line,) = judgement.lines
    assert line.codes == ("24.018", "02.100", "4000")
    assert line.sources == ("tag", "default", "static")


def test_a_renamed_tag_is_recognised_by_its_id():
    old_name = TagValue("t1", "Project", "24.018")
    assert judge(purchase(tags=(old_name,)), rules()).lines[0].codes[0] == "24.018"


def test_without_tag_and_default_the_value_is_missing():
    judgement = judge(purchase(), rules(coding_rules=coding(cost_default="")))
    assert codes(judgement) == ["value_missing"]
    assert "“Cost code”" in judgement.reasons[0].message


def test_a_tag_that_pex_no_longer_has_does_not_fall_back_to_the_default():
    gone = coding(is_tag_gone=True)
    judgement = judge(purchase(), rules(coding_rules=gone))
    assert codes(judgement) == ["value_missing"]
    assert str(judgement.reasons[0].who) == "support"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("017401", "017401"),
        ("Main Street", "017401"),
        ("main street", "017401"),
        ("Jobs:017401", "017401"),
        ("Open jobs : Main Street", "017401"),
        ("99999", "99999"),
    ],
)
def test_a_tag_value_is_read_as_value_then_as_name(value, code):
    assert TagReader(JOB_TAG.options).code_of(value) == code


def test_splits_become_lines_and_other_tags_do_not_count():
    judgement = judge(
        purchase(
            tags=(tag("Job", "99999"),),
            splits=(
                Split(Decimal("60.00"), (tag("Job", "24.018"),)),
                Split(Decimal("58.40"), ()),
            ),
        ),
        rules(),
    )
    assert judgement.status == "pending"
    assert [line.codes[0] for line in judgement.lines] == ["24.018", "017401"]
    assert [line.amount for line in judgement.lines] == [
        Decimal("60.00"),
        Decimal("58.40"),
    ]


@pytest.mark.parametrize(
    "amounts", [(Decimal("60.00"), Decimal("50.00")), (Decimal("118.40"), None)]
)
def test_splits_that_do_not_add_up_block(amounts):
    splits = tuple(Split(amount, ()) for amount in amounts)
    judgement = judge(purchase(splits=splits), rules())
    assert (judgement.status, codes(judgement)) == ("blocked", ["split_mismatch"])


SPLIT_TAG = Tag("s", "Split", "allocation", True)
TAGS = {each.tag_id: each for each in (JOB_TAG, COST_TAG, SPLIT_TAG)}


def test_a_split_that_cannot_be_read_is_told_beside_all_else():
    judgement = judge(
        purchase(
            splits=(Split(Decimal("60.00"), (tag("Job", "24.018"),)),),
            odd_splits=("has no amount", "has no list of tags", "has no amount"),
        ),
        rules(coding_rules=coding(cost_default="")),
    )
    assert codes(judgement) == ["split_mismatch", "split_mismatch", "value_missing"]
    said = judgement.reasons[0].message
    assert said == "A split of the purchase has no amount. Correct the splits in PEX."


def test_a_value_of_the_split_tag_that_is_no_split_does_not_go_whole():
    odd = TagValue("s", "Split", '{"Alloc')
    judgement = judge(purchase(tags=(odd,)), rules(tags=TAGS))
    assert (codes(judgement), judgement.lines) == (["split_mismatch"], ())
    assert '“{"Alloc”' in judgement.reasons[0].message


@pytest.mark.parametrize(
    ("has_job", "reasons"), [(False, ["split_mismatch"]), (True, [])]
)
def test_a_tag_that_pex_does_not_have_may_be_what_a_default_stands_in_for(
    has_job, reasons
):
    unknown = TagValue("gone", "", "24.018")
    others = (tag("Job", "017401"), tag("Cost code", "02.100")) if has_job else ()
    splits = (Split(Decimal("118.40"), (unknown, *others)),)
    judgement = judge(purchase(splits=splits), rules(tags=TAGS))
    assert codes(judgement) == reasons


def test_a_single_split_of_less_than_the_purchase_blocks_it():
    splits = (Split(Decimal("60.00"), (tag("Job", "017401"),)),)
    judgement = judge(purchase(splits=splits), rules())
    assert codes(judgement) == ["split_mismatch"]


def catalog(*places, anywhere=None):
    kinds = (CodeKind.JOB, CodeKind.COST_CODE, CodeKind.CATEGORY)
    known = {(kind, code): True for kind, _, _, code in places}
    return Catalog(frozenset(places), {**known, **(anywhere or {})}, frozenset(kinds))


JOB = (CodeKind.JOB, "", "", "017401")
COST = (CodeKind.COST_CODE, "", "017401", "02.100")
CATEGORY = (CodeKind.CATEGORY, "017401", "02.100", "4000")


@pytest.mark.parametrize(
    ("known", "reasons"),
    [
        (catalog(JOB, COST, CATEGORY), []),
        (catalog(COST, CATEGORY), ["value_unknown"]),
        (catalog(COST, CATEGORY, anywhere={JOB[::3]: False}), ["value_inactive"]),
        (catalog(JOB, CATEGORY, anywhere={COST[::3]: True}), ["combination_invalid"]),
        (catalog(JOB, COST, anywhere={CATEGORY[::3]: True}), ["combination_invalid"]),
        (catalog(JOB, COST, anywhere={CATEGORY[::3]: False}), ["value_inactive"]),
        (catalog(CATEGORY), ["value_unknown"]),
        (Catalog(), []),
    ],
)
def test_codes_are_checked_against_what_cmic_has(known, reasons):
    judgement = judge(purchase(), rules())
    checked = check_codes(judgement, coding(), known)
    assert sorted(set(codes(checked))) == reasons


def test_the_places_to_check_are_those_of_what_may_be_sent():
    sent = judge(purchase(), rules())
    declined = judge(purchase(is_declined=True), rules())
    assert places_to_check([sent, declined], coding()) == {JOB, COST, CATEGORY}
    assert places_to_check([declined], coding()) == set()


@given(
    amount=st.none() | st.decimals(-1000, 1000, places=2),
    flags=st.tuples(*[st.booleans()] * 3),
    kind=st.sampled_from(["network", "transfer", "load", ""]),
    refunds=st.sampled_from(["hold", "send", "leave_out"]),
)
def test_whatever_pex_reports_goes_or_has_a_reason(amount, flags, kind, refunds):
    is_pending, is_declined, is_marked = flags
    unreadable = ("TransactionAmount",) if amount is None else ()
    judgement = judge(
        purchase(
            amount=amount,
            is_pending=is_pending,
            is_declined=is_declined,
            type=kind,
            notes=(Note(1, "Synced with CMiC"),) if is_marked else (),
            unreadable=unreadable,
        ),
        rules(refunds=refunds),
    )
    assert (judgement.status == "pending") == (judgement.reasons == ())
    if judgement.status == "pending":
        assert kind == "network"
        assert (is_pending, is_declined, is_marked) == (False, False, False)
        assert sum(line.amount for line in judgement.lines) == judgement.amount
