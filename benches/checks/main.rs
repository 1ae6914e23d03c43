//! A thousand items checked by a host, beside a native program that sends the same requests.
//!
//! Both ask the same server, eight at once, and both read every answer. The native one keeps nothing;
//! the host runs each check in a sandbox of its own and keeps what it found in its database. `0 ms` is
//! the work alone, all of it on the processors that the server uses too; `5 ms` is a remote that is
//! near.

mod host;
mod native;
mod server;

use std::time::Duration;

use anyhow::{Result, ensure};
use waystation_benches::{Case, Report, take_turns};

use crate::host::Checking;
use crate::native::Native;
use crate::server::Server;

/// How many items.
const ITEMS: usize = 1_000;

/// How many are asked for at once, by both.
const AT_ONCE: usize = 8;

/// Rounds over both.
const ROUNDS: usize = 9;

fn main() -> Result<()> {
    let report = Report::new("checks", "1,000 items");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for (remote, delay) in [("0 ms", Duration::ZERO), ("5 ms", Duration::from_millis(5))] {
        let server = Server::start(delay)?;
        let native = Native::new(server.address())?;
        let host = runtime.block_on(Checking::start(server.address()))?;
        for (what, changing) in [("unchanged", false), ("a release each", true)] {
            server.change(changing);
            let [ours, theirs] =
                [format!("waystation, {what}, {remote}"), format!("native, {what}, {remote}")];
            let cases = vec![
                Case::new(&theirs, |count| {
                    let round = |_| {
                        server.next_round();
                        runtime.block_on(native.check())
                    };
                    (0..count).map(round).sum()
                }),
                Case::new(&ours, |count| {
                    let round = |_| {
                        server.next_round();
                        runtime.block_on(host.check())
                    };
                    (0..count).map(round).sum()
                }),
            ];
            let before = host.cpu()?;
            let samples = take_turns(cases, ROUNDS)?;
            // One round more, to warm up.
            let rounds = u32::try_from(ROUNDS)? + 1;
            let spent = (host.cpu()?.saturating_sub(before) / rounds).as_secs_f64() * 1e9;
            report.case(&samples, &theirs, None)?;
            report.case(&samples, &ours, Some(&theirs))?;
            report.figure(&format!("{ours}: processor time"), spent, "1,000 items", None)?;
        }
        // Both found the same: a round for both, without one in between.
        runtime.block_on(native.check())?;
        runtime.block_on(host.check())?;
        for item in [0, ITEMS - 1] {
            let (ours, theirs) = (runtime.block_on(host.newest(item))?, native.newest(item));
            ensure!(theirs.is_some_and(|theirs| theirs.to_string() == ours), "the host found {ours}");
        }
        runtime.block_on(host.stop())?;
    }
    Ok(())
}
