"""What the demo's seeding hands to those who start it and tell people about it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Login:
    """Somebody who may sign in to the demo; `says` is what for."""

    email: str
    password: str = field(repr=False)
    says: str


@dataclass(frozen=True)
class DemoService:
    """What the sandbox agent and shop are started with: where its webhooks go, and its secrets."""

    port: int
    webhook_url: str
    webhook_secret: str = field(repr=False)
    api_key: str = field(repr=False)

    @property
    def place(self) -> str:
        """The host and port that the guard of outgoing calls has to let through."""
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Seeded:
    """The demo: who may sign in, a source that anybody may try with `curl`, and the service."""

    logins: tuple[Login, ...]
    webhook_url: str
    webhook_secret: str = field(repr=False)
    service: DemoService
