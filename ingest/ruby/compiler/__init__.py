"""From the tree of a program to closures: each node becomes a function of a frame, which holds the local variables.

A frame is a list: the frame around it, then the variables of its scope. Nothing of a user's text is ever run as Python.
"""
