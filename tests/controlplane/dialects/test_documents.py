from quotad.controlplane.dialects.cloud_v3 import ACTIONS
from tests.support.dialect_docs import PATH, document


def test_the_document_is_what_the_tables_say() -> None:
    """docs/dialects.md has every action and field as the code has them."""
    text = PATH.read_text(encoding="utf-8")
    assert text == document()
    assert text.startswith("# The clouds' wire formats\n"), "what people wrote is gone"


def test_no_action_is_missing() -> None:
    """Each action has its own part."""
    text = PATH.read_text(encoding="utf-8")
    assert all(f"### {name}\n" in text for name in ACTIONS)
