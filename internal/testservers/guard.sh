# Usage: guard.sh FOLDER OWNER
# Waits until the process OWNER is gone, then kills the servers whose process ids are in FOLDER/*.pid and removes FOLDER.
# Ends as well when somebody else removes FOLDER.
dir=$1 owner=$2

alive() {
	kill -0 "$1" 2>/dev/null || return 1
	[ -r "/proc/$1/stat" ] || return 0
	read -r stat <"/proc/$1/stat" || return 1
	case $stat in *") Z "*) return 1 ;; esac
}

while [ -d "$dir" ] && alive "$owner"; do sleep 0.5; done

tries=0
while [ -d "$dir" ] && [ $tries -lt 20 ]; do
	for f in "$dir"/*.pid; do
		[ -f "$f" ] && kill -9 "$(cat "$f")" 2>/dev/null
	done
	rm -rf "$dir" 2>/dev/null || sleep 0.5
	tries=$((tries + 1))
done
rmdir "$(dirname "$dir")" 2>/dev/null
