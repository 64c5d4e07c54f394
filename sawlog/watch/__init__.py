"""Alerts: rules over what is indexed, what fires of them and since when, and who is told (`alerts.yml`).

In the order of what happens: `reading` makes `rules` of the file; `counting` asks the store; `judging` says what of
each group is bad, `machine` what changes by that; `wording` writes the messages; `memory` keeps all of it over a
restart; `telling` sends; `watcher` runs them. `rehearsal` says when rules would have fired.
"""
