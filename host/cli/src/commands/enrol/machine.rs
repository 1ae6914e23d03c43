//! What this system calls itself.

use jiff::Timestamp;
use waystation_core::machine_uid::{MachineFacts, MachineUid, MachineUidSource};

/// What it is recognised by, and whether that had to be made up.
pub(super) fn uid() -> (MachineUid, bool) {
    let machine_id = std::fs::read_to_string("/etc/machine-id").ok();
    let platform_uuid = platform_uuid();
    let facts = MachineFacts { machine_id: machine_id.as_deref(), platform_uuid: platform_uuid.as_deref() };
    let (uid, source) = MachineUid::of(facts, Timestamp::now(), &random());
    (uid, source == MachineUidSource::Unknown)
}

fn random() -> [u8; 10] {
    rand::random()
}

/// `IOPlatformUUID`, as `ioreg` prints it.
#[cfg(target_os = "macos")]
fn platform_uuid() -> Option<String> {
    let printed =
        std::process::Command::new("/usr/sbin/ioreg").args(["-rd1", "-c", "IOPlatformExpertDevice"]).output();
    of_ioreg(&String::from_utf8(printed.ok()?.stdout).ok()?).map(str::to_owned)
}

#[cfg(not(target_os = "macos"))]
const fn platform_uuid() -> Option<String> {
    None
}

#[cfg(any(test, target_os = "macos"))]
fn of_ioreg(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.contains("\"IOPlatformUUID\""))?;
    line.rsplit('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uuid_is_found_in_what_is_printed() {
        let text = "+-o J314 <class IOPlatformExpertDevice>\n    {\n      \"model\" = <\"x\">\n      \"IOPlatformUUID\" = \
                    \"564D1B3A-6E1F-4C6E-9B1C-0242AC120002\"\n    }\n";
        assert_eq!(of_ioreg(text), Some("564D1B3A-6E1F-4C6E-9B1C-0242AC120002"));
        assert_eq!(of_ioreg("nothing"), None);
    }
}
