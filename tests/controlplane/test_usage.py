import pytest

from quotad.controlplane.usage import QueryError, UsageQuery, parse_query, select
from quotad.core.plans import Binding
from quotad.core.table import PlanTable
from tests.support.samples import OWN, SECRETS, SERVICE, TABLE


@pytest.mark.parametrize(
    ("query", "tags"),
    [
        (UsageQuery(), ["usagePlan-shared", "usagePlan-own", "usagePlan-own"]),
        (UsageQuery(usage_plan_id="usagePlan-own"), ["usagePlan-own", "usagePlan-own"]),
        (UsageQuery(usage_plan_id="usagePlan-o"), []),
        (UsageQuery(service_id=SERVICE.service_id, environment="release"), ["usagePlan-shared"]),
        (UsageQuery(service_id="service-other"), []),
        (UsageQuery(environment="prepub"), []),
    ],
)
def test_filters_are_exact(query: UsageQuery, tags: list[str]) -> None:
    """All filters given must match whole; none matches everything."""
    page = select(TABLE, query)
    assert [subject.plan.usage_plan_id for subject in page.subjects] == tags
    assert page.total_count == len(tags)


def test_pages_cover_everything_once() -> None:
    """Pages of any length put together are the whole list; totalCount is that of the whole."""
    secret_ids = tuple(secret.secret_id for secret in SECRETS)
    binding = Binding(OWN.usage_plan_id, secret_ids, ((SERVICE.service_id, "test"),))
    table = PlanTable([SERVICE], [OWN], SECRETS, [binding])
    everything = select(table, UsageQuery()).subjects
    for limit in (1, 3, 4, 5):
        pages = [select(table, UsageQuery(limit=limit, offset=start)) for start in range(0, 8, limit)]
        assert [subject for page in pages for subject in page.subjects] == everything
        assert {page.total_count for page in pages} == {4}


def test_query_is_read() -> None:
    """All parameters, in any order."""
    given = [
        ("offset", "5"),
        ("limit", "1000"),
        ("environment", "test"),
        ("usagePlanId", "p"),
        ("serviceId", "s"),
    ]
    assert parse_query(given) == UsageQuery("p", "s", "test", 1000, 5)
    more = [("secretId", "k"), ("shadow", "false"), ("search", "two words")]
    assert parse_query(more) == UsageQuery(secret_id="k", shadow=False, search="two words")
    assert parse_query([]) == UsageQuery()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("plan", "x", "Unknown query parameter"),
        ("secretId", "no/id", "secretId must be"),
        ("shadow", "yes", "shadow must be true or false"),
        ("search", "x" * 51, "search must be at most 50"),
        ("environment", "Release", "environment must be one of"),
        ("environment", "prod", "environment must be one of"),
        ("limit", "0", "limit must be a whole number from 1 to 1000"),
        ("limit", "1001", "limit must be"),
        ("limit", "-1", "limit must be"),
        ("limit", "1.5", "limit must be"),
        ("limit", "", "limit must be"),
        ("limit", "\N{ARABIC-INDIC DIGIT ONE}", "limit must be"),
        ("offset", "x", "offset must be"),
        ("offset", "9" * 5000, "offset must be"),
    ],
)
def test_a_bad_query_is_refused(name: str, value: str, words: str) -> None:
    """Nothing is guessed or clamped, and what was sent is not echoed."""
    with pytest.raises(QueryError, match=words) as caught:
        parse_query([(name, value)])
    assert len(str(caught.value)) < 200


def test_a_parameter_given_twice_is_refused() -> None:
    """Which of two values counts is not guessed."""
    with pytest.raises(QueryError, match="limit is given more than once"):
        parse_query([("limit", "1"), ("limit", "1")])
