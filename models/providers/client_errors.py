"""What the exceptions of providers' own clients say: their status, the body behind them, and how long to wait.

The clients behind LangChain's models have classes of their own: OpenAI's, Anthropic's, Groq's and Mistral's hold a
`status_code`, Google's a `code` (a number, or a word of gRPC), Amazon's a table, Ollama's and Cohere's a status and a
text. What has no status is known by its class's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BY_CODE = {
    "ThrottlingException": 429, "TooManyRequestsException": 429, "ServiceQuotaExceededException": 429,
    "RESOURCE_EXHAUSTED": 429, "UNAVAILABLE": 503, "INTERNAL": 500, "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404, "INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "DEADLINE_EXCEEDED": 504,
    "AccessDeniedException": 403, "ResourceNotFoundException": 404, "ValidationException": 400,
    "ModelTimeoutException": 408, "ServiceUnavailableException": 503, "InternalServerException": 500,
    "ModelNotReadyException": 503, "ExpiredTokenException": 401, "UnrecognizedClientException": 401,
}  # fmt: skip
_BY_CLASS = {
    "AuthenticationError": 401, "PermissionDeniedError": 403, "NotFoundError": 404, "RateLimitError": 429,
    "BadRequestError": 400, "UnprocessableEntityError": 422, "ConflictError": 409, "InternalServerError": 500,
    "ResourceExhausted": 429, "TooManyRequests": 429, "ServiceUnavailable": 503, "Unauthenticated": 401,
    "PermissionDenied": 403, "Forbidden": 403, "NotFound": 404, "InvalidArgument": 400, "DeadlineExceeded": 504,
    "NoCredentialsError": 401, "DefaultCredentialsError": 401,
}  # fmt: skip


def status_of_error(error: BaseException) -> int | None:
    """The HTTP status of an exception; None where it has none."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # botocore
        told = response.get("ResponseMetadata")
        status = told.get("HTTPStatusCode") if isinstance(told, Mapping) else None
        known = _BY_CODE.get(_amazon_code(response))
        return known or (status if isinstance(status, int) else None)
    places = (getattr(error, "status_code", None), getattr(response, "status_code", None), getattr(error, "code", None))
    for value in places:
        number = getattr(value, "value", value)
        number = number[0] if isinstance(number, tuple) and number else number
        if isinstance(number, int) and not isinstance(number, bool) and 100 <= number < 600:
            return number
        word = getattr(value, "name", value)
        if isinstance(word, str) and word.upper() in _BY_CODE:
            return _BY_CODE[word.upper()]
    return next((_BY_CLASS[c.__name__] for c in type(error).__mro__ if c.__name__ in _BY_CLASS), None)


def body_of_error(error: BaseException) -> Any:
    """The body of the answer behind an exception, where it keeps one."""
    body = getattr(error, "body", None) or getattr(error, "details", None)
    if callable(body):
        return None
    response = getattr(error, "response", None)
    if body is None and isinstance(response, Mapping):
        return response.get("Error")
    return body


def headers_of_error(error: BaseException) -> Mapping[str, str] | None:
    """The headers of the answer behind an exception."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        told = response.get("ResponseMetadata")
        headers = told.get("HTTPHeaders") if isinstance(told, Mapping) else None
    else:
        headers = getattr(response, "headers", None) or getattr(error, "headers", None)
    return headers if hasattr(headers, "items") else None


def _amazon_code(response: Mapping[str, Any]) -> str:
    error = response.get("Error")
    return str(error.get("Code") or "") if isinstance(error, Mapping) else ""
