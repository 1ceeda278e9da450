"""`python -m app`: the same as `deepfake serve`."""

from app.serve import command

if __name__ == "__main__":
    command(prog_name="python -m app")
