"""docs/dialects.md, the part that is made of the dialects' own tables.

python -m tests.support.dialect_docs        # writes it anew
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from quotad.controlplane.dialects import api_keys as keys
from quotad.controlplane.dialects import legacy_v2
from quotad.controlplane.dialects import usage_plans_rows as plans
from quotad.controlplane.dialects.cloud_v3 import ACTIONS
from quotad.controlplane.dialects.cloud_v3_call import Action
from quotad.controlplane.dialects.cloud_v3_errors import word_of
from quotad.controlplane.dialects.fields import Field, Shown
from quotad.controlplane.refusal import OperationError, Reason

PATH = Path(__file__).parent.parent.parent / "docs" / "dialects.md"
MARK = "<!-- From here on made of the code's own tables: python -m tests.support.dialect_docs -->"


def rendered() -> str:
    """All tables."""
    return "\n".join([MARK, "", *_cloud_v3(), *_codes(), *_legacy_v2(), *_usage_plans()]).rstrip() + "\n"


def document() -> str:
    """The whole file: what people wrote, then the tables."""
    return PATH.read_text(encoding="utf-8").partition(MARK)[0] + rendered()


def _cloud_v3() -> Iterator[str]:
    yield "## Cloud API 3.0: every action and field"
    yield ""
    for action in ACTIONS.values():
        yield f"### {action.name}"
        yield ""
        if action.note:
            yield f"{action.note[0].upper()}{action.note[1:]}."
            yield ""
        yield from _request(action.fields)
        yield from _action_answer(action)


def _action_answer(action: Action) -> Iterator[str]:
    if not action.shown:
        yield "Answers nothing but RequestId." if action.flat else "Answers `Result`: true."
        yield ""
        return
    count, items = action.listed
    yield f"Answers `{count}`, and `{items}` with in each:" if items else "Answers:"
    yield ""
    absent = [Shown(name, str, "not done", "absent") for name in action.absent]
    yield from _answer([*action.shown, *absent])


def _request(fields: Sequence[Field]) -> Iterator[str]:
    yield "| request | rule | in quotad | |"
    yield "|---|---|---|---|"
    for field in fields:
        name = f"`{field.canonical}`" if field.canonical else ""
        yield f"| `{field.name}` | {field.rule} | {name} | {_status(field.status, field.note)} |"
    yield ""


def _answer(rows: Sequence[Shown]) -> Iterator[str]:
    """Fields that are done and need no word stand in one line, the others in rows."""
    plain = [row.name for row in rows if row.status == "done" and not row.note]
    yield "| answer | |"
    yield "|---|---|"
    yield f"| {', '.join(f'`{name}`' for name in plain)} | done |"
    for row in rows:
        if row.name not in plain:
            yield f"| `{row.name}` | {_status(row.status, row.note)} |"
    yield ""


def _status(status: str, note: str) -> str:
    return f"{status}: {note}" if note else status


def _codes() -> Iterator[str]:
    yield "### Codes"
    yield ""
    yield "| native code | Cloud API 3.0 |"
    yield "|---|---|"
    for reason in Reason:
        error = OperationError(reason, "it is so")
        usual = word_of("", error).code
        others = {name: word_of(name, error).code for name in ACTIONS}
        own = [f"{name}: `{code}`" for name, code in others.items() if code != usual]
        yield f"| `{reason.value}` | {'; '.join([f'`{usual}`', *own])} |"
    yield ""


def _legacy_v2() -> Iterator[str]:
    yield "## Legacy v2: DescribeServiceUsagePlan"
    yield ""
    yield from _request(legacy_v2.FIELDS)
    yield from _answer([*legacy_v2.ANSWER, *legacy_v2.ROW])


def _usage_plans() -> Iterator[str]:
    yield "## `/api/v1/usage-plans`: every field"
    yield ""
    for title, fields in (
        ("POST `/usage-plans`, PUT `/usage-plans/{usagePlanId}`", plans.PLAN_CREATE),
        ("POST `/usage-plans/search`", plans.SEARCH),
        ("GET `/usage-plans`", plans.STAGE_PLANS),
        ("GET `/usage-plans/{usagePlanId}/stages`", plans.STAGES),
        ("POST `.../associate-usage-plan`, `.../disassociate-usage-plan`", plans.PLAN_ID_ONLY),
        ("GET `.../stages/{stage}/usage-plans`", plans.PAGE),
        ("POST `/api-keys`", keys.KEY_CREATE),
        ("GET `/api-keys`", keys.KEY_LIST),
        ("PUT `/api-keys/{apiKeyId}`", keys.KEY_EDIT),
        ("PATCH `/api-keys/{apiKeyId}`", keys.KEY_REGENERATE),
    ):
        yield f"### {title}"
        yield ""
        yield from _request(fields)
    yield "### The object of a plan"
    yield ""
    yield from _answer(plans.PLAN)
    yield "### The object of an api-key"
    yield ""
    yield from _answer(keys.KEY)


if __name__ == "__main__":
    PATH.write_text(document(), encoding="utf-8")
