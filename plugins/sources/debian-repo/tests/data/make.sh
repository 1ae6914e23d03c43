#!/bin/sh
# Makes the keys and signatures of this folder anew, with GnuPG 2.2 and its clock set to the dates that the
# tests count on. The secret keys are thrown away.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
chmod 700 "$GNUPGHOME"
cd "$here"

at() { # date, arguments of gpg
    date=$1
    shift
    gpg --quiet --batch --yes --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time "$date!" \
        --no-emit-version "$@"
}
key() { # user, algorithm, usage, life
    at 20250101T000000 --quick-generate-key "$1 <$1@archive.example>" "$2" "$3" "$4"
}
fingerprint() { gpg --batch --with-colons --list-keys "$1" | awk -F: '/^fpr/{print $10; exit}'; }
export_key() { at 20260101T000000 --armor --export "$1" > "$1.key.asc"; }

key plain ed25519 sign never
key split rsa2048 cert never
at 20250101T000000 --quick-add-key "$(fingerprint split)" ed25519 sign never
key expired ed25519 sign 1y
key revoked ed25519 sign never
key short rsa1024 sign never
key stranger ed25519 sign never

cat > Release <<'END'
Origin: Example
Suite: stable
Codename: exemplar
Date: Thu, 01 Jan 2026 00:00:00 UTC
Valid-Until: Thu, 15 Jan 2026 00:00:00 UTC
Acquire-By-Hash: yes
Architectures: all amd64
Components: main
Description: - a line with a dash
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages
END

for user in plain split short stranger revoked; do
    at 20260101T000000 --local-user "$user" --clearsign --output "$user.InRelease" Release
done
at 20251201T000000 --local-user expired --clearsign --output expired.InRelease Release
at 20260101T000000 --local-user plain --digest-algo SHA1 --clearsign --output sha1.InRelease Release
at 20260101T000000 --local-user plain --default-sig-expire 1d --clearsign --output brief.InRelease Release
at 20260101T000000 --local-user plain --local-user stranger --clearsign --output both.InRelease Release
at 20260101T000000 --local-user plain --armor --detach-sign --output Release.gpg Release
at 20260101T000000 --local-user plain --detach-sign --output Release.sig Release

# What --quick-generate-key leaves as a revocation certificate has a colon before its armor.
sed 's/^:-----/-----/' "$GNUPGHOME/openpgp-revocs.d/$(fingerprint revoked).rev" | at 20260102T000000 --import
for user in plain split expired revoked short; do export_key "$user"; done
