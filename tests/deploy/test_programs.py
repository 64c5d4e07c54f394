"""What pip installs runs wherever the clone is: deploy/environment."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

from deploy.programs import mend
from tests.conftest import need
from tests.deploy.tools import runs
from tests.environment import make_environment, wheel_of


def test_a_program_runs_in_any_folder(tmp_path: Path) -> None:
    environment = tmp_path / 'it\'s "my" $HOME `id`' / "environment"
    need(lambda: make_environment(environment, pip=True))
    wheel = wheel_of("pygments", tmp_path)
    runs(environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel)
    program = environment / "bin" / "pygmentize"
    assert subprocess.run([program, "-V"], capture_output=True, check=False).returncode
    mend(environment)
    assert version("pygments") in runs(program, "-V")
    (link := tmp_path / "pygmentize").symlink_to(program)
    assert version("pygments") in runs(link, "-V")
