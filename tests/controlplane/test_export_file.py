import pytest
import yaml

from quotad.controlplane.export import Part
from quotad.controlplane.export_file import Writer
from quotad.errors import QuotadError


def test_parts_of_a_section_stand_under_one_name() -> None:
    """However many parts there are; remarks are comments, and an empty part is nothing."""
    writer = Writer()
    parts = [
        Part("services", []),
        Part("plans", [{"usagePlanId": "p", "usagePlanName": "no"}]),
        Part("secrets", [{"secretId": "AKIDone"}]),
        Part("secrets", [{"secretId": "AKIDtwo"}]),
        Part("remarks", ["all of it"]),
    ]
    text = "".join(map(writer.text, parts))
    assert text.endswith("# all of it\n")
    assert "services" not in text
    assert yaml.safe_load(text) == {
        "plans": [{"usagePlanId": "p", "usagePlanName": "no"}],
        "secrets": [{"secretId": "AKIDone"}, {"secretId": "AKIDtwo"}],
    }


def test_what_would_be_a_reference() -> None:
    """``${`` is escaped; ``file:`` has no escape and is refused."""
    assert Writer().text(Part("plans", [{"usagePlanDesc": ["${HOME}"]}])).endswith('- "$${HOME}"\n')
    with pytest.raises(QuotadError, match="cannot stand in a file"):
        Writer().text(Part("plans", [{"usagePlanDesc": "file:x"}]))
