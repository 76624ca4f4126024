"""Parts of pages that are written out of the code: what stands between two marks (pure)."""


def written_between(text: str, begin: str, end: str, *, content: str) -> str:
    """The page with this content between its marks; raises ValueError where it has none."""
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"The page has to contain {begin} and, further down, {end}")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"
