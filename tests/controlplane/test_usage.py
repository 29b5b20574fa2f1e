import pytest

from quotad.controlplane.usage import PAGE_LENGTH, QueryError, UsageQuery, document, parse_query, row, select
from quotad.core.plans import Binding, Subject, UsagePlan
from quotad.core.quota import Usage
from quotad.core.table import PlanTable
from tests.support.samples import NOW_US, OWN, SECRETS, SERVICE, SHARED, TABLE, usage


def test_row_of_a_shared_plan() -> None:
    """Every member of a row, units and names as documented."""
    subject = Subject(SHARED, SERVICE.service_id, "release")
    used = Usage(NOW_US, NOW_US + 1_000_000, 3, 1, NOW_US + 60_000_000, 5, 1, 11, 2)
    assert row(TABLE, subject, used) == {
        "usagePlanId": "usagePlan-shared",
        "usagePlanName": "shared",
        "serviceId": SERVICE.service_id,
        "serviceName": "orders",
        "environment": "release",
        "inUseRequestNum": 11,
        "maxRequestNum": 1000,
        "held": 2,
        "windows": {
            "day": {"inUse": 3, "held": 1, "max": 100, "endsAt": "2026-11-18T11:06:41Z"},
            "month": {"inUse": 5, "held": 1, "max": -1, "endsAt": "2026-11-18T11:07:40Z"},
            "total": {"inUse": 11, "held": 2, "max": 1000, "endsAt": None},
        },
        "rate": {"rateRps": 5, "burst": 5},
    }


def test_row_of_a_secret() -> None:
    """Under scope: secret a row names the Secret, never its key; no open window has no end."""
    subject = Subject(OWN, SERVICE.service_id, "test", "AKIDc")
    entry = row(TABLE, subject, Usage(NOW_US, 0, 0, 0, 0, 0, 0, 0, 0))
    assert (entry["secretId"], entry["secretName"]) == ("AKIDc", "namec")
    assert entry["windows"]["day"]["endsAt"] is None
    assert "kkkk" not in str(entry)


def test_burst_defaults_to_the_rate() -> None:
    """A plan without a burst shows its rate as burst, as it is enforced."""
    plan = UsagePlan("usagePlan-x", "x", rate_rps=9)
    entry = row(TABLE, Subject(plan, SERVICE.service_id, "release"), usage())
    assert entry["rate"] == {"rateRps": 9, "burst": 9}


def test_numbers_up_to_the_largest() -> None:
    """Quotas of 2**53 - 1 come out whole."""
    plan = UsagePlan("usagePlan-x", "x", max_request_num=2**53 - 1)
    entry = row(TABLE, Subject(plan, SERVICE.service_id, "release"), usage(2**53 - 2, 1))
    assert (entry["maxRequestNum"], entry["inUseRequestNum"]) == (2**53 - 1, 2**53 - 2)


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
    page, total = select(TABLE, query)
    assert [subject.plan.usage_plan_id for subject in page] == tags
    assert total == len(tags)


def test_pages_cover_everything_once() -> None:
    """Pages of any length put together are the whole list; totalCount is that of the whole."""
    secret_ids = tuple(secret.secret_id for secret in SECRETS)
    binding = Binding(OWN.usage_plan_id, secret_ids, ((SERVICE.service_id, "test"),))
    table = PlanTable([SERVICE], [OWN], SECRETS, [binding])
    everything, _ = select(table, UsageQuery())
    for limit in (1, 3, 4, 5):
        pages = [select(table, UsageQuery(limit=limit, offset=start)) for start in range(0, 8, limit)]
        assert [subject for page, _ in pages for subject in page] == everything
        assert {total for _, total in pages} == {4}


def test_an_empty_page() -> None:
    """Beyond the end there are no rows and no store time."""
    assert document(TABLE, UsageQuery(offset=9), [], [], 3) == {
        "totalCount": 3,
        "limit": PAGE_LENGTH,
        "offset": 9,
        "storeTime": None,
        "usage": [],
    }


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
    assert parse_query([]) == UsageQuery()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("plan", "x", "Unknown query parameter"),
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
