"""The certificates that this machine trusts, read once.

httpx reads them for each of its clients, and for each call without one: 20 ms, which a test that
asks a server until it answers pays at every look.
"""

import ssl

TRUSTED = ssl.create_default_context()
