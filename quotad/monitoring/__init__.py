"""What watches quotad: a Grafana dashboard and Prometheus alerts, made from the metric names in the code.

``names`` turns a metric of ``telemetry.families`` into what Prometheus calls it
``panels`` is the table of what the dashboard shows, ``dashboard`` makes Grafana's JSON of it
``alerts`` is the table of what somebody must be told, ``rules`` makes Prometheus' file of it
``files`` writes both; ``python -m quotad.monitoring`` does, a test proves that deploy/ has those of today
"""
