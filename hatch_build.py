"""The compiled wheel: the same modules, those of the hot path also as C by mypyc.

Off unless HATCH_BUILD_HOOK_ENABLE_CUSTOM is true (docs/decisions/0004-compiled.md). Works on a copy: a
library left beside its source would be imported in its place by an editable install.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LEFTOVERS = shutil.ignore_patterns("__pycache__", "*.so")


class CompiledBuildHook(BuildHookInterface[Any]):
    """Adds the libraries of the modules that ``modules`` of its configuration names."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the wheel carry what came of it. Raises RuntimeError."""
        if self.target_name != "wheel" or version == "editable":
            return
        self._folder = Path(mkdtemp(prefix="quotad-mypyc-"))
        shutil.copytree(Path(self.root, "quotad"), self._folder / "quotad", ignore=LEFTOVERS)
        modules = [f"quotad/{package}/{name}.py" for package, names in self._modules() for name in names]
        # Only the modules named are judged: a build is no lint, and stubs are not there.
        options = ["--follow-imports=silent", "--ignore-missing-imports", "--no-warn-unused-configs"]
        done = subprocess.run(
            [sys.executable, "-m", "mypyc", *options, *modules],
            cwd=self._folder,
            env={"MYPYC_OPT_LEVEL": "3", "MYPYC_DEBUG_LEVEL": "0", **os.environ, "CFLAGS": _flags()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        libraries = [path for path in self._folder.rglob("*.so") if "build" not in path.parts]
        # One for each module, and the one that holds the code of all.
        if done.returncode or len(libraries) != len(modules) + 1:
            shutil.rmtree(self._folder)
            raise RuntimeError(f"mypyc: {len(libraries)} libraries of {len(modules)} modules\n{done.stdout}")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update(
            {str(path): path.relative_to(self._folder).as_posix() for path in libraries}
        )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is written: the copy is no longer needed."""
        if not build_data["pure_python"]:
            shutil.rmtree(self._folder)

    def _modules(self) -> list[tuple[str, list[str]]]:
        modules: dict[str, list[str]] = self.config["modules"]
        return list(modules.items())


def _flags() -> str:
    """What the compiler is told besides: by default each function could be replaced from outside."""
    return " ".join(filter(None, (os.environ.get("CFLAGS"), "-fvisibility=hidden")))
