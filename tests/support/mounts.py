"""A folder as Kubernetes mounts ConfigMaps and Secrets: links into a folder that is replaced whole."""

from collections.abc import Mapping
from pathlib import Path


class Mount:
    """``folder/NAME -> ..data/NAME``, ``..data -> ..N``; an update makes ``..N+1``, then moves ``..data``."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder = folder
        self._number = 0
        folder.mkdir(parents=True)
        self.update(files)

    def update(self, files: Mapping[str, str]) -> None:
        """All files, at once, as the kubelet does it."""
        old = self.folder / f"..{self._number}"
        self._number += 1
        new = self.folder / f"..{self._number}"
        new.mkdir()
        for name, text in files.items():
            (new / name).write_text(text)
        (self.folder / "..data_tmp").symlink_to(new.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if old.exists():
            for path in old.iterdir():
                path.unlink()
            old.rmdir()
