"""A certificate authority for tests, and what it signs, as files."""

from pathlib import Path

import trustme


class Authority:
    """``Authority(folder)`` makes ``ca.crt``; ``issue`` makes NAME.crt and NAME.key."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.certificate = folder / f"{name}.crt"
        self._authority = trustme.CA(organization_name=f"quotad test {name}")
        self._authority.cert_pem.write_to_path(str(self.certificate))

    def issue(self, name: str, *identities: str) -> tuple[Path, Path]:
        """A certificate for these addresses and host names (127.0.0.1 if none), and its key."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        issued = self._authority.issue_cert(*(identities or ("127.0.0.1",)), common_name=name)
        issued.private_key_pem.write_to_path(str(key))
        certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        return certificate, key
