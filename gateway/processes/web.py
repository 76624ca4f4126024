"""The web process: `python -m gateway.processes.web --fd N` (or `--host`, `--port`).

daphne for the desk, the API, streams and webhooks, with our limits in front.
"""

import argparse
import gc
import os

import django
from daphne.endpoints import build_endpoint_description_strings

from gateway.processes.files import allow_many

HTTP_TIMEOUT_S = 120
# The tree waits three seconds for the entrances.
CLOSE_TIMEOUT_S = 2


def main() -> None:
    """Serve until SIGTERM."""
    options = _options()
    allow_many()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    os.environ.setdefault("COUNTERSIGN_PROCESS", "web")
    django.setup()
    from django.urls import get_resolver  # noqa: PLC0415 - after django.setup()

    from gateway.asgi import application  # noqa: PLC0415
    from gateway.processes.web_server import server  # noqa: PLC0415

    _ = get_resolver().url_patterns  # the first request finds everything imported
    gc.collect()  # what is loaded stays: the collector need not walk through it, which stalls
    gc.freeze()
    if options.go is not None and not os.read(options.go, 1):
        return  # whoever was preparing the rest is gone
    server(
        application,
        endpoints=build_endpoint_description_strings(
            host=options.host if options.fd is None else None,
            port=options.port if options.fd is None else None,
            file_descriptor=options.fd,
        ),
        http_timeout=HTTP_TIMEOUT_S,
        application_close_timeout=CLOSE_TIMEOUT_S,
        server_name="",
        verbosity=0,
    ).run()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, help="a socket that listens already")
    parser.add_argument("--go", type=int, help="a pipe to wait for before serving")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
