"""``quotad completion``: for bash, zsh and fish."""

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_QUOTAD_COMPLETE"


@click.command(short_help="Print what makes a shell complete quotad's words.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that teaches SHELL quotad's commands and options.

    \b
    bash:  echo 'eval "$(quotad completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(quotad completion zsh)"' >> ~/.zshrc      (after compinit)
    fish:  quotad completion fish > ~/.config/fish/completions/quotad.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is none of the shells that are known")
    made = kind(context.find_root().command, {}, "quotad", _VARIABLE)
    click.echo(made.source_template % made.source_vars())
