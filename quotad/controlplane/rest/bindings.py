"""Routes of bindings: of plans and Secrets, of plans and environments."""

from quotad.controlplane.desk import rfc3339
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError, Reason, no_plan, no_secret
from quotad.controlplane.replica import Page, Replica
from quotad.controlplane.rest import forms, shapes
from quotad.controlplane.rest.route import Answer, Body, Call, Route
from quotad.controlplane.values import parsed

_SECRETS = "/v1/bindings/secrets"
_ENVIRONMENTS = "/v1/bindings/environments"


class Bindings:
    """What they do."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> list[Route]:
        """All of them."""
        secrets, places = Body(forms.SecretBindingForm), Body(forms.EnvironmentBindingForm)
        return [
            Route("GET", _SECRETS, "Describe", "Secrets of a plan, or plans of a Secret", self._secrets,
                  shapes.SecretBindingList, query=forms.SecretBindingsQuery),
            Route("POST", _SECRETS, "BindSecretIds", "Give a plan to Secrets, all or none",
                  self._bind_secrets,
                  body=secrets),
            Route("POST", _SECRETS + "/unbind", "UnBindSecretIds", "Take a plan from Secrets, all or none",
                  self._unbind_secrets, body=secrets),
            Route("GET", _ENVIRONMENTS, "Describe", "Where plans are bound", self._places,
                  shapes.EnvironmentBindingList, query=forms.EnvironmentBindingsQuery),
            Route("POST", _ENVIRONMENTS, "BindEnvironment", "Have plans hold in an environment, all or none",
                  self._bind_place, body=places),
            Route("POST", _ENVIRONMENTS + "/unbind", "UnBindEnvironment",
                  "Take plans out of an environment, all or none",
                  self._unbind_place, body=Body(forms.EnvironmentUnbindingForm)),
            Route("POST", _ENVIRONMENTS + "/demote", "DemoteServiceUsagePlan",
                  "Bind plans of whole environments to each Api instead",
                  self._demote, shapes.Demoted, body=Body(forms.DemotionForm)),
        ]  # fmt: skip

    async def _secrets(self, call: Call) -> Answer:
        query = call.query
        plan_id, secret_id = query["usage_plan_id"], query["secret_id"]
        if (plan_id is None) == (secret_id is None):
            raise OperationError(Reason.INVALID, "one of usagePlanId and secretId is needed", "usagePlanId")
        page, replica = Page(query["limit"], query["offset"]), await self._operations.records()
        total, rows = _of_plan(replica, plan_id, page) if plan_id else _of_secret(replica, secret_id, page)
        return Answer({"totalCount": total, "limit": page.limit, "offset": page.offset, "bindings": rows})

    async def _bind_secrets(self, call: Call) -> Answer:
        form = parsed(forms.SecretBindingForm, call.body)
        await self._operations.bind_secrets(call.asker, form.usage_plan_id, form.secret_ids)
        return Answer()

    async def _unbind_secrets(self, call: Call) -> Answer:
        form = parsed(forms.SecretBindingForm, call.body)
        await self._operations.unbind_secrets(call.asker, form.usage_plan_id, form.secret_ids)
        return Answer()

    async def _places(self, call: Call) -> Answer:
        query = call.query
        asked = {name: query[name] or "" for name in ("service_id", "environment")}
        page = Page(query["limit"], query["offset"])
        asked |= {"plan_id": query["usage_plan_id"] or "", "api_id": query["api_id"] or ""}
        total, found = await self._operations.reaches(page, **asked)
        rows = [shapes.reach(each) for each in found]
        return Answer({"totalCount": total, "limit": page.limit, "offset": page.offset, "bindings": rows})

    async def _bind_place(self, call: Call) -> Answer:
        form = parsed(forms.EnvironmentBindingForm, call.body)
        place = form.service_id, form.environment
        await self._operations.bind_environment(
            call.asker, form.usage_plan_ids, *place, shadow=form.shadow, api_ids=form.api_ids or ()
        )
        return Answer()

    async def _unbind_place(self, call: Call) -> Answer:
        form = parsed(forms.EnvironmentUnbindingForm, call.body)
        place = form.service_id, form.environment
        api_ids = form.api_ids or ()
        await self._operations.unbind_environment(call.asker, form.usage_plan_ids, *place, api_ids=api_ids)
        return Answer()

    async def _demote(self, call: Call) -> Answer:
        form = parsed(forms.DemotionForm, call.body)
        named = form.service_id, form.environment, form.usage_plan_ids
        return Answer({"usagePlanIds": await self._operations.demote(call.asker, *named)})


def _of_plan(replica: Replica, plan_id: str, page: Page) -> tuple[int, list[dict[str, str]]]:
    if replica.plan(plan_id) is None:
        raise no_plan(plan_id)
    total, found = replica.holders(plan_id, page)
    return total, [
        _row(plan_id, each.secret_id, each.secret_name, replica.plans_of(each.secret_id)[plan_id])
        for each in found
    ]


def _of_secret(replica: Replica, secret_id: str, page: Page) -> tuple[int, list[dict[str, str]]]:
    secret = replica.secret(secret_id)
    if secret is None:
        raise no_secret(secret_id)
    plans = list(replica.plans_of(secret_id).items())
    asked = plans[page.offset : page.offset + page.limit]
    return len(plans), [_row(plan_id, secret_id, secret.secret_name, bound) for plan_id, bound in asked]


def _row(plan_id: str, secret_id: str, name: str, bound: int) -> dict[str, str]:
    return {"usagePlanId": plan_id, "secretId": secret_id, "secretName": name, "bound": rfc3339(bound)}
