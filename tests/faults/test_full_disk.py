"""A full disk keeps the old file, wherever the new one breaks off."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_FSIZE")


def run(script, record_property, name, *arguments):
    process = script("full_disk.py", *arguments)
    out, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    counts = json.loads(out)
    assert all(counts.values())
    record_property("fault", (name, {f"{key}s refused, old file kept": n for key, n in counts.items()}))


def test_some_lengths(script, tmp_path, record_property):
    run(script, record_property, "disk full at byte k", tmp_path / "model", 97)


@pytest.mark.proof
def test_all_lengths(script, tmp_path, record_property, size):
    run(script, record_property, "disk full at byte k", tmp_path / "model", size("step", 1))


@pytest.mark.proof
def test_a_small_file_system(script, tmp_path, record_property):
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        run(script, record_property, "tmpfs of 128 kB, full", tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
