"""Questions of another proxy, over real sockets: nothing here has a backend."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quotad.config.model import AuthFailureRule, AuthRules, SignatureRules
from quotad.core.plans import (
    Api,
    Binding,
    Environment,
    EnvironmentRule,
    Secret,
    Service,
    StatusClass,
    UsagePlan,
)
from quotad.core.table import PlanTable
from quotad.core.verdict import Verdict
from quotad.dataplane.decision import IDLE_S
from quotad.dataplane.flow import Wheel
from quotad.dataplane.listener import Listener
from quotad.dataplane.snapshot import Snapshot
from tests.support.asking import CADDY, ENVOY, NGINX, NOWHERE, ask, asked_about, key_of, question, settle
from tests.support.backends import running_backend
from tests.support.dataplane import (
    LISTEN,
    SERVICE,
    Asking,
    refused,
    route,
    running_plane,
    snapshot,
    until,
)
from tests.support.rawhttp import PAIR, SECRET_ID, SECRET_KEY, raw
from tests.support.signed import signed_request
from tests.support.tls import make_papers

ONLY_2XX: frozenset[StatusClass] = frozenset({"2xx"})
TOKEN = "token-of-20-characters"


async def test_what_may_pass_is_counted_and_then_answered() -> None:
    """200 without content, with who calls and what is left; the unit is used before that is said."""
    async with running_plane(NOWHERE, listen=Asking(CADDY)) as plane:
        first, second = await ask(plane, question("/a?b=c"), question())
        for answer in (first, second):
            assert (answer.status, answer.body) == (200, b"")
            assert answer.values(b"x-quotad-secret-id") == [SECRET_ID.encode()]
            assert answer.values(b"x-quotad-plan-id") == [b"usagePlan-test"]
            assert answer.values(b"x-quotad-environment") == [b"release"]
            assert answer.values(b"x-quotad-status") == [b"200"]
            assert answer.values(b"cache-control") == [b"no-store"]
            assert answer.values(b"x-quotad-settle") == []
        assert plane.gate.counted == [True, True]
        await plane.outcomes.until(2)
        outcome = plane.outcomes.all[0]
        assert (outcome.method, outcome.target, outcome.host) == ("GET", "/a?b=c", "example.test")
        assert (outcome.status, outcome.reason, outcome.counted) == (200, "authorized", True)
        assert first.values(b"x-request-id") == [outcome.request_id.encode()]
        assert len({each.request_id for each in plane.outcomes.all}) == 2


async def test_what_may_not_pass_is_refused_as_on_the_callers_port() -> None:
    """The same status, content and headers, and nothing is counted."""
    async with running_plane(replace(NOWHERE, path_prefix="/known"), listen=Asking(CADDY)) as plane:
        unknown = b"X-Secret-Id: AKIDnobody\r\nX-Secret-Key: secretnobody\r\n"
        for request, status, key in (
            (question("/known", pair=b""), 401, "hmac-missing"),
            (question("/known", pair=unknown), 401, "secret-invalid"),
            (question("/unknown"), 404, "no-route"),
            (question("/known/../x"), 400, "ambiguous-path"),
            (question("/known", method="TRACE"), 405, "method-refused"),
            (question("/known", method="a b"), 400, "bad-request"),
            (question("known"), 400, "bad-target"),
            (question("/known", host="a,b"), 400, "bad-host"),
            (question("/known", extra=b"X-Forwarded-Uri: /known\r\n"), 400, "asked-badly"),
        ):
            (answer,) = await ask(plane, request)
            assert (answer.status, key_of(answer)) == (status, key)
            assert answer.values(b"x-quotad-status") == [b"%d" % status]
        assert plane.gate.asked == 0
        plane.gate.change = refused()
        (answer,) = await ask(plane, question("/known"))
        assert (answer.status, key_of(answer)) == (429, "quota")
        assert answer.values(b"retry-after") == [b"7"]
        outcome = await plane.outcomes.until(10)
        assert (outcome.status, outcome.reason, outcome.limit) == (429, "quota", "day")


async def test_nginx_gets_what_it_understands() -> None:
    """403 with the true status and the content in fields; what is counted and logged is the true status."""
    async with running_plane(NOWHERE, listen=Asking(NGINX)) as plane:
        plane.gate.change = refused()
        named = b"X-Original-Method: HEAD\r\nX-Original-URI: /a\r\n"
        request = b"GET /authorize HTTP/1.1\r\nHost: example.test\r\n%b%b\r\n" % (named, PAIR)
        answer, again = await ask(plane, request, request)
        assert answer.status == again.status == 403
        assert answer.values(b"x-quotad-status") == [b"429"]
        assert answer.values(b"x-quotad-problem") == [answer.body]
        outcome = await plane.outcomes.until(2)
        assert (outcome.status, outcome.method, outcome.target) == (429, "HEAD", "/a")


async def test_envoy_asks_in_the_requests_own_words() -> None:
    """Method, target behind the prefix and Host are the request's; HEAD gets no content."""
    async with running_plane(NOWHERE, listen=Asking(ENVOY)) as plane:
        fields = b"Host: example.test\r\nContent-Length: 0\r\n"
        (answer,) = await ask(
            plane, b"HEAD /authorize/a?b HTTP/1.1\r\n%b%b\r\n" % (fields, PAIR), method="HEAD"
        )
        assert answer.status == 200
        (answer,) = await ask(plane, b"HEAD /authorize/a HTTP/1.1\r\n%b\r\n" % fields, method="HEAD")
        assert answer.status == 401
        await plane.outcomes.until(2)
        first, second = plane.outcomes.all
        assert (first.method, first.target, first.host) == ("HEAD", "/a?b", "example.test")
        assert (second.method, second.target) == ("HEAD", "/a")


async def test_only_proxies_may_ask() -> None:
    """Another network, or a wrong token, is refused, and its connection ends."""
    elsewhere = replace(CADDY, proxies=("10.0.0.0/8",))
    for rules, extra in ((elsewhere, b""), (replace(CADDY, token=TOKEN), b"X-Quotad-Token: t\r\n")):
        async with running_plane(NOWHERE, listen=Asking(rules)) as plane, raw(plane.port) as stranger:
            await stranger.send(question(extra=extra))
            answer = await stranger.answer()
            assert (answer.status, key_of(answer)) == (403, "asker-unknown")
            assert await stranger.is_closed()
            assert plane.gate.asked == 0
    async with running_plane(NOWHERE, listen=Asking(replace(CADDY, token=TOKEN))) as plane:
        (answer,) = await ask(plane, question(extra=b"X-Quotad-Token: %b\r\n" % TOKEN.encode()))
        assert answer.status == 200


async def test_what_is_no_question_is_refused() -> None:
    """Bytes that are no HTTP end the connection; a preflight that may pass is not counted."""
    async with running_plane(replace(NOWHERE, preflight_pass=True), listen=Asking(CADDY)) as plane:
        async with raw(plane.port) as proxy:
            await proxy.send(b"nonsense\r\n\r\n")
            assert (await proxy.answer()).status == 400
            assert await proxy.is_closed()
        preflight = b"Access-Control-Request-Method: GET\r\n"
        (answer,) = await ask(plane, question(extra=preflight, method="OPTIONS", pair=b""))
        assert answer.status == 200
        assert answer.values(b"x-quotad-environment") == [b"release"]
        assert answer.values(b"x-quotad-secret-id") == []
        assert plane.gate.asked == 0


async def test_a_proxy_that_goes_away_before_its_answer_costs_nothing() -> None:
    """The unit that was granted meanwhile is given back."""
    async with running_plane(NOWHERE, listen=Asking(CADDY)) as plane:
        plane.gate.held = True
        async with raw(plane.port) as proxy:
            await proxy.send(question())
            await until(lambda: plane.gate.waiting)
            proxy.reset()
        outcome = await plane.outcomes.until(1)
        assert (outcome.reason, outcome.counted) == ("client_left", None)
        plane.gate.open()
        assert plane.gate.granted == []


@pytest.mark.parametrize(("status", "counted"), [(200, True), (404, False), (503, False), (499, True)])
async def test_a_status_is_told_later(status: int, counted: bool) -> None:
    """Until then the unit is held; a second status, and one of nobody, are refused and change nothing."""
    rules = replace(CADDY, settles=True)
    async with running_plane(NOWHERE, listen=Asking(rules), condition=ONLY_2XX) as plane:
        (answer,) = await ask(plane, question())
        (request_id,) = answer.values(b"x-quotad-settle")
        assert plane.gate.settled == []
        assert (await plane.outcomes.until(1)).counted is None
        told, again = await ask(plane, settle(request_id, status), settle(request_id, 200))
        assert told.status == 204
        assert (again.status, key_of(again)) == (404, "settle-unknown")
        assert plane.gate.counted == [counted]
        assert plane.listener.statuses_told["unknown"] == 1
        (answer,) = await ask(plane, b"GET /settle HTTP/1.1\r\nHost: proxy\r\n\r\n")
        assert (answer.status, key_of(answer)) == (405, "settle-method")


async def test_who_told_a_status_keeps_its_connection() -> None:
    """It waits for the next question as long as any, however long the machine has been up."""
    now_s = 30 * 86_400.0
    wheel = Wheel(tick_s=0.005, clock=lambda: now_s)
    rules = replace(CADDY, settles=True)
    async with (
        running_plane(NOWHERE, listen=Asking(rules), condition=ONLY_2XX, wheel=wheel) as plane,
        raw(plane.port) as proxy,
    ):
        await proxy.send(question())
        (request_id,) = (await proxy.answer()).values(b"x-quotad-settle")
        await proxy.send(settle(request_id, 200))
        assert (await proxy.answer()).status == 204
        now_s += IDLE_S - 1
        wheel.advance(now_s)
        await proxy.send(question())
        assert (await proxy.answer()).status == 200


async def test_without_a_later_status_each_admission_is_counted() -> None:
    """By default a conditional plan counts at admission; one without a condition does so in any case."""
    async with running_plane(NOWHERE, listen=Asking(CADDY), condition=ONLY_2XX) as plane:
        (answer,) = await ask(plane, question())
        assert answer.values(b"x-quotad-settle") == []
        assert plane.gate.counted == [True]
    async with running_plane(NOWHERE, listen=Asking(replace(CADDY, settles=True))) as plane:
        (answer,) = await ask(plane, question())
        assert answer.values(b"x-quotad-settle") == []
        assert plane.gate.counted == [True]


async def test_a_status_that_never_comes_is_a_charge() -> None:
    """After its time, and at the latest when the port is closed."""
    rules = replace(CADDY, settles=True, settle_s=0.01)
    async with running_plane(NOWHERE, listen=Asking(rules), condition=ONLY_2XX, wheel=Wheel(0.005)) as plane:
        await ask(plane, question())
        await until(lambda: plane.gate.counted)
        assert plane.gate.counted == [True]
    async with running_plane(
        NOWHERE, listen=Asking(replace(rules, settle_s=3600.0)), condition=ONLY_2XX
    ) as plane:
        await ask(plane, question())
        assert plane.gate.settled == []
    assert plane.gate.counted == [True]


@pytest.mark.parametrize("settles", [False, True])
async def test_a_shadow_plan_ends_with_its_request(settles: bool) -> None:
    """It is counted at admission, or by the status that is told, under its own condition."""
    shadow = UsagePlan("usagePlan-shadow", "shadow", quota_condition=frozenset({"4xx"}))
    rules = replace(CADDY, settles=settles)
    async with running_plane(NOWHERE, listen=Asking(rules), shadow=shadow) as plane:
        (answer,) = await ask(plane, question())
        for request_id in answer.values(b"x-quotad-settle"):
            await ask(plane, settle(request_id, 200))
        await until(lambda: len(plane.gate.settled) == 2)
        ended = {verdict.subject.shadow: counted for verdict, counted in plane.gate.settled}
        assert ended == {False: True, True: not settles}


def only_throttles(change: Callable[[Verdict], None]) -> Callable[[Verdict], None]:
    """Changes the Verdicts of the environment's throttle alone."""

    def changed(verdict: Verdict) -> None:
        if verdict.subject.plan.usage_plan_id != "usagePlan-test":
            change(verdict)

    return changed


async def test_the_environments_throttle_is_asked_too() -> None:
    """Where it refuses, the plan's unit comes back; where it does not, both are used once."""
    rule = EnvironmentRule("release", 5, 5)
    for settles in (False, True):
        rules = replace(CADDY, settles=settles)
        async with running_plane(NOWHERE, listen=Asking(rules), condition=ONLY_2XX) as plane:
            plane.holder.take(snapshot(NOWHERE, condition=ONLY_2XX, service=replace(SERVICE, rules=(rule,))))
            (answer,) = await ask(plane, question())
            assert answer.status == 200
            for request_id in answer.values(b"x-quotad-settle"):
                await ask(plane, settle(request_id, 200))
            assert plane.gate.counted == [True, True]
            plane.gate.change = only_throttles(refused())
            (answer,) = await ask(plane, question())
            assert answer.status == 429
            assert len(plane.gate.released) == 1


async def test_plans_of_single_apis_hold_for_other_proxies_too() -> None:
    """The Api is found by the method and target that are asked about; for none of them it is 404."""
    place: tuple[tuple[str, Environment], ...] = (("service-test", "release"),)
    table = PlanTable(
        [Service("service-test", "test", apis=(Api("api-one", "one", "GET", "/one/{id}"),))],
        [UsagePlan("usagePlan-test", "test")],
        [Secret("test", SECRET_ID, SECRET_KEY.encode())],
        [Binding("usagePlan-test", (SECRET_ID,), place, api_ids=("api-one",))],
    )
    async with running_plane(NOWHERE, listen=Asking(CADDY)) as plane:
        plane.holder.take(Snapshot((NOWHERE,), table))
        asked = [question("/one/1?a=b"), question("/one/1", method="PUT"), question("/one/..%2f1")]
        answers = await ask(plane, *asked)
        assert [answer.status for answer in answers] == [200, 404, 400]
        assert [key_of(answer) for answer in answers[1:]] == ["no-api", "ambiguous-path"]
        await plane.outcomes.until(3)
        assert [each.api_id for each in plane.outcomes.all] == ["api-one", "", ""]


async def test_a_strong_signature_covers_the_request_that_is_asked_about() -> None:
    """Method, target and host are the original's; it is good once, also on the callers' port beside."""
    signed = signed_request("GET", "/a?b=%2F")
    async with running_plane(NOWHERE, listen=Asking(CADDY)) as plane:
        first, again = await ask(plane, asked_about(signed), asked_about(signed))
        assert (first.status, key_of(again)) == (200, "signature-replayed")
        other = asked_about(signed_request("GET", "/a")).replace(
            b"X-Forwarded-Uri: /a", b"X-Forwarded-Uri: /b"
        )
        (answer,) = await ask(plane, other)
        assert key_of(answer) == "signature-unverified"


async def test_content_is_held_to_its_digest_where_it_comes_along() -> None:
    """Without it the signed digest, which must be there, is the backend's to check; too long is refused."""
    body, length = b"some bytes", b"Content-Length: 10\r\n"
    async with running_plane(NOWHERE, listen=Asking(CADDY)) as plane:
        for request, expected in (
            (asked_about(signed_request("POST", "/", body)), 200),
            (asked_about(signed_request("POST", "/", body), length, body), 200),
            (asked_about(signed_request("POST", "/", body), length, b"other data"), 400),
            (asked_about(signed_request("POST", "/")), 401),
            (asked_about(signed_request("DELETE", "/")), 200),
        ):
            (answer,) = await ask(plane, request)
            assert answer.status == expected
    rules = AuthRules(signature_rules=SignatureRules(check_body_bytes=5))
    async with (
        running_plane(replace(NOWHERE, auth=rules), listen=Asking(CADDY)) as plane,
        raw(plane.port) as proxy,
    ):
        await proxy.send(asked_about(signed_request("POST", "/", body), length))
        answer = await proxy.answer()
        assert (answer.status, key_of(answer)) == (413, "body-unverified")


async def test_guesses_count_on_both_ports() -> None:
    """Who fails too often on the port of proxies, by its own address, is slowed on the callers' port."""
    listen = replace(LISTEN, auth_failures=AuthFailureRule(1, 1), trusted_proxies=("127.0.0.1",))
    wrong = b"X-Secret-Id: AKIDtest\r\nX-Secret-Key: secretnobody\r\nX-Forwarded-For: 192.0.2.1\r\n"
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=listen) as callers,
        running_plane(NOWHERE, listen=Asking(CADDY, listen, callers.listener)) as plane,
    ):
        answers = await ask(plane, question(pair=wrong), question(pair=wrong))
        assert [key_of(each) for each in answers] == ["secret-invalid", "auth-slowed"]
        (answer,) = await ask(callers, b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % wrong)
        assert key_of(answer) == "auth-slowed"
        assert isinstance(plane.listener, Listener)


async def test_a_route_without_a_backend_is_none_for_callers() -> None:
    """On the callers' own port it is answered as no route, and costs nothing."""
    async with running_plane(NOWHERE) as plane:
        (answer,) = await ask(plane, b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % PAIR)
        assert (answer.status, key_of(answer)) == (404, "no-route")
        assert plane.gate.asked == 0


async def test_a_plan_of_a_single_api_is_found_by_the_request_that_is_asked_about() -> None:
    """Its own method and path say which Api it is for, not those of the question."""
    plan = UsagePlan("usagePlan-a", "a")
    table = PlanTable(
        [Service("service-test", "test", apis=(Api("api-a", "a", "PUT", "/a"),))],
        [plan],
        [Secret("test", SECRET_ID, SECRET_KEY.encode())],
        [Binding("usagePlan-a", (SECRET_ID,), (("service-test", "release"),), api_ids=("api-a",))],
    )
    async with running_plane(NOWHERE, listen=Asking(CADDY)) as plane:
        plane.holder.take(Snapshot([NOWHERE], table))
        first, other = await ask(plane, question("/a", method="PUT"), question("/a"))
        assert first.status == 200
        assert first.values(b"x-quotad-plan-id") == [b"usagePlan-a"]
        assert (other.status, key_of(other)) == (404, "no-api")
        assert (await plane.outcomes.until(2)).method == "GET"
        assert plane.outcomes.all[0].api_id == "api-a"


async def test_proxies_may_ask_over_tls(tmp_path: Path) -> None:
    """With a certificate of theirs where one is wanted; others on a reload are shown from then on."""
    papers = make_papers(tmp_path)
    tls = papers.listen(client_ca=papers.authority.certificate, client_certificates="required")
    rules = replace(CADDY, tls=tls)
    async with running_plane(NOWHERE, listen=Asking(rules)) as plane:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            # Of TLS 1.3 a client is through before the server has looked at its certificate.
            async with raw(plane.port, papers.caller()) as stranger:
                await stranger.send(question())
                assert (await stranger.answer()).status == 0
        assert plane.gate.asked == 0
        async with raw(plane.port, papers.caller(shown=True)) as proxy:
            await proxy.send(question())
            assert (await proxy.answer()).status == 200
            plane.holder.take(snapshot(NOWHERE, asking_tls=papers.listen()))
            await proxy.send(question())
            assert (await proxy.answer()).status == 200
        async with raw(plane.port, papers.caller()) as proxy:
            await proxy.send(question())
            assert (await proxy.answer()).status == 200
