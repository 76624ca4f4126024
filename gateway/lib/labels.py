"""Names for ids, looked up when a page shows them: the audit log keeps ids only."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache

from django.apps import apps
from django.db import models

from gateway.lib import ids


def labels_of(public_ids: Iterable[str]) -> dict[str, str]:
    """How people call these rows now; an id that leads to no row is left out."""
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for public_id in set(public_ids):
        wanted[public_id.partition("_")[0]].append(public_id)
    found: dict[str, str] = {}
    for prefix, group in wanted.items():
        if (model := _models().get(prefix)) is not None:
            found |= _named(model, prefix, group)
    return found


@cache
def _models() -> dict[str, type[models.Model]]:
    return {model.PREFIX: model for model in apps.get_models() if hasattr(model, "PREFIX")}


def _named(model: type[models.Model], prefix: str, public_ids: list[str]) -> dict[str, str]:
    keys = {}
    for public_id in public_ids:
        try:
            keys[ids.decode(prefix, public_id)] = public_id
        except ids.BadId:
            continue
    rows = model._default_manager.filter(pk__in=keys)
    named = {keys[row.pk]: str(row) for row in rows}
    # A row that has no better name than its id needs no label.
    return {public_id: name for public_id, name in named.items() if name != public_id}
