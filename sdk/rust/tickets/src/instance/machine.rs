//! How an instance is kept: pure, the clock and chance are given.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error::Error;

/// Between two tries to register.
const AGAIN: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

/// How an instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceState {
    /// It is being registered, for the first time or again; what is wrong, where something is.
    Registering {
        /// The code and the sentence of the last failure.
        problem: Option<(String, String)>,
    },
    /// The host has it under this id.
    Ready {
        /// The id.
        instance: String,
    },
    /// Nobody keeps it any more.
    Stopped,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Register,
    Heartbeat(String),
    Wait(Instant),
    Done,
}

#[derive(Debug)]
pub(super) struct Machine {
    state: InstanceState,
    failures: u32,
    due: Instant,
    every: Duration,
}

impl Machine {
    pub(super) const fn new(every: Duration, now: Instant) -> Self {
        Self { state: InstanceState::Registering { problem: None }, failures: 0, due: now, every }
    }

    pub(super) const fn state(&self) -> &InstanceState {
        &self.state
    }

    pub(super) fn step(&self, now: Instant) -> Step {
        match &self.state {
            InstanceState::Stopped => Step::Done,
            _ if now < self.due => Step::Wait(self.due),
            InstanceState::Registering { .. } => Step::Register,
            InstanceState::Ready { instance } => Step::Heartbeat(instance.clone()),
        }
    }

    pub(super) fn registered(&mut self, told: Result<String, Error>, now: Instant, random: f64) {
        match (&self.state, told) {
            (InstanceState::Stopped, _) => {}
            (_, Ok(instance)) => {
                (self.failures, self.due) = (0, now + self.every);
                self.state = InstanceState::Ready { instance };
            }
            // Whatever it is: an operator may give the capability or register the scope later.
            (_, Err(e)) => {
                self.failures += 1;
                let wait = asked_to_wait(&e).unwrap_or_default().max(AGAIN.after(self.failures, random));
                self.due = now + wait;
                self.state = InstanceState::Registering { problem: Some((e.code().into(), e.to_string())) };
            }
        }
    }

    pub(super) fn beaten(&mut self, told: Result<(), Error>, now: Instant, random: f64) {
        match (&self.state, told) {
            (InstanceState::Ready { .. }, Ok(())) => (self.failures, self.due) = (0, now + self.every),
            // The host does not have it any more: registered at once.
            (InstanceState::Ready { .. }, Err(e)) if e.status() == Some(404) => {
                (self.failures, self.due) = (0, now);
                self.state = InstanceState::Registering { problem: None };
            }
            (InstanceState::Ready { .. }, Err(_)) => {
                self.failures += 1;
                self.due = now + AGAIN.after(self.failures, random).min(self.every);
            }
            _ => {}
        }
    }

    pub(super) fn stop(&mut self) {
        self.state = InstanceState::Stopped;
    }
}

fn asked_to_wait(error: &Error) -> Option<Duration> {
    match error {
        Error::Refused { retry_after, .. } => *retry_after,
        _ => None,
    }
}

/// Who was asked for lately, so that nobody is asked for too often.
#[derive(Debug)]
pub(super) struct Cooling {
    each: Duration,
    targets: HashMap<String, Instant>,
    /// The host said to wait until then, for whomever.
    all: Option<Instant>,
}

impl Cooling {
    pub(super) fn new(each: Duration) -> Self {
        Self { each, targets: HashMap::new(), all: None }
    }

    /// How long to wait before asking for this target; `force` is only held up by what the host said.
    pub(super) fn left(&mut self, target: &str, force: bool, now: Instant) -> Option<Duration> {
        self.targets.retain(|_, until| *until > now);
        let own = self.targets.get(target).filter(|_| !force);
        let until = own.into_iter().chain(self.all.as_ref()).max()?;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    pub(super) fn asked(&mut self, target: &str, told: Result<(), &Error>, now: Instant) {
        match told {
            Ok(()) => drop(self.targets.insert(target.to_owned(), now + self.each)),
            Err(e) if e.status() == Some(429) => {
                self.all = Some(now + asked_to_wait(e).unwrap_or(Duration::from_secs(6)));
            }
            // People are not asked again before their time.
            Err(Error::NotApproved { retry_after: Some(wait), .. }) => {
                self.targets.insert(target.to_owned(), now + *wait);
            }
            // It gave no ticket: it may be asked again.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(60);

    fn refused(status: u16, seconds: Option<u64>) -> Error {
        Error::Refused { status, message: "no".into(), retry_after: seconds.map(Duration::from_secs) }
    }

    #[test]
    fn a_first_registration_that_fails_is_tried_again() {
        let start = Instant::now();
        let mut machine = Machine::new(EVERY, start);
        assert_eq!(machine.step(start), Step::Register);
        for (failures, seconds) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60)] {
            machine.registered(Err(Error::Timeout), start, 0.0);
            let due = start + Duration::from_secs(seconds);
            assert_eq!(
                (machine.step(start), machine.step(due)),
                (Step::Wait(due), Step::Register),
                "{failures}"
            );
        }
        machine.registered(Err(refused(403, None)), start, 0.0);
        let InstanceState::Registering { problem: Some((code, _)) } = machine.state() else { panic!() };
        assert_eq!(code, "forbidden");
        machine.registered(Ok("a".into()), start, 0.0);
        assert_eq!(machine.state(), &InstanceState::Ready { instance: "a".into() });
        assert_eq!(machine.step(start + EVERY), Step::Heartbeat("a".into()));
    }

    #[test]
    fn one_that_is_gone_is_registered_at_once_and_one_that_is_not_reached_is_kept() {
        let start = Instant::now();
        let mut machine = Machine::new(EVERY, start);
        machine.registered(Ok("a".into()), start, 0.0);
        machine.beaten(Ok(()), start + EVERY, 0.0);
        assert_eq!(machine.step(start + EVERY), Step::Wait(start + EVERY * 2));
        for failure in [Error::Timeout, Error::Network(String::new()), refused(403, None), refused(503, None)]
        {
            machine.beaten(Err(failure), start, 0.0);
            assert_eq!(machine.state(), &InstanceState::Ready { instance: "a".into() });
        }
        machine.beaten(Err(refused(404, None)), start, 0.0);
        assert_eq!(machine.step(start), Step::Register);
        machine.registered(Ok("b".into()), start, 0.0);
        machine.stop();
        assert_eq!(machine.step(start), Step::Done);
        // What was under way changes nothing any more.
        machine.registered(Ok("c".into()), start, 0.0);
        machine.beaten(Err(refused(404, None)), start, 0.0);
        assert_eq!(machine.state(), &InstanceState::Stopped);
    }

    #[test]
    fn nobody_is_asked_for_too_often() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut cooling = Cooling::new(Duration::from_secs(120));
        assert_eq!(cooling.left("a", false, now), None);
        cooling.asked("a", Ok(()), now);
        assert_eq!(cooling.left("a", false, at(20)), Some(Duration::from_secs(100)));
        assert_eq!((cooling.left("a", true, at(20)), cooling.left("b", false, at(20))), (None, None));
        assert_eq!(cooling.left("a", false, at(120)), None);
        // Whoever people said no to is asked for again when they can be asked.
        let no = Error::NotApproved { rejected: true, reason: "no".into(), retry_after: Some(EVERY) };
        cooling.asked("p", Err(&no), now);
        assert_eq!(
            (cooling.left("p", false, at(20)), cooling.left("p", false, at(60))),
            (Some(Duration::from_secs(40)), None)
        );
        // A failure cools nothing down, unless the host says so: then it is for all, whoever insists.
        cooling.asked("b", Err(&refused(404, None)), now);
        assert_eq!(cooling.left("b", false, now), None);
        cooling.asked("b", Err(&refused(429, Some(30))), now);
        assert_eq!(cooling.left("c", true, at(10)), Some(Duration::from_secs(20)));
        assert_eq!(cooling.left("c", true, at(30)), None);
    }
}
