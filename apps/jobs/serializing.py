"""The cache's serializer: JSON, so that nothing read from Redis can run code."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder


class JsonSerializer:
    def dumps(self, value: Any) -> bytes:
        return json.dumps(value, cls=DjangoJSONEncoder).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)
