"""What `make dist` makes, as far as it takes no network and no root; `make test-packages` installs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import babel
import pytest

from deploy.packages import manual, nfpm
from deploy.packages.flavour import PROJECT, agent, whole
from deploy.packages.libraries import distributions
from deploy.packages.pex import pack, platform
from deploy.packages.tree import make_tree
from tests.deploy.tools import ROOT, runs

FILES = ROOT / "deploy" / "packages" / "files"
SCRIPTS = ("sawlog", "before-install", "after-install", "before-remove", "after-remove")


def _install(place: Path, name: str, module: str, body: str, tag: str) -> None:
    """Do as an installer does: a module, and what is known of it."""
    info = place / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    (place / module).parent.mkdir(parents=True, exist_ok=True)
    (place / module).write_text(body)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
    (info / "INSTALLER").write_text("uv")
    names = (module, *(f"{info.name}/{one}" for one in ("METADATA", "WHEEL", "INSTALLER", "RECORD")))
    digests = {module: f"sha256={hash(body)}", f"{info.name}/INSTALLER": f"sha256={place.name}"}
    (info / "RECORD").write_text("".join(f"{one},{digests.get(one, '')},\n" for one in ("bin/tool", *names)))


def test_a_tree_holds_once_what_pythons_share(tmp_path: Path) -> None:
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    places = {python: tmp_path / python for python in (here, "9.8", "9.9")}
    for python, place in places.items():
        _install(place, "pure", "parts/pure.py", "VALUE = 'one for all'\n", "py3-none-any")
        _install(place, "newer", "newer.py", f"VALUE = {min(python, '9.8')!r}\n", "cp98-abi3-any")
        _install(place, "built", "built.py", f"VALUE = {python!r}\n", "cp99-cp99-any")
    made = distributions(places)
    assert sorted((one.info, one.pythons) for one in made) == [
        *(("built-1.dist-info", (python,)) for python in sorted(places)),
        ("newer-1.dist-info", (here,)), ("newer-1.dist-info", ("9.8", "9.9")),
        ("pure-1.dist-info", (here, "9.8", "9.9")),
    ]  # fmt: skip
    tree = tmp_path / "tree"
    make_tree(tree, made)
    assert [str(path.relative_to(tree)) for path in tree.rglob("pure.py")] == [f"shared-{here}-9.8-9.9/parts/pure.py"]
    assert (tree / "python9.9/bin/python").readlink() == Path("/usr/bin/python9.9")
    assert (tree / "shared-9.8-9.9/newer.py").exists()

    # The folder is an environment of its Python, as soon as that is where its link points.
    link = tree / f"python{here}" / "bin" / "python"
    link.unlink()
    link.symlink_to(Path(sys.executable).resolve())
    asked = "import sys, built, newer, parts.pure as pure; print(built.VALUE, newer.VALUE, pure.VALUE)"
    assert runs(link, "-c", asked) == f"{here} {here} one for all\n"


def test_a_wheel_is_packed_of_what_is_installed(tmp_path: Path) -> None:
    _install(tmp_path / "3.11", "built", "built.py", "VALUE = 1\n", "cp311-cp311-manylinux_2_17_x86_64")
    (one,) = distributions({"3.11": tmp_path / "3.11"})
    wheel = pack(tmp_path, one)
    assert wheel.name == "built-1-cp311-cp311-manylinux_2_17_x86_64.whl"
    with zipfile.ZipFile(wheel) as archive:
        listed = re.findall(r'(?m)^"?([^",]+)"?,', archive.read("built-1.dist-info/RECORD").decode())
        assert sorted(listed) == sorted(archive.namelist())
        assert "bin/tool" not in listed
    tags = platform("3.12", "aarch64")["compatible_tags"]
    assert isinstance(tags, list)
    assert {"cp312-cp312-manylinux2014_aarch64", "cp311-abi3-manylinux_2_28_aarch64", "py3-none-any"} <= set(tags)
    assert not [tag for tag in tags if "cp313" in tag or "x86" in tag]


def test_the_scripts_are_good_shell_and_say_what_is_missing(tmp_path: Path) -> None:
    for flavour in agent(), whole():
        staging = tmp_path / flavour.name
        nfpm._stage(staging, flavour, ("3.11", "3.12"))
        for name in SCRIPTS:
            path = staging / ("usr/bin" if name == "sawlog" else "scripts") / name
            runs("sh", "-n", path)
            assert "@" not in path.read_text().replace('"$@"', "")
    if Path("/usr/lib/sawlog").exists():
        pytest.skip("a package is installed on this machine")
    done = subprocess.run([tmp_path / "sawlog/usr/bin/sawlog"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr
        == "sawlog: this package needs one of these, and none is there: /usr/bin/python3.11 /usr/bin/python3.12\n"
    )


def test_the_configuration_that_a_package_brings_is_good(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "sawlog"
    assert "Config OK" in runs(program, "test", "config", "--strict", "-c", FILES / "filebeat.yml")
    assert "pipeline.conf: good" in runs(program, "check", "-f", FILES / "pipeline.conf")
    for service in whole().services:
        text = nfpm.unit(service)
        assert "/opt/" not in text
        assert re.search(r"(?m)^ExecStart=/usr/bin/sawlog (\w+)", text)
        # What the unit reads is what the package brings.
        read = set(re.findall(r"/etc/sawlog/([\w.-]+)", text))
        assert read == set(nfpm.CONFIGURATION[service])


def test_the_agent_has_no_more_extras_than_it_needs() -> None:
    extras = PROJECT["optional-dependencies"]
    assert set(agent().extras) < set(whole().extras) == set(extras) - {"all"}
    assert agent(("xml",)).extras[-1] == "xml"
    # A configuration may be in S3.
    assert "s3" in agent().extras
    with pytest.raises(SystemExit, match=r"^no extra of pyproject\.toml: s4$"):
        agent(("s4",))


def test_the_manual_names_each_command(tmp_path: Path) -> None:
    page = manual.page()
    assert page.count(".TP") > 20
    assert r"dead\-letter" in page
    groff = shutil.which("groff")
    if groff:
        (tmp_path / "sawlog.1").write_text(page)
        assert "User Commands" in runs(groff, "-man", "-ww", "-Tascii", tmp_path / "sawlog.1")
    assert all("sawlog" in text and "COMP" in text for text in manual.completions().values())


MONTHS = """
import babel
for name in ("fr", "de_AT", "ar_EG"):
    known = babel.Locale.parse(name)
    print([sorted(table[context][width].items()) for table in (known.months, known.days)
           for context in ("format", "stand-alone") for width in ("abbreviated", "wide")])
"""


def test_libraries_are_trimmed_of_what_nothing_reads(tmp_path: Path) -> None:
    code = ("pkg/tests/test_x.py", "pkg/code.py", "pkg/fast.pyx", "pkg/__pycache__/code.pyc")
    services = ("botocore/data/s3/a.json", "botocore/data/ec2/a.json", "botocore/data/endpoints.json")
    for name in code + services:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    languages = Path(babel.__file__).parent
    shutil.copytree(languages, tmp_path / "babel", ignore=shutil.ignore_patterns("__pycache__"))
    runs(ROOT / "deploy" / "trim", tmp_path)
    # Of languages, the names of months and days stay as they were.
    both = [
        runs(sys.executable, "-c", MONTHS, env={**os.environ, "PYTHONPATH": place}) for place in (str(tmp_path), "")
    ]
    assert "ao\u00fbt" in both[0]
    assert both[0] == both[1]
    sizes = [sum(path.stat().st_size for path in folder.rglob("*.dat")) for folder in (tmp_path / "babel", languages)]
    assert sizes[0] < sizes[1] / 10
    shutil.rmtree(tmp_path / "babel")
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["botocore/data/endpoints.json", "botocore/data/s3/a.json", "pkg/code.py"]
