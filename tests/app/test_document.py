"""The service does what its OpenAPI document says, whatever is sent."""

import subprocess
import sys

import pytest
from running import running

TESTER = ("-m", "schemathesis.cli", "run", "--checks", "all", "--seed", "0")
# No document can say which bytes are a picture, so valid forms may well be refused.
EXCLUDED = ("--exclude-checks", "positive_data_acceptance")


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_schemathesis_finds_nothing(make_app, tmp_path, kept):
    app = make_app(history=tmp_path / "verdicts.sqlite" if kept else None)
    with running(app) as url:
        options = ("--phases", "examples,coverage,fuzzing", "--max-examples", "40")
        result = subprocess.run(
            [sys.executable, *TESTER, *EXCLUDED, *options, f"{url}/openapi.json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert result.returncode == 0, result.stdout
    assert "Tested: 11" in result.stdout
