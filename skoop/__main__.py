"""`python -m skoop` is `skoop`."""

from skoop.cli.main import run

if __name__ == "__main__":
    run()
