"""`python -m sawlog`: the command line, where no script of it is on the path."""

from sawlog.cli import main

if __name__ == "__main__":
    main()
