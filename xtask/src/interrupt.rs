//! Ctrl-C and termination: children are told, and what was started is stopped.
//!
//! A terminal sends SIGINT to the whole process group, so children have it already;
//! any other signal, or a SIGINT without a terminal, came to us alone and is passed
//! on as SIGTERM. Steps then unwind: what they started is stopped as it is dropped.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static ASKED: AtomicBool = AtomicBool::new(false);
static CHILD: Mutex<Option<Pid>> = Mutex::new(None);

/// The run was stopped by a signal.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Takes over SIGINT, SIGTERM and SIGHUP. Call once.
pub(crate) fn install() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("could not take over signals")?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            ASKED.store(true, Ordering::SeqCst);
            if signal == SIGINT && std::io::stdin().is_terminal() {
                continue;
            }
            if let Some(child) = *CHILD.lock() {
                let _ = kill_process(child, Signal::TERM);
            }
        }
    })?;
    Ok(())
}

/// Fails once a signal has come.
pub(crate) fn check() -> Result<()> {
    if ASKED.load(Ordering::SeqCst) { Err(Interrupted.into()) } else { Ok(()) }
}

/// Names the child that signals are passed on to, until `forget`.
pub(crate) fn watch(child: Pid) {
    *CHILD.lock() = Some(child);
}

/// Call before the child is reaped: its number may then be another's.
pub(crate) fn forget() {
    *CHILD.lock() = None;
}
