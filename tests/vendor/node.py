"""The vendors' own npm packages, asked through one Node for all tests."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.vendor import install


class Node:
    """A running Node that has the vendors' packages at hand."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, about: str, **question: Any) -> Any:
        """The answer of the package; raises AssertionError where Node has none."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"about": about} | question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["answer"]


@contextmanager
def started() -> Iterator[Node]:
    """Node, until the end of the block."""
    command = [install.node(), str(install.HERE / "ask.mjs")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            yield Node(process)
        finally:
            process.kill()
