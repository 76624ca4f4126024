"""The demo service on an ephemeral port within the test's process, for those who talk to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.demo.service import Settings, listen, server

API_KEY = "demo-key"
HOOK_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105  a fixture
START_TIMEOUT_S = 20


@contextmanager
def demo(state_dir: Path, *, webhook_url: str = "http://127.0.0.1:9/") -> Iterator[str]:
    """Runs the service; its base URL. Leaving stops it, its state stays in the folder."""
    settings = Settings(
        port=0,
        webhook_url=webhook_url,
        webhook_secret=HOOK_SECRET,
        api_key=API_KEY,
        state_dir=state_dir,
        first_wait_s=0.02,
    )
    with listen(settings.host, settings.port) as listener:
        running = server(settings)
        listener.listen()
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        # The kernel takes connections already; they are answered once the service runs.
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        running.should_exit = True
        thread.join(START_TIMEOUT_S)
        assert not thread.is_alive(), "the demo service did not stop"
