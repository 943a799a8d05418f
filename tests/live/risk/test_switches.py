"""The kill file and the kill signal."""

import signal

from jaxmm.live.risk.switches import Switches


def test_the_kill_file_counts_while_it_is_there(tmp_path):
    switches = Switches(tmp_path / "kill")
    assert switches.kill_file is None
    switches.file.touch()
    assert switches.kill_file == str(tmp_path / "kill")
    switches.file.unlink()
    assert switches.kill_file is None


def test_a_kill_file_that_points_nowhere_counts_as_there(tmp_path):
    (tmp_path / "kill").symlink_to(tmp_path / "missing")
    assert Switches(tmp_path / "kill").kill_file is not None


def test_a_kill_file_in_a_folder_that_is_not_there_is_not_there(tmp_path):
    assert Switches(tmp_path / "no" / "kill").kill_file is None
    (tmp_path / "file").touch()
    assert Switches(tmp_path / "file" / "kill").kill_file is None


def test_a_kill_file_that_cannot_be_looked_for_counts_as_there(tmp_path):
    assert "kkk" in Switches(tmp_path / ("k" * 300)).kill_file


def test_a_signal_counts_until_a_person_releases():
    switches = Switches(None)
    assert (switches.kill_file, switches.pressed) == (None, None)
    switches.press(signal.SIGUSR1)
    assert switches.pressed == "SIGUSR1"
    switches.reset()
    assert switches.pressed is None
