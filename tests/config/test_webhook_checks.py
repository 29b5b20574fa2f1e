from pathlib import Path

from quotad.config.admin_schema import AdminSection
from quotad.config.document import Document
from quotad.config.webhook_checks import (
    WEBHOOKS_AT_MOST,
    authorities_are_readable,
    somebody_delivers,
    webhooks_mean_something,
)
from quotad.config.webhook_schema import WebhookSection
from tests.support.certificates import Authority

KEY = "whsec_" + "QUJD" * 10


def section(number: int = 1, **more: object) -> WebhookSection:
    """A right one."""
    given = {"webhookId": f"w{number}", "name": "w", "url": "https://r.example/", "signingKey": KEY}
    return WebhookSection.model_validate({**given, **more})


def test_there_are_not_too_many() -> None:
    """Each is held against every Subject."""
    document = Document()
    webhooks = {number: section(number) for number in range(WEBHOOKS_AT_MOST + 1)}
    webhooks_mean_something(webhooks, (), document)
    assert [str(each) for each in document.problems] == ["webhooks: must have at most 100 items"]


def test_plans_are_known_and_http_is_on_purpose() -> None:
    """Each problem names its place."""
    document = Document()
    webhooks = {0: section(usagePlanIds=["gold", "none"]), 3: section(url="http://r.example")}
    webhooks_mean_something(webhooks, {"gold"}, document)
    assert [each.path for each in document.problems] == ["webhooks[0].usagePlanIds[1]", "webhooks[3].url"]


def test_a_served_file_has_keys_and_an_admin_port() -> None:
    """Not one in control mode, where both are elsewhere; and not one without webhooks."""
    document = Document()
    somebody_delivers({"webhooks": [{"signingKey": KEY}], "admin": {}}, document)
    somebody_delivers({"webhooks": [], "routes": []}, document)
    somebody_delivers({"webhooks": [{}], "control": {}}, document)
    assert document.problems == []
    somebody_delivers({"webhooks": [{"signingKey": KEY}, {}]}, document)
    assert [each.path for each in document.problems] == ["webhooks", "webhooks[1].signingKey"]


def test_who_vouches_for_receivers_can_be_read(tmp_path: Path) -> None:
    """A PEM file of certificates, named from the configuration's folder."""
    for name, count in ((Authority(tmp_path).certificate.name, 0), ("none.pem", 1)):
        document = Document()
        admin = AdminSection.model_validate(
            {"address": "127.0.0.1:0", "unauthenticatedLoopback": True, "webhooks": {"ca": name}}
        )
        authorities_are_readable(admin, tmp_path, document)
        assert len(document.problems) == count
