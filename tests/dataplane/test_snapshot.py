"""A configuration version as requests see it."""

from quotad.catalog.draft import Draft
from quotad.catalog.live import LiveTable
from quotad.config.model import AuthRules
from quotad.core.plans import Secret
from quotad.core.request import read_request_fields, read_request_line
from quotad.dataplane.heads import Heads
from quotad.dataplane.snapshot import Snapshot
from tests.support.backends import running_backend
from tests.support.catalog import PLAN_ID, ROUTED, plan, service
from tests.support.catalog import secret as holder
from tests.support.dataplane import route, running_plane, snapshot
from tests.support.rawhttp import SECRET_ID, SECRET_KEY, get, raw

LINE = read_request_line(b"GET /api/x HTTP/1.1", 99)
SECRET = Secret("test", SECRET_ID, SECRET_KEY.encode())


def test_a_caller_has_a_plan() -> None:
    """A bound Secret finds its plan; one that is not bound, or bound to a disabled plan, does not (403)."""
    entry = snapshot(route(1)).entries[0]
    caller = entry.caller(SECRET)
    assert caller is not None
    assert caller is entry.caller(SECRET)
    assert entry.caller(Secret("other", "AKIDother", b"0123456789")) is None
    assert snapshot(route(1), disabled=True).entries[0].caller(SECRET) is None


def test_usual_lines_follow_fields_and_route() -> None:
    """What is remembered of the last fields is never used for others, another authority or another route."""
    entry = snapshot(route(1)).entries[0]
    other = snapshot(route(1, host_header="upstream")).entries[0]
    one, two = (read_request_fields(b"Host: %b\r\nX-A: %b\r\n" % (name, name), 9) for name in (b"a", b"b"))
    absolute = read_request_line(b"GET http://c/ HTTP/1.1", 99)
    for fields, name in ((one, b"a"), (two, b"b"), (one, b"a"), (one, b"a")):
        lines = entry.usual_lines(LINE, fields)
        assert lines.startswith(b"Host: %b\r\nX-A: %b\r\n" % (name, name))
        assert entry.usual_lines(absolute, fields).startswith(b"Host: c\r\n")
        assert other.usual_lines(LINE, fields).startswith(b"Host: 127.0.0.1:1\r\n")


def test_usual_lines_are_kept_to_a_bound() -> None:
    """However many routes the same fields are sent to, what is kept of them stays small, and right."""
    fields = read_request_fields(b"Host: a\r\n", 9)
    entries = [snapshot(route(1)).entries[0] for _ in range(40)]
    for entry in entries * 2:
        assert entry.usual_lines(LINE, fields) == entry.standing_lines(LINE, fields)
        assert entry.usual_lines(LINE, fields) is entry.usual_lines(LINE, fields)
        assert len(fields.made) <= 16


def test_credentials_that_are_passed_are_those_of_the_request() -> None:
    """Where credentials go on to the backend, nobody's go on with another's request that is alike."""
    entry = snapshot(route(1, auth=AuthRules(pass_credentials=True))).entries[0]
    heads = Heads(100, 10)
    for word in (b"a", b"b", b"c"):
        pair = b"X-Secret-Id: %b\r\nX-Secret-Key: %b%b\r\n" % (word, word, word)
        assert pair in entry.usual_lines(LINE, heads.request_fields[b"Host: h\r\n" + pair])


def test_start_line() -> None:
    """The target goes on as it came, or less the prefix that the route strips."""
    assert snapshot(route(1)).entries[0].start_line(LINE) == b"GET /api/x HTTP/1.1\r\n"
    stripping = route(1, path_prefix="/api", strip_prefix=True)
    assert snapshot(stripping).entries[0].start_line(LINE) == b"GET /x HTTP/1.1\r\n"


async def test_a_swap_acts_on_the_next_request() -> None:
    """A new snapshot routes the next request of a living connection."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get())
        assert (await caller.answer()).status == 200
        plane.holder.current = snapshot(route(backend.port, host="elsewhere.test"))
        await caller.send(get())
        assert (await caller.answer()).status == 404
        plane.holder.current = snapshot(route(backend.port), disabled=True)
        await caller.send(get())
        assert (await caller.answer()).status == 403


def test_a_changed_table_is_taken_over() -> None:
    """When the table has changed, whoever lost its plan has none, and a place that is gone refuses."""
    table = LiveTable()
    rule = route(1, service_id="orders", environment="release")
    entry = Snapshot((rule,), table).entries[0]
    assert (entry.service_id, entry.refusal_key) == ("", "not_loaded")
    table.adopt(LiveTable())
    for writes, refusal_key, has_plan in (
        ([], "no_route", False),
        ([service(), plan(), holder("AKIDone")], "", True),
        ([holder("AKIDone", ())], "", False),
        ([holder("AKIDone"), plan(disabled=True)], "", False),
        ([plan()], "", True),
        ([service(published=())], "no_route", True),
    ):
        changes = Draft(table, ROUTED, (PLAN_ID,), {})
        for write in writes:
            changes.put(*write)
        table.apply(changes.changes)
        assert entry.generation != table.generation
        entry.renew()
        assert entry.refusal_key == refusal_key
        secret = entry.secrets.get("AKIDone")
        assert (secret is not None and entry.caller(secret) is not None) is has_plan
