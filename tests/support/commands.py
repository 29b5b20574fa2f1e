"""Command lines for tests."""

VALID = """\
listen: {address: "127.0.0.1:0"}
store: {embedded: {dir: data}}
services: [{serviceId: service-aaaaaaaa, serviceName: orders, environments: [release]}]
routes: [{pathPrefix: /, service: orders, environment: release, upstreams: ["http://127.0.0.1:9"]}]
plans: [{usagePlanId: usagePlan-aaaaaaaa, usagePlanName: trial, rateRps: 5}]
secrets: [{secretName: one, secretId: AKIDone, secretKey: abcdefghij0123456789}]
bindings:
  - usagePlanId: usagePlan-aaaaaaaa
    secretIds: [AKIDone]
    environments: [{service: orders, environment: release}]
"""
"""A small configuration that is right."""
