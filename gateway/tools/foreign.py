"""Other people's JSON Schemas made strict: local references kept, objects closed (pure)."""

import re
from dataclasses import dataclass, field
from typing import Any

from gateway.tools.schema import FORMATS

MAX_DEFINITIONS = 200
MAX_BRANCHES = 500
_KEPT = (
    "type", "enum", "const", "pattern", "default", "multipleOf", "maximum", "minimum",
    "exclusiveMaximum", "exclusiveMinimum", "maxLength", "minLength", "maxItems", "minItems",
    "uniqueItems", "maxProperties", "minProperties", "required",
)  # fmt: skip
_MERGED = frozenset({"type", "properties", "required", "allOf", "$ref", "additionalProperties"})
_WORDS = frozenset({"title", "description", "example", "examples", "xml", "externalDocs"})
_SAFE_NAME = re.compile(r"[^A-Za-z0-9_-]")


class Unfit(ValueError):
    """The schema cannot be made strict; says why."""


@dataclass
class Converter:
    """Schemas of one document, gathered for one definition.

    `defs` holds what the converted schemas refer to; `notes` what was left open or out.
    """

    document: dict[str, Any]
    defs: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    _joined: int = 0

    def strict(self, node: Any) -> dict[str, Any]:
        """The schema, closed where it says nothing about other members. Raises Unfit."""
        if node is True or node is None:
            return {}
        if not isinstance(node, dict):
            raise Unfit("a schema is an object")
        if "$ref" in node:
            return {"$ref": f"#/$defs/{self._defined(node['$ref'])}"}
        if "allOf" in node:
            return self._all_of(node)
        found = self._plain(node)
        self._close(found)
        return _nullable(node, found)

    def resolve(self, reference: Any) -> Any:
        """What a local reference points to. Raises Unfit for any other."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise Unfit(f"the reference {str(reference)[:80]!r} leads out of the document")
        found: Any = self.document
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                raise Unfit(f"the reference {reference[:80]!r} points to nothing")
            found = found[name]
        return found

    def _defined(self, reference: Any) -> str:
        target = self.resolve(reference)
        if reference not in self._names:
            if len(self._names) >= MAX_DEFINITIONS:
                raise Unfit(f"it refers to more than {MAX_DEFINITIONS} definitions")
            last = _SAFE_NAME.sub("_", reference.rsplit("/", 1)[1]) or "part"
            taken = set(self._names.values())
            name = last if last not in taken else f"{last}_{len(taken)}"
            # Known before it is converted: a circle of references then ends here.
            self._names[reference] = name
            self.defs[name] = self.strict(target)
        return self._names[reference]

    def _plain(self, node: dict[str, Any]) -> dict[str, Any]:
        found = {key: node[key] for key in _KEPT if key in node}
        _repair_bounds(found)
        if node.get("format") in FORMATS:
            found["format"] = node["format"]
        if isinstance(words := node.get("description"), str):
            found["description"] = words[:1000]
        if isinstance(properties := node.get("properties"), dict):
            named = {
                name: self.strict(inner)
                for name, inner in properties.items()
                if not (isinstance(inner, dict) and inner.get("readOnly"))
            }
            found["properties"] = named
            if "required" in found:
                found["required"] = [name for name in found["required"] if name in named]
        for key in ("items", "contains", "not"):
            if key in node:
                found[key] = self.strict(node[key])
        for key in ("anyOf", "oneOf", "prefixItems"):
            if isinstance(node.get(key), list):
                found[key] = [self.strict(inner) for inner in node[key]]
        if "additionalProperties" in node:
            rest = node["additionalProperties"]
            found["additionalProperties"] = rest if rest is False else self.strict(rest) or True
        return found

    def _close(self, found: dict[str, Any]) -> None:
        is_object = found.get("type") == "object" or "properties" in found
        kinds = found.get("type")
        is_object = is_object or (isinstance(kinds, list) and "object" in kinds)
        if not is_object or "additionalProperties" in found:
            return
        # An object that names no member of its own is a bag: closed, it could only be empty.
        is_bag = not found.get("properties") or "anyOf" in found or "oneOf" in found
        found["additionalProperties"] = is_bag
        if is_bag:
            self.notes.append("An object without named members stays open: name them.")

    def _all_of(self, node: dict[str, Any]) -> dict[str, Any]:
        """One object of all branches, so that it can be closed; Unfit where that is not one."""
        merged: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
        branches = node["allOf"] if isinstance(node["allOf"], list) else []
        rest = {key: value for key, value in node.items() if key != "allOf"}
        if len(branches) == 1 and not set(rest) - _WORDS - {"nullable"}:
            return _nullable(node, self.strict(branches[0]))
        for branch in self._branches([*branches, rest], frozenset()):
            merged["properties"].update(branch.get("properties") or {})
            merged["required"] += branch.get("required") or []
        merged["required"] = sorted(set(merged["required"]))
        return self.strict({**merged, "nullable": node.get("nullable", False)})

    def _branches(self, parts: list[Any], seen: frozenset[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for part in parts:
            self._joined += 1
            if self._joined > MAX_BRANCHES:
                # A few definitions that each name the next one twice would never end.
                raise Unfit(f"its allOf joins more than {MAX_BRANCHES} parts: write the schema out")
            if isinstance(part, dict) and (reference := part.get("$ref")):
                if reference in seen:
                    raise Unfit("allOf leads back to itself")
                found += self._branches([self.resolve(reference)], seen | {reference})
                continue
            extra = {key for key in part if not str(key).startswith("x-")} - _MERGED - _WORDS
            if extra - {"nullable", "discriminator"} or not isinstance(part, dict):
                raise Unfit("allOf joins more than plain objects: write the schema out")
            if inner := part.get("allOf"):
                found += self._branches(inner, seen)
            found.append(part)
        return found


def _nullable(node: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0 says `nullable`; the dialect says so by type."""
    if node.get("nullable") is not True:
        return found
    kind = found.get("type")
    if isinstance(kind, str) and "enum" not in found:
        return {**found, "type": [kind, "null"]}
    return {"anyOf": [found, {"type": "null"}]}


def _repair_bounds(found: dict[str, Any]) -> None:
    """OpenAPI 3.0 says `exclusiveMinimum: true` beside `minimum`."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = found.get(exclusive)
        if isinstance(value, bool):
            del found[exclusive]
            if value and bound in found:
                found[exclusive] = found.pop(bound)
