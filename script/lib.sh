# What script/demo and script/test share. Source it from the top of the checkout.

# packages NAME...: makes sure that these Debian packages are there.
packages() {
    missing=""
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        sudo=""
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo="sudo"
    else
        echo "These Debian packages are missing, and neither root nor sudo is at hand. Run this as root, then again:" >&2
        echo "    apt-get install --yes --no-install-recommends$missing" >&2
        exit 1
    fi
    echo "Installing Debian packages:$missing" >&2
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $missing >/dev/null
}

# python_in_range: gives the interpreter to use, 3.11 to 3.13.
python_in_range() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return 0
        fi
    done
    echo "No Python 3.11, 3.12 or 3.13 was found; set PYTHON to one." >&2
    exit 1
}

# fresh NAME: an empty virtual environment .venv/NAME.
fresh() {
    rm -rf ".venv/$1"
    "$(python_in_range)" -m venv ".venv/$1"
}

# install NAME ARGUMENTS...: into .venv/NAME, nothing without one of the hashes in requirements/*.txt.
install() {
    name=$1
    shift
    ".venv/$name/bin/pip" --quiet --disable-pip-version-check install --require-hashes "$@"
}

# environment NAME: a virtual environment with requirements/NAME.txt and this checkout, in .venv/NAME.
environment() {
    name=$1
    stamp=$({ "$(python_in_range)" -V; cat "requirements/$name.txt" requirements/build.txt pyproject.toml; } | sha256sum)
    if [ "$(cat ".venv/$name/stamp" 2>/dev/null)" != "$stamp" ]; then
        echo "Making the Python environment .venv/$name" >&2
        fresh "$name"
        # gssapi and krb5 come as source. They are built with the locked tools: pip would fetch others, without hashes.
        install "$name" --only-binary :all: -r requirements/build.txt
        install "$name" --only-binary :all: --no-binary gssapi,krb5 --no-build-isolation -r "requirements/$name.txt"
        ".venv/$name/bin/pip" --quiet --disable-pip-version-check install \
            --no-index --no-deps --no-build-isolation --editable .
        echo "$stamp" >".venv/$name/stamp"
    fi
}
