"""What a dropdown's options become (F8): by examples, and for whatever there may be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.api.pex.option_names import NAME_LIMIT, Label, Value, label_of
from connector.api.pex.types import TagOption
from sync.rules.option_filter import Filter
from sync.rules.tag_options import plan_options


def option(name, value, is_enabled=True):
    return TagOption(name, value, is_enabled)


def names(difference):
    return {each.value: each.name for each in difference.options}


def enabled(difference):
    return {each.value for each in difference.options if each.is_enabled}


GARAGE, CLINIC = Value("017401", "Main Street Garage"), Value("016210", "Clinic")


class TestOneOption:
    def test_a_new_code_is_added_and_a_renamed_one_is_renamed(self):
        found = plan_options([GARAGE, CLINIC], [option("Garage", "017401")])
        assert names(found) == {"017401": "Main Street Garage", "016210": "Clinic"}
        assert [each.value for each in found.added] == ["016210"]
        assert [(each.before, each.after) for each in found.renamed] == [
            ("Garage", "Main Street Garage")
        ]

    def test_a_closed_code_is_disabled_and_a_returning_one_enabled_again(self):
        there = [option("Main Street Garage", "017401"), option("Clinic", "016210")]
        closed = Value("016210", "Clinic", is_active=False)
        gone = plan_options([GARAGE, closed], there)
        assert [each.value for each in gone.disabled] == ["016210"]
        back = plan_options([GARAGE, CLINIC], gone.options)
        assert [each.value for each in back.enabled] == ["016210"]
        assert back.options == tuple(there)

    def test_what_a_person_made_and_cmic_does_not_have_is_left_alone(self):
        there = [option("Office party", "PARTY"), option("Old", "OLD", False)]
        found = plan_options([GARAGE], there)
        assert found.options[:2] == tuple(there)
        assert found.unchanged == 2

    def test_an_option_of_the_same_name_is_adopted_and_not_doubled(self):
        there = [option("main street  garage", "Garage 1")]
        found = plan_options([GARAGE], there)
        assert found.options == (option("Main Street Garage", "Garage 1"),)
        assert found.adopted == {"Garage 1": "017401"}

    def test_what_was_adopted_once_follows_the_code_from_then_on(self):
        there = [option("Main Street Garage", "Garage 1")]
        renamed = Value("017401", "City Garage")
        found = plan_options([renamed], there, adopted={"Garage 1": "017401"})
        assert names(found) == {"Garage 1": "City Garage"}
        closed = Value("017401", "City Garage", is_active=False)
        found = plan_options([closed, CLINIC], there, adopted={"Garage 1": "017401"})
        assert enabled(found) == {"016210"}

    def test_a_value_that_differs_in_case_stands_for_the_code(self):
        found = plan_options([Value("A1", "Annex")], [option("Annex", "a1")])
        assert found.options == (option("Annex", "a1"),)
        assert found.adopted == {"a1": "A1"}

    def test_a_name_that_fits_two_codes_adopts_nothing(self):
        found = plan_options(
            [Value("1", "Annex"), Value("2", "Annex")], [option("Annex", "A")]
        )
        assert names(found) == {"A": "Annex", "1": "Annex (1)", "2": "Annex (2)"}
        assert "fits several codes (1, 2)" in found.conflicts[0]


class TestNames:
    @pytest.mark.parametrize(
        ("style", "name"),
        [
            (Label.NAME, "Main Street Garage"),
            (Label.CODE_NAME, "017401 – Main Street Garage"),
            (Label.NAME_CODE, "Main Street Garage (017401)"),
        ],
    )
    def test_each_style(self, style, name):
        assert names(plan_options([GARAGE], [], style=style)) == {"017401": name}

    def test_a_code_without_a_name_is_its_own_name(self):
        assert label_of(Value("FUEL", ""), Label.CODE_NAME) == "FUEL"
        assert label_of(Value("FUEL", "FUEL"), Label.NAME_CODE) == "FUEL"

    def test_two_of_one_name_both_show_their_code_whichever_came_first(self):
        both = [Value("1", "Main Street"), Value("2", "main street")]
        found = plan_options(both, [option("Main Street", "2")])
        assert names(found) == {"2": "main street (2)", "1": "Main Street (1)"}
        assert plan_options(both, found.options).options == found.options

    def test_the_name_of_an_option_that_stays_as_it_is_is_not_taken(self):
        there = [option("Garage", "017401"), option("Main Street Garage", "hand")]
        found = plan_options([GARAGE], there)
        assert names(found)["017401"] == "Main Street Garage (017401)"
        assert "made by hand" in found.conflicts[0]

    @pytest.mark.parametrize("style", list(Label))
    def test_a_long_name_is_cut_and_the_code_is_not(self, style):
        long = [Value("12345678901", "x" * 300), Value("12345678902", "x" * 300)]
        found = names(plan_options(long, [], style=style))
        assert all(len(name) <= NAME_LIMIT for name in found.values())
        assert all(code in name for code, name in found.items())


class TestShortLists:
    THERE = tuple(option(f"Job {n}", str(n)) for n in range(10))

    def values(self, active):
        return [Value(str(n), f"Job {n}", is_active=n < active) for n in range(10)]

    def test_nothing_is_disabled_where_cmic_answers_less_than_half(self):
        for active in (0, 4):
            found = plan_options(self.values(active), self.THERE)
            assert found.options == self.THERE
            assert len(found.held) == 10 - active
            assert not found.is_changed

    def test_half_of_it_is_believed(self):
        assert len(plan_options(self.values(5), self.THERE).disabled) == 5

    def test_a_person_may_say_so_all_the_same_and_one_stays(self):
        found = plan_options(self.values(0), self.THERE, disable_all=True)
        assert len(found.disabled) == 9
        assert enabled(found) == {"0"}
        assert "PEX needs one enabled option" in found.conflicts[0]
        again = plan_options(self.values(0), found.options)
        assert not again.is_changed
        assert not again.held


def test_codes_that_pex_cannot_tell_apart_are_told():
    found = plan_options([Value("a1", "One"), Value("A1", "Two")], [])
    assert names(found) == {"A1": "Two"}
    assert "“a1” is left out" in found.conflicts[0]


def test_a_filter_is_statuses_beginnings_and_exclusions():
    chosen = Filter.of("I, p", "24.; 25.", "25.016\n25.020")
    assert chosen.admits("24.018", "I")
    assert chosen.admits("25.001", "P")
    assert not chosen.admits("24.018", "C")
    assert not chosen.admits("017401", "I")
    assert not chosen.admits("25.016", "I")
    assert Filter.of("", "", "").admits("anything")


NAMES = st.text("ab (1)", max_size=6)
CODES = st.text("aAb1", min_size=1, max_size=2)
OPTIONS = st.lists(
    st.builds(TagOption, NAMES.filter(str.strip), CODES | NAMES, st.booleans()),
    max_size=8,
    unique_by=(
        lambda each: each.name.casefold(),
        lambda each: each.value.casefold(),
    ),
)
VALUES = st.lists(st.builds(Value, CODES, NAMES, st.booleans()), max_size=8)
# A client strips what it reads, and drops what is empty then.
CODES_AS_READ = st.text(min_size=1, max_size=64).map(str.strip).filter(bool)
STYLES = st.sampled_from(list(Label))
# Machines that do other things besides are slow now and then.
SOME = settings(max_examples=60, deadline=None)


def applied(options, difference):
    """The list as somebody gets it who does what the difference says, one by one."""
    listed = {each.value: each for each in options}
    for each in difference.renamed:
        assert listed[each.value].name == each.before
        old = listed[each.value]
        listed[each.value] = TagOption(each.after, old.value, old.is_enabled)
    for each in (*difference.disabled, *difference.enabled):
        old = listed[each.value]
        assert old.is_enabled != each.is_enabled
        listed[each.value] = TagOption(old.name, old.value, each.is_enabled)
    for each in difference.added:
        assert each.value not in listed
        listed[each.value] = each
    return listed


class TestWhateverThereIs:
    @SOME
    @given(VALUES, OPTIONS, STYLES, st.booleans())
    def test_applying_the_difference_gives_the_wanted_list(
        self, values, options, style, disable_all
    ):
        found = plan_options(values, options, style=style, disable_all=disable_all)
        assert applied(options, found) == {each.value: each for each in found.options}
        offered = {each.code.casefold() for each in values if each.is_active}
        stands_for = {each.value: each.value for each in found.options}
        stands_for |= found.adopted
        choosable = {stands_for[value].casefold() for value in enabled(found)}
        assert offered <= choosable

    @SOME
    @given(VALUES, OPTIONS, STYLES, st.booleans())
    def test_applying_twice_changes_nothing(self, values, options, style, disable_all):
        first = plan_options(values, options, style=style, disable_all=disable_all)
        again = plan_options(
            values,
            first.options,
            style=style,
            adopted=first.adopted,
            disable_all=disable_all,
        )
        assert again.options == first.options
        assert not again.is_changed

    @SOME
    @given(VALUES, OPTIONS, STYLES, st.randoms())
    def test_the_order_of_input_does_not_matter(self, values, options, style, random):
        first = plan_options(values, options, style=style)
        random.shuffle(values)
        random.shuffle(options)
        again = plan_options(values, options, style=style)
        assert set(again.options) == set(first.options)
        assert again.adopted == first.adopted
        assert {each.value for each in again.held} == {
            each.value for each in first.held
        }

    @SOME
    @given(VALUES, OPTIONS, STYLES)
    def test_no_two_options_share_a_name_or_a_value(self, values, options, style):
        found = plan_options(values, options, style=style).options
        assert len({each.name.casefold() for each in found}) == len(found)
        assert len({each.value.casefold() for each in found}) == len(found)

    @SOME
    @given(VALUES, OPTIONS, STYLES, st.booleans())
    def test_no_option_is_lost_and_none_changes_its_value(
        self, values, options, style, disable_all
    ):
        found = plan_options(values, options, style=style, disable_all=disable_all)
        kept = found.options[: len(options)]
        assert [each.value for each in kept] == [each.value for each in options]
        assert not found.options or any(each.is_enabled for each in found.options)

    @settings(max_examples=25, deadline=None)
    @given(CODES_AS_READ, st.text(max_size=500), STYLES)
    def test_every_name_fits_and_has_the_whole_code_where_it_has_one(
        self, code, name, style
    ):
        label = label_of(Value(code, name), style)
        assert 0 < len(label) <= NAME_LIMIT
        if style != Label.NAME:
            assert code in label
