"""What was found, as a page of Markdown."""

from bench.machine import description, today
from tests.smuggling.run import Result
from tests.smuggling.verdict import Findings


def summary(result: Result) -> str:
    """A few lines."""
    answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(result.answers.items()))
    said = f"{result.rows:,} rows of the tables and {result.mutants:,} mutated requests"
    return (
        f"{said} in {result.streams:,} streams; {result.accepted_mutants:,} of the mutated were accepted.\n"
        f"Answers: {answers}.\n"
        f"Accepted in all: {result.accepted:,}; counted in the store: {result.counted:,}."
    )


def markdown(result: Result, command: str) -> str:
    """The whole page."""
    rows = [
        ("backend", "what it was given", "read as quotad does", "refused", "read otherwise"),
        ("---",) * 5,
        *(_row("as forwarded, on one connection", findings) for findings in result.forwarded),
        *(_row("streams as sent", findings) for findings in result.sent),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""# Smuggling: who reads what

`{command}`, {today()}, on {description()}.
Each stream holds up to three mutated requests and a last one, whole or in pieces, and goes through a real
quotad with a real store. What quotad wrote to its backend is then given to each of three servers, up to 200
requests on one connection, and each tells what it read: method, target, Host, request id, our identity
fields, the payload's digest. Streams of which every request was accepted are given to them as the caller sent
them too.

{summary(result)}

{table}

"Refused" is an error of the backend (a method or an escape that it does not know, a tab before a value), or
its end of a connection: it is stricter there, and nothing behind it is read in another way. "Read otherwise"
is another number of requests, another border, or another content.
Requests that offer an upgrade are not given to them: what follows such a one is the new protocol's.
{len(result.problems)} problems of this or another kind were found.
"""


def _row(given: str, findings: Findings) -> tuple[str, ...]:
    counts = (findings.equal, len(findings.refused), len(findings.wrong))
    return (findings.reader.name, given, *(f"{count:,}" for count in counts))
