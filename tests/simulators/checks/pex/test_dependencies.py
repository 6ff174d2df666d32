"""Tags of PEX that depend on one another, within the documented limits.

Their definitions and options are left to `test_pex_tags`.
"""

from tests.simulators.checks.pex_caller import CATEGORY_ID, JOB_ID, PHASE_ID, TAG


def dependency(parent, rules=()):
    return {
        "DependsOnTagId": parent,
        "Rules": list(rules),
        "Default": {"AllowedAll": True, "AllowedOptions": []},
        "Source": {"Name": "CMiC"},
    }


def test_dependencies_are_kept_within_their_limits(api):
    child = f"V4/tags/{PHASE_ID}/option-dependencies"
    condition = {"Type": "AnyOf", "TriggerOptions": ["017401"]}
    rule = {"Condition": condition, "AllowedOptions": ["02.100"]}
    new = api.send("POST", child, **dependency(JOB_ID, [rule]))
    assert api.get(child)[0]["Rules"][0]["AllowedOptions"] == ["02.100"]
    assert "Rules" not in api.get("V4/tags/dependencies")[0]
    assert api.get(child)[0]["Source"] == {"Name": "CMiC"}
    api.send("POST", child, 400, **dependency(CATEGORY_ID))
    third = f"V4/tags/{CATEGORY_ID}/option-dependencies"
    api.send("POST", third, **dependency(PHASE_ID))
    api.send(
        "POST", f"V4/tags/{JOB_ID}/option-dependencies", 400, **dependency(PHASE_ID)
    )
    option = {"Name": "A", "Value": "1"}
    fourth = api.send("POST", f"{TAG}/Dropdown", 201, Name="Fourth", Options=[option])
    path = f"V4/tags/{fourth['Id']}/option-dependencies"
    refusal = api.send("POST", path, 400, **dependency(CATEGORY_ID))
    assert "chain" in refusal["Message"]
    strange = {**rule, "AllowedOptions": ["99.999"]}
    one = f"{child}/{new['DependencyId']}"
    api.send("PUT", one, 400, **dependency(JOB_ID, [strange]))
    unheard = {**dependency(JOB_ID), "Source": {"Name": "Somebody"}}
    assert api.send("PUT", one, **unheard)["Source"] == {"Name": "Unknown"}
    assert api.send("PUT", one, **dependency(JOB_ID))["Updated"]
    api.send("DELETE", one)
    api.get(one, 404)


def test_a_business_has_at_most_ten_dependencies(api):
    option = {"Name": "A", "Value": "1"}
    statuses = []
    for number in range(11):
        name = f"Child {number}"
        new = api.send("POST", f"{TAG}/Dropdown", 201, Name=name, Options=[option])
        path = f"{api.url}/V4/tags/{new['Id']}/option-dependencies"
        answer = api.session.post(path, json=dependency(JOB_ID), timeout=10)
        statuses.append(answer.status_code)
    assert statuses == [200] * 10 + [400]
