//! The schemes of package managers.

use super::{ascending, equal, gaps, prereleases, read, refused};
use crate::version::{Gap, Scheme};

/// Policy 5.6.12, deb-version(7), dpkg's own tests.
#[test]
fn debian() {
    ascending(Scheme::Debian, &["1~~", "1~~a", "1~", "1", "1a"]);
    ascending(Scheme::Debian, &["0:0-0", "1:0-0", "2:0-0"]);
    ascending(Scheme::Debian, &["0:a-0", "0:b-0"]);
    ascending(Scheme::Debian, &["0-a", "0-b"]);
    ascending(Scheme::Debian, &["1.0~beta1~svn1245", "1.0~beta1", "1.0", "1.0-1", "1.0-1+b1", "1.0-1.1"]);
    ascending(Scheme::Debian, &["1.2.3-1~bpo12+1", "1.2.3-1", "1.2.3-1ubuntu1", "1.2.3-2", "1.2.10-1"]);
    ascending(Scheme::Debian, &["1.0a", "1.0+", "1.0."]);
    equal(Scheme::Debian, &["0", "0:0", "0-0", "0-00", "00-0", "0:0-0"]);
    equal(Scheme::Debian, &["1.01-1", "1.1-01"]);
    for text in ["0:0:0-0", "0:0-0:0-0", "0:09azAZ.-+~:-0", "0:0-azAZ09.+~", "0-0-0-0"] {
        read(Scheme::Debian, text);
    }
    refused(
        Scheme::Debian,
        "version-malformed",
        &[
            "0:",
            "-1:0-1",
            "999999999999999999999999:0-1",
            "2147483648:1",
            "a:0-0",
            ":1",
            "-0",
            "0:-0",
            "0:0-0:0",
            "1-",
        ],
    );
    for odd in "!#@$%&/|\\<>()[]{};,_=*^'\"".chars() {
        refused(Scheme::Debian, "version-malformed", &[&format!("0:0{odd}-0"), &format!("0:0-{odd}")]);
    }
    prereleases(Scheme::Debian, &["1.0~rc1-1", "2:3~20240101"], &["1.0-1~bpo12+1", "1.0~dfsg-1", "1.0+git1"]);
    gaps(
        Scheme::Debian,
        &[
            ("1.0", "1:0.5", Gap::Major),
            ("1.0~rc1-1", "1.0-1", Gap::Prerelease),
            ("1.2.3-1", "1.2.3-1+deb12u1", Gap::Revision),
            ("1.2.3-9", "1.2.4-1", Gap::Patch),
            ("1.2.3.4", "1.2.3.5", Gap::Revision),
            ("1.0+git1-1", "1.0+git2-1", Gap::Other),
        ],
    );
}

/// rpm's `rpmvercmp.at`, with tilde and caret.
#[test]
fn rpm() {
    for chain in [
        &["1.0", "2.0"][..],
        &["2.0", "2.0.1", "2.0.1a"],
        &["5.5p1", "5.5p2", "5.5p10", "5.6p1", "6.5p1"],
        &["10xyz", "10.1xyz"],
        &["xyz10", "xyz10.1"],
        &["xyz.4", "2", "8"],
        &["6.0", "6.0.rc1"],
        &["10a1", "10a2", "10b2"],
        &["1.0a", "1.0aa"],
        &["10.0001", "10.0039"],
        &["4.999.9", "5.0"],
        &["20101121", "20101122"],
        &["1.0~rc1~git123", "1.0~rc1", "1.0~rc2", "1.0"],
        &["1.0", "1.0^", "1.0^git1", "1.0^git2", "1.01"],
        &["1.0^20160101", "1.0^20160101^git1", "1.0^20160102", "1.0.1"],
        &["1.0~rc1", "1.0~rc1^git1", "1.0"],
        &["1.0^git1~pre", "1.0^git1"],
        &["1.0-1.fc39", "1.0-2.fc38", "1.0-10.fc37"],
        &["9.9-1", "1:1.0-1", "2:0.1-1"],
    ] {
        ascending(Scheme::Rpm, chain);
    }
    for same in [
        &["2.0", "2_0"][..],
        &["10.0001", "10.1"],
        &["a+", "a_", "+a", "_a", "a"],
        &["+", "_"],
        &["0:1.0-1", "1.0-1", "00:1.0-1"],
    ] {
        equal(Scheme::Rpm, same);
    }
    refused(
        Scheme::Rpm,
        "version-malformed",
        &["a:1", ":1", "1-", "-1", "1:-1", "1-1-1", "1/2", "4294967296:1", "1:2:3"],
    );
    prereleases(Scheme::Rpm, &["1.0~rc1-1"], &["1.0-1~x", "1.0^git1-1", "1.0"]);
    gaps(
        Scheme::Rpm,
        &[
            ("1.0-1", "1:0.1-1", Gap::Major),
            ("1.2.3-1.el9", "1.2.3-2.el9", Gap::Revision),
            ("1.2.3-1.el9", "1.10.0-1.el9", Gap::Minor),
            ("1.2~rc1-1", "1.2-1", Gap::Prerelease),
        ],
    );
}

/// PEP 440, "Summary of permitted suffixes and relative ordering" and the ordering of its test suite.
#[test]
fn pep440() {
    ascending(
        Scheme::Pep440,
        &[
            "1.dev0",
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.1.dev1",
            "1.1",
            "1!0.1",
        ],
    );
    equal(Scheme::Pep440, &["1.0", "1", "1.0.0", "v1.0", "0!1"]);
    equal(Scheme::Pep440, &["1.0rc1", "1.0-RC.1", "1.0c1", "1.0pre1", "1.0preview1"]);
    equal(Scheme::Pep440, &["1.0.post1", "1.0-1", "1.0r1", "1.0rev1"]);
    refused(
        Scheme::Pep440,
        "version-malformed",
        &["latest", "1.0-x", "1.0.*", "1..0", "1.0+", "99999999999999999999"],
    );
    prereleases(Scheme::Pep440, &["1.0a1", "1.0.dev1", "1.0.post1.dev1"], &["1.0", "1.0.post1", "1.0+local"]);
    gaps(
        Scheme::Pep440,
        &[
            ("1.0", "1!0.1", Gap::Major),
            ("1.0", "1.0.post1", Gap::Revision),
            ("1.0rc1", "1.0", Gap::Prerelease),
            ("1.0", "1.0+local", Gap::Other),
            ("1.0", "1.0.1", Gap::Patch),
        ],
    );
}

/// The cases of Maven's `ComparableVersionTest`.
#[test]
fn maven() {
    ascending(
        Scheme::Maven,
        &[
            "1-alpha2snapshot",
            "1-alpha2",
            "1-alpha-123",
            "1-beta-2",
            "1-beta123",
            "1-m2",
            "1-m11",
            "1-rc",
            "1-cr2",
            "1-rc123",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-sp2",
            "1-sp123",
            "1-abc",
            "1-def",
            "1-pom-1",
            "1-1-snapshot",
            "1-1",
            "1-2",
            "1-123",
        ],
    );
    ascending(
        Scheme::Maven,
        &[
            "2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c", "2.1-1", "2.1.0.1",
            "2.2", "2.123", "11.a2", "11.a11", "11.b2", "11.b11", "11.m2", "11.m11", "11", "11.a", "11b",
            "11c", "11m",
        ],
    );
    for same in [
        &["1", "1.0", "1.0.0", "1-0", "1.0-0", "01", "0000000000000000001"][..],
        &["1a", "1-a", "1.0-a", "1.0.0-a", "1.0a", "1.0.0a", "1.a", "1A"],
        &["1x", "1-x", "1.0-x", "1.0.0-x", "1.0x", "1.0.0x", "1X"],
        &["1cr", "1rc", "1Cr", "1cR"],
        &["1a1", "1-alpha-1", "1alpha1"],
        &["1b2", "1-beta-2"],
        &["1m3", "1-milestone-3", "1MileStone3"],
        &["1ga", "1-ga0", "1release", "1final", "1FINAL", "1Ga", "1"],
        &["0", "00", "0.0", "0000000000000000000"],
        &["1-abcdefghijklmnopqrstuvwxyz", "1-ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
        &["0.x", "0-x", "x"],
    ] {
        equal(Scheme::Maven, same);
    }
    for chain in [
        &[
            "1.0-alpha-1-SNAPSHOT",
            "1.0-alpha-1",
            "1.0-alpha-2",
            "1.0-beta-1",
            "1.0-SNAPSHOT",
            "1.0",
            "1.0-1",
            "1.0-2",
        ][..],
        &["2.0-1", "2.0.1", "2.0.1-klm", "2.0.1-lmn", "2.0.1-123"],
        &["0.2", "0.7", "1.0.7", "2"],
        &["6.1.0rc3", "6.1.0", "6.1H.5-beta"],
        &[
            "20190126.230843",
            "1234567890.12345",
            "123456789012345.1H.5-beta",
            "12345678901234567890.1H.5-beta",
        ],
        &["1-0.alpha", "1-0.beta", "1"],
        &["1.0.final-redhat", "1.0-sp.1-redhat"],
        &["1.0.final-redhat", "1.0-sp1-redhat"],
        &["1.0.final-redhat", "1.0-sp-1-redhat"],
        &["c", "J", "7"],
    ] {
        ascending(Scheme::Maven, chain);
    }
    for x in ["abc", "alpha", "a", "beta", "b", "def", "milestone", "m", "RC"] {
        ascending(Scheme::Maven, &[&format!("1.0.0.{x}1"), &format!("1.0.0-{x}2")]);
        equal(Scheme::Maven, &[&format!("2-{x}"), &format!("2.0.{x}"), &format!("2.0.0.{x}")]);
    }
    // Where Maven 3.9 contradicts itself (see the module).
    ascending(Scheme::Maven, &["1", "1-ga1", "1-ga2"]);
    ascending(Scheme::Maven, &["1-rc", "1", "1.zzz.1"]);
    prereleases(
        Scheme::Maven,
        &["1-SNAPSHOT", "1.0-M1", "2.0.rc-1"],
        &["1-sp1", "1.Final", "Finchley.SR1", "1-jre"],
    );
    gaps(
        Scheme::Maven,
        &[
            ("1.2.3", "2.0", Gap::Major),
            ("5.3.Final", "5.4.Final", Gap::Minor),
            ("1.0-rc1", "1.0", Gap::Prerelease),
            ("1.0", "1.0-sp1", Gap::Revision),
            ("1.0", "1.0-jre", Gap::Other),
        ],
    );
}
