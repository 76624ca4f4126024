"""Saved views of the inbox: one's own, shared ones, and who may do what with them."""

import pytest

from approvals.models import SavedView
from audit.models import AuditRecord
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.approvals import SavedViewFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def met():
    return people.ready()


def inbox(met):
    return at(met.environment, "approvals:inbox")


def save(met, who, **fields):
    data = {"name": "Urgent", "query": "risk=high&page=3", **fields}
    return signed_in(who).post(at(met.environment, "approvals:save_view"), data)


def test_a_view_keeps_filters_and_forgets_the_page(met):
    answer = save(met, met.may)
    assert answer["Location"] == f"{inbox(met)}?risk=high"
    view = SavedView.objects.get()
    assert (view.owner, view.query, view.is_shared) == (met.may, "risk=high", False)
    assert AuditRecord.objects.filter(action="approvals.view.saved").count() == 1


def test_a_view_is_offered_and_marked_where_it_is_open(met):
    view = SavedViewFactory(environment=met.environment, owner=met.may, query="risk=high")
    shown = text(signed_in(met.may).get(inbox(met), {"risk": "high"}))
    assert f'href="{inbox(met)}?risk=high" aria-current="true">{view.name}' in shown
    opened = signed_in(met.may).get(at(met.environment, "approvals:view", view=view.public_id))
    assert opened["Location"] == f"{inbox(met)}?risk=high"


def test_only_shared_views_are_seen_by_others_and_none_by_strangers(met):
    own = SavedViewFactory(environment=met.environment, owner=met.may, name="Mine alone")
    shared = SavedViewFactory(
        environment=met.environment, owner=met.may, name="For all", is_shared=True
    )
    shown = text(signed_in(met.second).get(inbox(met)))
    assert "For all" in shown
    assert "Mine alone" not in shown
    for who, view in ((met.second, own), (met.stranger, shared)):
        for name in ("approvals:view", "approvals:change_view", "approvals:remove_view"):
            address = at(met.environment, name, view=view.public_id)
            assert signed_in(who).post(address).status_code == 404
    assert SavedView.objects.count() == 2


def test_a_viewer_may_save_for_themselves_and_not_share(met):
    save(met, met.may_not)
    save(met, met.may_not, name="All", is_shared="on")
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Urgent"]
    assert AuditRecord.objects.filter(action="approvals.view.attempt_refused").count() == 1


def test_a_name_counts_once_and_the_reason_is_said(met):
    save(met, met.may)
    data = {"name": "Urgent", "query": ""}
    address = at(met.environment, "approvals:save_view")
    answer = signed_in(met.may).post(address, data, follow=True)
    assert "You have a view named Urgent already." in text(answer)
    assert SavedView.objects.count() == 1


def test_an_admin_clears_up_a_shared_view_and_nobody_elses_own(met):
    shared = SavedViewFactory(environment=met.environment, owner=met.may, is_shared=True)
    address = at(met.environment, "approvals:remove_view", view=shared.public_id)
    signed_in(met.second).post(address)
    assert SavedView.objects.exists()
    signed_in(met.admin).get(address)
    assert SavedView.objects.exists()
    signed_in(met.admin).post(address)
    assert not SavedView.objects.exists()
    assert AuditRecord.objects.filter(action="approvals.view.removed").count() == 1


def test_nonsense_as_a_query_saves_nothing_strange(met):
    save(met, met.may, query="selected=act_x&format=csv&q=%00&risk=%22%3E&tab=team")
    assert SavedView.objects.get().query == "tab=team&q=%00&risk=%22%3E"
    assert signed_in(met.may).get(inbox(met)).status_code == 200


def change(met, who, view, **data):
    address = at(met.environment, "approvals:change_view", view=view.public_id)
    answer = signed_in(who).post(address, data)
    view.refresh_from_db()
    return answer


def test_its_owner_renames_shares_and_gives_it_other_filters(met):
    view = SavedViewFactory(environment=met.environment, owner=met.may, query="risk=high")
    answer = change(met, met.may, view, name="Grave", is_shared="on")
    assert answer["Location"] == f"{inbox(met)}?risk=high"
    assert (view.name, view.query, view.is_shared) == ("Grave", "risk=high", True)
    change(met, met.may, view, query="risk=critical&page=2")
    assert (view.name, view.query, view.is_shared) == ("Grave", "risk=critical", True)
    records = AuditRecord.objects.filter(action="approvals.view.changed")
    assert records.count() == 2
    assert "Grave" not in "".join(record.body for record in records)


def test_who_shares_a_view_gives_it_away_to_be_seen_and_not_to_be_changed(met):
    view = SavedViewFactory(
        environment=met.environment, owner=met.may, name="For all", is_shared=True
    )
    for who in (met.second, met.admin):
        change(met, who, view, name="Mine now")
        assert view.name == "For all"
    refused = AuditRecord.objects.filter(action="approvals.view.attempt_refused")
    assert refused.count() == 2
    assert not AuditRecord.objects.filter(action="approvals.view.changed").exists()


def test_a_viewer_shares_no_view_by_changing_it_either(met):
    view = SavedViewFactory(environment=met.environment, owner=met.may_not, name="Own")
    change(met, met.may_not, view, name="Own", is_shared="on")
    assert not view.is_shared
    change(met, met.may_not, view, name="Other")
    assert view.name == "Other"


def test_no_view_takes_the_name_of_another_or_none(met):
    SavedViewFactory(environment=met.environment, owner=met.may, name="Urgent")
    view = SavedViewFactory(environment=met.environment, owner=met.may, name="Grave")
    change(met, met.may, view, name="Urgent")
    change(met, met.may, view, name="  ")
    change(met, met.may, view, name="x" * 61)
    assert view.name == "Grave"


def test_one_finds_ones_own_apart_from_the_teams(met):
    SavedViewFactory(environment=met.environment, owner=met.may, name="Mine alone")
    SavedViewFactory(environment=met.environment, owner=met.second, name="For all", is_shared=True)
    views = signed_in(met.may).get(inbox(met)).context["views"]
    assert [one.view.name for one in views.own] == ["Mine alone"]
    assert [one.view.name for one in views.of_team] == ["For all"]
    assert not views.of_team[0].change_url


def test_the_palette_finds_views_that_the_person_sees(met):
    address = at(met.environment, "find")
    SavedViewFactory(environment=met.environment, owner=met.second, name="Grave alone")
    shared = SavedViewFactory(
        environment=met.environment, owner=met.second, name="Grave for all", is_shared=True
    )
    found = text(signed_in(met.may).get(address, {"q": "grave"}))
    assert at(met.environment, "approvals:view", view=shared.public_id) in found
    assert "Grave alone" not in found
