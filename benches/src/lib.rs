//! What the benchmarks share: cases that take turns, medians, and lines to report them in.
//!
//! Cases of one benchmark run alternately, a batch of calls each, so that whatever else the
//! machine does falls on all of them; a ratio is the median of the ratios within each round.

#![forbid(unsafe_code)]

mod memory;
mod report;

use std::time::Duration;

use anyhow::Result;

pub use memory::proportional;
pub use report::Report;

/// A batch takes about this long, so that reading the clock costs nothing beside it.
const BATCH: Duration = Duration::from_millis(5);

/// Runs a number of calls and says how long they took together.
pub type Run<'a> = Box<dyn FnMut(u32) -> Result<Duration> + 'a>;

/// Something to measure.
pub struct Case<'a> {
    name: String,
    run: Run<'a>,
}

impl<'a> Case<'a> {
    /// A case under this name.
    pub fn new(name: impl Into<String>, run: impl FnMut(u32) -> Result<Duration> + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// What was measured of a case: nanoseconds a call, one figure a round.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The case.
    pub name: String,
    /// In the order of rounds.
    pub rounds: Vec<f64>,
}

impl Sample {
    /// The median over all rounds, in nanoseconds a call.
    pub fn median(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// The median of this case's time over the other's, round by round.
    pub fn ratio_to(&self, other: &Self) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(ours, theirs)| ours / theirs).collect())
    }
}

/// Runs all cases in turn, `rounds` times, after each has warmed up.
///
/// # Errors
/// The first error of a case.
pub fn take_turns(mut cases: Vec<Case<'_>>, rounds: usize) -> Result<Vec<Sample>> {
    let counts = cases.iter_mut().map(|case| batch(&mut case.run)).collect::<Result<Vec<u32>>>()?;
    let mut samples: Vec<Sample> = cases
        .iter()
        .map(|case| Sample { name: case.name.clone(), rounds: Vec::with_capacity(rounds) })
        .collect();
    for _ in 0..rounds {
        for ((case, count), sample) in cases.iter_mut().zip(&counts).zip(&mut samples) {
            let took = (case.run)(*count)?;
            sample.rounds.push(took.as_secs_f64() * 1e9 / f64::from(*count));
        }
    }
    Ok(samples)
}

/// How many calls make a batch.
fn batch(run: &mut Run<'_>) -> Result<u32> {
    let mut count = 1;
    while run(count)? < BATCH && count < 1 << 20 {
        count *= 2;
    }
    Ok(count)
}

/// The middle value; of an even number, the mean of the two in the middle. 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => 0.0,
        (Some(value), 1) => *value,
        (Some(value), _) => values.get(middle - 1).map_or(*value, |below| f64::midpoint(*below, *value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(vec![]).abs() < f64::EPSILON);
    }

    #[test]
    fn cases_take_turns_and_a_ratio_is_that_of_each_round() {
        let mut slow = 0;
        let cases = vec![
            Case::new("a", |count| Ok(Duration::from_millis(10) * count)),
            Case::new("b", |count| {
                slow += 1;
                Ok(Duration::from_millis(20) * count)
            }),
        ];
        let samples = take_turns(cases, 3).unwrap();
        assert_eq!(slow, 4, "once to warm up and once a round");
        assert!((samples[1].ratio_to(&samples[0]) - 2.0).abs() < 1e-9);
        assert!((samples[0].median() - 1e7).abs() < 1.0);
    }
}
