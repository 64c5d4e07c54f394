"""What sawlog costs, beside other tools in the same run: `python -m bench`."""
