"""Source archives that are the same bits wherever they are built; everything else is in pyproject.toml.

With SOURCE_DATE_EPOCH set, `python -m build` gives the same archive and wheel for the same sources.
"""

import gzip
import os
import tarfile
from pathlib import Path

from setuptools import setup
from setuptools.command.sdist import sdist


class ReproducibleSdist(sdist):
    """Members in order, with one date, no owner and plain modes."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        """Pack `base_dir` into `base_name`.tar.gz."""
        date = int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))

        def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime, member.mode = date, 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            return member

        target = Path(f"{base_name}.tar.gz")
        with (
            target.open("wb") as raw,
            gzip.GzipFile("", "wb", 9, raw, mtime=date) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted([Path(base_dir), *Path(base_dir).rglob("*")]):
                archive.add(path, recursive=False, filter=plain)
        return str(target)


os.umask(0o022)  # modes in the archives are not those of whoever builds them
setup(cmdclass={"sdist": ReproducibleSdist})
