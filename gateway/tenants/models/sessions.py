"""Where a person is signed in, and what they are asked to sign with a passkey."""

from django.db import models
from django.utils.translation import gettext

from gateway.lib.rows import Row
from gateway.tenants.models.people import User

KEY_LENGTH = 40
# The first mark that is found counts: Edge calls itself Chrome, and Chrome calls itself Safari.
BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


class SignIn(Row):
    """A browser in which a person is signed in; the row goes when the session ends."""

    PREFIX = "sgn"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="sign_ins")
    session_key = models.CharField(max_length=KEY_LENGTH, unique=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    browser = models.CharField(max_length=200, blank=True, help_text="As the browser names itself.")
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_seen_at"]

    def __str__(self) -> str:
        return f"sign-in of {self.user_id}"

    @property
    def device(self) -> str:
        """Browser and system in a few words, as far as the browser names them."""
        browser = next((name for mark, name in BROWSERS if mark in self.browser), "")
        system = next((name for mark, name in SYSTEMS if mark in self.browser), "")
        known = (
            gettext("{browser} on {system}").format(browser=browser, system=system)
            if browser and system
            else browser or system
        )
        return known or self.browser or gettext("A browser that names itself nothing")


class Challenge(Row):
    """What a passkey signs once: the digest that was shown, and a nonce that nobody could know.

    Used up by the first answer, good or bad; later answers are replays.
    """

    PREFIX = "chl"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64, help_text="The review digest, in hexadecimal.")
    nonce = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"challenge on {self.digest[:12]}"
