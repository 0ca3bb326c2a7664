# Sourced by the scripts beside it: makes the checkout's own venv (.venv), with the locked versions, and leaves its
# Python in $venv_python.
#
#   own_venv LOCK    LOCK is a file of requirements/: runtime or dev. Takes some 15 ms when there is nothing to do.
#
# What the venv was made of is one line in .venv/made-of, written last. It decides all:
#
#   the line is as expected, or that of dev         -> the venv is used as it is
#   dev is wanted and the line is that of runtime   -> the venv is added to; a slot that runs from it is not disturbed
#   another line, or none (it was interrupted)      -> the venv is made anew, from nothing
#
# shellcheck shell=bash

checkout=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
venv=$checkout/.venv
venv_python=$venv/bin/python
readonly checkout venv venv_python

readonly EXIT_UNAVAILABLE=69

say() { printf '%s\n' "$*" >&2; }
give_up() { printf '%s\n' "$@" >&2; exit "$EXIT_UNAVAILABLE"; }

own_venv() {
    local lock=$1
    suffices_for "$lock" && return
    exec 9<"$checkout/scripts"
    flock --nonblock 9 || { say "Another script is setting up $venv: waiting for it."; flock 9; }
    suffices_for "$lock" || make_own_venv "$lock"
    exec 9<&-
}

# dev holds all that runtime holds, in the same versions: a test proves it
suffices_for() { is_made_of dev || is_made_of "$1"; }

is_made_of() {
    [ -x "$venv_python" ] && [ -f "$venv/made-of" ] && [ "$(cat "$venv/made-of")" = "$(ingredients "$venv_python" "$1")" ]
}

# The checkout's path is among them because a venv cannot be moved, and Python's version because a system's upgrade
# replaces the Python below a venv.
ingredients() {
    local python=$1 lock=$2 version sum
    version=$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null) || version=none
    sum=$({ cat "$checkout/requirements/$lock.txt"; what_is_installed; } | sha256sum)
    printf '%s python=%s sha256=%s checkout=%s' "$lock" "$version" "${sum%% *}" "$checkout"
}

# pyproject.toml as far as an installation depends on it: not the settings of the linter, the type checker and the tests.
what_is_installed() { sed '/^\[tool\.ruff\]/,$d' "$checkout/pyproject.toml"; }

make_own_venv() {
    local lock=$1 begun=$SECONDS total log=$venv/setup.log
    trap 'show ""; say "Interrupted: the next run sets $venv up anew."; exit 130' INT
    total=$(grep -c '^[a-z].*==' "$checkout/requirements/$lock.txt")
    if is_made_of runtime; then
        say "Adding the packages of $lock to $venv (once)."
        rm "$venv/made-of"
    else
        make_empty_venv
    fi
    say "Installing $total locked packages."
    pip_install "$total" "$log" --require-hashes -r "$checkout/requirements/$lock.txt"
    # the build backend is among the locked packages: without isolation nothing else is fetched
    pip_install 1 "$log" --no-deps --no-build-isolation -e "$checkout"
    ingredients "$venv_python" "$lock" >"$venv/made-of.new"
    mv "$venv/made-of.new" "$venv/made-of"
    trap - INT
    say "Set up in $((SECONDS - begun)) s."
}

make_empty_venv() {
    local python said
    python=$(find_python) || exit
    has_ensurepip "$python" || install_python_venv "$python"
    say "Making $venv (once) with $("$python" -V)."
    rm -rf "$venv"
    # kept back, for an interruption makes it print a traceback
    said=$("$python" -m venv "$venv" 2>&1) || give_up "$said" "$python -m venv failed: see above."
}

# $PYTHON alone, if it is set; else the first of the usual names that will do, best with ensurepip.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        is_supported "$candidate" && has_ensurepip "$candidate" && { echo "$candidate"; return; }
    done
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        is_supported "$candidate" && { echo "$candidate"; return; }
    done
    give_up "Python 3.11, 3.12 or 3.13 is needed; found: $(found_pythons). PYTHON=/path/to/python3 chooses one."
}

is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

has_ensurepip() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

found_pythons() {
    local candidate found=""
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        found+="${found:+, }$candidate ($("$candidate" -V 2>/dev/null || echo none))"
    done
    echo "$found"
}

# Debian and Ubuntu ship Python without the module that makes venvs.
install_python_venv() {
    local package
    package=$("$1" -c 'import sys; print(f"python3.{sys.version_info[1]}-venv")')
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        give_up "This Python cannot make venvs yet. Please run: sudo apt-get install -y $package"
    fi
    say "This Python cannot make venvs yet: installing $package (apt-get, as root)."
    apt_get install "$package" || { apt_get update && apt_get install "$package"; } ||
        give_up "apt-get could not install $package: see above."
    has_ensurepip "$1" || give_up "$package is installed, but $1 still cannot make venvs."
}

apt_get() {
    local verb=$1
    shift
    DEBIAN_FRONTEND=noninteractive apt-get "$verb" -qq -y --no-install-recommends "$@" >/dev/null
}

# Shows which package of how many pip is at; all that pip says goes to the log. The caller's PIP_USER would break a venv.
pip_install() {
    local total=$1 log=$2 fetched=0 line words
    shift 2
    if ! PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv_python" -m pip install --no-input --progress-bar off "$@" 2>&1 |
        tee -a "$log" | while read -r line; do
        read -ra words <<<"$line"
        case $line in
            Collecting* | Processing*) fetched=$((fetched + 1)); show "  $fetched of $total: ${words[1]##*/}" ;;
            Installing\ collected*) show "  unpacking" ;;
        esac
    done; then
        show ""
        grep -E 'ERROR|error:' "$log" | tail -n 5 >&2
        # pip calls a package "not found" also when it could not ask
        ! grep -q -e 'connection broken by' -e 'confirming the ssl' "$log" || say "The package index could not be reached."
        give_up "pip failed; all it said is in $log"
    fi
    show ""
}

show() { [ ! -t 2 ] || printf '\r\033[K%s' "$1" >&2; }
