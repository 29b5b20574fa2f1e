"""Many waiting requests, one exact decision.

``limiter`` is all that the exchange calls; ``combiner`` makes requests of one Subject that wait
together into one call; ``entries`` keeps this process's absolute numbers; ``failure`` decides when
the store does not.
"""
