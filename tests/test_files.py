"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from akrasia.errors import RunFolderError
from akrasia.files import replacing, write_file


def test_a_file_is_written_with_its_folders_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "a.txt"
    assert write_file(path, b"old") == path and path.read_bytes() == b"old"
    with replacing(path) as part:
        part.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_writer_that_fails_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.txt", b"old")
    with pytest.raises(ZeroDivisionError):
        with replacing(path) as part:
            part.write_bytes(b"half")
            raise ZeroDivisionError
    with pytest.raises(RunFolderError, match="a.txt.*No space left.*Choose another path"):
        with replacing(path) as part:
            part.write_bytes(b"half")
            raise OSError(28, "No space left on device")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_a_file_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_file(tmp_path / "folder", b"x")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_file(tmp_path / "file" / "a.txt", b"x")
