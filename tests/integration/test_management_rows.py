"""What the management formats promise, row by row, and which test shows each."""

import ast
from functools import cache
from pathlib import Path

import pytest

from quotad.controlplane.dialects.cloud_v3 import ACTIONS

TESTS = Path(__file__).parents[1]
V3 = "controlplane/dialects/test_cloud_v3"
REST = "controlplane/rest/test_"
PLANS = "controlplane/dialects/test_usage_plans"
SEED = "integration/test_seed_documents"

ROWS: dict[str, tuple[str, ...]] = {
    # All formats.
    "A format's ranges bind what is written through it; reads show the true number": (
        f"{V3}_rows::test_limits_show_the_true_number",
        f"{PLANS}::test_a_plan_of_other_dialects",
    ),
    "A change leaves absent fields, and those the format does not know": (
        f"{V3}_plans::test_modify",
        f"{PLANS}::test_a_plan_of_other_dialects",
        f"{REST}plans::test_a_plan_from_its_begin_to_its_end",
    ),
    "A tenant's limits are settings, off by default": (
        "config/test_tenant::test_they_are_off_unless_the_file_says_so",
        "controlplane/test_office::test_the_limits_of_the_configuration_hold",
        f"{V3}_plans::test_tenant_limits",
        f"{PLANS}::test_other_errors",
    ),
    "Binding several keys binds all or none": (
        f"{V3}_plans::test_binding_secrets",
        "controlplane/test_plans::test_several_are_bound_whole_or_not_at_all",
    ),
    "One core: what one format makes, the others show": (
        "controlplane/dialects/test_doors::test_the_cloud_s_own_client_manages",
        "controlplane/dialects/test_doors::test_what_one_format_makes_the_others_show",
    ),
    "A format's failed signatures count as failed logins": (
        "controlplane/dialects/test_doors::test_whoever_signs_wrongly_too_often_waits",
    ),
    # Native REST.
    "/v1: services and environments, published and not": (
        f"{REST}services::test_a_service_from_its_begin_to_its_end",
    ),
    "/v1: plans": (
        f"{REST}plans::test_a_plan_from_its_begin_to_its_end",
        f"{REST}plans::test_a_plan_s_values_are_checked",
    ),
    "/v1: secrets": (
        f"{REST}secrets::test_a_key_pair_from_its_begin_to_its_end",
        f"{REST}secrets::test_several_at_once_or_none",
        f"{REST}secrets::test_whoever_operates_sees_no_key",
    ),
    "/v1: bindings": (f"{REST}bindings::test_plans_secrets_and_environments_are_bound",),
    "/v1: single Apis, their plans and their throttles": (
        f"{REST}apis::test_apis_are_kept_by_service",
        f"{REST}apis::test_plans_are_bound_to_apis",
        f"{REST}apis::test_an_api_is_throttled",
    ),
    "/v1: use now and history, reset and top-up, audited": (
        f"{REST}use::test_use_of_records",
        "integration/test_books::test_a_reset_acts_at_every_process",
        "integration/test_books::test_a_top_up_acts_at_every_process",
        "integration/test_books::test_use_per_secret_and_history",
    ),
    "/v1: explain": (
        f"{REST}use::test_use_of_records",
        f"{REST}use::test_a_throttle_is_explained",
        "integration/test_insight::test_a_refusal_can_be_looked_into",
    ),
    "/v1: audit": (f"{REST}admins::test_the_audit_log_is_read_page_by_page",),
    "/v1: OpenAPI 3.1, well-formed, closed and true": (
        f"{REST}openapi::test_it_is_well_formed_and_closed",
        f"{REST}openapi::test_each_operation_says_all_of_itself",
        f"{REST}openapi::test_each_operation_says_how_it_may_fail",
        f"{REST}openapi::test_it_is_true",
    ),
    "/v1: errors are problem+json": (f"{REST}door::test_what_is_odd_is_refused",),
    "/v1: ETag and If-Match": (f"{REST}door::test_a_change_of_what_has_changed_is_412",),
    "/v1: Idempotency-Key": (f"{REST}door::test_a_key_makes_it_once",),
    "/v1: pages": (f"{REST}services::test_every_list_comes_in_pages",),
    # Cloud API 3.0.
    "3.0: POST / and /?, GET /?, by the cloud's own client, sync and async": (
        f"{V3}::test_every_way_to_send_and_sign",
    ),
    "3.0: every action, with every field of the client": (
        f"{V3}::test_every_action_is_there",
        f"{V3}::test_every_field_of_the_client_is_known",
        "integration/test_management_rows::test_every_action_is_driven_by_the_cloud_s_own_client",
    ),
    "3.0: 200 also for an error, Content-Type exactly application/json": (f"{V3}::test_common_parameters",),
    "3.0: an error's body, RequestId always, the same in the audit log": (
        f"{V3}::test_common_parameters",
        f"{V3}::test_a_request_can_be_found_in_the_audit",
    ),
    "3.0: the signed Host has the port": ("controlplane/dialects/test_signed::test_tc3_refusals",),
    "3.0: parameters of GET are flat and unsorted; the raw query is verified": (
        f"{V3}::test_every_way_to_send_and_sign",
        "controlplane/dialects/test_parameters::test_lists_and_objects_in_names",
    ),
    "3.0: TC3, scope, 300 seconds": (
        "controlplane/dialects/test_signed::test_tc3",
        "controlplane/dialects/test_signed::test_tc3_refusals",
    ),
    "3.0: HmacSHA256 and HmacSHA1": (
        "controlplane/dialects/test_signed::test_the_older_method",
        "controlplane/dialects/test_signed::test_refusals_of_the_older_method",
    ),
    "3.0: known answers of all three signatures": (
        "controlplane/dialects/test_signatures::test_known_answers_of_tc3",
        "controlplane/dialects/test_signatures::test_known_answers_of_the_older_method",
    ),
    "3.0: MaxRequestNum, MaxRequestNumPreSec, times": (f"{V3}_plans::test_create_and_describe",),
    "3.0: InUseRequestNum of each plan, service and environment": (
        f"{V3}_plans::test_use_of_each_place",
        "controlplane/dialects/test_in_use::test_use_of_a_page",
    ),
    "3.0: ranges": (f"{V3}_plans::test_ranges",),
    "3.0: pages of 20, at most 100": (f"{V3}_call::test_pages", f"{V3}_plans::test_lists"),
    "3.0: release, prepub, test, else InvalidParameterValue.InvalidEnv": (f"{V3}_call::test_environments",),
    "3.0: UnsupportedOperation.UsagePlanInUse": (f"{V3}_plans::test_delete",),
    "3.0: UnsupportedOperation.InvalidStatus and .ResourceIsInUse": (f"{V3}_secrets::test_delete",),
    "3.0: UnsupportedOperation.AlreadyBindUsagePlan and .UnsupportedBindApiKey": (
        f"{V3}_plans::test_binding_secrets",
        f"{SEED}::test_bind_secret_ids",
    ),
    "3.0: UnsupportedOperation.UnsupportedBindEnvironment, also unpublished": (
        f"{V3}_plans::test_binding_environments",
    ),
    "3.0: BindType=API, DescribeApiUsagePlan, DemoteServiceUsagePlan": (
        f"{V3}_plans::test_plans_of_single_apis",
        f"{V3}_plans::test_demotion",
    ),
    "3.0: throttles of environments and of single Apis": (
        f"{V3}_services::test_throttles",
        f"{V3}_services::test_throttles_of_apis",
        f"{V3}_services::test_what_is_no_throttle_of_an_api",
    ),
    "3.0: FailedOperation.AccessKeyExist": (f"{V3}_secrets::test_a_custom_pair",),
    "3.0: InvalidParameter.FormatError": (f"{V3}_secrets::test_what_is_no_pair",),
    "3.0: ResourceNotFound.InvalidUsagePlan, .InvalidAccessKeyId, .InvalidService": (
        f"{V3}_plans::test_delete",
        f"{V3}_secrets::test_delete",
        f"{V3}_services::test_modify_and_delete",
    ),
    "3.0: InternalError.OssException": (
        f"{V3}::test_the_store_away",
        f"{SEED}::test_bind_secret_ids_without_a_store",
    ),
    "3.0: InvalidAction, NoSuchVersion, MissingParameter; any Region": (f"{V3}::test_common_parameters",),
    "3.0: 20 a second of one key and action, over all processes": (f"{V3}::test_the_rate_of_an_action",),
    "3.0: AuthFailure.SignatureFailure, .SignatureExpire, .SecretIdNotFound": (
        "controlplane/dialects/test_signed::test_tc3_refusals",
    ),
    "3.0: the messages of BindSecretIds are its document's": (f"{SEED}::test_bind_secret_ids",),
    # Legacy v2.
    "v2: the document's example": (
        "controlplane/dialects/test_legacy_v2::test_the_seed_documents_request",
        f"{SEED}::test_describe_service_usage_plan",
    ),
    "v2: searchEnvironment, offset, limit, totalCount": (
        "controlplane/dialects/test_legacy_v2::test_search_and_pages",
        f"{SEED}::test_describe_service_usage_plan",
    ),
    "v2: failures": ("controlplane/dialects/test_legacy_v2::test_failures",),
    # /api/v1/usage-plans.
    "usage-plans: the document's example, ten fields and four": (
        f"{PLANS}::test_the_seed_documents_request",
        f"{SEED}::test_create_usage_plan",
    ),
    "usage-plans: PUT, GET, DELETE": (f"{PLANS}::test_edit_get_delete",),
    "usage-plans: search": (f"{PLANS}::test_search",),
    "usage-plans: stages": (f"{PLANS}::test_stages", f"{PLANS}::test_stages_that_are_none"),
    "usage-plans: modifier, disabled, permission, actionName; unset limits are left out": (
        f"{PLANS}_rows::test_what_is_shown",
    ),
    "usage-plans: day and month go together": (f"{PLANS}_rows::test_quotas_go_together",),
    "usage-plans: ranges": (f"{PLANS}::test_what_is_no_plan", f"{PLANS}::test_edges_of_ranges"),
    "usage-plans: signed, five minutes": (
        "controlplane/dialects/test_signed::test_gateway",
        "controlplane/dialects/test_signatures::test_gateway_signature",
    ),
    "usage-plans: 400/100, 401/200, 401/210, 404/300, 429/400, 429/420, 500/900": (
        f"{PLANS}::test_who_may_ask",
        f"{PLANS}::test_edit_get_delete",
        f"{PLANS}::test_other_errors",
        f"{PLANS}::test_the_store_away",
        "controlplane/dialects/test_doors::test_whoever_signs_wrongly_too_often_waits",
    ),
    "api-keys: a primary and a secondary value, regeneration of either": (
        f"{SEED}::test_two_keys_side_by_side",
        "controlplane/dialects/test_api_keys::test_create",
        "controlplane/dialects/test_api_keys::test_regenerate",
    ),
    "usage-plans: 403/230": ("integration/test_file_mode::test_the_older_formats",),
    # The documents and the whole way.
    "The way that the document on usage plans describes": (
        f"{V3}::test_the_way_that_the_seed_document_describes",
        f"{SEED}::test_working_with_a_usage_plan",
    ),
    "From zero, by each way": (
        "integration/test_by_file::test_from_zero_by_file",
        "integration/test_by_file::test_from_zero_by_commands",
        "integration/test_by_file::test_from_zero_by_rest",
        "integration/test_by_file::test_from_zero_by_the_clouds_client",
    ),
}
"""What is promised, to the tests that show it: file without ``.py``, and name."""


@cache
def named_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file."""
    found = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", ROWS)
def test_each_row_is_shown(row: str) -> None:
    """The tests that are named for it are there."""
    assert ROWS[row]
    for each in ROWS[row]:
        file, _, name = each.partition("::")
        assert name in named_in(TESTS / f"{file}.py"), each


def test_every_action_is_driven_by_the_cloud_s_own_client() -> None:
    """Each is asked for by a test of the dialect so that it is done, and so that it is refused."""
    done, refused = set[str](), set[str]()
    for path in (TESTS / "controlplane" / "dialects").glob("test_*.py"):
        for test in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef):
                done |= asked_for(test, ("do", "result"))
                refused |= asked_for(test, ("code",))
    assert [name for name in ACTIONS if name not in done] == []
    assert [name for name in ACTIONS if name not in refused] == []


def asked_for(test: ast.AST, verbs: tuple[str, ...]) -> set[str]:
    """Actions that a test asks for by these verbs of ``Cloud``, by their names or by what it calls them."""
    names = {
        each.value
        for each in ast.walk(test)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }
    found = set[str]()
    for call in ast.walk(test):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in verbs:
            match call.args[:1]:
                case [ast.Constant(value=str(name))]:
                    found.add(name)
                case [ast.Name()]:
                    found |= names
    return found & ACTIONS.keys()
