"""What commands say when an admin port refuses, or is not reached; each kind has its exit status."""

import errno
import os
import ssl
from typing import Any, ClassVar

import aiohttp

from quotad.errors import QuotadError


class RefusedError(QuotadError):
    """It was asked and said no: nothing was changed."""

    def __init__(self, text: str, code: str = "") -> None:
        """``code``: what stays where the words may change."""
        super().__init__(text)
        self.code = code


class UnreachableError(QuotadError):
    """It was not reached, or has no store behind it now."""

    exit_status: ClassVar[int] = 3


class NotAdmittedError(QuotadError):
    """It does not know who asks, or does not let them do this."""

    exit_status: ClassVar[int] = 4


def refusal(place: str, status: int, members: Any, *, has_token: bool) -> QuotadError:
    """What an answer of 400 or more is told as."""
    if not isinstance(members, dict) or "detail" not in members:
        return UnreachableError(f"{place} answered {status} without saying why: is it an admin port?")
    detail, code = _named(members), str(members.get("code", ""))
    words = f"{detail} ({code})" if code else detail
    if status == 401 and not has_token:
        return NotAdmittedError(f"{place}: {words}: give it with --token-file or QUOTAD_TOKEN")
    if status == 401:
        return NotAdmittedError(f"{place}: {words}: this one is unknown there, switched off or expired")
    if status == 403:
        hint = ": `quotad whoami` says which role is yours" if code == "forbidden" else ""
        return NotAdmittedError(words + hint)
    if status == 421:
        return UnreachableError(f"{place}: {words}: its admin.hosts must have the name")
    if status == 429:
        return NotAdmittedError(f"{place}: {words}: wait a minute")
    if status >= 500:
        return UnreachableError(f"{place}: {words}")
    return RefusedError(words, code)


def _named(members: dict[str, Any]) -> str:
    """Its words; a sentence that begins with a field's name says it as the field is written."""
    detail, field = str(members["detail"]).removesuffix("."), str(members.get("field", ""))
    if detail.lower().startswith(field.lower()):
        return field + detail[len(field) :]
    return detail


def unreachable(error: Exception, timeout_s: float, *, has_certificate: bool) -> str:
    """Why there is no answer."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    tls = _tls_error(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {tls.verify_message or tls.reason} (--ca-cert names another CA)"
        )
    if tls is not None:
        return _handshake(tls, has_certificate=has_certificate)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "there is no such host"
    found = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(found, OSError) and found.errno in (errno.ECONNRESET, errno.EPIPE):
        return "it ended the connection"
    if isinstance(found, OSError) and found.errno is not None and found.errno > 0:
        return os.strerror(found.errno)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it ended the connection without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer broke off"
    if isinstance(error, aiohttp.ClientResponseError):
        return "it does not answer in HTTP: is it https?"
    return type(error).__name__


def was_not_sent(error: Exception) -> bool:
    """Whether nothing can have been done."""
    return isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientSSLError)


def of_file(error: OSError) -> str:
    """Why a file with certificates or a key cannot be used."""
    if isinstance(error, ssl.SSLError):
        return "holds no certificate, or not that of this key, or a key that is encrypted"
    return error.strerror or str(error)


def _handshake(error: ssl.SSLError, *, has_certificate: bool) -> str:
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if "wrong version number" in reason or "http request" in reason or "record layer" in reason:
        return "it does not speak TLS there: is it http?"
    if "certificate" in reason:
        what = "does not take this client certificate" if has_certificate else "wants a client certificate"
        return f"it {what} (--cert, --key): {reason}"
    return f"TLS failed: {reason}"


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            found = error.certificate_error
            return found if isinstance(found, ssl.SSLError) else ssl.SSLCertVerificationError(1, str(found))
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ssl.SSLError):
            return error.os_error
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__
    return None
