"""Words that pure modules hold for pages: marked here, translated where a page shows them."""


def gettext_noop(text: str) -> str:
    """The text as it is; `make messages` finds it by this name, as it does Django's own."""
    return text
