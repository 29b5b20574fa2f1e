"""All that can be done to keys, plans, services and bindings: what every dialect translates to.

Each method raises OperationError (nothing was changed; the reason is in one table) and StoreError (the
store is away; ``executed`` says whether a change may have been made all the same). A change is made whole
or not at all, also against other admin processes.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from quotad.catalog.vault import Vault
from quotad.config.tenant import UNLIMITED, Limits
from quotad.controlplane import apis, credentials, plans, secrets, services, webhooks
from quotad.controlplane.apply import Applier
from quotad.controlplane.desk import Asker, Control, Decide, Desk, R, State
from quotad.controlplane.export import Part, exported
from quotad.controlplane.key_list import Importer
from quotad.controlplane.refusal import OperationError, Reason, invalid, no_plan, no_secret, no_service
from quotad.controlplane.replica import Page, Reach, Record, Replica, SecretRow, Where
from quotad.controlplane.roles import NEEDED, may
from quotad.core.table import PlanTable

SECRETS_AT_ONCE = 200
"""In one change of many."""


class Operations:
    """The control plane without any wire format."""

    def __init__(
        self, control: Control, vault: Vault | None, limits: Limits = UNLIMITED, *, read_only: str = ""
    ) -> None:
        """``read_only``: why nothing can be changed here; empty: it can."""
        self._desk = Desk(control, vault)
        self._limits = limits
        self.read_only = read_only

    async def state(self) -> State:
        """All records as they are now, and the store's time, with one question; as ``records``."""
        return await self._desk.read()

    async def records(self) -> Replica:
        """All records as they are now, for reading only, and only until the next await."""
        return (await self._desk.read()).replica

    async def now_us(self) -> int:
        """The store's time."""
        return (await self._desk.read()).now_us

    @property
    def newest(self) -> Replica:
        """The records as they were last read, for reading only."""
        return self._desk.replica

    # Services and environments.

    async def create_service(self, asker: Asker, given: Mapping[str, Any]) -> Record:
        """Its record."""
        return await self._change(
            asker, "CreateService", services.create_service(given, self._limits.services)
        )

    async def modify_service(
        self, asker: Asker, service_id: str, given: Mapping[str, Any], tag: str = ""
    ) -> Record:
        """Its new record."""
        return await self._change(asker, "ModifyService", services.modify_service(service_id, given, tag))

    async def delete_service(self, asker: Asker, service_id: str, tag: str = "") -> None:
        """Only one that is published nowhere and has no plans."""
        await self._change(asker, "DeleteService", services.delete_service(service_id, tag))

    async def publish(
        self, asker: Asker, service_id: str, environment: str, desc: str = "", version: str = ""
    ) -> Record:
        """The service's new record."""
        decide = services.publish(service_id, environment, desc, version)
        return await self._change(asker, "ReleaseService", decide)

    async def unpublish(self, asker: Asker, service_id: str, environment: str) -> Record:
        """The service's new record."""
        return await self._change(asker, "UnReleaseService", services.unpublish(service_id, environment))

    async def set_throttle(
        self, asker: Asker, service_id: str, environments: Sequence[str], given: Mapping[str, Any] | None
    ) -> Record:
        """The service's new record."""
        decide = services.set_throttle(service_id, environments, given)
        return await self._change(asker, "ModifyServiceEnvironmentStrategy", decide)

    async def set_default_plan(
        self, asker: Asker, service_id: str, environment: str, plan_id: str | None
    ) -> Record:
        """The service's new record."""
        decide = services.set_default_plan(service_id, environment, plan_id)
        return await self._change(asker, "SetDefaultPlan", decide)

    async def service(self, service_id: str) -> Record:
        """Its record."""
        record = (await self.records()).service(service_id)
        if record is None:
            raise no_service(service_id)
        return record

    async def services(self, where: Where, page: Page) -> tuple[int, list[Record]]:
        """How many match, and a page of them."""
        return (await self.records()).services(where, page)

    # The single Apis of a service.

    async def create_api(self, asker: Asker, service_id: str, given: Mapping[str, Any]) -> Record:
        """As the service's record has it."""
        return await self._change(asker, "CreateApi", apis.create_api(service_id, given))

    async def modify_api(
        self, asker: Asker, service_id: str, api_id: str, given: Mapping[str, Any], tag: str = ""
    ) -> Record:
        """As it is now."""
        return await self._change(asker, "ModifyApi", apis.modify_api(service_id, api_id, given, tag))

    async def delete_api(self, asker: Asker, service_id: str, api_id: str, tag: str = "") -> None:
        """Only one that no plan is bound to."""
        await self._change(asker, "DeleteApi", apis.delete_api(service_id, api_id, tag))

    async def set_api_throttle(
        self,
        asker: Asker,
        service_id: str,
        api_ids: Sequence[str],
        environment: str,
        given: Mapping[str, Any] | None,
    ) -> list[Record]:
        """All or none; as they are now."""
        decide = apis.set_throttle(service_id, api_ids, environment, given)
        return await self._change(asker, "ModifyApiEnvironmentStrategy", decide)

    async def api(self, service_id: str, api_id: str) -> Record:
        """As the service's record has it."""
        return apis.known_api(await self.service(service_id), api_id)

    async def apis(self, service_id: str) -> list[Record]:
        """All of a service, the oldest first."""
        return apis.apis_of(await self.service(service_id))

    # Plans.

    async def create_plan(self, asker: Asker, given: Mapping[str, Any]) -> Record:
        """Its record."""
        decide = plans.create_plan(given, asker.name, self._limits.plans)
        return await self._change(asker, "CreateUsagePlan", decide)

    async def modify_plan(
        self, asker: Asker, plan_id: str, given: Mapping[str, Any], tag: str = ""
    ) -> Record:
        """Its new record; what was used stays used."""
        decide = plans.modify_plan(plan_id, given, asker.name, tag)
        return await self._change(asker, "ModifyUsagePlan", decide)

    async def delete_plan(self, asker: Asker, plan_id: str, tag: str = "") -> None:
        """Only one that is bound to nothing; its counters go with it."""
        await self._change(asker, "DeleteUsagePlan", plans.delete_plan(plan_id, tag))

    async def plan(self, plan_id: str) -> Record:
        """Its record."""
        record = (await self.records()).plan(plan_id)
        if record is None:
            raise no_plan(plan_id)
        return record

    async def plans(self, where: Where, page: Page) -> tuple[int, list[Record]]:
        """How many match, and a page of them."""
        return (await self.records()).plans(where, page)

    # Bindings.

    async def bind_secrets(self, asker: Asker, plan_id: str, secret_ids: Sequence[str]) -> None:
        """All or none."""
        decide = plans.bind_secrets(
            plan_id, secret_ids, self._limits.secrets_per_plan, self._limits.plans_per_secret
        )
        await self._change(asker, "BindSecretIds", decide)

    async def unbind_secrets(self, asker: Asker, plan_id: str, secret_ids: Sequence[str]) -> None:
        """All or none."""
        await self._change(asker, "UnBindSecretIds", plans.unbind_secrets(plan_id, secret_ids))

    async def bind_environment(
        self,
        asker: Asker,
        plan_ids: Sequence[str],
        service_id: str,
        environment: str,
        *,
        shadow: bool = False,
        api_ids: Sequence[str] = (),
    ) -> None:
        """All plans or none; ``api_ids``: for each of these Apis alone."""
        decide = plans.bind_environment(plan_ids, service_id, environment, shadow=shadow, api_ids=api_ids)
        await self._change(asker, "BindEnvironment", decide)

    async def unbind_environment(
        self,
        asker: Asker,
        plan_ids: Sequence[str],
        service_id: str,
        environment: str,
        *,
        api_ids: Sequence[str] = (),
    ) -> None:
        """All plans or none; ``api_ids``: from these Apis alone."""
        decide = plans.unbind_environment(plan_ids, service_id, environment, api_ids)
        await self._change(asker, "UnBindEnvironment", decide)

    async def demote(
        self,
        asker: Asker,
        service_id: str,
        environment: str | None = None,
        plan_ids: Sequence[str] | None = None,
    ) -> list[str]:
        """Plans of whole environments go to each of the service's Apis; which plans these were."""
        decide = apis.demote(service_id, environment, plan_ids)
        return await self._change(asker, "DemoteServiceUsagePlan", decide)

    async def reaches(
        self,
        page: Page | None = None,
        *,
        plan_id: str = "",
        service_id: str = "",
        environment: str = "",
        api_id: str = "",
    ) -> tuple[int, list[Reach]]:
        """Where plans are bound."""
        replica = await self.records()
        return replica.reaches(plan_id, service_id, environment, page, api_id)

    # Secrets.

    async def create_secret(self, asker: Asker, given: Mapping[str, Any]) -> Record:
        """Its record, with its keys in clear."""
        decide = secrets.create_secret(given, self._limits.secrets)
        return await self._change(asker, "CreateApiKey", decide)

    async def import_secrets(self, asker: Asker, given: Sequence[Mapping[str, Any]]) -> list[Record]:
        """All or none, at most 500 at once; as ``create_secret``."""
        decide = secrets.import_secrets(given, self._limits.secrets)
        return await self._change(asker, "ImportApiKeys", decide)

    async def update_secret(
        self,
        asker: Asker,
        secret_id: str,
        given: Mapping[str, Any],
        tag: str = "",
        *,
        enabled: bool | None = None,
    ) -> Record:
        """Its new record without keys."""
        decide = secrets.update_secret(secret_id, given, tag, enabled=enabled)
        return await self._change(asker, "ModifyApiKey", decide)

    async def rotate_secret(self, asker: Asker, secret_id: str, given: Mapping[str, Any]) -> Record:
        """Its new record, and the new key in clear."""
        return await self._change(asker, "UpdateApiKey", secrets.rotate_secret(secret_id, given))

    async def drop_secondary_key(self, asker: Asker, secret_id: str) -> None:
        """Its SecretKey alone is good then."""
        await self._change(asker, "UpdateApiKey", secrets.drop_secondary(secret_id))

    async def enable_secret(self, asker: Asker, secret_id: str) -> Record:
        """Its new record without keys."""
        return await self._change(asker, "EnableApiKey", secrets.set_enabled(secret_id, enabled=True))

    async def disable_secret(self, asker: Asker, secret_id: str) -> Record:
        """Its new record without keys."""
        return await self._change(asker, "DisableApiKey", secrets.set_enabled(secret_id, enabled=False))

    async def delete_secret(self, asker: Asker, secret_id: str, tag: str = "") -> None:
        """Only one that is disabled and bound to no plan."""
        await self._change(asker, "DeleteApiKey", secrets.delete_secret(secret_id, tag))

    async def secret(self, secret_id: str) -> SecretRow:
        """What may be shown of it."""
        row = (await self.records()).secret(secret_id)
        if row is None:
            raise no_secret(secret_id)
        return row

    async def secrets(self, where: Where, page: Page) -> tuple[int, list[SecretRow]]:
        """How many match, and a page of them."""
        return (await self.records()).secrets(where, page)

    async def reveal_secret_keys(self, asker: Asker, secret_id: str) -> dict[str, str]:
        """``secretKey``, and ``secondaryKey`` where there is one, in clear.

        That they were shown stands in the audit log before they are.
        """
        return await self._change(asker, "RevealSecretKey", secrets.reveal_keys(secret_id))

    async def reseal(self, asker: Asker) -> int:
        """Seal every SecretKey with the newest master key; how many were sealed with another."""
        count, last = 0, ""
        while ids := (await self.records()).secret_ids(last, SECRETS_AT_ONCE):
            count += await self._change(asker, "ResealSecretKeys", secrets.reseal(ids))
            last = ids[-1]
        count += await self._change(asker, "ResealSecretKeys", credentials.reseal_credentials())
        return count + await self._change(asker, "ResealSecretKeys", webhooks.reseal_webhooks())

    # Who is told what happens to quotas.

    async def create_webhook(self, asker: Asker, given: Mapping[str, Any]) -> Record:
        """Its record, with ``signingKey`` in clear."""
        return await self._change(asker, "CreateWebhook", webhooks.create_webhook(given))

    async def modify_webhook(
        self, asker: Asker, webhook_id: str, given: Mapping[str, Any], tag: str = ""
    ) -> Record:
        """Its new record without keys."""
        return await self._change(asker, "ModifyWebhook", webhooks.modify_webhook(webhook_id, given, tag))

    async def rotate_webhook_key(self, asker: Asker, webhook_id: str, given: Mapping[str, Any]) -> Record:
        """Its new record, and the new ``signingKey`` in clear."""
        return await self._change(asker, "RotateWebhookKey", webhooks.rotate_key(webhook_id, given))

    async def retire_webhook(self, asker: Asker, webhook_id: str) -> None:
        """Its receiver said that it is gone: it is disabled."""
        await self._change(asker, "ModifyWebhook", webhooks.retire_webhook(webhook_id))

    async def delete_webhook(self, asker: Asker, webhook_id: str, tag: str = "") -> None:
        """What is not delivered yet never will be."""
        await self._change(asker, "DeleteWebhook", webhooks.delete_webhook(webhook_id, tag))

    # What admins sign in with, and what they did.

    async def create_credential(self, asker: Asker, given: Mapping[str, Any]) -> Record:
        """Its record, with ``token`` or ``secretKey`` in clear."""
        return await self._change(asker, "CreateCredential", credentials.create_credential(given))

    async def modify_credential(
        self, asker: Asker, credential_id: str, given: Mapping[str, Any], tag: str = ""
    ) -> Record:
        """Its new record, without what proves it."""
        decide = credentials.modify_credential(credential_id, given, tag)
        return await self._change(asker, "ModifyCredential", decide)

    async def delete_credential(self, asker: Asker, credential_id: str, tag: str = "") -> None:
        """From now on nobody signs in with it."""
        await self._change(asker, "DeleteCredential", credentials.delete_credential(credential_id, tag))

    async def audit(self, asker: Asker, before: str, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Changes before this id (empty: the newest), the newest first, at most 100."""
        self._check(asker, "DescribeAudit")
        try:
            return await self._desk.audited(before, count)
        except ValueError as error:
            raise invalid("before", f"is none of the log's: {error}") from None

    # All at once, by a file.

    def applier(self, asker: Asker, table: PlanTable, *, prune: bool) -> Applier:
        """What makes the records equal to a file's ``table``. Raises OperationError."""
        self._check(asker, "ApplyRecords")
        self._check_writable()
        return Applier(self._desk, asker, table, prune=prune)

    def importer(self, asker: Asker, *, strict: bool = False) -> Importer:
        """What makes the Secrets of a list. Raises OperationError."""
        self._check(asker, "ImportApiKeys")
        self._check_writable()
        return Importer(self._desk, asker, self._limits.secrets, strict=strict)

    async def export(self, asker: Asker, *, with_keys: bool) -> AsyncIterator[Part]:
        """The records as a file says them. ``with_keys``: SecretKeys in clear, which is audited first."""
        self._check(asker, "ExportRecords")
        self._check_writable()
        if with_keys:
            await self._desk.note(asker, "ExportRecords", "secret", {"shown": True})
        async for part in exported(await self._desk.read(), with_keys=with_keys):
            yield part

    def _check(self, asker: Asker, action: str) -> None:
        if not may(asker.role, action):
            raise OperationError(Reason.FORBIDDEN, f"this needs the role {NEEDED.get(action, 'admin')}")

    def _check_writable(self) -> None:
        if self.read_only:
            raise OperationError(Reason.READ_ONLY, self.read_only)

    async def erased(self, asker: Asker, doomed_id: str) -> None:
        """Note that the counters of what was deleted are gone."""
        await self._change(asker, "ForgetCounters", plans.spared(doomed_id))

    async def _change(self, asker: Asker, action: str, decide: Decide[R]) -> R:
        self._check(asker, action)
        self._check_writable()
        return await self._desk.change(asker, action, decide)
