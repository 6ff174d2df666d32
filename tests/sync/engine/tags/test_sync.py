"""The options of PEX's tags follow CMiC (F8), against both simulators over sockets."""

from __future__ import annotations

import json

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from connector.api.exceptions import AuthenticationError
from connector.models import Tenant
from sync.engine.judging.context import TenantContext
from sync.engine.tags.sync import read_lists
from sync.models import OptionAlias, TagSync
from sync.models.tagging import TagSyncActiveError, lock_number
from tests.simulators.pex.tags import JOB, LEFTOVER_JOB, PHASE, RESTRICTED_JOB, Option
from tests.support.rows import remove_for_good
from tests.support.tags import disable, follow, listed, set_options, sync, writes

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


@pytest.fixture
def tenant(tenant, pex):
    """Its jobs follow CMiC, and did so once."""
    tenant = follow(tenant, JOB)
    sync(tenant)
    pex.clear_calls()
    return tenant


def only(rows):
    (row,) = rows
    return row


def counts(row):
    names = ("added", "renamed", "disabled", "enabled")
    return {name: getattr(row, name) for name in names if getattr(row, name)}


class TestFollowing:
    def test_a_new_job_is_added_once_and_nothing_more_is_written(
        self, tenant, pex, cmic
    ):
        cmic.books.open_job("26.001", "Harbor Tower", like="017401")
        row = only(sync(tenant))
        assert counts(row) == {"added": 1}
        assert listed(pex)["26.001"] == ("Harbor Tower", True)
        assert row.difference == {"added": [["26.001", "Harbor Tower"]]}
        pex.clear_calls()
        assert counts(only(sync(tenant))) == {}
        assert writes(pex) == []
        assert len(pex.calls) == 1

    def test_a_renamed_job_is_renamed_and_its_value_stays(self, tenant, pex, cmic):
        cmic.books.change_job("017401", name="City Garage")
        assert counts(only(sync(tenant))) == {"renamed": 1}
        assert listed(pex)["017401"] == ("City Garage", True)
        alias = OptionAlias.objects.get()
        assert (alias.text, alias.code) == ("main street garage", "017401")

    def test_a_closed_job_is_disabled_and_enabled_when_it_returns(
        self, tenant, pex, cmic
    ):
        cmic.close_job("017401")
        assert counts(only(sync(tenant))) == {"disabled": 1}
        assert listed(pex)["017401"] == ("Main Street Garage", False)
        cmic.books.change_job("017401", status_code="I")
        assert counts(only(sync(tenant))) == {"enabled": 1}
        assert listed(pex)["017401"] == ("Main Street Garage", True)

    def test_a_job_that_vanished_is_disabled_and_never_deleted(self, tenant, pex, cmic):
        remove_for_good(cmic, "job", ["017402"])
        assert counts(only(sync(tenant))) == {"disabled": 1}
        assert listed(pex)["017402"] == ("Oak Avenue Townhouses", False)

    def test_two_jobs_of_one_name_both_show_their_code(self, tenant, pex, cmic):
        cmic.books.change_job("017402", name="Main Street Garage")
        sync(tenant)
        assert listed(pex)["017401"] == ("Main Street Garage (017401)", True)
        assert listed(pex)["017402"] == ("Main Street Garage (017402)", True)

    def test_what_a_person_made_survives_and_what_has_the_same_name_is_adopted(
        self, tenant, pex, cmic
    ):
        set_options(
            pex, JOB, ("Office party", "PARTY"), ("main street garage", "Garage")
        )
        row = only(sync(tenant))
        found = listed(pex)
        assert found["PARTY"] == ("Office party", True)
        assert found["Garage"] == ("Main Street Garage", True)
        assert "017401" not in found
        assert row.renamed == 1
        cmic.books.change_job("017401", name="City Garage")
        sync(tenant)
        assert listed(pex)["Garage"] == ("City Garage", True)

    def test_restricted_options_and_the_tags_settings_survive(self, tenant, pex, cmic):
        definition = pex.tag_book.named(JOB)
        definition.is_required, definition.description = True, "Which job?"
        definition.options = tuple(
            Option(each.name, each.value, 7, each.is_enabled)
            for each in definition.options
        )
        cmic.books.open_job("26.001", "Harbor Tower", like="017401")
        sync(tenant)
        definition = pex.tag_book.named(JOB)
        assert definition.restricted == {RESTRICTED_JOB}
        assert RESTRICTED_JOB in listed(pex)
        assert (definition.is_required, definition.description) == (True, "Which job?")
        assert {each.order for each in definition.options} == {7, 0}

    def test_what_was_there_before_and_cmic_never_had_is_left_alone(self, tenant, pex):
        code, name = LEFTOVER_JOB[0], LEFTOVER_JOB[1]
        assert listed(pex)[code] == (name, True)

    def test_each_label_style_renames_and_a_filter_disables(self, tenant, pex):
        tenant.mappings.filter(field="job_dept_eqp").update(label="code_name")
        sync(tenant)
        assert listed(pex)["017401"][0] == "017401 – Main Street Garage"
        tenant.mappings.filter(field="job_dept_eqp").update(
            excluded_codes="017401, 24.018"
        )
        assert counts(only(sync(tenant))) == {"disabled": 2}
        tenant.mappings.filter(field="job_dept_eqp").update(
            excluded_codes="", only_statuses="I"
        )
        assert counts(only(sync(tenant))) == {"enabled": 2}

    def test_cost_codes_are_those_of_active_jobs_each_once(self, tenant, pex, cmic):
        follow(tenant, PHASE)
        sync(tenant)
        codes = {
            phase.code
            for phase in cmic.books.contractor.phases
            if phase.company == "001" and phase.active
        }
        found = listed(pex, PHASE)
        assert {value for value, (_, on) in found.items() if on} == codes
        for phase in list(cmic.books.contractor.phases):
            if phase.code == "02.200":
                cmic.deactivate("phase", "02.200", job=phase.job)
        sync(tenant)
        assert listed(pex, PHASE)["02.200"] == ("Earthwork", False)

    def test_another_type_code_puts_other_values_in_the_place_of_the_old(
        self, tenant, pex
    ):
        tenant.mappings.filter(field="type_code").update(static_value="G")
        row = only(sync(tenant))
        found = listed(pex)
        assert row.state == TagSync.State.WAITING
        row = only(disable(tenant, JOB))
        found = listed(pex)
        assert found["10"] == ("Field operations", True)
        assert found["017401"] == ("Main Street Garage", False)
        assert found[LEFTOVER_JOB[0]][1]

    def test_components_come_with_the_transaction_codes_of_active_equipment(
        self, tenant, pex
    ):
        tenant.mappings.filter(field="type_code").update(static_value="E")
        follow(tenant, PHASE)
        tenant.mappings.filter(field="job_dept_eqp").update(sync_options=False)
        sync(tenant)
        assert {"ENGINE", "MAINT", "BODY"} <= listed(pex, PHASE).keys()

    def test_a_name_that_stood_for_two_codes_stands_for_none(self, tenant):
        aliases = OptionAlias.objects
        for code, name in (("1", "annex"), ("2", "annex"), ("1", "annex")):
            aliases.remember(tenant, "tag", {name: code}, is_value=False)
        assert aliases.texts_of(tenant, ["tag"]) == {}
        aliases.remember(tenant, "tag", {"Annex": "1"}, is_value=True)
        assert aliases.texts_of(tenant, ["tag"])["tag"].values == {"annex": "1"}


class TestTrouble:
    def test_a_conflict_is_read_and_planned_again(self, tenant, pex, cmic):
        cmic.books.open_job("26.001", "Harbor Tower", like="017401")
        replace = pex.tag_book.replace

        def interrupted(tag_id, key, draft):
            pex.tag_book.replace = replace
            pex.tag_book.add_options(tag_id, [Option("By hand", "HAND")])
            return replace(tag_id, key, draft)

        pex.tag_book.replace = interrupted
        assert counts(only(sync(tenant))) == {"added": 1}
        assert listed(pex)["26.001"] == ("Harbor Tower", True)
        assert listed(pex)["HAND"] == ("By hand", True)
        assert [call.status for call in writes(pex)] == [409, 200]

    def test_a_lost_answer_is_read_and_not_guessed(self, tenant, pex, cmic):
        cmic.books.open_job("26.001", "Harbor Tower", like="017401")
        pex.faults.set("server_error", times=1, match="PUT ")
        row = only(sync(tenant))
        assert row.state == TagSync.State.SUCCEEDED
        assert listed(pex)["26.001"] == ("Harbor Tower", True)

    def test_a_refused_list_names_the_option_and_the_rest_is_written(
        self, tenant, pex, cmic
    ):
        for number in range(1, 8):
            cmic.books.open_job(f"26.00{number}", f"Tower {number}", like="017401")
        cmic.books.change_job("26.003", name="Tower | three")
        pex.tag_book.refused = "|"
        row = only(sync(tenant))
        assert row.state == TagSync.State.FAILED
        assert "PEX refused the option “Tower | three” (26.003)" in row.message
        assert "Everything else was written." in row.message
        found = listed(pex)
        assert "26.003" not in found
        assert found["26.007"] == ("Tower 7", True)
        assert row.added == 6

    def test_an_empty_answer_disables_nothing_until_a_person_says_so(
        self, tenant, pex, cmic
    ):
        before = listed(pex)
        jobs = [each.code for each in cmic.books.contractor.jobs]
        remove_for_good(cmic, "job", jobs)
        row = only(sync(tenant))
        assert row.state == TagSync.State.WAITING
        assert listed(pex) == before
        assert row.held == 23
        assert "until a person says" in row.message
        row = only(disable(tenant, JOB))
        assert row.state == TagSync.State.SUCCEEDED
        assert row.disabled == 23

    def test_a_list_that_is_empty_at_once_closes_no_job_and_says_so(
        self, tenant, pex, cmic
    ):
        before = listed(pex)
        cmic.faults.set("last_page", match="jcjob", rows=0)
        (remark,) = read_lists(TenantContext(tenant))
        assert "job list has 0 codes; the previous reading had 25" in remark
        assert counts(only(sync(tenant))) == {}
        assert listed(pex) == before

    def test_a_business_without_tags_is_told(self, tenant, pex):
        pex.faults.set("tags_off")
        row = only(sync(tenant))
        assert row.state == TagSync.State.FAILED
        assert "does not support the Tags Feature" in row.message

    def test_a_deleted_tag_is_told_and_found_again_under_a_new_id(self, tenant, pex):
        pex.delete_tag(JOB)
        row = only(sync(tenant))
        assert "PEX has no tag “Job/Dept/Eqp.” any more" in row.message

    def test_a_dead_token_stops_it(self, tenant, pex):
        pex.faults.set("token_expired")
        with pytest.raises(AuthenticationError):
            sync(tenant)
        assert TagSync.objects.latest("pk").state == TagSync.State.FAILED

    def test_a_tag_of_two_fields_is_refused(self, tenant, pex):
        tenant.mappings.filter(field="cost_code_account_category").update(
            tag=JOB, sync_options=True
        )
        rows = sync(tenant)
        assert {row.state for row in rows} == {TagSync.State.FAILED}
        assert "is mapped to Job/Dept/Eqp. and Cost Code" in rows[0].message
        assert writes(pex) == []

    def test_one_process_at_a_time(self, tenant, pex):
        TagSync.objects.update(state=TagSync.State.RUNNING, ended_at=None)
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("SELECT pg_advisory_lock(%s)", [lock_number(tenant)])
            with pytest.raises(TagSyncActiveError, match="by another process"):
                sync(tenant)
            assert pex.calls == []
        # Whoever died has left its row open, and no lock.
        sync(tenant)
        assert "was stopped" in TagSync.objects.earliest("pk").message


class TestTheCommand:
    def test_it_prints_the_counts_of_each_tag(self, tenant, cmic, capsys):
        cmic.books.open_job("26.001", "Harbor Tower", like="017401")
        wanted = {
            "tag": JOB,
            "added": 1,
            "renamed": 0,
            "disabled": 0,
            "enabled": 0,
            "unchanged": 26,
        }
        for options in (["--dry-run"], []):
            call_command("sync_tags", "acme", "--json", *options)
            assert json.loads(capsys.readouterr().out) == [wanted]
        call_command("sync_tags", "acme", "--json")
        assert json.loads(capsys.readouterr().out)[0]["unchanged"] == 27

    def test_a_dry_run_writes_nothing(self, tenant, pex, cmic):
        cmic.books.open_job("26.001", "Harbor Tower", like="017401")
        before = TagSync.objects.count()
        call_command("sync_tags", "acme", "--dry-run")
        assert "26.001" not in listed(pex)
        assert TagSync.objects.count() == before

    def test_what_failed_is_exit_1_with_its_sentence(self, tenant, pex):
        pex.delete_tag(JOB)
        for options in ([], ["--dry-run"]):
            with pytest.raises(CommandError, match="PEX has no tag") as refused:
                call_command("sync_tags", "acme", *options)
            assert refused.value.returncode == 1

    def test_with_no_switch_on_nothing_is_done(self, tenant, capsys):
        Tenant.objects.get().mappings.update(sync_options=False)
        call_command("sync_tags", "acme", "--json")
        said = capsys.readouterr()
        assert json.loads(said.out) == []
        assert "has “Sync tag” on" in said.err
