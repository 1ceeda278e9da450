import os
import stat
import sys
from pathlib import Path

import pytest

from src import InputError
from src.files import atomic_file, atomic_folder, refuse_existing, write_text


def test_text_is_written_whole(tmp_path):
    write_text(tmp_path / "new" / "folder" / "a.txt", "Zürich\n")
    assert (tmp_path / "new/folder/a.txt").read_bytes() == "Zürich\n".encode()
    assert os.listdir(tmp_path / "new/folder") == ["a.txt"]


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8 exist on Linux")
def test_text_with_a_file_name_that_is_not_utf_8(tmp_path):
    write_text(tmp_path / "a.csv", os.fsdecode(b"caf\xe9.png,1\n"))
    assert (tmp_path / "a.csv").read_bytes() == b"caf\xe9.png,1\n"


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as temporary:
        temporary.write_text("half of the ne")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_whoever_reads_the_old_file_meanwhile_reads_it_to_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    os.link(path, tmp_path / "open")
    write_text(path, "new")
    assert (tmp_path / "open").read_text() == "old"
    assert path.read_text() == "new"


def test_temporary_file_keeps_the_suffix(tmp_path):
    with atomic_file(tmp_path / "a.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path
        temporary.touch()


def test_refuses_what_exists(tmp_path):
    refuse_existing(tmp_path / "new", overwrite=False)
    refuse_existing(tmp_path, overwrite=True)
    with pytest.raises(InputError, match="--overwrite"):
        refuse_existing(tmp_path, overwrite=False)


def test_folder_appears_whole(tmp_path):
    target = tmp_path / "deep" / "bundle"
    with atomic_folder(target) as folder:
        (folder / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert os.listdir(target.parent) == ["bundle"]


def test_folder_is_readable_by_others_as_any_new_folder_is(tmp_path):
    with atomic_folder(tmp_path / "bundle"):
        pass
    (tmp_path / "plain").mkdir()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("bundle", "plain")}
    assert len(modes) == 1


def test_folder_is_replaced_only_when_asked(tmp_path):
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(InputError, match="exists already"), atomic_folder(target):
        pass
    assert os.listdir(target) == ["old"]
    with atomic_folder(target, overwrite=True) as folder:
        (folder / "new").touch()
    assert os.listdir(target) == ["new"]
    assert os.listdir(tmp_path) == ["bundle"]


def test_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(ZeroDivisionError), atomic_folder(target, overwrite=True) as folder:
        (folder / "new").touch()
        _ = 1 / 0
    assert os.listdir(target) == ["old"]
    assert os.listdir(tmp_path) == ["bundle"]


def test_place_that_cannot_be_written_is_an_input_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        write_text(tmp_path / "file" / "a.txt", "text")
    with (
        pytest.raises(InputError, match="cannot write"),
        atomic_folder(tmp_path / "file" / "bundle"),
    ):
        pass


@pytest.mark.parametrize("place", [".", "..", "/"])
def test_nothing_is_put_where_somebody_stands(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(InputError, match="expected a name"),
        atomic_folder(Path(place), overwrite=True),
    ):
        pass
