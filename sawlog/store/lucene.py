"""The parser of Lucene's query syntax: luqum's, with the tables that it brings, and with no word at its import.

luqum has ply compare a signature of its grammar with that of its tables. Python 3.13 takes the indent out of
docstrings, of which the grammar consists: there the signature of the same grammar is another one, and ply would say so
on standard error, make the tables again, and write them between the installed files; where it may not write there, at
each start.
"""

from __future__ import annotations

from functools import partial

from ply import yacc

_built_anew = yacc.yacc
# Optimised, ply takes the tables as they are; if there are none, it makes them in silence. A partial adds no frame: ply
# looks for the grammar in the module that calls it.
yacc.yacc = partial(yacc.yacc, optimize=True, write_tables=False, debug=False, errorlog=yacc.NullLogger())
try:
    from luqum.thread import parse
finally:
    yacc.yacc = _built_anew

__all__ = ["parse"]
