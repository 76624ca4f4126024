"""What the catalogue calls a scheme's proof is a test here that passes by that material."""

import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from webhooks.schemes.catalogue import SCHEMES

HERE = Path(__file__).resolve().parent
# `A and B` are two proofs.
JOINT = re.compile(r" and (?=@|the |[A-Z])")


def marks_of(module: ModuleType) -> Iterator[pytest.Mark]:
    """The `proves` of a module's tests, and of the cases of those with several."""
    for name, function in vars(module).items():
        if not name.startswith("test_"):
            continue
        for mark in getattr(function, "pytestmark", []):
            if mark.name == "proves":
                yield mark
            elif mark.name == "parametrize":
                for case in mark.args[1]:
                    yield from (m for m in getattr(case, "marks", ()) if m.name == "proves")


@cache
def proven() -> dict[str, set[str]]:
    """By scheme, what its tests pass by."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in sorted(HERE.rglob("test_*.py")):
        parts = file.relative_to(HERE).with_suffix("").parts
        module = importlib.import_module(".".join(("tests.webhooks.schemes", *parts)))
        for mark in marks_of(module):
            proof, *schemes = mark.args
            for scheme in schemes:
                found[scheme].add(proof)
    return found


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda scheme: scheme.name)
def test_each_proof_that_the_catalogue_names_is_a_test(scheme):
    wanted = set(JOINT.split(scheme.proof))

    assert wanted <= proven()[scheme.name], (
        f"No test of {scheme.name} is marked pytest.mark.proves(…) with {wanted}: "
        f"mark the one that passes by that material."
    )


def test_no_test_proves_a_scheme_that_is_not_there_or_by_what_its_entry_does_not_name():
    named = {scheme.name: set(JOINT.split(scheme.proof)) for scheme in SCHEMES.values()}

    assert {name: proofs - named.get(name, set()) for name, proofs in proven().items()} == {
        name: set() for name in proven()
    }
