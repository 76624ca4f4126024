"""Two admins at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from gateway.lib.errors import Denied, Refused
from gateway.tenants import services
from gateway.tenants.models import Member
from gateway.tenants.roles import Role
from tests import people


@pytest.mark.django_db(transaction=True)
def test_two_admins_cannot_remove_each_other_at_once():
    here = people.ready()
    other = people.person(here.environment, Role.ADMIN)
    start = Barrier(2)

    def remove(by, victim):
        try:
            start.wait()
            services.deactivate_member(here.member(victim), by=here.principal(by))
        except (Denied, Refused) as error:
            # Late enough, the loser is no admin any more: the same ending, said one step earlier.
            return error.code
        finally:
            connection.close()
        return "removed"

    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(remove, here.admin, other), pool.submit(remove, other, here.admin)]
        outcomes = [future.result() for future in tries]

    assert outcomes.count("removed") == 1
    assert set(outcomes) <= {"removed", "last_admin", "not_permitted"}
    admins = Member.objects.filter(roles__role=Role.ADMIN, tenant=here.environment.tenant)
    assert admins.filter(deactivated_at__isnull=True).count() == 1
