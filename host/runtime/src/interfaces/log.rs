//! `log`: lines into the plugin's journal, and to the host's own log as debug.

use crate::journal::Level;
use crate::state::State;

pub(crate) fn write(state: &State, level: Level, message: &str, fields: Vec<(String, String)>) {
    let context = state.context();
    let limits = &context.limits;
    let kept = context.journal.guest(level, message, fields, limits.log_line, limits.log_lines_per_minute);
    if kept {
        tracing::debug!(plugin = %context.name, level = level.as_str(), "plugin wrote a log line");
    }
}
