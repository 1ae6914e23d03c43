//! The lines that a benchmark writes: for `cargo xtask bench` one JSON object each, else text.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::Sample;

/// Writes the cases of one benchmark to standard output.
#[derive(Debug)]
pub struct Report {
    bench: &'static str,
    unit: &'static str,
    json: bool,
}

impl Report {
    /// A report in the form that `WAYSTATION_BENCH_JSON` asks for. Times are for one `unit`.
    pub fn new(bench: &'static str, unit: &'static str) -> Self {
        Self { bench, unit, json: std::env::var_os("WAYSTATION_BENCH_JSON").is_some() }
    }

    /// One figure: nanoseconds for a `unit`, or bytes where `unit` says so. `ratio` names another
    /// case and gives this one over that.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn figure(&self, case: &str, median: f64, unit: &str, ratio: Option<(&str, f64)>) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            let mut line = Map::from_iter([
                ("bench".to_owned(), json!(self.bench)),
                ("case".to_owned(), json!(case)),
                ("median_ns".to_owned(), json!(median)),
                ("unit".to_owned(), json!(unit)),
            ]);
            if let Some((to, ratio)) = ratio {
                line.insert("ratio_to".to_owned(), json!(to));
                line.insert("ratio".to_owned(), json!(ratio));
            }
            writeln!(out, "{}", Value::Object(line))?;
        } else {
            let ratio = ratio.map(|(to, ratio)| format!("{ratio:.2} x {to}")).unwrap_or_default();
            writeln!(out, "{case:<34} {median:>14.0} {unit:<8} {ratio}")?;
        }
        Ok(())
    }

    /// The case called `name`, beside each of `others` where it names any.
    ///
    /// # Errors
    /// When there is no such case, or standard output is closed.
    pub fn case(&self, samples: &[Sample], name: &str, other: Option<&str>) -> Result<()> {
        let find = |name: &str| {
            samples.iter().find(|sample| sample.name == name).with_context(|| format!("no case {name}"))
        };
        let sample = find(name)?;
        let ratio = match other {
            Some(other) => Some((other, sample.ratio_to(find(other)?))),
            None => None,
        };
        self.figure(name, sample.median(), self.unit, ratio)
    }
}
