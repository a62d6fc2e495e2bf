"""Studies on a Ray cluster: calls become tasks of actors, one for each core of its nodes.

`connection` joins a cluster or starts Ray on this machine, `actors` is what runs on its nodes, `crew` starts
and replaces actors, `tasks` joins calls to tasks, `pool` hands tasks to actors and takes care of lost ones,
and `executor` is what a study sees.
"""
