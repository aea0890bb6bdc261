"""``make setup``: installs once, again only when something changed, and says what is missing.

The shell scripts are run for real, in a copy, with a Python and an apt-get that only write down what they are asked.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PYTHON = """#!/bin/sh
case "$*" in
  "-V") echo "Python 3.11.0" ;;
  *"import ensurepip"*) [ ! -e "$SHOP/no-ensurepip" ] ;;
  *"sys.version_info <"*) [ ! -e "$SHOP/too-old" ] ;;
  *"sys.version_info[:2]"*) echo 3.11 ;;
  *sys.version*) echo 3.11.0 ;;
  "-m venv"*) echo "venv" >> "$SHOP/log"; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
  *"pip --version") echo pip ;;
  *"pip install"*) echo "$*" >> "$SHOP/log"; [ ! -e "$SHOP/offline" ] ;;
esac
"""
APT = """#!/bin/sh
echo "apt-get $*" >> "$SHOP/log"
exit 1
"""
ROOT_ID = "#!/bin/sh\necho ${SHOP_UID:-0}\n"
LINUX = "#!/bin/sh\necho Linux\n"
TOOLS = ("awk", "cat", "cksum", "cp", "dirname", "mkdir", "rm", "sh")


@dataclass
class Shop:
    """A copy of the scripts, and commands that only write down what they are asked."""

    place: Path

    def setup(self, **environment: str) -> subprocess.CompletedProcess[str]:
        (self.place / "log").unlink(missing_ok=True)
        variables = {"PATH": str(self.place / "commands"), "SHOP": str(self.place), **environment}
        script = self.place / "tree" / "tools" / "setup.sh"
        return subprocess.run(["/bin/sh", script], env=variables, capture_output=True, text=True, check=False)

    @property
    def log(self) -> list[str]:
        path = self.place / "log"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def installs(self) -> int:
        return sum("pip install" in line and "constraints.txt" in line for line in self.log)

    def command(self, name: str, script: str) -> None:
        path = self.place / "commands" / name
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)


@pytest.fixture
def shop(tmp_path: Path, root: Path) -> Shop:
    shutil.copytree(root / "tools", tmp_path / "tree" / "tools")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, tmp_path / "tree" / name)
    commands = tmp_path / "commands"
    commands.mkdir()
    for tool in TOOLS:
        (commands / tool).symlink_to(str(shutil.which(tool)))
    made = Shop(tmp_path)
    for name, script in (("python3.11", PYTHON), ("apt-get", APT), ("id", ROOT_ID), ("uname", LINUX), ("dot", LINUX)):
        made.command(name, script)
    return made


def test_the_first_setup_makes_an_environment_and_installs_into_it(shop: Shop) -> None:
    done = shop.setup()
    assert done.returncode == 0, done.stderr
    assert shop.log[0] == "venv"
    assert shop.log[-3].endswith("-c constraints.txt --no-build-isolation -e .[dev]")
    for line, version in zip(shop.log[-2:], ("6.31.0", "7.3.0"), strict=True):
        assert line.endswith(f"--no-deps --target build/older-kernels/{version} ipykernel=={version}")


def test_nothing_is_done_when_nothing_changed(shop: Shop) -> None:
    shop.setup()
    done = shop.setup()
    assert (done.returncode, done.stdout, shop.log) == (0, "", [])


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_another_content_installs_again_into_the_same_environment(shop: Shop, name: str) -> None:
    shop.setup()
    with (shop.place / "tree" / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    shop.setup()
    assert shop.installs() == 2
    assert "venv" not in shop.log


def test_a_failed_install_is_tried_again_by_the_next_setup(shop: Shop) -> None:
    (shop.place / "offline").touch()
    assert shop.setup().returncode != 0
    (shop.place / "offline").unlink()
    assert shop.setup().returncode == 0
    assert shop.installs() == 2


def test_older_kernels_that_are_gone_are_fetched_again_and_nothing_else(shop: Shop) -> None:
    shop.setup()
    shutil.rmtree(shop.place / "tree" / "build")
    shop.setup()
    assert ["older-kernels" in line for line in shop.log] == [True, True]


def test_without_older_kernels_setup_goes_on(shop: Shop) -> None:
    shop.setup()
    shutil.rmtree(shop.place / "tree" / "build")
    (shop.place / "offline").touch()
    done = shop.setup()
    assert (done.returncode, "no older ipykernel" in done.stderr) == (0, True)


def test_a_moved_checkout_is_set_up_again(shop: Shop) -> None:
    shop.setup()
    (shop.place / "tree").rename(shop.place / "elsewhere")
    (shop.place / "tree").symlink_to(shop.place / "elsewhere")
    shop.setup()
    assert shop.installs() == 2


def test_without_dot_it_is_tried_once_and_setup_goes_on(shop: Shop) -> None:
    (shop.place / "commands" / "dot").unlink()
    done = shop.setup()
    assert done.returncode == 0
    assert "apt-get -qq install -y --no-install-recommends graphviz" in shop.log
    assert "sudo apt-get install graphviz" in done.stderr
    again = shop.setup()
    assert (again.returncode, shop.log) == (0, [])
    assert "fallback" in again.stderr


def test_without_root_apt_get_is_not_called(shop: Shop) -> None:
    (shop.place / "commands" / "dot").unlink()
    done = shop.setup(SHOP_UID="1000")
    assert done.returncode == 0
    assert not any(line.startswith("apt-get") for line in shop.log)
    assert "sudo apt-get install graphviz" in done.stderr


def test_a_python_that_is_too_old_is_refused_with_the_way_out(shop: Shop) -> None:
    (shop.place / "too-old").touch()
    done = shop.setup()
    assert done.returncode == 2
    assert "no Python 3.11 or newer" in done.stderr
    assert "make setup PYTHON=" in done.stderr


def test_a_python_that_was_asked_for_is_named_when_it_is_too_old(shop: Shop) -> None:
    (shop.place / "too-old").touch()
    assert "PYTHON=python3.11 is not" in shop.setup(PYTHON="python3.11").stderr


def test_a_python_without_ensurepip_is_refused_with_the_missing_package(shop: Shop) -> None:
    (shop.place / "no-ensurepip").touch()
    done = shop.setup()
    assert done.returncode == 2
    assert "sudo apt-get install python3.11-venv" in done.stderr
