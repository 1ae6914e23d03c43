//! Random lives of the outbox beside a model of a few lines.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use waystation_core::{
    id::DeliveryId,
    outbox::{Attempt, Failure, RetryPolicy},
};
use waystation_store::{Claimed, Settled, Store};

use super::{Db, at, channel, event, host, secs};

const CHANNELS: [&str; 3] = ["a", "b", "c"];
const LEASE: u64 = 60;

#[derive(Debug, Clone)]
enum Op {
    /// An event with one of a few keys, to some channels.
    Emit {
        key: u8,
        channels: u8,
    },
    Claim {
        host: u8,
        limit: u32,
    },
    /// The end of one of the attempts ever made, so late ones too.
    Settle {
        attempt: prop::sample::Index,
        end: End,
    },
    Wait {
        seconds: i64,
    },
    Replay {
        letter: prop::sample::Index,
    },
}

#[derive(Debug, Clone, Copy)]
enum End {
    Delivered,
    Again,
    Never,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let end = prop_oneof![Just(End::Delivered), Just(End::Again), Just(End::Never)];
    let op = prop_oneof![
        3 => (0_u8..5, 0_u8..8).prop_map(|(key, channels)| Op::Emit { key, channels }),
        3 => (0_u8..2, 1_u32..4).prop_map(|(host, limit)| Op::Claim { host, limit }),
        4 => (any::<prop::sample::Index>(), end).prop_map(|(attempt, end)| Op::Settle { attempt, end }),
        2 => (1_i64..90).prop_map(|seconds| Op::Wait { seconds }),
        1 => any::<prop::sample::Index>().prop_map(|letter| Op::Replay { letter }),
    ];
    prop::collection::vec(op, 1..40)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Model {
    Waiting { from: i64 },
    Claimed { host: u8, until: i64, attempt: u32 },
    Delivered,
    Dead,
}

#[derive(Default)]
struct World {
    now: i64,
    /// By event key and channel: state, attempts, and the idempotency key once it was seen.
    messages: BTreeMap<(u8, String), (Model, u32, Option<DeliveryId>)>,
    keys: BTreeSet<u8>,
    attempts: Vec<(u8, Claimed)>,
}

fn policy() -> RetryPolicy {
    RetryPolicy { first: secs(30), longest: secs(120), max_attempts: 3, ..RetryPolicy::default() }
}

fn message(claimed: &Claimed) -> (u8, String) {
    let key = claimed.event.data["key"].as_u64().and_then(|key| u8::try_from(key).ok()).unwrap();
    (key, claimed.delivery.channel.to_string())
}

impl World {
    async fn step(&mut self, store: &Store, op: &Op) {
        match *op {
            Op::Emit { key, channels } => self.emit(store, key, channels).await,
            Op::Claim { host, limit } => self.claim(store, host, limit).await,
            Op::Settle { .. } if self.attempts.is_empty() => {}
            Op::Settle { attempt, end } => {
                let (host, claimed) = attempt.get(&self.attempts).clone();
                self.settle(store, host, &claimed, end).await;
            }
            Op::Wait { seconds } => self.now += seconds,
            Op::Replay { letter } => {
                let letters = store.deliveries(Some("dead"), 100).await.unwrap();
                assert_eq!(letters.len(), self.messages.values().filter(|m| m.0 == Model::Dead).count());
                if !letters.is_empty() {
                    let letter = letter.get(&letters);
                    store.replay(letter.delivery.id, at(self.now)).await.unwrap();
                    let entry = self.messages.get_mut(&message(letter)).unwrap();
                    (entry.0, entry.1) = (Model::Waiting { from: self.now }, 0);
                }
            }
        }
    }

    async fn emit(&mut self, store: &Store, key: u8, channels: u8) {
        let chosen: Vec<_> = (0..3).filter(|n| channels & (1 << n) != 0).map(|n| CHANNELS[n]).collect();
        let route = |_: &_| chosen.iter().map(|name| channel(name)).collect();
        let mut new = event(Some(&format!("key-{key}")));
        new.data.insert("key".into(), key.into());
        let stored = store.emit(at(self.now), new, &route).await.unwrap();
        assert_eq!(stored.is_some(), self.keys.insert(key));
        if stored.is_some() {
            for name in chosen {
                self.messages.insert((key, name.to_owned()), (Model::Waiting { from: self.now }, 0, None));
            }
        }
    }

    async fn claim(&mut self, store: &Store, by: u8, limit: u32) {
        for (state, attempts, _) in self.messages.values_mut() {
            if matches!(*state, Model::Claimed { until, .. } if until <= self.now)
                && *attempts >= policy().max_attempts
            {
                *state = Model::Dead;
            }
        }
        let now = self.now;
        let due = |state: &Model| match *state {
            Model::Waiting { from } => from <= now,
            Model::Claimed { until, .. } => until <= now,
            Model::Delivered | Model::Dead => false,
        };
        let expected = self.messages.values().filter(|message| due(&message.0)).count();
        let claimed = store.claim_deliveries(host(by), at(now), secs(LEASE), limit, &policy()).await.unwrap();
        assert_eq!(claimed.len(), expected.min(usize::try_from(limit).unwrap()));
        for claimed in claimed {
            let (state, attempts, id) =
                self.messages.get_mut(&message(&claimed)).expect("a message of no event");
            assert!(due(state), "claimed what was not due: {state:?}");
            *attempts += 1;
            assert_eq!(claimed.delivery.attempt, *attempts);
            assert_eq!(*id.get_or_insert(claimed.delivery.id), claimed.delivery.id, "another key");
            *state = Model::Claimed { host: by, until: now + 60, attempt: *attempts };
            self.attempts.push((by, claimed));
        }
        let ids: Vec<_> = self.messages.values().filter_map(|message| message.2).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "one key for two messages");
    }

    async fn settle(&mut self, store: &Store, by: u8, claimed: &Claimed, end: End) {
        let failure = Failure { code: "remote-error".into(), message: "no".into() };
        let ended = match end {
            End::Delivered => Attempt::Delivered { receipt: None },
            End::Again => Attempt::Failed { failure, retryable: true, retry_after: None },
            End::Never => Attempt::Failed { failure, retryable: false, retry_after: None },
        };
        let settled = store
            .settle_delivery(host(by), &claimed.delivery, &ended, at(self.now), &policy(), u32::MAX)
            .await
            .unwrap();
        let (state, attempts, _) = self.messages.get_mut(&message(claimed)).unwrap();
        let mine = matches!(*state, Model::Claimed { host, attempt, .. } if host == by && attempt == claimed.delivery.attempt);
        assert_eq!(settled == Settled::Recorded, mine);
        if mine {
            let wait = [30, 60, 120][usize::try_from(*attempts).unwrap() - 1];
            *state = match end {
                End::Delivered => Model::Delivered,
                End::Again if *attempts < 3 => Model::Waiting { from: self.now + wait },
                End::Again | End::Never => Model::Dead,
            };
        }
    }

    /// Lets hosts go on until nothing is left to send.
    async fn finish(&mut self, store: &Store) {
        for _ in 0..20 {
            self.now += 1_000;
            let first = self.attempts.len();
            self.claim(store, 0, 100).await;
            for n in first..self.attempts.len() {
                let (host, claimed) = self.attempts[n].clone();
                self.settle(store, host, &claimed, End::Delivered).await;
            }
        }
        let counts = store.outbox_counts().await.unwrap();
        let of = |state| self.messages.values().filter(|message| message.0 == state).count();
        assert_eq!((counts.pending, counts.claimed), (0, 0));
        assert_eq!(usize::try_from(counts.delivered).unwrap(), of(Model::Delivered));
        assert_eq!(usize::try_from(counts.dead).unwrap(), of(Model::Dead));
        assert_eq!(of(Model::Delivered) + of(Model::Dead), self.messages.len());
    }
}

pub(crate) async fn no_event_is_lost_and_none_goes_without_its_key(db: Db) {
    let store = db.open().await;
    let runtime = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let result = tokio::task::block_in_place(|| {
        runner.run(&ops(), |ops| {
            runtime.block_on(async {
                db.tamper("DELETE FROM outbox; DELETE FROM events").await;
                let mut world = World::default();
                for op in &ops {
                    world.step(&store, op).await;
                }
                world.finish(&store).await;
            });
            Ok(())
        })
    });
    if let Err(failed) = result {
        panic!("{failed}");
    }
}
