"""``quotad demo``: the real ``quotad serve`` in front of a sample backend, with lines to try.

``setup`` writes the folder: two plans, two key pairs, one configuration with an embedded store
``backend`` is the service behind quotad
``server`` runs ``quotad serve`` as a child process
``lines`` are the commands to try and what each answers
``check`` runs those very commands, and then proves the counts
``show`` puts it together, prints the lines and the live line of what is in use
"""
