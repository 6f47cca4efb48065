"""Canonical JSON of the frozen values: `encode`, its inverse `decode`, and the hash `digest`.

Invariant: `decode(type, encode(value)) == value` for every value of this package, and equal values have equal bytes.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from typing import Any, TypeVar, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from ..errors import BadOption

T = TypeVar("T")


def encode(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8. Floats that are infinite or not a number become null."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def digest(value: Any, size: int = 16) -> str:
    """Hex digest of a value's canonical JSON, 2 * `size` characters."""
    return blake2b(encode(value), digest_size=size).hexdigest()


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def decode(kind: type[T], data: bytes | str) -> T:
    """The inverse of `encode` for the values of this package.

    Raises:
        BadOption: the JSON does not fit the type.
    """
    try:
        value: T = _adapter(cast(Any, kind)).validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadOption(f"this is no {kind.__name__}", f"{where}: {first['msg']}") from None
    return value
