//! `cargo run -p waystation-verify --example vectors -- DIR`: runs every case of `DIR/cases/*.jsonl` and tells which
//! were judged wrongly. `cargo xtask vectors DIR` is the same.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report on the terminal")]
#![allow(missing_docs, unreachable_pub, reason = "shared with a test")]

#[path = "../tests/support/vectors.rs"]
mod vectors;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("give the folder that holds `cases`");
        return ExitCode::from(2);
    };
    let tally = match vectors::run(std::path::Path::new(&folder)) {
        Ok(tally) => tally,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    println!(
        "{} cases, {} wrong accepts, {} wrong rejects",
        tally.cases,
        tally.wrong_accepts.len(),
        tally.wrong_rejects.len()
    );
    for id in &tally.wrong_accepts {
        println!("wrong accept: {id}");
    }
    for id in &tally.wrong_rejects {
        println!("wrong reject: {id}");
    }
    for (code, count) in &tally.codes {
        eprintln!("refused as {code}: {count}");
    }
    match tally.wrong_accepts.is_empty() && tally.wrong_rejects.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
