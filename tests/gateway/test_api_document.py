"""The OpenAPI document is made once, whoever asks for it first."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway import api


def test_two_who_ask_at_once_get_the_same_document(monkeypatch: pytest.MonkeyPatch) -> None:
    making: list[int] = []

    class Generator:
        def get_schema(self, **_: Any) -> dict[str, int]:
            making.append(1)
            time.sleep(0.05)  # long enough for the second one to arrive
            return {"made": len(making)}

    monkeypatch.setattr(api, "SchemaGenerator", Generator)
    api._document.cache_clear()
    try:
        with ThreadPoolExecutor(2) as pool:
            first, second = (pool.submit(api.document) for _ in range(2))
        assert first.result() == second.result() == '{"made": 1}'
    finally:
        api._document.cache_clear()
