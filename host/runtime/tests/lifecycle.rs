//! Quarantine, queues, and changing a plugin while calls go on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod support;

use std::time::Duration;

use futures::future::join_all;
use support::{Fixture, Probe, Sandbox, manifest, run};
use waystation_runtime::breaker::BreakerConfig;
use waystation_runtime::{CallError, Cause, Limits, Settings, Status, Transition};

/// Traps while the first byte of its input is `x`.
const MOODY: &str =
    "(if (i32.eq (i32.load8_u (local.get $input)) (i32.const 120)) (then unreachable)) (global.get $ok)";

fn moody() -> Fixture<'static> {
    Fixture { run: MOODY, ..Fixture::default() }
}

#[tokio::test]
async fn repeated_failure_leads_to_quarantine_and_a_probe_out_of_it() {
    let breaker = BreakerConfig {
        failures: 3,
        backoff: Duration::from_millis(150),
        max_backoff: Duration::from_secs(1),
    };
    let sandbox = Sandbox::with_breaker(breaker);
    sandbox.install(&moody(), Settings::default()).await.unwrap();
    let plugin = &sandbox.plugin;
    for _ in 0..3 {
        let error = run(plugin, "x").await.unwrap_err();
        assert!(matches!(&error, CallError::Failed(f) if f.cause == Cause::Trap), "{error}");
    }
    let error = run(plugin, "fine").await.unwrap_err();
    assert!(matches!(error, CallError::Quarantined { failures: 3, .. }), "{error}");
    assert!(matches!(plugin.status(), Status::Quarantined { .. }));

    // Wait for the rest to end: the probe is admitted, fails, and the rest doubles.
    let probe = until_admitted(plugin, "x").await;
    assert!(matches!(&probe, Err(CallError::Failed(f)) if f.cause == Cause::Trap), "{probe:?}");
    assert!(matches!(run(plugin, "fine").await, Err(CallError::Quarantined { .. })));
    assert_eq!(until_admitted(plugin, "fine").await.unwrap(), "");
    assert_eq!(plugin.status(), Status::Running);

    let seen = sandbox.transitions.lock().clone();
    assert!(matches!(
        seen.as_slice(),
        [Transition::Quarantined { .. }, Transition::Quarantined { .. }, Transition::Recovered { .. }]
    ));
}

async fn until_admitted(
    plugin: &waystation_runtime::Plugin<Probe>,
    input: &str,
) -> Result<String, CallError> {
    loop {
        match run(plugin, input).await {
            Err(CallError::Quarantined { retry_after, .. }) => tokio::time::sleep(retry_after).await,
            other => return other,
        }
    }
}

#[tokio::test]
async fn another_digest_starts_with_a_clean_record() {
    let sandbox = Sandbox::with_breaker(BreakerConfig { failures: 1, ..BreakerConfig::default() });
    sandbox.install(&moody(), Settings::default()).await.unwrap();
    run(&sandbox.plugin, "x").await.unwrap_err();
    // The same component again is still the one that failed.
    sandbox.install(&moody(), Settings::default()).await.unwrap();
    assert!(matches!(sandbox.call().await, Err(CallError::Quarantined { .. })));
    sandbox.install(&Fixture::default(), Settings::default()).await.unwrap();
    sandbox.call().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_drops_no_call() {
    let sandbox = Sandbox::new();
    let old = Fixture { run: "(global.get $ok)", ..Fixture::default() };
    let new = Fixture {
        run: "(i32.store (i32.const 516) (i32.const 26)) (i32.store (i32.const 520) (i32.const 5)) (global.get $ok)",
        ..Fixture::default()
    };
    sandbox.install(&old, Settings::default()).await.unwrap();
    let calls = async {
        let mut answers = Vec::new();
        while !answers.contains(&"1.2.3".to_owned()) {
            answers.push(sandbox.call().await.expect("no call is dropped"));
        }
        answers
    };
    let upgrade = sandbox.install(&new, Settings::default());
    let (answers, upgraded) = tokio::join!(calls, upgrade);
    upgraded.unwrap();
    assert!(answers.iter().all(|a| a.is_empty() || a == "1.2.3"));
}

#[tokio::test]
async fn a_bad_upgrade_leaves_the_good_one_serving() {
    let sandbox = Sandbox::new();
    sandbox.install(&Fixture::default(), Settings::default()).await.unwrap();
    let before = sandbox.plugin.loaded().unwrap().digest();
    let bad = Fixture { describe: "unreachable", ..Fixture::default() };
    sandbox.install(&bad, Settings::default()).await.unwrap_err();
    assert_eq!(sandbox.plugin.status(), Status::Running);
    assert_eq!(sandbox.plugin.loaded().unwrap().digest(), before);
    assert_eq!(sandbox.plugin.rejected().unwrap().code(), "describe");
    sandbox.call().await.unwrap();
}

#[tokio::test]
async fn configuration_reaches_the_plugin_and_changes_without_a_restart() {
    let fixture = Fixture {
        imports: r#"(import "waystation:host/config@0.1.0" "document" (func $document (param i32)))"#,
        // Both are a result of a string: hand it on.
        run: "(call $document (i32.const 800)) (i32.const 800)",
        ..Fixture::default()
    };
    let sandbox = Sandbox::new();
    for value in ["one", "two"] {
        let config = serde_json::Map::from_iter([("key".to_owned(), value.into())]);
        sandbox.install(&fixture, Settings { config, ..Settings::default() }).await.unwrap();
        assert_eq!(sandbox.call().await.unwrap(), format!("{{\"key\":\"{value}\"}}"));
    }
}

#[tokio::test]
async fn disable_and_enable() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.plugin.status(), Status::Disabled);
    sandbox.install(&Fixture::default(), Settings::default()).await.unwrap();
    let mut changes = sandbox.plugin.watch();
    sandbox.plugin.disable();
    changes.changed().await.unwrap();
    assert!(matches!(sandbox.call().await, Err(CallError::NotRunning(_))));
    sandbox.install(&Fixture::default(), Settings::default()).await.unwrap();
    sandbox.call().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_queue_up_to_a_bound() {
    let sandbox = Sandbox::new();
    let slow = Fixture { run: "(loop $l (br $l)) unreachable", ..Fixture::default() };
    let limits = Limits { cpu: Duration::from_millis(100), ..Limits::default() };
    sandbox.install(&slow, Settings { limits, ..Settings::default() }).await.unwrap();
    // 4 run, 8 wait, the others are turned away at once.
    let outcomes = join_all((0..20).map(|_| sandbox.call())).await;
    let busy = outcomes.iter().filter(|o| matches!(o, Err(CallError::Busy { .. }))).count();
    assert_eq!(busy, 8);
    let snapshot = sandbox.plugin.metrics().snapshot();
    assert_eq!((snapshot.running, snapshot.waiting), (0, 0));
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let slow = Fixture { run: "(loop $l (br $l)) unreachable", ..Fixture::default() };
    sandbox.install(&slow, Settings::default()).await.unwrap();
    let call = tokio::time::timeout(Duration::from_millis(50), sandbox.call()).await;
    assert!(call.is_err(), "it would have run for two seconds");
    let snapshot = sandbox.plugin.metrics().snapshot();
    assert_eq!((snapshot.running, snapshot.waiting), (0, 0));
    sandbox
        .install(&Fixture { manifest: manifest(""), ..Fixture::default() }, Settings::default())
        .await
        .unwrap();
    sandbox.call().await.unwrap();
}
