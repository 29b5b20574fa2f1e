from pathlib import Path

import pytest

from quotad.config.nouns import load_nouns
from quotad.errors import ConfigError
from tests.support.shell import PLAN_ID, SECRET_ID, SECRET_KEY, SERVICE_ID, binding, file_of, wanted


def test_the_sections_of_a_file(tmp_path: Path) -> None:
    """What it names is read; a Secret without a key has none; other sections need not even resolve."""
    secrets = [{"secretId": SECRET_ID, "secretKey": "${K}"}, {"secretId": "AKIDtwo"}]
    more = {"secrets": secrets, "store": {"url": "${NOWHERE}"}, "routes": None}
    table = load_nouns(file_of(tmp_path / "f", wanted(**more)), {"K": SECRET_KEY}).table
    assert (set(table.services), set(table.plans)) == ({SERVICE_ID}, {PLAN_ID})
    assert [each.secret_key for each in table.secrets.values()] == [SECRET_KEY.encode(), b""]
    assert table.bindings[0].environments == ((SERVICE_ID, "release"),)


def test_what_is_empty(tmp_path: Path) -> None:
    """An empty file names nothing; a service may be published nowhere, a binding give nobody anything."""
    path = tmp_path / "f"
    path.write_text("")
    assert not load_nouns(path).table.services
    services = [{"serviceId": SERVICE_ID, "environments": []}]
    values = wanted(
        services=services, bindings=[binding(environments=()), binding(secret_ids=(), environments=())]
    )
    table = load_nouns(file_of(path, values)).table
    assert table.services[SERVICE_ID].environments == ()
    assert table.bindings[0].environments == ()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("[]", ["(file): must be a mapping of fields"]),
        ("plan: []", ["plan: is no field of quotad; did you mean plans? (line 1)"]),
        ("secrets: 5", ["secrets: must be a list (line 1)"]),
        (
            "secrets: [{secretName: a-key-that-slipped}, 7]",
            ["secrets[0].secretId: is required (line 1)", "secrets[1]: must be a mapping of fields (line 1)"],
        ),
        ("bindings: [{usagePlanId: p1, secretIds: [], environments: []}]", ["there is no plan p1"]),
    ],
)
def test_everything_that_is_wrong(tmp_path: Path, text: str, problems: list[str]) -> None:
    """Each problem is told, with its field and line, and no key."""
    path = tmp_path / "f"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_nouns(path)
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == len(problems)
    assert all(words in each for words, each in zip(problems, told, strict=True)), told
    assert "slipped" not in str(caught.value)
