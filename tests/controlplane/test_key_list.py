import pytest

from quotad.controlplane.desk import Asker
from quotad.controlplane.key_list import ListError, Row, read_list
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import Reason
from tests.support.desk import ADMIN, operations, refused
from tests.support.servers import StoreServer

HEAD = "secretId,secretKey,secretName,expiresAt\n"


def listed(text: str) -> list[Row]:
    """The rows of such a file."""
    return read_list(text.splitlines(keepends=True))


def test_a_list() -> None:
    """Columns in any order; a name that is not given is the id; empty lines are none."""
    rows = listed('secretName,secretKey,secretId\n\n"one",kkkkkkkkkk, AKIDone\n,kkkkkkkkkk,AKIDtwo\n')
    assert [(row.line, row.secret_id, row.values["secretName"]) for row in rows] == [
        (3, "AKIDone", "one"),
        (4, "AKIDtwo", "AKIDtwo"),
    ]
    assert "kkkk" not in repr(rows)
    assert listed(HEAD) == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["line 1: must name the columns: secretId, secretKey"]),
        ("AKIDone,kkkkkkkkkk\n", ["line 1: must name the columns"]),
        ("secretId,secretKey,secretId\n", ["line 1: must name the columns"]),
        (HEAD + "AKIDone,kkkkkkkkkk\n", ["line 2: has 2 cells, the first line has 4"]),
        (HEAD + 'AKIDone,"kkkk"k,,\n', ["line 2: "]),
        (
            HEAD + "AKIDone,kkkkkkkkkk,a b,\nAKIDtwo,k,,\n,kkkkkkkkkk,,\nAKIDx,kkkkkkkkkk,,soon\n",
            ["line 2: secretName", "line 3: secretKey", "line 4: secretId", "line 5: expiresAt"],
        ),
        (HEAD + "AKIDone,kkkkkkkkkk,,\n" * 2, ["line 3: secretId is that of line 2 too"]),
    ],
)
def test_lists_that_are_refused(text: str, problems: list[str]) -> None:
    """Every line that is wrong is told with its field, and no key."""
    with pytest.raises(ListError) as caught:
        listed(text)
    assert len(caught.value.problems) == len(problems)
    told = zip(caught.value.problems, problems, strict=True)
    assert [pair for pair in told if not pair[0].startswith(pair[1])] == []
    assert "kkkk" not in str(caught.value)


def test_very_many_that_are_wrong() -> None:
    """The first twenty are told, and how many more there are."""
    with pytest.raises(ListError) as caught:
        listed(HEAD + "x,kkkkkkkkkk,,\n" * 50)
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "and 30 more"


def rows(count: int, key: str = "the-same-key") -> list[Row]:
    """So many."""
    lines = (f"AKID{number:04d},{key},name,2031-01-01T00:00:00Z\n" for number in range(count))
    return listed(HEAD + "".join(lines))


async def test_it_goes_on_where_it_was(store_server: StoreServer) -> None:
    """What is there with the same values is passed over; with another key, or strictly, it is refused."""
    heard: list[int] = []
    async with operations(store_server.url) as desk:
        first = await desk.importer(ADMIN).run(rows(250), heard.append)
        again = await desk.importer(ADMIN).run(rows(450), heard.append)
        assert (first.made, first.known, again.made, again.known) == (250, 0, 200, 250)
        assert heard == [200, 50, 200, 200, 50]
        assert (await desk.reveal_secret_keys(ADMIN, "AKID0000"))["secretKey"] == "the-same-key"
        assert (await refused(desk.importer(ADMIN).run(rows(1, "another-key"))))[0] is Reason.SECRET_EXISTS
        assert (await refused(desk.importer(ADMIN, strict=True).run(rows(1))))[0] is Reason.SECRET_EXISTS
        assert (await desk.records()).counts()["secret"] == 450
        await only_admins(desk)


async def test_two_keys_and_a_text(store_server: StoreServer) -> None:
    """A second key and a text come from columns of their own; one that differs is told, one absent is not."""
    head = "secretId,secretKey,secondaryKey,secretDesc\n"
    async with operations(store_server.url) as desk:
        importer = desk.importer(ADMIN)
        text = head + "AKIDone,the-first-key,the-second-key,of two\n"
        assert (await importer.run(listed(text))).made == 1
        both = {"secretKey": "the-first-key", "secondaryKey": "the-second-key"}
        assert await desk.reveal_secret_keys(ADMIN, "AKIDone") == both
        assert (await desk.secret("AKIDone")).secret_desc == "of two"
        assert (await importer.run(listed(text))).known == 1
        assert (await importer.run(listed(text.replace("the-second-key", "")))).known == 1
        for wrong in (text.replace("the-second", "another-sec"), text.replace("of two", "of one")):
            assert (await refused(importer.run(listed(wrong))))[0] is Reason.SECRET_EXISTS


async def only_admins(desk: Operations) -> None:
    with pytest.raises(Exception, match="role admin"):
        desk.importer(Asker("o", "operate"))
