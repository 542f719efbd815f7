"""What Stripe answers when it refuses: `{"error": {"type", "message", "code", "param"}}`."""

from __future__ import annotations

from typing import Any

_DOCUMENTED = "https://stripe.com/docs/error-codes/"


class ProblemError(Exception):
    """An answer in Stripe's shape of errors."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        error: dict[str, Any] = {"message": message, "type": "invalid_request_error"}
        if code is not None:
            error |= {"code": code, "doc_url": _DOCUMENTED + code.replace("_", "-")}
        if param is not None:
            error["param"] = param
        self.body = {"error": error}


def no_such(kind: str, key: str, parameter: str, status: int) -> ProblemError:
    """An id that names nothing."""
    message = f"No such {kind.replace('_', ' ')}: '{key}'"
    return ProblemError(status, message, code="resource_missing", param=parameter)


def no_key() -> ProblemError:
    """A request without a key."""
    return ProblemError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    )


def wrong_key(key: str) -> ProblemError:
    """A key that is nobody's."""
    return ProblemError(401, f"Invalid API Key provided: {_hidden(key)}")


def lacks(key: str, account: str, permission: str) -> ProblemError:
    """A restricted key that may not read this."""
    return ProblemError(
        403,
        f"The provided key '{_hidden(key)}' does not have the required permissions for this "
        f"endpoint on account '{account}'. Having the '{permission}' permission would allow this "
        "request to continue.",
    )


def no_account(key: str, account: str) -> ProblemError:
    """A connected account that is not the key's."""
    return ProblemError(
        403,
        f"The provided key '{_hidden(key)}' does not have access to account '{account}' (or that "
        "account does not exist). Application access may have been revoked.",
        code="account_invalid",
    )


def too_fast(reason: str) -> ProblemError:
    """More calls than the limit; `reason`: which limit."""
    return ProblemError(
        429,
        "Request rate limit exceeded. You can learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        headers={"stripe-rate-limited-reason": reason},
    )


def locked() -> ProblemError:
    """An object that another call is changing."""
    return ProblemError(
        429,
        "This object cannot be accessed right now because another API request or Stripe process "
        "is currently accessing it. If you see this error intermittently, retry the request.",
        code="lock_timeout",
    )


def _hidden(key: str) -> str:
    prefix, kept = key[:8], key[-4:]
    return f"{prefix}{'*' * max(0, len(key) - 12)}{kept}" if len(key) > 12 else "*" * len(key)
