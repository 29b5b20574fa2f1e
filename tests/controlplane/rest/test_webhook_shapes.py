from quotad.controlplane.rest.webhook_shapes import delivery
from quotad.core.deliveries import Attempt, Delivery


def test_a_delivery_is_shown_with_what_was_tried() -> None:
    """When, what came of it, how long it took; what is sent stands in it as an object."""
    event = Delivery("event-1", "webhook.ping", '{"type":"webhook.ping"}', 1_000_000, 1_000_000)
    assert delivery(event) == {
        "deliveryId": "event-1",
        "type": "webhook.ping",
        "state": "pending",
        "created": "1970-01-01T00:00:01.000Z",
        "nextAttempt": "1970-01-01T00:00:01.000Z",
        "attemptCount": 0,
        "attempts": [],
        "payload": {"type": "webhook.ping"},
    }
    shown = delivery(event.tried(Attempt(2_000_000, 0, "no answer", 7)).tried(Attempt(3_000_000, 200, "", 8)))
    assert (shown["state"], shown["nextAttempt"], shown["attemptCount"]) == ("delivered", None, 2)
    assert shown["attempts"][0] == {
        "at": "1970-01-01T00:00:02.000Z",
        "status": 0,
        "error": "no answer",
        "durationMs": 7,
    }
