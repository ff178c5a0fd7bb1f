"""`assay` and `python -m assay`: fix the numeric environment, then run the command line."""

from assay.settings import prepare_compute_environment, quiet_grpc


def main() -> None:
    """Run the command line and leave with its exit code."""
    prepare_compute_environment()
    quiet_grpc()
    # Imported only now: the environment must stand before anything imports numpy.
    from assay.cli.main import run  # noqa: PLC0415 — as the comment above says

    run()


if __name__ == "__main__":
    main()
