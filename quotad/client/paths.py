"""The paths of an admin port that commands use."""

from quotad.errors import QuotadError

SERVICES = "/v1/services"
PLANS = "/v1/plans"
SECRETS = "/v1/secrets"
BOUND_SECRETS = "/v1/bindings/secrets"
BOUND_PLACES = "/v1/bindings/environments"
CREDENTIALS = "/v1/credentials"
WEBHOOKS = "/v1/webhooks"
USAGE = "/v1/usage"
EXPLAIN = "/v1/explain"
WHO = "/v1/whoami"
AUDIT = "/v1/audit"
APPLY = "/v1/apply"
EXPORT = "/v1/export"
IMPORT = "/v1/secret-imports"


def one(of: str, *names: str) -> str:
    """The path of one of them, or of something below it. Raises QuotadError for what is no id."""
    for name in names:
        # What ends a part of a path is no name of anything, and would be another path.
        if name in ("", ".", "..") or "/" in name:
            raise QuotadError(f"{name[:40]!r} is no id")
    return "/".join((of, *names))
