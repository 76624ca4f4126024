"""Whether the people there are could ever agree as a requirement asks, each of them once (pure)."""

from collections.abc import Sequence

from approvals.quorum import AlternativeStanding, PersonFacts, StageStanding, Standing

# How many people one stage still needs, and which, as a bit per person.
Need = tuple[int, int]


def missing(standing: Standing, people: Sequence[PersonFacts]) -> str:
    """What is missing for the vote to end in approval, in words; empty where nothing is.

    `people` are those who may still vote. Nobody counts for two stages, so that stages which each
    could be satisfied alone may still be too much together.
    """
    waiting = [stage for stage in standing.stages if not stage.is_satisfied]
    ways = [[_need(way, people) for way in stage.alternatives] for stage in waiting]
    for stage, needs in zip(waiting, ways, strict=True):
        if not any(_fit((need,)) for need in needs):
            return _short(stage, needs)
    if not _fit_together(ways, ()):
        least = sum(min(count for count, _ in needs) for needs in ways)
        names = ", ".join(f"“{stage.name}”" for stage in waiting)
        return (
            f"The stages {names} need {least} different people or more, and those who can decide "
            "are too few for all of them: one person counts for one stage."
        )
    return ""


def _need(way: AlternativeStanding, people: Sequence[PersonFacts]) -> Need:
    named = [not person.names.isdisjoint(way.alternative.names) for person in people]
    return way.missing, sum(1 << place for place, is_named in enumerate(named) if is_named)


def _fit_together(ways: list[list[Need]], chosen: tuple[Need, ...]) -> bool:
    """Whether some choice of one alternative per stage can be met by different people."""
    if not _fit(chosen):
        return False
    if len(chosen) == len(ways):
        return True
    return any(_fit_together(ways, (*chosen, need)) for need in ways[len(chosen)])


def _fit(needs: tuple[Need, ...]) -> bool:
    """Hall's condition: any of the needs together find as many people as they ask for."""
    sums: list[Need] = [(0, 0)]
    for count, people in needs:
        sums += [(count + other, people | others) for other, others in sums]
    return all(count <= people.bit_count() for count, people in sums)


def _short(stage: StageStanding, needs: list[Need]) -> str:
    place = f"Stage “{stage.name}” waits for " if stage.name else "It waits for "
    parts = []
    for way, (count, people) in zip(stage.alternatives, needs, strict=True):
        have = people.bit_count()
        can = f"{have} member{'' if have == 1 else 's'} can decide"
        more = f"{count} more are needed" if way.have else f"{count} needed"
        parts.append(f"{way.alternative.words} ({more}, {can})")
    return f"{place}{' or '.join(parts)}."
