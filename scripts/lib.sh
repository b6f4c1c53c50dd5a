# What the scripts share: where things are, and a few words. Sourced by bash.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/busyd
builds=${BUSYD_BUILDS:-$root} # build folders go here: build, build-asan, ...
jobs=$(nproc)

say() {
        printf '\n== %s\n' "$*"
}

die() {
        printf '%s\n' "$*" >&2
        exit 1
}

have() {
        command -v "$1" >/dev/null
}

is_ci() {
        [ "${CI:-}" = true ]
}

# So many seconds of an idle machine, at the pace of this one: by its load, as tests/system/pace.h does.
paced() {
        local load

        read -r load _ </proc/loadavg
        load=${load%.*}
        printf '%s\n' $(($1 * (load > jobs ? (load + jobs - 1) / jobs : 1)))
}

# Virtual environments, NAME: one for each set of requirements and each Python.
venv_requirements() {
        case $1 in
        synapse) printf '%s\n' "$root/tests/interop/requirements.txt" ;;
        peer) printf '%s\n' "$root/bench/requirements.txt" ;;
        nio) printf '%s\n' "$root/tests/interop/nio/requirements.txt" ;;
        esac
}

venv_folder() {
        local key

        key=$({ python3 --version; cat "$(venv_requirements "$1")"; } | sha256sum | cut -c1-12)
        printf '%s\n' "$cache/$1-$key"
}

# Its Python; fails if it is not there, or not complete.
venv_python() {
        local venv

        venv=$(venv_folder "$1")
        [ -e "$venv/complete" ] && printf '%s\n' "$venv/bin/python"
}

synapse_venv() {
        venv_folder synapse
}

synapse_python() {
        venv_python synapse
}

# Where the clients that interop tests run in a browser are, with what they need: one for each lock file.
browser_folder() {
        printf '%s\n' "$cache/browser-$(sha256sum <"$root/tests/interop/browser/package-lock.json" | cut -c1-12)"
}

# The same; fails if it is not there, or not complete.
browser_modules() {
        local folder

        folder=$(browser_folder)
        [ -e "$folder/complete" ] && have node && have chromium && printf '%s\n' "$folder"
}

# Where the OAuth 2.0 server of the login tests is: one for each lock file.
login_folder() {
        printf '%s\n' "$cache/login-$(sha256sum <"$root/tests/interop/login/package-lock.json" | cut -c1-12)"
}

# Its modules; fails if they are not there, or not complete.
login_modules() {
        local folder

        folder=$(login_folder)
        [ -e "$folder/complete" ] && have node && printf '%s\n' "$folder/node_modules"
}

# The parts of busyd that may be left out, as CMakeLists.txt of FOLDER has them: WITH_SOMETHING, one a line.
optional_parts() {
        sed -nE 's/^option\((WITH_[A-Z0-9_]+) .* ON\)$/\1/p; s/^set\((WITH_[A-Z0-9_]+) AUTO CACHE .*/\1/p' "$1/CMakeLists.txt"
}

# Of the two libraries that decrypt the one that cargo builds: whether it can be had here.
vodozemac_is_within_reach() {
        have cargo && have rustc &&
                printf '1.85\n%s\n' "$(rustc --version | cut -d ' ' -f 2)" | sort -C -V &&
                cargo fetch --quiet --locked --manifest-path "$root/src/matrix/crypto/vodozemac/Cargo.toml" 2>/dev/null
}

# Configures and builds: PRESET FOLDER [CMAKE-OPTION...] [-- TARGET...]. Waits for another one that builds there.
build() {
        local preset=$1 folder=$2 options=()

        shift 2
        while [ $# -gt 0 ] && [ "$1" != -- ]; do
                options+=("$1")
                shift
        done
        [ $# -gt 0 ] && shift
        {
                flock 9
                cmake -S "$root" --preset "$preset" -B "$folder" "${options[@]}" >"$folder.log" 2>&1 &&
                        cmake --build "$folder" ${1:+--target "$@"} >>"$folder.log" 2>&1 || {
                        grep -A 8 -E '^FAILED|[Ee]rror' "$folder.log" || tail -n 30 "$folder.log"
                        return 1
                }
        } 9>"$folder.lock"
}

# Writes the configuration of a private bus: FOLDER. The socket is FOLDER/bus.
bus_config() {
        cat <<-END
	<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
	 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig>
	  <type>session</type>
	  <listen>unix:path=$1/bus</listen>
	  <policy context="default">
	    <allow send_destination="*" eavesdrop="true"/>
	    <allow eavesdrop="true"/>
	    <allow own="*"/>
	  </policy>
	</busconfig>
	END
}
