"""The commands: parse, call, print. No logic, and each imports only what it needs.

Exit status: 0 done, 1 failed (one line on stderr says why), 2 wrong usage.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quotad import __version__
from quotad.errors import ConfigError, QuotadError

if TYPE_CHECKING:
    from quotad.client.admin import AdminPort
    from quotad.client.caller import KeyPair

KEY_VARIABLE = "QUOTAD_SECRET_KEY"

_KEY_HELP = f"""
The SecretKey comes from --key-file, else from --key, else from the environment variable {KEY_VARIABLE}.
Everybody on this machine can read a command line (ps), so keep --key for tests.
"""


TOKEN_VARIABLE = "QUOTAD_ADMIN_TOKEN"  # noqa: S105 - a variable's name

_ADMIN_HELP = f"""
The bearer token is the configuration's; with --admin it comes from the environment variable {TOKEN_VARIABLE}.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and answer its exit status."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except ConfigError as error:
        for problem in error.problems:
            print(f"{options.config}: {problem}", file=sys.stderr)
        return 1
    except QuotadError as error:
        print(f"quotad: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has enough; Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quotad", description="Exact request quotas in front of any HTTP service."
    )
    parser.add_argument("--version", action="version", version=f"quotad {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_server_commands(commands)
    _add_caller_commands(commands)
    _add_usage_commands(commands)
    demo = commands.add_parser("demo", help="quotad, a store and a backend of their own, with lines to try")
    demo.add_argument("--check", action="store_true", help="run the lines, check the answers, exit 0 or 1")
    demo.add_argument(
        "--dir", type=Path, help="its folder, made anew (default: .demo; --check: a passing one)"
    )
    demo.add_argument("--keep", action="store_true", help="go on with the counters and keys of the last run")
    demo.add_argument(
        "--port", type=int, help="callers' port (default: 8080, or a free one when it is taken)"
    )
    demo.set_defaults(run=_demo)
    return parser


def _add_server_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = commands.add_parser("serve", help="stand in front of the backends that the configuration names")
    check = commands.add_parser("check", help="report everything that is wrong with a configuration")
    for command, run in ((serve, _serve), (check, _check)):
        command.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the YAML file")
        command.set_defaults(run=run)
    # Started by `serve` itself, so it has no line in the help.
    worker = commands.add_parser("worker")
    worker.add_argument("channel", type=int)
    worker.add_argument("log_lock", type=int)
    worker.add_argument("slots")
    worker.set_defaults(run=_worker)
    commands.add_parser("schema", help="print the JSON Schema of the configuration").set_defaults(run=_schema)
    commands.add_parser("version", help="print the version").set_defaults(run=_version)


def _add_caller_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    call = commands.add_parser("call", help="send a request, with credentials", epilog=_KEY_HELP)
    call.add_argument("url")
    _add_credentials(call)
    call.add_argument("--hmac", action="store_true", help="sign headers instead of sending the key pair")
    call.add_argument("--strong", action="store_true", help="sign the whole request (RFC 9421)")
    call.add_argument("--method", "-X", help="default: GET, or POST with --data")
    call.add_argument("--data", "-d", help="the body; @FILE reads a file")
    call.add_argument("-n", type=int, default=1, metavar="N", help="send it N times, one line per answer")
    call.add_argument("-i", action="store_true", help="print every header, not only those about limits")
    call.set_defaults(run=_call)
    sign = commands.add_parser(
        "sign",
        help="print a fresh Date and Authorization header",
        epilog=_KEY_HELP + "A signature is good for 900 seconds: sign when you call.",
    )
    _add_credentials(sign)
    sign.add_argument("--curl", metavar="URL", help="print a curl line for this URL instead")
    sign.add_argument("--strong", action="store_true", help="sign the whole request (RFC 9421); needs --curl")
    sign.add_argument("--method", "-X", help="of the request, with --strong")
    sign.add_argument("--data", "-d", help="the request's body, with --strong")
    sign.set_defaults(run=_sign)


def _add_usage_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    usage = commands.add_parser("usage", help="history, reset and top-up, through the admin port")
    verbs = usage.add_subparsers(title="verbs", metavar="VERB", required=True)
    history = verbs.add_parser("history", help="use by day or hour", epilog=_ADMIN_HELP)
    reset = verbs.add_parser("reset", help="set use to 0", epilog=_ADMIN_HELP)
    top_up = verbs.add_parser("top-up", help="raise a quota once", epilog=_ADMIN_HELP)
    for verb in (history, reset, top_up):
        verb.add_argument("-c", "--config", type=Path, metavar="FILE", help="the YAML file of that quotad")
        verb.add_argument("--admin", metavar="URL", help="its admin port, if not as in FILE")
        for name in ("plan", "service", "environment"):
            verb.add_argument(f"--{name}", metavar="ID", required=verb is not history)
        verb.add_argument("--secret", metavar="ID", help="SecretId")
        verb.add_argument("--shadow", action="store_true", help="the counters of a shadow plan")
    history.add_argument("--unit", choices=("day", "hour"), default="day")
    history.add_argument("--from", dest="start", metavar="DATE", help="or a time, for hours")
    history.add_argument("--to", dest="end", metavar="DATE")
    history.set_defaults(run=_history)
    windows = ("day", "month", "total")
    reset.add_argument("--window", action="append", choices=windows, required=True, help="may be repeated")
    top_up.add_argument("--window", choices=windows, required=True)
    top_up.add_argument("--amount", type=int, required=True, metavar="N", help="requests")
    top_up.add_argument("--until", required=True, metavar="END", help="windowEnd, never or an RFC 3339 time")
    for verb, run in ((reset, _reset), (top_up, _top_up)):
        verb.add_argument("--reason", required=True, help="for the audit log")
        verb.add_argument("--key", metavar="KEY", default="", help="sent again with it, it is made once")
        verb.set_defaults(run=run)
    forget = commands.add_parser("forget", help="delete the counters of a plan or a Secret that is gone")
    forget.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="names the store")
    which = forget.add_mutually_exclusive_group(required=True)
    which.add_argument("--plan", metavar="ID", default="")
    which.add_argument("--secret", metavar="ID", default="")
    forget.add_argument("--force", action="store_true", help="also while the configuration names it")
    forget.set_defaults(run=_forget)


def _add_credentials(command: argparse.ArgumentParser) -> None:
    command.add_argument("--id", metavar="ID", help="SecretId")
    command.add_argument("--key", metavar="KEY", help="SecretKey (others can see it: see below)")
    command.add_argument("--key-file", type=Path, metavar="FILE", help="a file that holds the SecretKey")
    command.add_argument(
        "--algorithm",
        default="hmac-sha256",
        choices=("hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"),
        help="of the signature (default: hmac-sha256)",
    )
    command.add_argument(
        "--header",
        "-H",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="also send (and sign) this",
    )


def _serve(options: argparse.Namespace) -> int:
    from quotad.config.file import load

    config = load(options.config)
    if config.workers > 1 or config.supervised:
        from quotad.workers.supervisor import run
    else:
        from quotad.app import run
    return run(options.config, config)


def _worker(options: argparse.Namespace) -> int:
    from quotad.workers.worker import run

    return run(options.channel, options.log_lock, options.slots)


def _check(options: argparse.Namespace) -> int:
    from quotad.config.file import load

    config = load(options.config)
    table = config.table
    counts = (
        (config.routes, "route"),
        (table.services, "service"),
        (table.plans, "plan"),
        (table.secrets, "secret"),
    )
    found = ", ".join(f"{len(items)} {noun}{'' if len(items) == 1 else 's'}" for items, noun in counts)
    print(f"{options.config}: OK: {found} (version {config.version})")
    return 0


def _schema(_options: argparse.Namespace) -> int:
    import json

    from quotad.config.file import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _version(_options: argparse.Namespace) -> int:
    print(f"quotad {__version__}")
    return 0


def _call(options: argparse.Namespace) -> int:
    from quotad.client.commands import CallOptions, call

    return call(
        CallOptions(
            url=options.url,
            pair=_key_pair(options) if options.id else None,
            algorithm=options.algorithm if options.hmac else "",
            method=options.method or ("GET" if options.data is None else "POST"),
            data=options.data,
            headers=tuple(options.header),
            count=options.n,
            all_headers=options.i,
            strong=options.strong,
        )
    )


def _sign(options: argparse.Namespace) -> int:
    from quotad.client.commands import sign

    if not options.id:
        raise QuotadError("sign: --id is needed")
    if options.strong:
        return _sign_strongly(options)
    return sign(_key_pair(options), options.algorithm, tuple(options.header), options.curl)


def _sign_strongly(options: argparse.Namespace) -> int:
    from quotad.client.caller import parse_header
    from quotad.client.commands import sign_strongly
    from quotad.client.signing import Unsigned

    if options.curl is None:
        raise QuotadError("sign: --strong needs --curl, since it covers the URL")
    body = None if options.data is None else options.data.encode()
    method = options.method or ("GET" if body is None else "POST")
    headers = tuple(parse_header(text) for text in options.header)
    return sign_strongly(_key_pair(options), Unsigned(method, options.curl, body, headers))


def _history(options: argparse.Namespace) -> int:
    from quotad.client.admin import Place, history

    place = Place(options.plan, options.service, options.environment, options.secret, options.shadow)
    return history(_admin_port(options), place, options.unit, options.start, options.end)


def _reset(options: argparse.Namespace) -> int:
    from quotad.client.admin import Place, change

    place = Place(options.plan, options.service, options.environment, options.secret, options.shadow)
    said = {"windows": options.window, "reason": options.reason}
    return change(_admin_port(options), "reset", place, said, options.key)


def _top_up(options: argparse.Namespace) -> int:
    from quotad.client.admin import Place, change

    place = Place(options.plan, options.service, options.environment, options.secret, options.shadow)
    said = {
        "window": options.window,
        "amount": options.amount,
        "until": options.until,
        "reason": options.reason,
    }
    return change(_admin_port(options), "top-up", place, said, options.key)


def _admin_port(options: argparse.Namespace) -> "AdminPort":
    from quotad.client.admin import AdminPort, configured_port

    if options.admin:
        return AdminPort(options.admin, os.environ.get(TOKEN_VARIABLE, ""))
    if options.config is None:
        raise QuotadError("usage: --config or --admin is needed")
    return configured_port(options.config)


def _forget(options: argparse.Namespace) -> int:
    from quotad.config.file import load
    from quotad.forget import forget

    keys = forget(load(options.config), options.plan, options.secret, force=options.force)
    print(f"{options.plan or options.secret}: {keys} key{'' if keys == 1 else 's'} deleted or changed")
    return 0


def _demo(options: argparse.Namespace) -> int:
    import asyncio

    from quotad.demo.show import DemoOptions, show

    return asyncio.run(
        show(DemoOptions(folder=options.dir, check=options.check, keep=options.keep, port=options.port))
    )


def _key_pair(options: argparse.Namespace) -> "KeyPair":
    from quotad.client.caller import KeyPair
    from quotad.client.commands import read_key

    if options.key_file is not None:
        key = read_key(options.key_file)
    else:
        key = options.key or os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise QuotadError(f"no SecretKey: use --key-file, --key or {KEY_VARIABLE}")
    return KeyPair(options.id, key)
