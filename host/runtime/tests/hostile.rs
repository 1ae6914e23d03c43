//! One hostile component per limit. Each is stopped, its true cause is named, and
//! the next call of a well-behaved plugin is served.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod support;

use std::time::Duration;

use support::{Fixture, HTTP_REQUEST, KV_REQUEST, Sandbox, manifest};
use waystation_runtime::{CallError, Cause, Failure, Grants, Limits, LoadError, Settings, Status};

fn limits() -> Limits {
    Limits {
        memory: 16 << 20,
        cpu: Duration::from_millis(200),
        wall: Duration::from_secs(20),
        transfer: 1 << 20,
        resources: 100,
        ..Limits::default()
    }
}

fn settings() -> Settings {
    Settings { limits: limits(), grants: Grants { kv: false, ..Grants::default() }, ..Settings::default() }
}

async fn fails(fixture: Fixture<'_>, settings: Settings) -> (Sandbox, Failure) {
    let sandbox = Sandbox::new();
    sandbox.install(&fixture, settings).await.expect("the fixture loads");
    match sandbox.call().await {
        Err(CallError::Failed(failure)) => (sandbox, failure),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_cause(failure: &Failure, cause: Cause, part: &str) {
    assert_eq!(failure.cause, cause, "{failure}");
    assert!(failure.message.contains(part), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pure_loop_is_killed() {
    let (sandbox, failure) =
        fails(Fixture { run: "(loop $l (br $l)) unreachable", ..Fixture::default() }, settings()).await;
    assert_cause(&failure, Cause::Deadline, "processor time");
    assert!(sandbox.plugin.metrics().snapshot().cpu >= Duration::from_millis(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_bomb_names_memory_though_the_guest_only_aborts() {
    let grow = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let (_, failure) = fails(Fixture { run: grow, ..Fixture::default() }, settings()).await;
    assert_cause(&failure, Cause::Memory, "the limit is `memory`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_counted_over_all_memories() {
    let fixture = Fixture {
        declarations: "(memory $b 64) (memory $c 64) (memory $d 64)",
        run: "(if (i32.eq (memory.grow $b (i32.const 100)) (i32.const -1)) (then unreachable)) (global.get $ok)",
        ..Fixture::default()
    };
    let (_, failure) = fails(fixture, settings()).await;
    assert_cause(&failure, Cause::Memory, "the limit is `memory`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_count_as_memory() {
    let fixture = Fixture {
        declarations: "(table $t 1 funcref)",
        run: "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 4096)) (i32.const -1)))) unreachable",
        ..Fixture::default()
    };
    let tight = Settings { limits: Limits { memory: 256 << 10, ..limits() }, ..settings() };
    let (_, failure) = fails(fixture, tight).await;
    assert_cause(&failure, Cause::Memory, "the limit is `memory`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_host_call_is_cut_and_its_waiting_is_not_billed() {
    let fixture = Fixture {
        imports: r#"(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $sleep (param i64) (result i32)))
            (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))"#,
        run: "(call $block (call $sleep (i64.const 3600000000000))) (global.get $ok)",
        ..Fixture::default()
    };
    let tight = Settings { limits: Limits { wall: Duration::from_millis(700), ..limits() }, ..settings() };
    let (sandbox, failure) = fails(fixture, tight).await;
    assert_cause(&failure, Cause::Deadline, "the limit is `wall`");
    let snapshot = sandbox.plugin.metrics().snapshot();
    assert!(snapshot.cpu < Duration::from_millis(200), "waiting was billed: {snapshot:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_string_of_one_gibibyte_is_refused_before_it_is_decoded() {
    // Claims a length that its memory does not have, and one that the transfer
    // limit does not allow.
    for (length, cause) in [(1 << 30, Cause::Decode), (8 << 20, Cause::Hostcall)] {
        let run = format!(
            "(drop (memory.grow (i32.const 200)))
             (i32.store (i32.const 520) (i32.const {length})) (global.get $ok)"
        );
        let (_, failure) = fails(Fixture { run: &run, ..Fixture::default() }, settings()).await;
        assert!(matches!(failure.cause, Cause::Hostcall | Cause::Decode | Cause::Trap), "{failure}");
        if cause == Cause::Hostcall {
            assert_cause(&failure, cause, "the limit is `transfer`");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_that_is_not_utf8_is_a_decode_failure() {
    let run = r#"(i32.store8 (i32.const 600) (i32.const 255))
        (i32.store (i32.const 516) (i32.const 600)) (i32.store (i32.const 520) (i32.const 1)) (global.get $ok)"#;
    let (_, failure) = fails(Fixture { run, ..Fixture::default() }, settings()).await;
    assert_cause(&failure, Cause::Decode, "utf-8");
}

const FIELDS: &str = r#"
    (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
    (import "wasi:http/types@0.2.12" "[method]fields.append"
        (func $append (param i32 i32 i32 i32 i32 i32)))"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_headers_is_bounded() {
    // Appends `x: <4 KiB>` until the host stops it.
    let fixture = Fixture {
        imports: FIELDS,
        declarations: r#"(data (i32.const 700) "x")"#,
        run: "(local $f i32)
            (local.set $f (call $fields))
            (loop $l
                (call $append (local.get $f) (i32.const 700) (i32.const 1) (i32.const 70000) (i32.const 4096) (i32.const 800))
                (br $l))
            unreachable",
        manifest: manifest(HTTP_REQUEST),
        ..Fixture::default()
    };
    let (sandbox, failure) = fails(fixture, settings()).await;
    assert!(matches!(failure.cause, Cause::Hostcall | Cause::Deadline), "{failure}");
    assert!(sandbox.plugin.metrics().snapshot().peak_memory <= 16 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resources_that_are_never_dropped_are_bounded() {
    let fixture = Fixture {
        imports: FIELDS,
        run: "(loop $l (drop (call $fields)) (br $l)) unreachable",
        manifest: manifest(HTTP_REQUEST),
        ..Fixture::default()
    };
    let (_, failure) = fails(fixture, settings()).await;
    assert_cause(&failure, Cause::Hostcall, "the limit is `resources`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_log_lines_is_cut_and_counted() {
    let fixture = Fixture {
        imports: r#"(import "waystation:host/log@0.1.0" "write" (func $write (param i32 i32 i32 i32 i32 i32)))"#,
        run: "(local $n i32)
            (loop $l
                (call $write (i32.const 2) (i32.const 4096) (i32.const 60000) (i32.const 0) (i32.const 0) (i32.const 800))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $n) (i32.const 500))))
            (global.get $ok)",
        ..Fixture::default()
    };
    let sandbox = Sandbox::new();
    let tight = Limits { log_lines_per_minute: 100, log_line: 256, cpu: Duration::from_secs(10), ..limits() };
    sandbox.install(&fixture, Settings { limits: tight, ..settings() }).await.unwrap();
    sandbox.call().await.expect("a flood is no failure of the call");
    let lines = sandbox.plugin.journal().since(0);
    let own: Vec<_> = lines.iter().filter(|line| !line.host).collect();
    assert_eq!(own.len(), 100);
    assert!(own.iter().all(|line| line.message.len() <= 256 * 3 + 3), "lines are cut");
    assert_eq!(sandbox.plugin.journal().dropped(), 400);
    assert!(lines.iter().any(|line| line.host && line.message.contains("dropped")));
}

const KV_SET: &str = r#"(import "waystation:host/kv@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))"#;

/// Writes a kibibyte under ever new keys until one write is refused.
const KV_FLOOD: &str = "(loop $l
        (i32.store (i32.const 700) (i32.add (i32.load (i32.const 700)) (i32.const 1)))
        (i32.store8 offset=0 (i32.const 720) (i32.add (i32.const 97) (i32.and (i32.load (i32.const 700)) (i32.const 15))))
        (i32.store8 offset=1 (i32.const 720) (i32.add (i32.const 97) (i32.and (i32.shr_u (i32.load (i32.const 700)) (i32.const 4)) (i32.const 15))))
        (i32.store8 offset=2 (i32.const 720) (i32.add (i32.const 97) (i32.and (i32.shr_u (i32.load (i32.const 700)) (i32.const 8)) (i32.const 15))))
        (call $set (i32.const 720) (i32.const 3) (i32.const 8192) (i32.const 1024) (i32.const 800))
        (br_if $l (i32.eqz (i32.load8_u (i32.const 800)))))
    (i32.store (i32.const 516) (i32.load (i32.const 804)))
    (i32.store (i32.const 520) (i32.load (i32.const 808)))
    (global.get $ok)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_the_store_meets_its_quota() {
    let fixture =
        Fixture { imports: KV_SET, run: KV_FLOOD, manifest: manifest(KV_REQUEST), ..Fixture::default() };
    let sandbox = Sandbox::new();
    let settings = Settings {
        limits: Limits { kv_total: 64 << 10, ..limits() },
        grants: Grants { kv: true, ..Grants::default() },
        ..settings()
    };
    sandbox.install(&fixture, settings).await.unwrap();
    assert_eq!(sandbox.call().await.unwrap(), "too-large");
    assert!(sandbox.store.bytes() <= 64 << 10);
    assert!(sandbox.store.bytes() > 60 << 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_one_call_are_bounded() {
    let fixture =
        Fixture { imports: KV_SET, run: KV_FLOOD, manifest: manifest(KV_REQUEST), ..Fixture::default() };
    let sandbox = Sandbox::new();
    let settings = Settings {
        limits: Limits { kv_writes_per_call: 10, ..limits() },
        grants: Grants { kv: true, ..Grants::default() },
        ..settings()
    };
    sandbox.install(&fixture, settings).await.unwrap();
    assert_eq!(sandbox.call().await.unwrap(), "too-large");
    assert_eq!(sandbox.store.bytes(), 10 * (1024 + 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_neither_reads_nor_writes_what_another_stored() {
    // Stores what it is told under one key; told nothing, it tells what is there.
    let fixture = Fixture {
        imports: r#"(import "waystation:host/kv@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
            (import "waystation:host/kv@0.1.0" "get" (func $get (param i32 i32 i32)))"#,
        declarations: r#"(data (i32.const 720) "shared")"#,
        run: "(if (local.get $length)
                (then (call $set (i32.const 720) (i32.const 6)
                    (local.get $input) (local.get $length) (i32.const 800)))
                (else (call $get (i32.const 720) (i32.const 6) (i32.const 800))
                    (i32.store (i32.const 516) (i32.load (i32.const 808)))
                    (i32.store (i32.const 520) (i32.load (i32.const 812)))))
            (global.get $ok)",
        manifest: manifest(KV_REQUEST),
        ..Fixture::default()
    };
    let granted = || Settings { grants: Grants { kv: true, ..Grants::default() }, ..settings() };
    let sandbox = Sandbox::new();
    sandbox.install(&fixture, granted()).await.unwrap();
    let other = sandbox.runtime.plugin::<support::Probe>("other", 4, 8);
    let named = Settings { name: "other".into(), ..granted() };
    sandbox.runtime.install(&other, fixture.bundle(), named).await.unwrap();

    support::run(&sandbox.plugin, "of the first").await.unwrap();
    assert_eq!(support::run(&other, "").await.unwrap(), "");
    support::run(&other, "of the other").await.unwrap();
    assert_eq!(support::run(&sandbox.plugin, "").await.unwrap(), "of the first");
    assert_eq!(support::run(&other, "").await.unwrap(), "of the other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_recursion_exhausts_the_stack_of_the_guest_only() {
    let fixture = Fixture {
        declarations: "(func $deep (param i32) (result i32)
            (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))",
        run: "(drop (call $deep (i32.const 0))) (global.get $ok)",
        ..Fixture::default()
    };
    let (_, failure) = fails(fixture, settings()).await;
    assert_cause(&failure, Cause::Trap, "recursed");
    assert!(!failure.backtrace.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_in_start_is_seen_at_load() {
    let sandbox = Sandbox::new();
    let fixture = Fixture { declarations: "(func $boom unreachable) (start $boom)", ..Fixture::default() };
    let error = sandbox.install(&fixture, settings()).await.unwrap_err();
    assert_eq!(error.code(), "describe");
    assert!(error.to_string().contains("trap"), "{error}");
    assert!(matches!(sandbox.plugin.status(), Status::Failed { code: "describe", .. }));
    assert!(matches!(sandbox.call().await, Err(CallError::NotRunning(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_in_describe_is_killed_and_the_plugin_is_not_loaded() {
    let sandbox = Sandbox::new();
    let fixture = Fixture { describe: "(loop $l (br $l))", ..Fixture::default() };
    let error = sandbox.install(&fixture, settings()).await.unwrap_err();
    assert!(matches!(&error, LoadError::Describe(text) if text.contains("deadline")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_while_one_loops() {
    let sandbox = Sandbox::new();
    let busy = sandbox.runtime.plugin::<support::Probe>("busy", 4, 8);
    let long = Settings {
        name: "busy".into(),
        limits: Limits { cpu: Duration::from_secs(3), ..limits() },
        ..Settings::default()
    };
    let looping = Fixture { run: "(loop $l (br $l)) unreachable", ..Fixture::default() };
    sandbox.runtime.install(&busy, looping.bundle(), long).await.unwrap();
    sandbox.install(&Fixture::default(), settings()).await.unwrap();

    // More loops than this test has threads.
    let loops = futures::future::join_all((0..4).map(|_| support::run(&busy, "")));
    let served = async {
        for _ in 0..50 {
            assert_eq!(sandbox.call().await.unwrap(), "");
        }
        busy.metrics().snapshot().running
    };
    let (killed, still_running) = tokio::join!(loops, served);
    assert_eq!(still_running, 4, "all were served before any loop was killed");
    assert!(killed.iter().all(|k| matches!(k, Err(CallError::Failed(f)) if f.cause == Cause::Deadline)));
}
