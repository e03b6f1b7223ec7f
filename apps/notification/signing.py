"""Signatures of our webhooks, and how a receiver checks them.

Each request carries `Switchyard-Signature: t=<seconds since 1970>,v1=<hex>`, where v1 is the
HMAC-SHA256 of `<t>.<body>` under the channel's key. A receiver does, with the body's raw bytes:

    fields = dict(field.split("=", 1) for field in header.split(","))
    signed = fields["t"].encode() + b"." + body
    expected = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    genuine = hmac.compare_digest(expected, fields["v1"]) and abs(time.time() - int(fields["t"])) < 300

`Switchyard-Delivery` stays the same over all attempts: a receiver that has seen it answers 200 and
does nothing more. An answer that gets lost on its way to us makes us send the delivery again.
"""

import hashlib
import hmac

SIGNATURE_HEADER = "Switchyard-Signature"
DELIVERY_HEADER = "Switchyard-Delivery"


def signature(key: str, timestamp: int, body: bytes) -> str:
    """The value of the header. `timestamp` is in seconds since 1970."""
    signed = str(timestamp).encode() + b"." + body
    return f"t={timestamp},v1={hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()}"
