"""Saves onto a disk that is full at byte k, for many k: ``full_disk.py FILE STEP``, or ``full_disk.py FOLDER``.

The first form lets the kernel refuse to make a file longer than k bytes; the second fills a small file system.
"""

import hashlib
import json
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from npdl_core import Model, load
from npdl_core.layers import BatchNormal, Dense, Softmax
from npdl_core.saving.checkpoint import save_checkpoint


def make(width):
    model = Model([Dense(width, n_in=4), BatchNormal(), Softmax(3)], seed=0)
    return model.compile("scce", {"name": "sgd", "config": {"momentum": 0.9}})


def attempt(write, path):
    """Return whether a write failed, after checking that then nothing changed."""
    before = path.read_bytes()
    try:
        write(path)
    except OSError:
        kept = path.read_bytes() == before and load(path).connected and not list(path.parent.glob("*.tmp"))
        if not kept:
            raise SystemExit("the old file is not what it was") from None
        return True
    return False


def limited(path, step):
    """Fail at every so many bytes."""
    small, large = make(3), make(20)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    refused = {"save": 0, "checkpoint": 0}
    for name, write in (("save", large.save), ("checkpoint", lambda to: save_checkpoint(to, large, [], 0))):
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        write(path)
        length = path.stat().st_size
        small.save(path)
        for k in range(0, length, step):
            resource.setrlimit(resource.RLIMIT_FSIZE, (k, hard))
            refused[name] += attempt(write, path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
        if attempt(write, path) or refused[name] != len(range(0, length, step)):
            raise SystemExit(f"{name}: {refused[name]} of {length} lengths were refused")
    return refused


def filled(folder):
    """Fill the file system of a folder, and save while less and less is left."""
    path, filler = folder / "model", folder / "filler"
    small, large = make(3), make(400)
    small.save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with suppress(OSError), filler.open("wb") as stream:
        while True:
            stream.write(bytes(4096))
            stream.flush()
    refused = 0
    while attempt(large.save, path):
        refused += 1
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise SystemExit("the old file changed")
        with filler.open("r+b") as stream:
            stream.truncate(max(filler.stat().st_size - 4096, 0))
    return {"save": refused}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    print(json.dumps(filled(target) if target.is_dir() else limited(target, int(sys.argv[2]))))
