"""The files under `static/`, looked up once for all clients of a test run.

Each Django test client builds the middleware anew, and WhiteNoise then walks every static folder
and stats each file: a quarter of what a test with one page takes. What it finds is the same each
time, so later clients get what the first one found.
"""

from collections.abc import Callable
from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware

_look_up: Callable[[WhiteNoiseMiddleware], None] = WhiteNoiseMiddleware.add_files_from_finders
_found: dict[tuple[Any, ...], dict[str, Any]] = {}


def files_found_before(middleware: WhiteNoiseMiddleware) -> None:
    """Takes the place of `WhiteNoiseMiddleware.add_files_from_finders`."""
    said = (middleware.static_prefix, middleware.max_age, middleware.allow_all_origins)
    if said not in _found:
        before = set(middleware.files)
        _look_up(middleware)
        _found[said] = {url: middleware.files[url] for url in set(middleware.files) - before}
    middleware.files.update(_found[said])
