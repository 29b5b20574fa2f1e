import ssl
from typing import Any

import pytest
from redis.asyncio.connection import parse_url

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint
from quotad.store.resp import command
from quotad.store.topology import _checks_hostname, _parts, judge, parse, parse_cluster, parse_sentinels
from tests.support.servers import Engine, engines, running_server
from tests.support.sinks import ask, running_link

HERE = Endpoint(host="store.internal", password="hidden-word")


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("redis://store", Endpoint(host="store")),
        ("redis://", Endpoint()),
        ("redis://store:7000/3", Endpoint(host="store", port=7000, database=3)),
        ("redis://bob:p%40ss@store", Endpoint(host="store", username="bob", password="p@ss")),
        ("redis://:pass@[::1]:1", Endpoint(host="::1", port=1, password="pass")),
        ("unix:///run/s.sock", Endpoint(path="/run/s.sock")),
        ("unix://:pw@/run/s%20s.sock?db=2", Endpoint(path="/run/s s.sock", password="pw", database=2)),
    ],
)
def test_urls(url: str, endpoint: Endpoint) -> None:
    """Each form of URL names its server, its user and its database."""
    assert parse(url) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        *(
            "redis://",
            "redis://store",
            "redis://Store:7000/3",
            "redis://store/",
            "redis://store/x",
            "redis://[::1]:0/1",
        ),
        *(
            "redis://bob@store",
            "redis://b%20b:p%40%3A%25@store/07",
            "redis://:p+w@store?db=2",
            "redis://store/5?db=2",
        ),
        *(
            "redis://store?username=u%2520&password=p%26q",
            "redis://a:b@store?username=u",
            "REDIS://store/1#2",
        ),
        *("unix:///run/s%20s.sock?db=2", "unix://u:p@/s", "unix://store/path", "redis://store?db=&db=4&db=5"),
        *(
            "rediss://store?ssl_ca_certs=%2Fa%20b&ssl_cert_reqs=none",
            "rediss://store/1?ssl_check_hostname=No",
        ),
        *(
            "redis://store?db=x",
            "redis://store:99999",
            "redis://store:x",
            "http://store",
            "redis:store",
            "",
            "redis://[::1",
        ),
    ],
)
def test_urls_say_what_they_say_to_redis_py(url: str) -> None:
    """Its words for a URL are ours, which is read without it; what it refuses is refused."""
    try:
        theirs: dict[str, Any] = dict(parse_url(url))
    except ValueError:
        with pytest.raises(ValueError, match="well-formed"):
            _parts(url)
        return
    theirs.pop("connection_class", None)
    ours = _parts(url)
    checks = [theirs.pop("ssl_check_hostname", True), _checks_hostname({**ours, "ssl_cert_reqs": "required"})]
    ours.pop("ssl_check_hostname", None)
    assert ours == theirs
    assert checks[0] == checks[1]


def test_tls_verifies_unless_told_otherwise() -> None:
    """rediss:// checks certificate and name; ssl_cert_reqs=none and ssl_check_hostname=false are said."""
    strict, open_ = parse("rediss://store").tls, parse("rediss://store?ssl_cert_reqs=none").tls
    nameless = parse("rediss://store?ssl_check_hostname=false").tls
    assert strict is not None
    assert open_ is not None
    assert nameless is not None
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (open_.verify_mode, open_.check_hostname) == (ssl.CERT_NONE, False)
    assert (nameless.verify_mode, nameless.check_hostname) == (ssl.CERT_REQUIRED, False)


@pytest.mark.parametrize(
    "url",
    [
        "http://:hidden-word@store",
        "redis://:hidden-word@store:port",
        "redis://:hidden-word@store?colour=hidden-word",
        "redis://:hidden-word@store?db=hidden-word",
        "unix://:hidden-word@",
        "",
    ],
)
def test_wrong_urls_are_refused_without_being_shown(url: str) -> None:
    """The error never repeats the URL: a password may stand in it."""
    with pytest.raises(ValueError, match="URL") as refused:
        parse(url)
    assert "hidden-word" not in str(refused.value)


def info(**said: str) -> bytes:
    """An answer to INFO."""
    facts = {"redis_version": "7.2.4", "maxmemory": "0", "maxmemory_policy": "noeviction", **said}
    return "".join(["# Server\r\n", *[f"{key}:{value}\r\n" for key, value in facts.items()]]).encode()


@pytest.mark.parametrize("version", ["6.2.0", "7.0.15", "7.2.4", "10.0.0", "8.1"])
def test_new_enough_versions_are_fit(version: str) -> None:
    """Redis 6.2 and later."""
    assert judge(HERE, info(redis_version=version), allow_eviction=False).version == version


@pytest.mark.parametrize("version", ["6.0.16", "5.0.14", "", "nonsense", "7"])
def test_old_versions_are_unfit(version: str) -> None:
    """Older servers, and those that do not say."""
    with pytest.raises(StoreError, match=r"store\.internal:6379 is version .*Redis 6\.2") as refused:
        judge(HERE, info(redis_version=version), allow_eviction=False)
    assert (refused.value.kind, refused.value.executed) == ("unfit", False)


@pytest.mark.parametrize(
    ("maxmemory", "policy", "allowed", "fit"),
    [
        ("0", "noeviction", False, True),
        ("0", "allkeys-lru", False, True),
        ("1048576", "noeviction", False, True),
        ("1048576", "allkeys-lru", False, False),
        ("1048576", "volatile-ttl", False, False),
        ("1048576", "allkeys-lru", True, True),
    ],
)
def test_a_store_must_not_throw_counters_away(maxmemory: str, policy: str, allowed: bool, fit: bool) -> None:
    """Eviction is unfit unless memory is unbounded or the configuration allows it."""
    said = info(maxmemory=maxmemory, maxmemory_policy=policy)
    if fit:
        assert judge(HERE, said, allowed).eviction == policy
    else:
        with pytest.raises(StoreError, match="may throw counters away"):
            judge(HERE, said, allowed)


@pytest.mark.parametrize("engine", engines())
async def test_real_servers_are_fit(engine: Engine) -> None:
    """What Valkey and Redis say of themselves is understood."""
    with running_server(engine, aof=True) as server:
        async with running_link(server.url) as link:
            said = await ask(link, command("INFO"))
    assert isinstance(said, bytes)
    facts = judge(HERE, said, allow_eviction=False)
    assert facts.append_only
    assert facts.eviction == "noeviction"


def test_sentinel_urls() -> None:
    """Sentinels, the primary's name, our login at either, and TLS to both."""
    url = "redis+sentinel://bob:p%40ss@one:1,two,[::1]:3/counters?db=2&sentinel_username=eve&sentinel_password=pw"
    place = parse_sentinels(url)
    assert place.addresses == (("one", 1), ("two", 26379), ("::1", 3))
    assert place.master_name == "counters"
    assert (place.data.username, place.data.password, place.data.database) == ("bob", "p@ss", 2)
    assert (place.username, place.password) == ("eve", "pw")
    assert (place.data.tls, place.tls) == (None, {})
    assert not any(word in repr(place) for word in ("p@ss", "'pw'"))


def test_sentinel_urls_over_tls() -> None:
    """The same choices for the primary and for redis-py, which asks the Sentinels."""
    place = parse_sentinels("rediss+sentinel://one/counters?ssl_check_hostname=false")
    assert place.data.tls is not None
    assert not place.data.tls.check_hostname
    assert place.tls == {"ssl": True, "ssl_check_hostname": False}
    open_ = parse_sentinels("rediss+sentinel://one/counters?ssl_cert_reqs=none")
    assert open_.tls == {"ssl": True, "ssl_cert_reqs": "none", "ssl_check_hostname": False}


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://:hidden-word@/counters",
        "redis+sentinel://:hidden-word@one:1",
        "redis+sentinel://:hidden-word@one:1/",
        "redis+sentinel://:hidden-word@one:1/counters/more",
        "redis+sentinel://:hidden-word@one:port/counters",
        "redis+sentinel://:hidden-word@one:70000/counters",
        "redis+sentinel://:hidden-word@one:1,,two/counters",
        "redis+sentinel://:hidden-word@one/counters?colour=hidden-word",
        "http+sentinel://:hidden-word@one/counters",
        "redis://:hidden-word@one/counters",
    ],
)
def test_wrong_sentinel_urls_are_refused_without_being_shown(url: str) -> None:
    """As those of one server are."""
    with pytest.raises(ValueError, match="URL") as refused:
        parse_sentinels(url)
    assert "hidden-word" not in str(refused.value)


def test_cluster_urls() -> None:
    """Nodes to begin with, and one login for all of them."""
    place = parse_cluster("redis+cluster://bob:p%40ss@one:1,two,[::1]:3")
    assert place.starts == ("one:1", "two:6379", "::1:3")
    assert (place.login.username, place.login.password, place.login.tls) == ("bob", "p@ss", None)
    assert place.tls == {}
    assert "p@ss" not in repr(place)
    assert parse_cluster("redis+cluster://one/").starts == ("one:6379",)


def test_cluster_urls_over_tls() -> None:
    """The same choices for the links and for redis-py, which asks for the slots."""
    place = parse_cluster("rediss+cluster://one:1?ssl_check_hostname=false")
    assert place.login.tls is not None
    assert not place.login.tls.check_hostname
    assert place.tls == {"ssl": True, "ssl_check_hostname": False}


@pytest.mark.parametrize(
    "url",
    [
        "redis+cluster://:hidden-word@",
        "redis+cluster://:hidden-word@/",
        "redis+cluster://:hidden-word@one:1/2",
        "redis+cluster://:hidden-word@one:1?db=2",
        "redis+cluster://:hidden-word@one:port",
        "redis+cluster://:hidden-word@one:70000",
        "redis+cluster://:hidden-word@one:1,,two",
        "redis+cluster://:hidden-word@one?colour=hidden-word",
        "http+cluster://:hidden-word@one",
        "redis://:hidden-word@one",
    ],
)
def test_wrong_cluster_urls_are_refused_without_being_shown(url: str) -> None:
    """Also one with a database: a Cluster has none to choose from."""
    with pytest.raises(ValueError, match=r"URL|database 0 only") as refused:
        parse_cluster(url)
    assert "hidden-word" not in str(refused.value)


@pytest.mark.parametrize(
    "words", ["ssl_ca_certs=/nowhere", "ssl_certfile=/nowhere", "ssl_ca_certs=/dev/null"]
)
def test_certificates_that_cannot_be_read_are_refused(words: str) -> None:
    """At start, by the name of the parameters."""
    with pytest.raises(ValueError, match="ssl_ca_certs, ssl_certfile or ssl_keyfile cannot be read"):
        parse(f"rediss://:hidden-word@store?{words}")


def test_a_replica_is_never_used() -> None:
    """Whatever the topology says of it; the next attempt may find the primary."""
    with pytest.raises(StoreError, match="is a replica") as refused:
        judge(HERE, info(role="slave"), allow_eviction=True)
    assert refused.value.kind == "readonly"
    assert judge(HERE, info(role="master"), allow_eviction=False).version == "7.2.4"
