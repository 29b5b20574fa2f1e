"""Webhooks at work: of all processes that serve the admin port one leads, and does two things at a time.

``sweep`` goes over all Subjects, finds what their use has crossed and puts an event on its way, marked in the
same script call. ``courier`` takes what is due and has ``sender`` post it, again and again until it is taken.
``herald`` runs both while the process leads. What is to be told stands in the store, so the next one goes on.
"""
