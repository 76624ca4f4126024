"""Numbers as the reader's language writes them."""

from django.utils.formats import number_format


def grouped(number: float, *, decimals: int | None = None) -> str:
    """The number with its thousands set apart, and so many decimals; None leaves them as they are.

    1234567 is `1,234,567` in English and `1.234.567` in German.
    """
    return number_format(number, decimal_pos=decimals, force_grouping=True)
