"""A certificate authority for tests, made by openssl in a folder of theirs, and what it signs."""

import shutil
import subprocess
from pathlib import Path


class Authority:
    """``Authority(folder)`` makes ``ca.crt``; ``issue`` makes NAME.crt and NAME.key."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.certificate = folder / f"{name}.crt"
        self._key = folder / f"{name}.key"
        _openssl(
            *["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
            *["-keyout", str(self._key), "-out", str(self.certificate), "-days", "2"],
            *["-subj", f"/CN=quotad test {name}", "-addext", "keyUsage=critical,keyCertSign"],
        )

    def issue(self, name: str, alternative_name: str = "IP:127.0.0.1") -> tuple[Path, Path]:
        """A certificate for this subject alternative name, and its key."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative_name}\n")
        _openssl(
            *["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
            *["-keyout", str(key), "-out", str(request), "-subj", f"/CN={name}"],
        )
        _openssl(
            *["x509", "-req", "-in", str(request), "-out", str(certificate), "-days", "2"],
            *["-CA", str(self.certificate), "-CAkey", str(self._key), "-extfile", str(extensions)],
        )
        return certificate, key


def _openssl(*arguments: str) -> None:
    program = shutil.which("openssl")
    assert program is not None, "openssl is needed to make certificates"
    subprocess.run([program, *arguments], check=True, capture_output=True, timeout=30)
