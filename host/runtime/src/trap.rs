//! From what wasmtime reports to one of our causes.

use wasmtime::component::ResourceTableError;
use wasmtime::{Error, Trap, WasmBacktrace};

use crate::failure::{Cause, Failure};
use crate::meter::Meter;

/// Frames that are kept.
const FRAMES: usize = 16;

/// Finds the true cause of a call that did not come back.
pub(crate) fn explain(error: &Error, meter: &Meter) -> Failure {
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let mut failure = cause(error, meter, backtrace.is_some());
    failure.backtrace = backtrace.map(frames).unwrap_or_default();
    failure
}

fn cause(error: &Error, meter: &Meter, in_guest: bool) -> Failure {
    let trap = error.downcast_ref::<Trap>();
    // A guest cannot tell a refused growth from any other failed allocation: most
    // abort, which is `unreachable` or an error while its memory is laid out.
    let aborted = matches!(
        trap,
        None | Some(Trap::UnreachableCodeReached | Trap::MemoryOutOfBounds | Trap::AllocationTooLarge)
    );
    if let Some(wanted) = meter.refused().filter(|_| aborted) {
        let message =
            format!("wanted {} KiB of memory in total; the limit is `memory`", wanted.div_ceil(1024));
        return Failure::new(Cause::Memory, message);
    }
    if let Some(trap) = trap {
        let message = match trap {
            Trap::UnreachableCodeReached => {
                "the plugin aborted (a panic, or an unreachable instruction)".to_owned()
            }
            Trap::StackOverflow => "the plugin's stack is exhausted: it recursed too deeply".to_owned(),
            other => other.to_string(),
        };
        let cause = if matches!(trap, Trap::Interrupt) { Cause::Deadline } else { Cause::Trap };
        return Failure::new(cause, message);
    }
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return Failure::new(Cause::Hostcall, "holds too many host resources; the limit is `resources`");
    }
    let text = error.root_cause().to_string();
    if text.contains("hostcall") {
        return Failure::new(
            Cause::Hostcall,
            "passed too many bytes to the host at once; the limit is `transfer`",
        );
    }
    if text.contains("handles") || text.contains("handle table") {
        return Failure::new(Cause::Hostcall, "holds too many handles; the limit is `resources`");
    }
    // With guest frames below, a host call was misused; without, what came back
    // could not be read.
    let cause = if in_guest { Cause::Hostcall } else { Cause::Decode };
    Failure::new(cause, text.chars().take(300).collect::<String>())
}

fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    backtrace
        .frames()
        .iter()
        .take(FRAMES)
        .map(|frame| match frame.func_name() {
            Some(name) => shown(name),
            None => format!("function {}", frame.func_index()),
        })
        .collect()
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(160).collect()
}
