import pytest
from redis.crc import key_slot

from quotad.core.plans import Subject, UsagePlan
from quotad.store.keys import subject_keys
from quotad.store.slots import SLOTS, Claim, SlotBook, SlotMap, View, join, merge, read_view, split

INFO = b"cluster_state:ok\r\ncluster_slots_assigned:16384\r\n"
NODES = (
    b"aaa 10.0.0.1:7000@17000,h1 myself,master - 0 0 4 connected 0-8191 [93-<-bbb]\n"
    b"bbb 10.0.0.2:7000@17000 master - 0 1700000000000 2 connected 8192-16383\n"
    b"ccc 10.0.0.3:7000@17000 slave aaa 0 1700000000000 4 connected\n"
)
SLOT_ROWS: list[object] = [
    [0, 8191, [None, 7000, b"aaa", []], [b"10.0.0.3", 7000, b"ccc", []]],
    [8192, 16383, [b"10.0.0.2", 7000, b"bbb", [b"hostname", b"h2"]]],
]


def halves(address: str, epochs: tuple[int, int], *, well: bool = True) -> View:
    """A node that says that ``a`` has the lower half since one epoch and ``b`` the upper since another."""
    low = Claim(0, 8191, "a:1", epochs[0])
    return View(address, (low, Claim(8192, SLOTS - 1, "b:1", epochs[1])), frozenset({"c:1"}), well)


def test_all_keys_of_a_subject_have_the_slot_of_its_tag() -> None:
    """Whatever the namespace; asked for twice, it is worked out once."""
    book = SlotBook()
    for number in range(100):
        subject = Subject(UsagePlan(f"usagePlan-{number:08d}", "name"), "service-aaaaaaaa", "release")
        slots = {key_slot(key) for name in ("quotad", "other") for key in subject_keys(name, subject)}
        assert slots == {book.slot(subject)} == {book.slot(subject)}


def test_a_map_knows_its_owners() -> None:
    """One slot moved is a new map; the old one stands."""
    empty = SlotMap()
    assert not empty.complete
    assert not empty.addresses
    whole = SlotMap(("a:1",) * SLOTS)
    moved = whole.moved(5, "b:1")
    assert whole.complete
    assert whole.addresses == {"a:1"}
    assert (moved.owners[4], moved.owners[5], moved.owners[6]) == ("a:1", "b:1", "a:1")
    assert moved.complete
    assert moved.addresses == {"a:1", "b:1"}
    assert moved.others == {"a:1"}


def test_a_view_is_read_from_three_replies() -> None:
    """SLOTS says where to connect to, NODES since when; a node without a name is where it was asked."""
    view = read_view("10.0.0.9:6000", INFO, NODES, SLOT_ROWS)
    assert view.claims == (Claim(0, 8191, "10.0.0.9:7000", 4), Claim(8192, SLOTS - 1, "10.0.0.2:7000", 2))
    assert (view.address, view.well) == ("10.0.0.9:7000", True)
    assert view.others == {"10.0.0.3:7000"}


def test_a_node_that_is_not_well_says_so() -> None:
    """cluster_state:fail makes a view that is not trusted."""
    view = read_view("10.0.0.9:6000", b"cluster_state:fail\r\n", NODES, SLOT_ROWS)
    assert not view.well
    assert merge([view]) is None


@pytest.mark.parametrize(
    ("nodes", "slots"),
    [
        (b"nonsense", SLOT_ROWS),
        (NODES.replace(b" 4 ", b" x "), SLOT_ROWS),
        (NODES, [[0, SLOTS, [b"h", 1, b"aaa"]]]),
        (NODES, [[5, 4, [b"h", 1, b"aaa"]]]),
        (NODES, [[0, 1]]),
        (NODES, [[0, 1, [b"h", b"1", b"aaa"]]]),
        (NODES, [[0, 1, b"aaa"]]),
        (NODES, [[at, at, [b"h%d" % at, 1, b"%d" % at]] for at in range(SLOTS)]),
    ],
    ids=["no line", "no epoch", "beyond the end", "backwards", "no owner", "port", "member", "too many"],
)
def test_what_is_no_view_is_refused(nodes: bytes, slots: object) -> None:
    """A server that lies makes a ValueError, not a map."""
    with pytest.raises(ValueError):
        read_view("10.0.0.9:6000", INFO, nodes, slots)


def test_the_newer_claim_wins_whoever_makes_it() -> None:
    """One who slept through a failover still names the old owner, with the older epoch."""
    asleep = View("a:1", (Claim(0, SLOTS - 1, "a:1", 1),))
    awake = halves("b:1", (1, 7))
    for views in ([asleep, awake], [awake, asleep]):
        found = merge(views)
        assert found is not None
        assert (found.owners[8191], found.owners[8192]) == ("a:1", "b:1")
        assert found.others == {"c:1"}


def test_a_minority_is_not_trusted() -> None:
    """Whatever epochs a node names that is cut off from the others."""
    found = merge([halves("b:1", (1, 9), well=False), View("a:1", (Claim(0, SLOTS - 1, "a:1", 1),))])
    assert found is not None
    assert found.addresses == {"a:1"}


def test_who_is_in_doubt_cannot_vouch_for_itself() -> None:
    """What it says of others counts; of itself only when nobody else says anything."""
    doubtful, other = halves("a:1", (9, 3)), View("c:1", (Claim(0, 8191, "c:1", 5),))
    found = merge([doubtful, other], frozenset({"a:1"}))
    assert found is not None
    assert (found.owners[0], found.owners[-1]) == ("c:1", "b:1")
    alone = merge([doubtful], frozenset({"a:1"}))
    assert alone is not None
    assert alone.owners[0] == "a:1"


def test_nodes_that_are_all_in_doubt_vouch_for_each_other() -> None:
    """A Cluster without replicas, all of whose connections broke, is found again."""
    found = merge([halves("a:1", (1, 2)), halves("b:1", (1, 2))], frozenset({"a:1", "b:1"}))
    assert found is not None
    assert found.complete


def test_addresses_may_hold_colons() -> None:
    """IPv6, as servers write it."""
    assert split("::1:7000") == ("::1", 7000)
    assert join("", 7001, "::1:7000") == "::1:7001"
    assert join("h", 7001, "::1:7000") == "h:7001"
