"""The building contractor that both simulators share, and that its seed decides it.

What each simulator shows of it is left to their own tests.
"""

from tests.simulators.contractor import build_contractor


def test_the_contractor_is_the_same_for_the_same_seed():
    assert build_contractor(3) == build_contractor(3)
    assert build_contractor(3) != build_contractor(4)
    assert len([row for row in build_contractor().jobs if row.company == "001"]) == 25
