import json

import httpx

from quotad.demo.backend import Backend


async def test_says_what_it_got_and_fails_on_purpose() -> None:
    """Any request is answered with what arrived; ``/fail`` fails; all are counted."""
    backend = Backend()
    url = await backend.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{url}/a?b=1", content=b"123", headers={"X-Quotad-Secret-Id": "AKIDx"})
        assert answer.status_code == 200
        members = json.loads(answer.content)
        assert (members["method"], members["path"], members["bodyBytes"]) == ("POST", "/a?b=1", 3)
        assert members["secretId"] == "AKIDx"
        assert (await client.get(f"{url}/fail")).status_code == 500
    assert backend.served == 2
    await backend.close()
