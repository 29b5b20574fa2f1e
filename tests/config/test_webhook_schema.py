import re
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.config.webhook_schema import (
    KEY_BYTES,
    WebhookFields,
    check_url,
    decoded_key,
    encoded_key,
)
from quotad.controlplane.refusal import OperationError
from quotad.controlplane.values import parsed
from quotad.controlplane.webhooks import KeyRotationForm

_KEY_SCHEMA = KeyRotationForm.model_json_schema()["properties"]["signingKey"]["anyOf"][0]["pattern"]


@pytest.mark.parametrize(
    "url",
    [
        "https://r.example",
        "https://r.example/",
        "https://r.example:8443/a/b?c=d&e=%20",
        "http://10.0.0.1:65535/x",
        "https://hooks.example/services/T0/B0/abc_-~",
    ],
)
def test_a_url_names_a_host_and_what_is_asked_of_it(url: str) -> None:
    """With a port, a path and a query."""
    assert parsed(WebhookFields, {"name": "w", "url": url, "allowHttp": True}).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "r.example",
        "ftp://r.example/",
        "https://",
        "https://user@r.example/",
        "https://user:pw@r.example/",
        "https://r.example/#part",
        "https://r.example:0/",
        "https://r.example:65536/",
        "https://r.example/a b",
        "https://r.example/\n",
        "https://r.exämple/",
        "https://[::1]/",
        "https://r.example/" + "a" * 2_000,
    ],
)
def test_what_is_no_such_url_is_refused(url: str) -> None:
    """Also one that would carry a password."""
    with pytest.raises(OperationError, match="url must be https"):
        parsed(WebhookFields, {"name": "w", "url": url})


def test_plain_http_is_asked_for() -> None:
    """Nobody sends what others may read by accident."""
    check_url("https://r.example/", allow_http=False)
    check_url("http://r.example/", allow_http=True)
    with pytest.raises(ValueError, match="must be https, unless allowHttp"):
        check_url("http://r.example/", allow_http=False)


@given(st.binary(min_size=KEY_BYTES.start, max_size=KEY_BYTES.stop - 1))
def test_a_key_is_read_as_it_was_written(key: bytes) -> None:
    """And what is written is what the published schema allows."""
    assert decoded_key(encoded_key(key)) == key
    assert re.match(_KEY_SCHEMA, encoded_key(key))


@given(st.from_regex(_KEY_SCHEMA, fullmatch=True))
def test_what_the_schema_allows_is_a_key(text: str) -> None:
    """The published rule promises nothing that is refused."""
    assert parsed(KeyRotationForm, {"signingKey": text}).signing_key == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        encoded_key(b"k" * 23),
        encoded_key(b"k" * 65),
        b64encode(b"k" * 32).decode(),
        encoded_key(b"k" * 32) + "\n",
        encoded_key(b"k" * 32)[:-1],
        "whsec_" + "ö" * 44,
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    """Of 24 to 64 bytes, with its prefix and its padding."""
    with pytest.raises(ValueError) as caught:
        decoded_key(text)
    assert not text.removeprefix("whsec_") or text.removeprefix("whsec_") not in str(caught.value)
