"""A workspace as Fast.io's client sees it: uploads in one request, and imports from addresses."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.doubles.serving import Asked, Said, Service

TOKEN, WORKSPACE = "jwt-for-tests", "4512000000000000001"


@dataclass
class Workspace(Service):
    """One workspace with its folder `root`."""

    files: dict[str, bytes] = field(default_factory=dict)
    imports: list[dict[str, str]] = field(default_factory=list)
    largest: int = 4 * 1024 * 1024

    def answer(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Said(401, _no(1650, "The token is not valid."))
        if (asked.method, asked.path) == ("POST", "/current/upload/"):
            return self._upload(asked)
        if (asked.method, asked.path) == ("POST", "/current/web_upload/"):
            return self._import(dict(parse_qsl(asked.body.decode())))
        return Said(404, _no(1609, "There is no such call."))

    def _upload(self, asked: Asked) -> Said:
        parts, name = _parts(asked)
        fields = {key: value.decode() for key, value in parts.items() if key != "chunk"}
        if fields["instance_id"] != WORKSPACE or fields["profile_type"] != "workspace":
            return Said(200, _no(1680, "There is no such workspace."))
        if len(parts["chunk"]) != int(fields["size"]) or fields["name"] != name:
            return Said(200, _no(1605, "Size and name do not fit the content."))
        if len(parts["chunk"]) > self.largest:
            return Said(200, _no(1605, "The file is too large."))
        self.files[name] = parts["chunk"]
        self.effects.append(("upload", name))
        return Said(200, {"result": "yes", "response": {"new_file_id": "f3jm5-zqzfx"}})

    def _import(self, form: dict[str, str]) -> Said:
        self.imports.append(form)
        self.effects.append(("import", form["file_name"]))
        return Said(200, {"result": True, "web_upload": {"id": "w1", "status": "queued"}})


def _no(code: int, text: str) -> dict[str, Any]:
    return {"result": "no", "error": {"code": code, "text": text}}


def _parts(asked: Asked) -> tuple[dict[str, bytes], str]:
    """The parts of a multipart form by name, and the file's name; bytes stay what they are."""
    boundary = asked.headers["content-type"].partition("boundary=")[2].encode()
    parts, filename = {}, ""
    for piece in (b"\r\n" + asked.body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        found = re.search(r'form-data; name="([^"]*)"(?:; filename="([^"]*)")?', head.decode())
        assert found
        parts[found[1]] = content
        filename = found[2] or filename
    return parts, filename
