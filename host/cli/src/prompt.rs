//! Asking a person at the terminal, and reading what programs pipe in.

use std::io::{IsTerminal as _, Read as _, Write as _};

use crate::exit::{Exit, Failure};

/// The most bytes that are read from standard input.
const MAX: u64 = 4_096;

/// A secret: from standard input where that is said, else typed without being shown.
pub(crate) fn secret(what: &str, piped: bool) -> Result<String, Failure> {
    if piped {
        let mut text = String::new();
        std::io::stdin().lock().take(MAX).read_to_string(&mut text)?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if !std::io::stdin().is_terminal() {
        let message = format!("there is no terminal to ask for {what} at");
        return Err(Failure::new(Exit::Usage, message)
            .code("no-terminal")
            .hint("pipe it in, with --password-stdin"));
    }
    Ok(rpassword::prompt_password(format!("{what}: "))?)
}

/// A new password: typed twice, or piped in.
pub(crate) fn new_password(piped: bool) -> Result<String, Failure> {
    let first = secret("New password", piped)?;
    if !piped && secret("Again", false)? != first {
        return Err(
            Failure::new(Exit::Usage, "these are not the same; nothing was changed").code("not-the-same")
        );
    }
    Ok(first)
}

/// A line, where there is a terminal.
pub(crate) fn line(what: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        let message = format!("there is no terminal to ask for {what} at");
        return Err(Failure::new(Exit::Usage, message).code("no-terminal"));
    }
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{what}: ")?;
    stderr.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
