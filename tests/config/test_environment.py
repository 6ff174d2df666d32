"""What a variable of the environment may hold, and what is refused in which words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.broker import redis_address
from config.environment import Environment
from tests.support.processes import ROOT

ODD = [
    "$ecret",
    "$HOME",
    "${HOME}",
    "a$HOME",
    r"\$ecret",
    "a#b",
    "# a",
    "a 'b' \"c\"",
    " a b ",
    "%24",
    "a=b",
    "é",
]
DATABASE = "postgres://connector:{}@db.example.com:5432/connector"
SECRET = "a?se/cret"

READERS = {
    "DATABASE_URL": (
        "postgres",
        lambda url: Environment({}).database("DATABASE_URL", url),
    ),
    "REDIS_URL": ("redis", lambda url: redis_address(url, "", is_insecure=False)),
    "EMAIL_URL": (
        "smtp",
        lambda url: Environment({"EMAIL_URL": url}).mail("EMAIL_URL", default=""),
    ),
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / ".env"


def read(file, text, **inherited):
    file.write_text(text)
    environment = Environment(dict(inherited))
    environment.read_file(file)
    return environment


def printed(expression, **given):
    """What the product's settings say of the expression, in a process of its own."""
    needed = {
        "DATABASE_URL": settings.DATABASE_URL,
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": "a key",
        "FERNET_KEYS": "another key",
    }
    program = f"from config import settings; print({expression}, end='')"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **needed, "PYTHONUTF8": "1", **given},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("value", ODD)
def test_a_value_is_read_as_it_is(value):
    environment = Environment({"KEY": value, "HOME": "/root", "ecret": "of others"})
    assert environment.text("KEY") == value
    assert environment.parts("KEY") == [value]


@pytest.mark.parametrize("value", ODD)
def test_a_value_of_the_file_is_read_as_it_is(file, value):
    assert read(file, f"KEY={value}\n").text("KEY") == value


def test_a_secret_that_begins_with_a_dollar_reaches_the_settings():
    given = {"SECRET_KEY": "$ecret", "FERNET_KEYS": "$one,two", "ecret": "of others"}
    done = printed("[settings.SECRET_KEY, settings.FERNET_KEYS]", **given)
    assert done.stdout == "['$ecret', ['$one', 'two']]", done.stderr


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "EMAIL_URL"])
def test_an_address_that_refers_to_another_variable_is_refused(name):
    done = printed("1", **{name: "$UNSET"})
    assert done.returncode != 0
    assert f"{name} begins with $" in done.stderr


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "bad", ["{}", "nothing://u:{}@h/x", "redis:/{}", "://{}", "NAME://u:se/cret@h/1"]
)
def test_a_bad_address_is_refused_without_a_word_of_it(name, bad):
    scheme, reader = READERS[name]
    with pytest.raises(ImproperlyConfigured, match=f"^{name} ") as raised:
        reader(bad.format(SECRET).replace("NAME", scheme))
    assert not any(part in str(raised.value) for part in ("a?se", "cret", "nothing"))


def test_a_database_may_have_several_hosts():
    url = "postgres://u:p@a.example.com:5432,b.example.com:5433/connector"
    found = Environment({}).database("DATABASE_URL", url)
    assert (found["HOST"], found["PORT"]) == (
        "a.example.com,b.example.com",
        "5432,5433",
    )


def test_a_password_in_an_address_may_begin_with_a_dollar():
    found = Environment({}).database("DATABASE_URL", DATABASE.format("$ecret%40"))
    assert found["PASSWORD"] == "$ecret@"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY='$a # b'", "$a # b"),
        ('KEY="a \\"b\\" \\\\"', 'a "b" \\'),
        ('export KEY="a"', "a"),
        ("KEY='", "'"),
        ("KEY='a' 'b'", "a' 'b"),
        ("KEY=", ""),
    ],
)
def test_quotes_around_a_whole_value_are_taken_off(file, line, value):
    assert read(file, line).text("KEY") == value


def test_the_environment_goes_before_the_file(file):
    assert read(file, "KEY=a", KEY="b").text("KEY") == "b"


def test_a_line_of_the_file_that_says_nothing_is_refused_and_not_shown(file):
    with pytest.raises(ImproperlyConfigured, match="Line 3 of ") as raised:
        read(file, "# a comment\n\nSECRET_KEY = secret\n")
    assert "secret" not in str(raised.value)


def test_a_shell_gets_the_values_of_the_file_as_they_are(file):
    file.write_text("".join(f"KEY_{i}={value}\n" for i, value in enumerate(ODD)))
    names = "".join(f'printf "%s\\n" "$KEY_{i}"; ' for i in range(len(ODD)))
    program = (
        "import config.environment as e, pathlib, sys; "
        "e.ENV_FILE = pathlib.Path(sys.argv[1]); e.print_for_shell()"
    )
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'eval "$("{sys.executable}" -c "{program}" "{file}")"; {names}',
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ODD


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "65s"),
        ("number", "nan"),
        ("number", "1e999"),
        ("number", "$5"),
        ("whole", "4.5"),
        ("whole", "$5"),
        ("switch", "maybe"),
        ("switch", "$1"),
    ],
)
def test_what_is_no_number_or_switch_is_refused_by_name(kind, value):
    with pytest.raises(ImproperlyConfigured, match=r"^KEY \(.*\) must be "):
        getattr(Environment({"KEY": value}), kind)("KEY", default=1)


def test_what_a_shell_asks_for_comes_without_a_warning():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "config"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
