"""What `up` prints once the web process answers."""

import base64
import shlex
from textwrap import indent

from gateway.demo.seeded import Seeded

BODY = '{"type":"ping","data":{"hello":"countersign"}}'


def text(
    public_url: str, *, seeded: Seeded | None, intake_port: int = 0, setup_code: str = ""
) -> str:
    """Address, sign-ins, the webhook URL with its secret, and a `curl` that works when pasted."""
    lines = ["", f"Countersign is ready: {public_url}"]
    if intake_port:
        lines.append(f"Webhooks are also taken in on port {intake_port}.")
    if setup_code:
        lines += ["", f"Set up your own organisation: {public_url}/welcome/?code={setup_code}"]
    if seeded is not None:
        lines += ["", "Sign in as"]
        lines += [f"  {login.email}  {login.password}  ({login.says})" for login in seeded.logins]
        lines += ["", f"Webhook URL  {seeded.webhook_url}", f"    secret   {seeded.webhook_secret}"]
        lines += ["", "Send it a signed event (paste as often as you like):", ""]
        lines.append(indent(curl(seeded.webhook_url, seeded.webhook_secret), "  "))
    return "\n".join([*lines, "", "Ctrl-C stops everything.", ""])


def curl(url: str, secret: str) -> str:
    """Shell lines that sign with Standard Webhooks; time, id and signature are made as they run."""
    key = base64.b64decode(secret.removeprefix("whsec_")).hex()
    return "\n".join(
        [
            f"body={shlex.quote(BODY)}; id=msg_$(openssl rand -hex 12); at=$(date +%s)",
            'sig=$(printf %s "$id.$at.$body" | openssl dgst -sha256 -mac HMAC '
            f"-macopt hexkey:{key} -binary | openssl base64 -A)",
            f"curl -sS -i {shlex.quote(url)} -H 'content-type: application/json' "
            '-H "webhook-id: $id" -H "webhook-timestamp: $at" '
            '-H "webhook-signature: v1,$sig" --data-binary "$body"',
        ]
    )
