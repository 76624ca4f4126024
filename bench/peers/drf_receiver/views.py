"""The view."""

import base64
import hashlib
import hmac
import time

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.peers.drf_receiver.models import Event
from bench.peers.drf_receiver.tasks import process_event

TOLERANCE_S = 300


class WebhookView(APIView):
    """Verifies as Standard Webhooks asks, stores what is new, and hands it over."""

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request, name: str) -> Response:
        """One delivery."""
        verify(request)
        event, is_new = Event.objects.get_or_create(
            event_id=request.headers["webhook-id"],
            defaults={"type": request.data["type"], "payload": request.data},
        )
        if is_new:
            process_event.send(event.pk)
        status = "accepted" if is_new else "duplicate"
        return Response({"status": status}, status=202 if is_new else 200)


def verify(request: Request) -> None:
    """Raises AuthenticationFailed unless the body is signed, and lately."""
    stamp = request.headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE_S:
        raise AuthenticationFailed("timestamp")
    key = base64.b64decode(settings.WEBHOOK_SECRET.removeprefix("whsec_"))
    signed = f"{request.headers.get('webhook-id', '')}.{stamp}.".encode() + request.body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = request.headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(f"v1,{wanted}", item) for item in given):
        raise AuthenticationFailed("signature")
