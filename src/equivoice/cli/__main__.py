"""``python -m equivoice.cli`` is ``equivoice``."""

from equivoice.cli import main

if __name__ == "__main__":
    main()
