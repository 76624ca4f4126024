"""The bill of materials: what a production installation consists of, as CycloneDX 1.6 in JSON.

    python -m tests.sbom sbom.json          # or `make sbom`

It is made of `requirements.lock`, without a network: each package with its version and the digests
of the files that may be installed, and what `static/` carries of others, by the files themselves.
"""

import hashlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from pip_requirements_parser import InstallRequirement, RequirementsFile

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
# File, name, and how the file says its version; its own words are the only record.
CARRIED = (
    ("static/vendor/tabler/tabler.min.css", "@tabler/core", r"Tabler v([\d.]+)"),
    ("static/vendor/uplot/uPlot.iife.min.js", "uplot", r"uPlot \(v([\d.]+)\)"),
    ("static/img/icons.svg", "@tabler/icons", r"Tabler Icons ([\d.]+)"),
)


def main() -> int:
    """Write the bill to the file that is named."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m tests.sbom FILE\n")
        return 2
    Path(sys.argv[1]).write_text(JsonV1Dot6(bill()).output_as_string(indent=2), encoding="utf-8")
    return 0


def bill() -> Bom:
    """The product, and everything that it depends on."""
    made = Bom(components=[*_packages(), *_carried()])
    made.metadata.component = product = _product()
    made.register_dependency(product, made.components)
    return made


def _product() -> Component:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = about["name"], about["version"]
    return Component(
        name=name, version=version, type=ComponentType.APPLICATION, bom_ref=f"{name}@{version}"
    )


def _packages() -> Iterator[Component]:
    for row in RequirementsFile.from_file(str(LOCK)).requirements:
        yield _component("pypi", row.name, row.get_pinned_version, digests=_digests(row), row=row)


def _digests(row: InstallRequirement) -> list[str]:
    return [text.removeprefix("sha256:") for text in row.hash_options]


def _carried() -> Iterator[Component]:
    for path, name, says in CARRIED:
        content = (ROOT / path).read_bytes()
        found = re.search(says, content[:1000].decode())
        if found is None:
            raise ValueError(f"{path} does not say its version")
        yield _component("npm", name, found[1], digests=[hashlib.sha256(content).hexdigest()])


def _component(
    kind: str, name: str, version: str, *, digests: list[str], row: InstallRequirement | None = None
) -> Component:
    group, _, own = name.rpartition("/")
    purl = PackageURL(kind, group or None, own, version)
    # What is needed on some machines only says on which.
    marker = (
        [Property(name="countersign:marker", value=str(row.marker))] if row and row.marker else ()
    )
    return Component(
        name=own, group=group or None, version=version, purl=purl, bom_ref=purl.to_string(),
        type=ComponentType.LIBRARY, properties=marker,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests],
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
