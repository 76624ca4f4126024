"""Where a watched version and what was applied disagree: counted by version, listed by change."""

from collections import Counter
from collections.abc import Iterable

from django.db.models import Count, QuerySet

from approvals.models import Policy, ShadowVerdict
from approvals.policy.comparing import Change


def counts_of(policies: Iterable[Policy]) -> dict[tuple[str, int], Counter[Change]]:
    """How often each watched version agreed, and how it would have decided otherwise.

    By the policy's public id and the version's number; one query.
    """
    rows = (
        ShadowVerdict.objects.filter(version__policy__in=list(policies))
        .order_by()
        .values("version__policy", "version__number", "change")
        .annotate(count=Count("id"))
    )
    names = {policy.pk: policy.public_id for policy in policies}
    found: dict[tuple[str, int], Counter[Change]] = {}
    for row in rows:
        key = names[row["version__policy"]], row["version__number"]
        found.setdefault(key, Counter())[Change(row["change"])] = row["count"]
    return found


def listed(policy: Policy, *, number: int = 0, change: str = "") -> QuerySet[ShadowVerdict]:
    """The verdicts of one version, or of all, the newest first; without a change only those that
    disagree."""
    rows: QuerySet[ShadowVerdict] = ShadowVerdict.objects.within(policy.environment).filter(
        version__policy=policy
    )
    if number:
        rows = rows.filter(version__number=number)
    rows = rows.filter(change=change) if change else rows.exclude(change=Change.SAME)
    return rows.select_related("version", "action__agent", "action__environment__tenant")
