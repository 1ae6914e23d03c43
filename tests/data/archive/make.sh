#!/bin/sh
# Makes this archive anew, with GnuPG 2.2 and its clock set to the date of the Release document. The secret key
# is thrown away.
set -eu
cd "$(dirname "$0")"
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
chmod 700 "$GNUPGHOME"
gpg() {
    command gpg --quiet --batch --yes --no-tty --pinentry-mode loopback --passphrase '' \
        --faked-system-time '20250102T000000!' --no-emit-version "$@"
}

cat > Packages <<'END'
Package: station
Version: 1.4.2-1
Architecture: amd64
Filename: pool/main/s/station/station_1.4.2-1_amd64.deb
Size: 1024
SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
Description: a package of an archive that signs beside its Release document
END
cat > Release <<END
Suite: stable
Date: Thu, 02 Jan 2025 00:00:00 UTC
Architectures: amd64
Components: main
SHA256:
 $(sha256sum Packages | cut -d ' ' -f 1) $(stat -c %s Packages) main/binary-amd64/Packages
END
gpg --quick-generate-key 'archive <archive@archive.example>' ed25519 sign never
gpg --armor --detach-sign --output Release.gpg Release
gpg --armor --export archive > key.asc
