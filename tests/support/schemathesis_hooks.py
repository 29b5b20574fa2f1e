"""Has schemathesis ask about what is there: made-up ids would be answered 404 and no more.

Only a right id is put in place of a right one, so that what breaks a rule still does; what a run made itself
(the stateful phase) and what is taken away stays as it is.
"""

import re
from collections.abc import Iterator
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

from tests.support.known import KNOWN, SPARE

_ID = re.compile("[A-Za-z0-9_-]{1,64}", re.ASCII)
_FORMS = {"serviceId": _ID, "usagePlanId": _ID, "secretId": re.compile("[A-Za-z0-9_-]{5,50}", re.ASCII)}
_NEW = ("/v1/services", "/v1/plans", "/v1/secrets", "/v1/secret-batches")
_TAKING = ("/unbind", "/unpublish", "/disable")


@schemathesis.hook
def before_call(context: HookContext, case: "Case[Any]", kwargs: dict[str, Any]) -> None:
    """Name what is there."""
    path = case.operation.path
    if case.meta is not None and case.meta.phase.name.value == "stateful":
        return
    if case.method == "DELETE" or path in _NEW:
        return
    there = SPARE if path.endswith(_TAKING) else KNOWN
    for part in _parts(case):
        for (name, form), known in zip(_FORMS.items(), there, strict=True):
            if _is(form, part.get(name)):
                part[name] = known
            several = part.get(f"{name}s")
            if isinstance(several, list) and len(several) == 1 and _is(form, several[0]):
                part[f"{name}s"] = [known]


def _parts(case: "Case[Any]") -> Iterator[dict[str, Any]]:
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            yield part


def _is(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None
