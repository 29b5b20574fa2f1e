"""The wire formats of two clouds, each a translation: what is asked for becomes one call of ``operations``.

``fields`` has the kinds of field and their rules. ``cloud_v3`` is the door of Cloud API 3.0, with its actions
in ``cloud_v3_plans``, ``cloud_v3_secrets`` and ``cloud_v3_services``, what answers are made of in
``cloud_v3_rows``, filters in ``cloud_v3_filters``, codes in ``cloud_v3_errors``. ``legacy_v2`` and
``usage_plans`` are the two others. ``signatures`` computes what the clients sign, ``signed`` checks it
against an admin's key pair; ``in_use`` reads what plans have used. docs/dialects.md has every field.
"""
