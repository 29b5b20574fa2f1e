"""Certificate files -> what TLS works with. Read at start and at each reload, never in between.

Defaults, for both sides: TLS 1.2 or newer; of 1.2 only suites with forward secrecy and authenticated
encryption; no renegotiation, no compression; ALPN says ``http/1.1`` and nothing else.
"""

import ssl
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from quotad.config.model import ListenTls, UpstreamTls
from quotad.errors import QuotadError

Path_ = tuple[str | int, ...]

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all as good."""

_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_VERIFY = {
    "off": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


class CertificateError(QuotadError):
    """A file cannot be used. ``path`` names the setting: its place within the section about TLS."""

    def __init__(self, path: Path_, message: str) -> None:
        super().__init__(f"tls {'.'.join(map(str, path))}: {message}")
        self.path = path
        self.message = message


def server_context(tls: ListenTls) -> ssl.SSLContext:
    """For the callers' port; picks a certificate by the name that a caller asks for.

    Raises CertificateError.
    """
    default = _server(tls, tls.certificate, tls.key, ())
    if tls.certificates:
        default.sni_callback = _picker(tls)
    return default


def _picker(tls: ListenTls) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    contexts: dict[str, ssl.SSLContext] = {}
    for at, named in enumerate(tls.certificates):
        context = _server(tls, named.certificate, named.key, ("certificates", at))
        for name in named.names:
            contexts[name] = context

    def pick(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """A name that nobody knows, or none, is answered with the first certificate."""
        if name is not None:
            wanted = name.lower().rstrip(".")
            found = contexts.get(wanted) or contexts.get("*." + wanted.partition(".")[2])
            if found is not None:
                connection.context = found

    return pick


def _server(tls: ListenTls, certificate: Path, key: Path, within: Path_) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_defaults(context, tls.minimum)
    _load_pair(context, certificate, key, within)
    context.verify_mode = _VERIFY[tls.client_certificates]
    if tls.client_ca is not None:
        _load_authority(context, tls.client_ca, ("clientCa",))
    return context


def client_context(tls: UpstreamTls) -> ssl.SSLContext:
    """For connections to backends. Raises CertificateError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _set_defaults(context, "1.2")
    # Debian 12's Python 3.11.2 sets it for every context: an answer that was cut would look whole.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca is not None:
        _load_authority(context, tls.ca, ("ca",))
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if tls.certificate is not None and tls.key is not None:
        _load_pair(context, tls.certificate, tls.key, ())
    return context


def content_digest(tls: UpstreamTls) -> str:
    """Of the files' contents: another one after a reload that found others. Raises CertificateError."""
    digest = sha256()
    for field in ("ca", "certificate", "key"):
        path: Path | None = getattr(tls, field)
        digest.update(b"" if path is None else sha256(_content(path, (field,))).digest())
        digest.update(field.encode())
    return digest.hexdigest()


def _set_defaults(context: ssl.SSLContext, minimum: str) -> None:
    context.minimum_version = _MINIMUM[minimum]
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])


def _no_password() -> str:
    """Else OpenSSL would ask at the terminal."""
    return ""


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path, within: Path_) -> None:
    for name, path in (("certificate", certificate), ("key", key)):
        _content(path, (*within, name))
    try:
        context.load_cert_chain(certificate, key, _no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateError((*within, "key"), "is not the key of certificate") from None
        words = "certificate and key cannot be used: PEM is wanted, without a password"
        raise CertificateError((*within, "certificate"), words) from None


def _load_authority(context: ssl.SSLContext, path: Path, field: Path_) -> None:
    _content(path, field)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise CertificateError(field, f"{path.name!r} holds no certificate in PEM form") from None


def _content(path: Path, field: Path_) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or "no file name"
        raise CertificateError(field, f"{path.name!r} cannot be read: {reason}") from None
