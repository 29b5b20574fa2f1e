from tests.support.offices import OfficePort


async def test_a_key_pair_from_its_begin_to_its_end(port: OfficePort) -> None:
    """Its key is shown when it is made and rotated and when asked for; never in lists, and not searched."""
    answer = await port.ask("POST", "/v1/secrets", json={"secretName": "mobile"})
    made, one = answer.json(), answer.headers["Location"]
    assert (answer.status_code, made["type"], len(made["secretKey"])) == (201, "auto", 40)
    listed = await port.done("GET", "/v1/secrets?search=mobil&enabled=true&type=auto")
    assert listed["totalCount"] == 1
    assert made["secretKey"] not in str(listed)
    assert (await port.done("GET", f"/v1/secrets?search={made['secretKey']}"))["totalCount"] == 0
    turned = await port.done("POST", f"{one}/rotate", json={"overlapSeconds": 60})
    assert turned["secretKey"] != made["secretKey"]
    assert turned["previousUntil"] is not None
    shown = await port.done("POST", f"{one}/reveal")
    assert shown == {"secretId": made["secretId"], "secretKey": turned["secretKey"]}
    changed = await port.done("PATCH", one, json={"expiresAt": "2099-01-01T00:00:00Z"})
    assert changed["expiresAt"] == "2099-01-01T00:00:00.000Z"
    assert (await port.done("PATCH", one, json={"expiresAt": None}))["expiresAt"] is None
    assert (await port.refused(409, "DELETE", one))["code"] == "secret_enabled"
    assert not (await port.done("POST", f"{one}/disable"))["enabled"]
    assert (await port.done("GET", "/v1/secrets?enabled=false"))["totalCount"] == 1
    assert (await port.done("POST", f"{one}/enable"))["enabled"]
    await port.done("POST", f"{one}/disable")
    assert (await port.ask("DELETE", one)).status_code == 204
    audit = await port.ask("GET", "/v1/audit?limit=100")
    assert "RevealSecretKey" in audit.text
    assert not [key for key in (made["secretKey"], turned["secretKey"]) if key in audit.text]


async def test_two_keys(port: OfficePort) -> None:
    """A second key is given or made beside the first, rotated by its name, shown with it, and dropped."""
    pair = {"secretName": "two", "secretId": "AKIDtwofold", "secretKey": "keykeykey1"}
    both = {**pair, "secondaryKey": "keykeykey2", "secretDesc": "of two"}
    made = await port.done("POST", "/v1/secrets", json=both)
    assert {name: made[name] for name in both} == both
    one = "/v1/secrets/AKIDtwofold"
    shown = await port.done("GET", one)
    assert (shown["hasSecondaryKey"], shown["secretDesc"]) == (True, "of two")
    assert "keykeykey" not in str(shown)
    turned = await port.done("POST", f"{one}/rotate", json={"which": "secondary", "overlapSeconds": 60})
    assert "secretKey" not in turned
    assert (turned["previousUntil"], turned["secondaryPreviousUntil"] is None) == (None, False)
    keys = {"secretKey": "keykeykey1", "secondaryKey": turned["secondaryKey"]}
    assert await port.done("POST", f"{one}/reveal") == {"secretId": "AKIDtwofold", **keys}
    later = await port.done("POST", f"{one}/rotate", json={"overlapSeconds": 60})
    assert later["secondaryPreviousUntil"] == turned["secondaryPreviousUntil"]
    assert (await port.done("PATCH", one, json={"secretDesc": ""}))["secretDesc"] == ""
    for _ in range(2):
        assert (await port.ask("DELETE", f"{one}/secondary-key")).status_code == 204
    shown = await port.done("GET", one)
    assert (shown["hasSecondaryKey"], shown["secondaryPreviousUntil"]) == (False, None)
    told = await port.refused(
        400, "POST", "/v1/secrets", json={"secretName": "c", "secondaryKey": "keykeykey2"}
    )
    assert (told["code"], told["field"]) == ("missing_value", "secretId")
    audit = await port.ask("GET", "/v1/audit?limit=100")
    assert '"rotated":"secondary"' in audit.text
    assert not [key for key in (*keys.values(), "keykeykey2") if key in audit.text]


async def test_several_at_once_or_none(port: OfficePort) -> None:
    """A batch is made whole; one wrong pair, and nothing of it is."""
    pair = {"secretName": "a-1", "secretId": "AKIDgiven1", "secretKey": "keykeykey1"}
    made = await port.done("POST", "/v1/secret-batches", json={"secrets": [pair, {"secretName": "b"}]})
    assert made["secrets"][0]["secretId"] == "AKIDgiven1"
    wrong = {"secrets": [{"secretName": "c"}, pair]}
    assert (await port.refused(409, "POST", "/v1/secret-batches", json=wrong))["code"] == "secret_exists"
    assert (await port.done("GET", "/v1/secrets"))["totalCount"] == 2
    too_many = {"secrets": [{"secretName": "c"}] * 201}
    assert (await port.refused(400, "POST", "/v1/secret-batches", json=too_many))["field"] == "secrets"


async def test_whoever_operates_sees_no_key(port: OfficePort) -> None:
    """Only an admin makes, rotates and reveals keys; a reader changes nothing."""
    made = await port.done("POST", "/v1/secrets", json={"secretName": "mobile"})
    one = f"/v1/secrets/{made['secretId']}"
    for role in ("read", "operate"):
        given = {"name": role, "role": role}
        token = (await port.done("POST", "/v1/credentials", json=given))["token"]
        for path in (f"{one}/reveal", f"{one}/rotate", "/v1/secrets"):
            told = await port.refused(403, "POST", path, token=token, json={})
            assert told["code"] == "forbidden"
        assert (await port.ask("GET", one, token=token)).status_code == 200
        switched = await port.ask("POST", f"{one}/disable", token=token)
        assert switched.status_code == (403 if role == "read" else 200)
