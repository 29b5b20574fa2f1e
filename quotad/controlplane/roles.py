"""What each role may do. Who may do a thing may do all that a lesser role may."""

from typing import Literal

Role = Literal["read", "operate", "admin"]

ROLES: tuple[Role, ...] = ("read", "operate", "admin")
"""From the least to the most."""

NEEDED: dict[str, Role] = {
    "Describe": "read",
    "CreateService": "operate",
    "ModifyService": "operate",
    "DeleteService": "operate",
    "ReleaseService": "operate",
    "UnReleaseService": "operate",
    "ModifyServiceEnvironmentStrategy": "operate",
    "SetDefaultPlan": "operate",
    "ModifyApiEnvironmentStrategy": "operate",
    "CreateApi": "operate",
    "ModifyApi": "operate",
    "DeleteApi": "operate",
    "DemoteServiceUsagePlan": "operate",
    "CreateUsagePlan": "operate",
    "ModifyUsagePlan": "operate",
    "DeleteUsagePlan": "operate",
    "BindSecretIds": "operate",
    "UnBindSecretIds": "operate",
    "BindEnvironment": "operate",
    "UnBindEnvironment": "operate",
    "EnableApiKey": "operate",
    "DisableApiKey": "operate",
    "ModifyApiKey": "operate",
    "DeleteApiKey": "operate",
    "ResetUsage": "operate",
    "TopUpUsage": "operate",
    "DeleteUsage": "operate",
    "DescribeAudit": "operate",
    # A URL may hold what lets its bearer in.
    "DescribeWebhooks": "operate",
    "TestWebhook": "operate",
    "RedeliverEvent": "operate",
    # Whoever makes or changes a SecretKey sees it.
    "CreateApiKey": "admin",
    "ImportApiKeys": "admin",
    "UpdateApiKey": "admin",
    "RevealSecretKey": "admin",
    "ResealSecretKeys": "admin",
    "DescribeCredentials": "admin",
    "CreateCredential": "admin",
    "ModifyCredential": "admin",
    "DeleteCredential": "admin",
    # Whoever sets a URL has this process call it.
    "CreateWebhook": "admin",
    "ModifyWebhook": "admin",
    "RotateWebhookKey": "admin",
    "DeleteWebhook": "admin",
    "ForgetCounters": "admin",
    "ApplyRecords": "admin",
    "ExportRecords": "admin",
}
"""The least role for each operation, by the name that the audit log shows."""


def may(role: str, action: str) -> bool:
    """Whether a role may do it. An operation that has no row needs ``admin``."""
    needed = NEEDED.get(action, "admin")
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)
