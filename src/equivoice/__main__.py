"""``python -m equivoice`` is ``equivoice``."""

from equivoice.cli import main

if __name__ == "__main__":
    main()
