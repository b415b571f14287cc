"""Others' files are changed whole, keep owner and mode, and leave a backup."""

from pathlib import Path

from bridge.rewriting import Edit, rewrite


def test_a_rewritten_file_keeps_its_mode_and_a_backup_of_each_state(tmp_path: Path) -> None:
    path = tmp_path / "acl"
    path.write_text("first\n", encoding="utf-8")
    path.chmod(0o640)
    (one,) = rewrite(path, "second\n", like=path)
    (two,) = rewrite(path, "third\n", like=path)
    assert [file.read_text(encoding="utf-8") for file in (one, two, path)] == ["first\n", "second\n", "third\n"]
    assert [file.stat().st_mode & 0o777 for file in (one, two, path)] == [0o640] * 3
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(file.name for file in (one, two, path))


def test_a_new_file_has_the_mode_of_its_neighbour_and_no_backup(tmp_path: Path) -> None:
    like = tmp_path / "mosquitto.conf"
    like.write_text("", encoding="utf-8")
    like.chmod(0o644)
    assert rewrite(tmp_path / "new", "text\n", like=like) == []
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o644


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "acl"
    real.write_text("old\n", encoding="utf-8")
    link = tmp_path / "acl"
    link.symlink_to(real)
    rewrite(link, "new\n", like=link)
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "new\n"


def test_a_change_is_shown_as_a_unified_diff() -> None:
    assert Edit(Path("/acl"), "a\nb\n", "a\nc\n").diff == "--- /acl\n+++ /acl\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    assert Edit(Path("/acl"), None, "a\n").diff.startswith("--- /dev/null\n+++ /acl\n")
