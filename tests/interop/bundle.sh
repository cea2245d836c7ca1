#!/usr/bin/env bash
# Bundles, keys and signatures against programs that are not ours: minisign, OpenSSH's agent, GNU tar, skopeo, docker-registry.
# Needs EDGECTL, the binary; says SKIPPED where a program is not installed, or fails with `--all`.
set -euo pipefail
fixtures=$(cd "$(dirname "$0")/../../fixtures" && pwd)
edgectl=${EDGECTL:?}
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
export EDGECTL_KEY_PASSWORD='correct horse' SOURCE_DATE_EPOCH=1793491200 HOME="$work"
unset CI SSH_AUTH_SOCK

there() {
    command -v "$1" >/dev/null && return
    [ "${all:-}" ] && { echo "$1 is not installed"; exit 1; }
    printf '!! SKIPPED: %s is not installed (%s)\n' "$1" "$2"
    return 1
}
all=${1:-}

say() { printf '  %s\n' "$*"; }

# status EXPECTED COMMAND...: it must exit so.
status() {
    local expected=$1 found=0
    shift
    "$@" >out.txt 2>&1 || found=$?
    [ "$found" = "$expected" ] || { echo "expected status $expected, found $found: $*"; cat out.txt; exit 1; }
}

"$edgectl" -q keys generate -o ours.key >/dev/null
"$edgectl" -q quantize "$fixtures/digits_mlp/model.onnx" --calibration "$fixtures/digits_mlp/calib_x.npy" -o digits.edgm -o digits.onnx >/dev/null
package=("$edgectl" -q package digits.edgm --profile pico --model digits.onnx --golden "$fixtures/digits_mlp/eval_x.npy" --channel prod
    --counter 412 --version 1.4.0 --expires 36500d)
"${package[@]}" --key ours.key -o digits.edgepkg >/dev/null

# The bundle as GNU tar extracts it; the manifest is the third entry, the signature the fifth.
mkdir layout
tar -xf digits.edgepkg -C layout
entry() { tar -tf digits.edgepkg | sed -n "$1p"; }
manifest=layout/$(entry 3) signature=layout/$(entry 5)
say "GNU tar: $(tar -tf digits.edgepkg | wc -l) entries, and what it packs again is the same"
tar --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=644 -b 1 -cf again.tar -C layout $(tar -tf digits.edgepkg)
cmp <(head -c "$(stat -c %s digits.edgepkg)" again.tar) digits.edgepkg

"${package[@]}" --key ours.key -o twice.edgepkg >/dev/null
cmp digits.edgepkg twice.edgepkg
say "twice: the same $(stat -c %s digits.edgepkg) bytes"

if there minisign minisign; then
    minisign -Vq -p ours.pub -m "$manifest" -x "$signature"
    minisign -V -p ours.pub -m "$manifest" -x "$signature" | grep -q 'edgectl digits 1.4.0 channel=prod counter=412'
    say "minisign verifies the signature in the bundle"
    echo content >content
    "$edgectl" -q keys sign content --key ours.key --comment 'made by edgectl' >/dev/null
    minisign -Vq -p ours.pub -m content
    say "minisign verifies a detached signature"
    printf '%s\n' "$EDGECTL_KEY_PASSWORD" | minisign -Sq -s ours.key -m content -x theirs.minisig -t 'made by minisign' >/dev/null
    status 0 "$edgectl" keys verify content --key ours.pub --signature theirs.minisig
    say "minisign signs with our secret key, and we verify it"
    printf '%s\n%s\n' "$EDGECTL_KEY_PASSWORD" "$EDGECTL_KEY_PASSWORD" | minisign -G -p theirs.pub -s theirs.key >/dev/null 2>&1
    chmod 600 theirs.key
    "$edgectl" -q keys sign content --key theirs.key -o ours.minisig >/dev/null
    minisign -Vq -p theirs.pub -m content -x ours.minisig
    [ "$("$edgectl" keys show theirs.key | sed -n 's/^public key *//p')" = "$(sed -n 2p theirs.pub)" ]
    say "we sign with minisign's secret key, and minisign verifies it"
    "${package[@]}" --key theirs.key -o theirs.edgepkg >/dev/null
    status 0 "$edgectl" verify theirs.edgepkg --key theirs.pub
    status 1 "$edgectl" verify theirs.edgepkg --key ours.pub
    minisign -Sq -l -s theirs.key -m content -x legacy.minisig <<<"$EDGECTL_KEY_PASSWORD" >/dev/null 2>&1 || true
    if [ -e legacy.minisig ]; then status 2 "$edgectl" keys verify content --key theirs.pub --signature legacy.minisig; fi
    echo altered >>content
    status 1 "$edgectl" keys verify content --key ours.pub --signature theirs.minisig
    if minisign -Vq -p ours.pub -m content -x theirs.minisig 2>/dev/null; then exit 1; fi
    say "both refuse altered content"
fi

if there ssh-agent openssh-client; then
    eval "$(ssh-agent)" >/dev/null
    pids+=("$SSH_AGENT_PID")
    ssh-keygen -q -t ed25519 -N '' -C 'release key' -f ssh.key
    ssh-keygen -q -t rsa -b 2048 -N '' -C 'another' -f rsa.key
    ssh-add -q ssh.key rsa.key
    "$edgectl" -q keys show agent: --format json | python3 -c 'import json, sys; print(json.load(sys.stdin)["public_key"])' >agent.pub
    "${package[@]}" --key 'agent:release key' -o agent.edgepkg >/dev/null
    status 0 "$edgectl" verify agent.edgepkg --key agent.pub
    status 0 "$edgectl" keys sign digits.edgm --key "agent:$(ssh-keygen -lf ssh.key.pub | cut -d' ' -f2)"
    there minisign minisign && minisign -Vq -P "$(cat agent.pub)" -m digits.edgm
    status 2 "$edgectl" keys sign digits.edgm --key agent:nobody
    say "ssh-agent signs, minisign and we verify"
fi

# Nothing of a secret shows in what other users can see.
EDGECTL_SECRET=$(cat ours.key) "$edgectl" -q keys sign digits.edgm --key env:EDGECTL_SECRET >/dev/null
status 0 "$edgectl" keys verify digits.edgm --key ours.pub

if there skopeo skopeo; then
    skopeo inspect --raw oci-archive:digits.edgepkg >image.json
    cmp image.json "layout/$(entry 4)"
    skopeo inspect --raw --config oci-archive:digits.edgepkg >config.json
    cmp config.json "$manifest"
    skopeo copy -q --preserve-digests oci-archive:digits.edgepkg "oci:copied:1.4.0"
    for blob in $(tar -tf digits.edgepkg | grep ^blobs); do cmp "layout/$blob" "copied/$blob"; done
    say "skopeo reads the bundle as an OCI layout, and copies it with the same digests"
fi

if there skopeo skopeo && there docker-registry docker-registry; then
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: 127.0.0.1:%s}\n' "$work" "$port" >registry.yml
    docker-registry serve registry.yml >registry.log 2>&1 &
    pids+=($!)
    for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
    there=docker://127.0.0.1:$port/models/digits:1.4.0
    skopeo copy -q --preserve-digests --dest-tls-verify=false oci-archive:digits.edgepkg "$there"
    skopeo inspect --raw --tls-verify=false "$there" | cmp - image.json
    skopeo copy -q --preserve-digests --src-tls-verify=false "$there" oci:back:1.4.0
    for blob in $(tar -tf digits.edgepkg | grep ^blobs); do cmp "layout/$blob" "back/$blob"; done
    say "docker-registry takes the bundle and gives it back with the same digests"
fi

status 0 "$edgectl" verify digits.edgepkg --key ours.pub
echo "bundles agree"
