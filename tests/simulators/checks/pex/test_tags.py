"""The definitions of tags in PEX and their options.

How one depends on another is left to `test_pex_dependencies`.
"""

import pytest

from tests.simulators.checks.pex_caller import (
    CATEGORY,
    CATEGORY_ID,
    CODING,
    JOB,
    JOB_ID,
    PHASE,
    PHASE_ID,
    TAG,
    TAGS,
    PexCaller,
)
from tests.simulators.pex import PexSimulator


def test_tags_offer_job_names_with_job_codes_as_values(api):
    tags = {tag["Name"]: tag for tag in api.get(TAGS)}
    assert tags[JOB]["Id"] == JOB_ID
    options = {one["Value"]: one["Name"] for one in tags[JOB]["Options"]}
    assert options["017401"] == "Main Street Garage"
    assert tags["Split"]["Type"] == "Allocation"
    assert len(tags["Split"]["Tags"]) == 3
    assert not any(tag["IsDeleted"] for tag in tags.values())


def test_restricted_options_are_hidden_unless_overridden_and_lost_by_a_put(pex, api):
    path = f"{TAG}/{JOB_ID}"
    hidden = api.get(path)
    whole = api.get(path, OverrideRestrictions="true")
    assert len(whole["Options"]) == len(hidden["Options"]) + 1
    api.send("PUT", f"{TAG}/Dropdown/{JOB_ID}", **hidden)
    after = api.get(path, OverrideRestrictions="true")
    assert after["Options"] == hidden["Options"]


def test_a_put_replaces_the_options_once_per_concurrency_key(pex, api):
    body = api.get(f"{TAG}/{CATEGORY_ID}", OverrideRestrictions=True)
    body["Options"] = [
        {"Name": "Material", "Value": "4000", "Order": 0, "IsEnabled": True},
        {"Name": "Other", "Value": "6000", "Order": 0, "IsEnabled": False},
    ]
    path = f"{TAG}/Dropdown/{CATEGORY_ID}"
    new = api.send("PUT", path, **body)
    assert new["ConcurrencyKey"] != body["ConcurrencyKey"]
    assert [one.value for one in pex.options(CATEGORY)] == ["4000", "6000"]
    assert api.send("PUT", path, 409, **body) == {"Message": "Concurrency conflict"}


@pytest.mark.parametrize(
    "options",
    [
        [{"Name": "A", "Value": "1"}, {"Name": "a", "Value": "2"}],
        [{"Name": "A", "Value": "x"}, {"Name": "B", "Value": "X"}],
        [{"Name": "A", "Value": "1", "IsEnabled": False}],
        [{"Name": "A", "Value": ""}],
        [{"Name": "A" * 201, "Value": "1"}],
        [],
    ],
)
def test_options_that_break_the_rules_are_refused(pex, api, options):
    before = pex.options(CATEGORY)
    body = {**api.get(f"{TAG}/{CATEGORY_ID}"), "Options": options}
    assert api.send("PUT", f"{TAG}/Dropdown/{CATEGORY_ID}", 400, **body)["Message"]
    assert pex.options(CATEGORY) == before


def test_dropdowns_are_created_and_options_added_and_changed(api):
    option = {"Name": "Yard", "Value": "000099"}
    new = api.send("POST", f"{TAG}/Dropdown", 201, Name="Job 2", Options=[option])
    path = f"{TAG}/Dropdown/{new['Id']}"
    more = [{"Name": "Pool", "Value": "25.020"}]
    api.send("POST", f"{path}/Options", 201, Options=more)
    api.send("PUT", f"{path}/Option", Name="Pool", Value="25.020", IsEnabled=False)
    api.send("PUT", f"{path}/Option", 404, Name="None", Value="x")
    options = api.get(f"{TAG}/{new['Id']}")["Options"]
    assert [(one["Value"], one["IsEnabled"]) for one in options] == [
        ("000099", True),
        ("25.020", False),
    ]
    api.send("POST", f"{TAG}/Dropdown", 400, Name="job 2", Options=[option])
    api.get(f"{TAG}/65f0c1a2b3c4d5e6f7a8bfff", 404)
    not_dropdown = "65f0c1a2b3c4d5e6f7a8b904"
    api.send("POST", f"{TAG}/Dropdown/{not_dropdown}/Options", 400, Options=more)


def test_a_deleted_definition_is_gone_but_old_rows_still_refer_to_it(pex, api):
    number = pex.add_purchase("1.00", tags=CODING)
    pex.delete_tag(PHASE)
    assert PHASE not in {tag["Name"] for tag in api.get(TAGS)}
    api.get(f"{TAG}/{PHASE_ID}", 404)
    tags = api.row(number)["TransactionTags"]["Tags"]
    assert PHASE_ID in {tag["FieldId"] for tag in tags}


def test_a_business_may_begin_without_tags(api):
    with PexSimulator.empty(tags=False).serve() as server:
        caller = PexCaller(server.url)
        with caller.session:
            assert caller.get(TAGS) == []
