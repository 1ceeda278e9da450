from benchmarks import memory

PRINTS = "import sys; print('loading', 1024 * int(sys.argv[-1]) if 'once' in sys.argv else 0)"


def test_peaks_of_two_numbers_of_images_are_compared(monkeypatch, tmp_path):
    (tmp_path / "made_peaks.py").write_text(PRINTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory, "COUNTS", (10, 25))
    assert memory.growth("files", "made_peaks", "once") == [
        "| files | peak memory |",
        "|---|---|",
        "| 10 | 10 MiB |",
        "| 25 | 25 MiB |",
        "| ratio | 2.50 |",
    ]
