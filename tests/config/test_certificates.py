import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from quotad.config.certificates import CertificateError, client_context, content_digest, server_context
from quotad.config.model import NamedCertificate, UpstreamTls
from tests.support.tls import Papers, make_papers


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return make_papers(tmp_path_factory.mktemp("papers"))


def test_defaults(papers: Papers) -> None:
    """Both sides: TLS 1.2 at least, forward secrecy and authenticated encryption only."""
    server, client = server_context(papers.listen()), client_context(UpstreamTls())
    for context in (server, client):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert context.options & ssl.OP_NO_COMPRESSION
        for suite in context.get_ciphers():
            assert suite["name"].startswith(("ECDHE-", "TLS_"))
            assert suite["aead"]
    assert (client.verify_mode, client.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert server.verify_mode is ssl.CERT_NONE
    newer = server_context(papers.listen(minimum="1.3"))
    assert newer.minimum_version is ssl.TLSVersion.TLSv1_3


def test_verification_is_off_only_on_purpose(papers: Papers) -> None:
    """``verify: false`` is the one way."""
    context = client_context(UpstreamTls(verify=False))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert client_context(papers.trust()).verify_mode is ssl.CERT_REQUIRED


def test_files_that_cannot_be_used(papers: Papers, tmp_path: Path) -> None:
    """Each is named by its field; what is in it is not shown; nobody is asked for a password."""
    text, missing = tmp_path / "text", tmp_path / "missing"
    text.write_text("topsecret")
    good = papers.listen()
    locked = tmp_path / "locked.key"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    named = NamedCertificate(("a.test",), papers.certificate, papers.client_key)
    for tls, place in (
        (replace(good, certificate=missing), ("certificate",)),
        (replace(good, key=missing), ("key",)),
        (replace(good, key=papers.client_key), ("key",)),
        (replace(good, certificate=text), ("certificate",)),
        (replace(good, key=text), ("certificate",)),
        (replace(good, key=locked), ("certificate",)),
        (replace(good, client_ca=text), ("clientCa",)),
        (replace(good, client_ca=missing), ("clientCa",)),
        (replace(good, certificates=(named,)), ("certificates", 0, "key")),
    ):
        with pytest.raises(CertificateError) as caught:
            server_context(tls)
        assert caught.value.path == place
        assert "topsecret" not in str(caught.value)
    for trust, where in (
        (UpstreamTls(ca=text), ("ca",)),
        (UpstreamTls(certificate=papers.certificate, key=missing), ("key",)),
    ):
        with pytest.raises(CertificateError) as caught:
            client_context(trust)
        assert caught.value.path == where


def test_the_digest_is_of_contents(tmp_path: Path) -> None:
    """It changes with what is in a file, and with which file it is in."""
    path = tmp_path / "ca"
    path.write_text("one")
    first = content_digest(UpstreamTls(ca=path))
    assert first == content_digest(UpstreamTls(ca=path))
    assert first != content_digest(UpstreamTls(key=path, certificate=path))
    path.write_text("two")
    assert first != content_digest(UpstreamTls(ca=path))
    path.unlink()
    with pytest.raises(CertificateError):
        content_digest(UpstreamTls(ca=path))
