import os

import pytest

from src import InputError, processor


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    for name in (processor.VARIABLE, *processor.OF_LIBRARIES):
        monkeypatch.setenv(name, "")


def test_threads_are_limited_for_engines_libraries_and_decoding(monkeypatch):
    assert processor.thread_limit() == 0
    assert processor.threads() >= 1
    processor.limit_threads(3)
    assert processor.thread_limit() == processor.threads() == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are not chosen here")
def test_a_process_on_one_core_takes_one_thread():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert processor.threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_limit_that_is_no_number_is_told(monkeypatch):
    monkeypatch.setenv(processor.VARIABLE, "many")
    with pytest.raises(InputError, match="DEEPFAKE_THREADS.*'many'"):
        processor.thread_limit()
