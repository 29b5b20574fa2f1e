from quotad.controlplane.certified import names


def test_names_in_a_certificate() -> None:
    """DNS, URI and e-mail names, then common names; nothing of another kind."""
    certificate = {
        "subject": ((("organizationName", "o"),), (("commonName", "ops"),)),
        "subjectAltName": (("DNS", "a.example"), ("IP Address", "192.0.2.1"), ("URI", "spiffe://a/b")),
    }
    assert list(names(certificate)) == ["a.example", "spiffe://a/b", "ops"]
    assert list(names({})) == []
