from tests.support.offices import TOKEN, OfficePort


async def test_a_token_from_its_begin_to_its_end(port: OfficePort) -> None:
    """It says who one is, with its role; switched off, expired or deleted it is 401; it is shown once."""
    given = {"name": "deploy", "role": "operate"}
    answer = await port.ask("POST", "/v1/credentials", json=given)
    made, one = answer.json(), answer.headers["Location"]
    token = made["token"]
    assert await port.done("GET", "/v1/whoami", token=token) == {
        "name": made["credentialId"],
        "role": "operate",
        "means": "token",
        "mode": "control",
    }
    listed = await port.ask("GET", "/v1/credentials")
    assert listed.json()["credentials"][0]["name"] == "deploy"
    assert token not in listed.text
    assert "hash" not in listed.text
    await port.refused(403, "GET", "/v1/credentials", token=token)
    await port.done("PATCH", one, json={"enabled": False})
    await port.refused(401, "GET", "/v1/whoami", token=token)
    await port.done("PATCH", one, json={"enabled": True, "role": "read"})
    assert (await port.done("GET", "/v1/whoami", token=token))["role"] == "read"
    await port.done("PATCH", one, json={"expiresAt": "2001-01-01T00:00:00Z"})
    await port.refused(401, "GET", "/v1/whoami", token=token)
    assert (await port.ask("DELETE", one)).status_code == 204
    await port.refused(404, "GET", one)
    audit = await port.ask("GET", "/v1/audit")
    assert audit.json()["audit"][0]["action"] == "DeleteCredential"
    assert token.partition(".")[2] not in audit.text


async def test_a_key_pair_for_the_clouds_signatures(port: OfficePort) -> None:
    """It has a SecretId and a SecretKey that is shown once, and is no bearer token."""
    made = await port.done(
        "POST", "/v1/credentials", json={"type": "keyPair", "name": "sdk", "role": "admin"}
    )
    assert made["credentialId"].startswith("AKID")
    assert "token" not in made
    await port.refused(401, "GET", "/v1/whoami", token=f"{made['credentialId']}.{made['secretKey']}")
    shown = await port.ask("GET", f"/v1/credentials/{made['credentialId']}")
    assert "secretKey" not in shown.json()


async def test_the_audit_log_is_read_page_by_page(port: OfficePort) -> None:
    """The newest first, each record once, until none is older; what was refused is not in it."""
    for number in range(5):
        await port.done("POST", "/v1/services", json={"serviceName": f"s{number}"})
    await port.refused(400, "POST", "/v1/services", json={})
    names, before = [], ""
    while True:
        page = await port.done("GET", f"/v1/audit?limit=2{before}")
        names += [record["after"]["serviceName"] for record in page["audit"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert names == ["s4", "s3", "s2", "s1", "s0"]
    (record,) = (await port.done("GET", "/v1/audit?limit=1"))["audit"]
    assert (record["who"], record["role"], record["means"]) == ("configuration", "admin", "token")
    assert (record["action"], record["event"], record["address"]) == ("CreateService", "done", "127.0.0.1")
    assert TOKEN not in str(record)
