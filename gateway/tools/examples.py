"""A sample call of a tool, made from its schema (pure): what a reader sees before the first one."""

from typing import Any

from gateway.tools import structure

MAX_DEPTH = 4


def example(schema: dict[str, Any]) -> dict[str, Any]:
    """Arguments that look like a call; texts name the argument that they stand for."""
    found = _value(schema, schema, "", 0)
    return found if isinstance(found, dict) else {}


def _value(root: dict[str, Any], part: Any, name: str, depth: int) -> Any:
    if not isinstance(part, dict) or depth > MAX_DEPTH:
        return None
    for reference in structure.REFERENCES:
        if reference in part:
            return _value(root, structure.target(root, part[reference]), name, depth + 1)
    for chosen in ("const", "default"):
        if chosen in part:
            return part[chosen]
    for several in ("enum", "examples"):
        if part.get(several):
            return part[several][0]
    for choices in ("anyOf", "oneOf"):
        if part.get(choices):
            return _value(root, part[choices][0], name, depth + 1)
    return _typed(root, part, name, depth)


def _typed(root: dict[str, Any], part: dict[str, Any], name: str, depth: int) -> Any:
    kind = part.get("type", "object" if "properties" in part else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        properties = part.get("properties", {})
        return {key: _value(root, inner, key, depth + 1) for key, inner in properties.items()}
    if kind == "array":
        return [_value(root, part.get("items", {}), name, depth + 1)]
    if kind in ("integer", "number"):
        return part.get("minimum", part.get("exclusiveMinimum", 0) + 1)
    return {"boolean": True, "null": None}.get(str(kind), f"‹{name}›")
