"""What a page says: a text, or one that waits until it is known who reads it."""

from typing import TYPE_CHECKING

from django.utils.functional import Promise

if TYPE_CHECKING:
    # Only Django's type stubs tell a promise of a text from others.
    from django.utils.functional import _StrPromise

    Words = str | _StrPromise
else:
    Words = str | Promise
