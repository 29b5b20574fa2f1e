from pathlib import Path

from quotad.config.file import load
from quotad.config.parcel import pack, unpack
from quotad.config.tenant import UNLIMITED, Limits
from tests.support.shell import control_file


def test_they_are_off_unless_the_file_says_so(tmp_path: Path) -> None:
    """Each has its field; what is absent is any number; they reach whoever is handed the configuration."""
    url = "redis://127.0.0.1:9/0"
    control = load(control_file(tmp_path, url)).control
    assert control is not None
    assert control.limits == UNLIMITED == Limits(0, 0, 0, 0, 0)
    given = {"services": 50, "plans": 200, "secrets": 400, "secretsPerPlan": 50, "plansPerSecret": 10}
    section = {"masterKeys": "file:master.keys", "limits": given}
    config = load(control_file(tmp_path, url, control=section))
    assert config.control is not None
    assert config.control.limits == Limits(50, 200, 400, 50, 10)
    assert unpack(pack(config)).control == config.control
