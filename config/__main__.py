"""For a shell: what `.env` adds to its environment, as commands that it evaluates."""

from config.environment import print_for_shell

print_for_shell()
