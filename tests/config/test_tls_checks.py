from pathlib import Path

import pytest

from quotad.config.file import load
from quotad.config.model import Config, ListenTls, NamedCertificate, UpstreamTls
from quotad.config.parcel import pack, unpack
from quotad.config.reread import reread
from quotad.errors import ConfigError
from tests.support.tls import make_papers

TEXT = """
store: {url: redis://127.0.0.1:6379/0}
listen:
  tls:
    certificate: house.crt
    key: house.key
    minimum: "1.3"
    certificates: [{names: [House.test, "*.house.test"], certificate: visitor.crt, key: visitor.key}]
    clientCa: ca.crt
    clientCertificates: optional
    handshakeTimeoutMs: 1500
    maxHandshakes: 7
services:
  - {serviceId: service-weather}
routes:
  - service: service-weather
    environment: release
    upstreams: ["https://127.0.0.1", "http://127.0.0.1"]
    upstreamTls: {ca: ca.crt, serverName: house.test, certificate: visitor.crt, key: visitor.key}
"""


def written(folder: Path) -> Path:
    make_papers(folder)
    path = folder / "quotad.yaml"
    path.write_text(TEXT)
    return path


def expected(folder: Path) -> tuple[ListenTls, UpstreamTls]:
    visitor = (folder / "visitor.crt", folder / "visitor.key")
    listen = ListenTls(
        *(folder / "house.crt", folder / "house.key", "1.3"),
        certificates=(NamedCertificate(("house.test", "*.house.test"), *visitor),),
        client_ca=folder / "ca.crt",
        client_certificates="optional",
        handshake_timeout_s=1.5,
        max_handshakes=7,
    )
    return listen, UpstreamTls(folder / "ca.crt", "house.test", *visitor)


ASKING = """
authorize:
  address: 127.0.0.1:8081
  shape: envoy
  tls: {certificate: house.crt, key: house.key, clientCa: ca.crt, clientCertificates: required}
"""


def of(config: Config) -> tuple[ListenTls | None, UpstreamTls]:
    return config.listen.tls, config.routes[0].upstream_tls


def test_every_field(tmp_path: Path) -> None:
    """Every field of TLS comes out, its paths from the file's folder, and survives the way to a worker."""
    config = load(written(tmp_path))
    assert of(config) == expected(tmp_path)
    assert of(unpack(pack(config))) == expected(tmp_path)


def test_a_reload_looks_into_the_files(tmp_path: Path) -> None:
    """A file that has become unusable refuses the reload, and is named."""
    path = written(tmp_path)
    config = load(path)
    assert reread(path, config).listen == config.listen
    (tmp_path / "house.key").write_text("half a fi")
    with pytest.raises(ConfigError) as caught:
        reread(path, config)
    assert [problem.path for problem in caught.value.problems] == ["listen.tls.certificate"]
    make_papers(tmp_path)
    (tmp_path / "ca.crt").unlink()
    with pytest.raises(ConfigError) as caught:
        reread(path, config)
    assert [problem.path for problem in caught.value.problems] == [
        "listen.tls.clientCa",
        "routes[0].upstreamTls.ca",
    ]


def test_other_proxies_get_a_certificate(tmp_path: Path) -> None:
    """The port on which they ask has the same fields, checked alike, also in a worker."""
    path = written(tmp_path)
    path.write_text(TEXT + ASKING)
    found = load(path).authorize
    assert found is not None
    pair = (tmp_path / "house.crt", tmp_path / "house.key")
    assert found.tls == ListenTls(*pair, client_ca=tmp_path / "ca.crt", client_certificates="required")
    assert unpack(pack(load(path))).authorize == found
    path.write_text(TEXT + ASKING.replace("house.key", "visitor.key"))
    with pytest.raises(ConfigError) as raised:
        load(path)
    (problem,) = raised.value.problems
    assert (problem.path, problem.message) == ("authorize.tls.key", "is not the key of certificate (line 24)")
