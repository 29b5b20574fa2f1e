"""The tables of ``replica``."""

from typing import Final

TABLES: Final = """
CREATE TABLE service (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, created INTEGER NOT NULL, record TEXT NOT NULL);
CREATE INDEX service_created ON service (created, id);
CREATE TABLE place (
    service_id TEXT NOT NULL, environment TEXT NOT NULL, published INTEGER NOT NULL, default_plan TEXT,
    PRIMARY KEY (service_id, environment)) WITHOUT ROWID;
CREATE TABLE plan (id TEXT PRIMARY KEY, name TEXT NOT NULL, created INTEGER NOT NULL, record TEXT NOT NULL);
CREATE INDEX plan_created ON plan (created, id);
CREATE TABLE reach (
    plan_id TEXT NOT NULL, service_id TEXT NOT NULL, environment TEXT NOT NULL, shadow INTEGER NOT NULL,
    bound INTEGER NOT NULL, api_id TEXT NOT NULL,
    PRIMARY KEY (plan_id, service_id, environment, api_id)) WITHOUT ROWID;
CREATE INDEX reach_place ON reach (service_id, environment, api_id, plan_id);
CREATE TABLE secret (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, enabled INTEGER NOT NULL, expires INTEGER,
    previous_until INTEGER, created INTEGER NOT NULL, modified INTEGER NOT NULL, tag TEXT NOT NULL,
    description TEXT NOT NULL, has_secondary INTEGER NOT NULL, secondary_until INTEGER)
    WITHOUT ROWID;
CREATE INDEX secret_created ON secret (created, id);
CREATE TABLE holder (
    plan_id TEXT NOT NULL, secret_id TEXT NOT NULL, bound INTEGER NOT NULL,
    PRIMARY KEY (plan_id, secret_id)) WITHOUT ROWID;
CREATE INDEX holder_secret ON holder (secret_id, plan_id);
CREATE TABLE credential (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE doomed (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE webhook (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
"""
