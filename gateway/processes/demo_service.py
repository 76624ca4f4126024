"""The demo's service without Django: `python -m gateway.processes.demo_service --port N …`.

The same as `manage.py demo_service` at half the memory and a third of the time to start.
"""

import argparse
import logging.config
from pathlib import Path

from gateway import logs
from gateway.demo import service


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--webhook-url", required=True)
    parser.add_argument("--state-dir", type=Path, required=True)
    options = parser.parse_args()
    logging.config.dictConfig(logs.configure("warning"))
    settings = service.settings_from(
        port=options.port, webhook_url=options.webhook_url, state_dir=options.state_dir
    )
    service.serve(settings, lambda url: None)


if __name__ == "__main__":
    main()
