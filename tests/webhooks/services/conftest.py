"""A provider on loopback that answers what a test scripts."""

from tests.gateway.conftest import _answering as answering
from tests.gateway.conftest import peer

__all__ = ["answering", "peer"]
