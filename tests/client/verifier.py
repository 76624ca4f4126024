"""The offline verifier, loaded from its one file as a user's Python would."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FILE = Path(__file__).resolve().parent.parent.parent / "client" / "countersign_verify.py"


def load() -> ModuleType:
    """The module."""
    spec = importlib.util.spec_from_file_location("countersign_verify", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
