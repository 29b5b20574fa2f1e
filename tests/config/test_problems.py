import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quotad.config import admin_schema, schema, whole_schema
from quotad.config.document import Document
from quotad.config.problems import note, unknown_field
from quotad.config.section import Section


def problems(model: type[Section], value: object) -> list[str]:
    """What is wrong with a section that stands at ``part[0]``."""
    document = Document()
    try:
        model.model_validate(value)
    except ValidationError as error:
        note(error, model, ("part", 0), document)
    return [str(problem) for problem in document.problems]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, ["part[0]: must be a mapping of fields"]),
        ({}, ["part[0].secretId: is required", "part[0].secretKey: is required"]),
        (
            {"secretId": "AKIDone", "secretKey": "one-one-one", "secretNam": "x"},
            ["part[0].secretNam: is no field of quotad; did you mean secretName?"],
        ),
        (
            {"secretId": "AKIDone", "secretKey": "one-one-one", "x-note": 1},
            ["part[0].x-note: is no field of quotad"],
        ),
        (
            {"secretId": 5, "secretKey": "one-one-one", "enabled": "yes", "zzz": 1},
            [
                "part[0].secretId: must be text (put it in quotes)",
                "part[0].enabled: must be true or false",
                "part[0].zzz: is no field of quotad",
            ],
        ),
    ],
)
def test_words(value: object, expected: list[str]) -> None:
    """Every error of a section is told in our words, at its own path."""
    assert problems(schema.SecretSection, value) == expected


def test_nested_paths() -> None:
    """Paths lead through lists and sections, and hints come from the section they end in."""
    value = {
        "service": "x",
        "environment": "release",
        "upstreams": ["http://a", 5],
        "authentication": {"keypair": True},
    }
    assert problems(schema.RouteSection, value) == [
        "part[0].upstreams[1]: must be text (put it in quotes)",
        "part[0].authentication.keypair: is no field of quotad; did you mean keyPair?",
    ]
    bound = {
        "usagePlanId": "p",
        "secretIds": ["AKIDone"],
        "environments": [{"service": "s", "environment": 1}],
    }
    assert problems(schema.BindingSection, bound) == [
        "part[0].environments[0].environment: must be release, prepub or test"
    ]


def test_fields_that_are_none() -> None:
    """A misspelled field is refused with the one that was meant."""
    assert unknown_field("rotues", whole_schema.File) == "is no field of quotad; did you mean routes?"


SECRET_VALUES = st.one_of(
    st.just("topsecret"),
    st.text().map(lambda text: f"topsecret{text}"),
    st.lists(st.just("topsecret")),
    st.dictionaries(st.sampled_from(["a", "secretKey"]), st.just("topsecret"), min_size=1),
)


@given(SECRET_VALUES)
def test_no_value_of_a_secret_field_is_ever_told(value: object) -> None:
    """Whatever stands where a key, token or store URL belongs, no problem quotes it."""
    found = [
        *problems(schema.SecretSection, {"secretId": "AKIDone", "secretKey": value}),
        *problems(admin_schema.AdminSection, {"address": ":1", "token": value}),
        *problems(
            admin_schema.AdminKeyPairSection,
            {"name": "a", "role": "read", "secretId": "b", "secretKey": value},
        ),
        *problems(schema.StoreSection, {"url": value}),
    ]
    assert "topsecret" not in str(found)
