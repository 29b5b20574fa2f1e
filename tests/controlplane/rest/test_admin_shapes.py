from quotad.controlplane.rest import admin_shapes as shapes


def test_what_proves_a_credential_is_not_shown() -> None:
    """Neither the digest of a token nor a sealed key."""
    record = {
        "id": "token-a",
        "type": "token",
        "name": "n",
        "role": "read",
        "enabled": True,
        "expires": None,
        "created": 0,
        "modified": 0,
        "hash": "h",
        "secretKey": "sealed",
    }
    shown = shapes.credential(record)
    shapes.Credential.model_validate(shown)
    assert not {"hash", "secretKey"} & shown.keys()


def test_an_audit_record_has_its_shape_whatever_wrote_it() -> None:
    """Older records lack some members."""
    shown = shapes.audit_record("1-0", {"action": "CreateService", "before": None, "after": {"a": [1]}})
    shapes.AuditRecord.model_validate(shown)
    assert (shown["event"], shown["who"], shown["after"]) == ("done", "", {"a": [1]})
