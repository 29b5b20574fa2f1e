from quotad.controlplane.subjects import Sought, find
from tests.support.samples import SERVICE, TABLE


def test_a_page_of_what_is_meant() -> None:
    """Empty fields match everything; a Secret also where it shares counters; the count is before the page."""
    everything = list(TABLE.subjects())
    assert find(TABLE, Sought(), 100) == (len(everything), everything)
    assert find(TABLE, Sought(), 1, 1) == (len(everything), everything[1:2])
    (shared, *own) = everything
    assert find(TABLE, Sought(secret_id="AKIDa"), 9)[1] == [shared]
    assert find(TABLE, Sought(usage_plan_id="usagePlan-own", secret_id="AKIDc"), 9)[1] == own[:1]
    assert find(TABLE, Sought(shadow=True), 9) == (0, [])
    assert find(TABLE, Sought(service_id="service-none"), 9) == (0, [])


def test_what_is_searched_for() -> None:
    """It stands in the id or name of the plan or the service, in any case; the rest must match too."""
    everything = list(TABLE.subjects())
    (shared, *own) = everything
    assert find(TABLE, Sought(search="PLAN-own"), 9) == (len(own), own)
    assert find(TABLE, Sought(search=SERVICE.service_name.upper()), 9)[0] == len(everything)
    assert find(TABLE, Sought(search=SERVICE.service_id, secret_id="AKIDa"), 9)[1] == [shared]
    assert find(TABLE, Sought(search="no such words"), 9) == (0, [])
