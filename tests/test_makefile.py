"""What `make` would run, without running it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def recipe(target: str, *variables: str) -> list[str]:
    """The commands of a target that start Python."""
    command = ["make", "--dry-run", target, *variables]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "/python -m " in line]


def test_repro_looks_ahead_before_it_runs_anything() -> None:
    modules = [line.split("/python -m ")[1] for line in recipe("repro", "JOBS=3")]
    assert modules[-3:-1] == ["earwitness check", "profiles.run default -j 3"]


def test_a_profile_is_not_held_to_what_the_default_needs() -> None:
    modules = [line.split("/python -m ")[1] for line in recipe("repro", "PROFILE=quick")]
    assert modules[-2] == "profiles.run quick -j 2"
    assert "earwitness check" not in modules


def test_bits_takes_the_data_set_and_the_number_of_stages() -> None:
    assert recipe("bits", "DATA=/some/where", "JOBS=3")[-1].endswith(
        'python -m profiles.bits -j 3 --data "$DATA"'
    )
    assert "--data" not in recipe("bits", "DATA=")[-1]
