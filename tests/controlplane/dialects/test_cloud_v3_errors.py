from quotad.controlplane.dialects.cloud_v3_errors import word_of
from quotad.controlplane.refusal import OperationError, Reason


def test_every_reason_has_a_code() -> None:
    """No refusal of ``operations`` is without one, and each says something."""
    for reason in Reason:
        word = word_of("BindSecretIds", OperationError(reason, "it is so"))
        assert word.code
        assert word.message.endswith(".")


def test_codes_of_actions() -> None:
    """The same reason has another code in another action."""
    error = OperationError(Reason.NO_BINDING, "it is so")
    assert word_of("UnBindSecretIds", error).code == "ResourceNotFound.InvalidAccessKeyId"
    assert word_of("UnBindEnvironment", error).code == "UnsupportedOperation.UnsupportedUnBindEnvironment"
