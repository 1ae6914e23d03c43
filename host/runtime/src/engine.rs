//! The wasmtime engine, configured once for every plugin of this process.
//!
//! Component-model async stays off (our ABI is WASI 0.2 with synchronous
//! functions): a call costs a quarter of what it costs with it. Instances come
//! from a pool that keeps their first pages resident.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use sha2::{Digest, Sha256};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::RuntimeError;

/// How often running guests are interrupted, so that they yield to the executor
/// and their use of the processor is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// What the pool reserves. Address space only: memory is used when a guest
/// touches it.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The largest linear memory any plugin may be granted, in bytes.
    pub max_memory: usize,
    /// Calls that may run at the same moment, over all plugins.
    pub max_instances: u32,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { max_memory: 256 << 20, max_instances: 256 }
    }
}

/// The engine and the thread that advances its epoch. Cheap to clone; the thread
/// ends with the last clone.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    fingerprint: [u8; 32],
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// Builds the engine.
    ///
    /// # Errors
    /// [`RuntimeError::Engine`] when this machine cannot reserve the pool, for
    /// instance under a limit on address space.
    pub fn new(config: &EngineConfig) -> Result<Self, RuntimeError> {
        let inner = wasmtime::Engine::new(&wasmtime_config(config))
            .map_err(|e| RuntimeError::Engine(format!("{e:#}")))?;
        let ticker = Ticker::start(inner.weak())?;
        let fingerprint = fingerprint(&inner);
        Ok(Self { inner, fingerprint, _ticker: Arc::new(ticker) })
    }

    /// The wasmtime engine.
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Identifies this build and configuration: compiled artifacts of another
    /// fingerprint are never loaded.
    pub(crate) fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }
}

fn wasmtime_config(config: &EngineConfig) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    // Components are a handful of core instances (Python's are dozens) around one
    // or two memories.
    pool.total_component_instances(config.max_instances)
        .total_core_instances(config.max_instances.saturating_mul(16))
        .max_core_instances_per_component(128)
        .total_memories(config.max_instances.saturating_mul(2))
        .max_memories_per_component(16)
        .max_memories_per_module(8)
        .max_memory_size(config.max_memory)
        .total_tables(config.max_instances.saturating_mul(4))
        .max_tables_per_component(64)
        .table_elements(100_000)
        .total_stacks(config.max_instances)
        .max_unused_warm_slots(config.max_instances)
        // Without these two, threads contend in the kernel over madvise.
        .linear_memory_keep_resident(64 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);

    let mut engine = Config::new();
    engine
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_memory64(false)
        .wasm_multi_memory(true)
        // Of use to foreign unwinders only: a fifth of an artifact, read at every load.
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    engine
}

fn fingerprint(engine: &wasmtime::Engine) -> [u8; 32] {
    use std::hash::{Hash, Hasher};

    /// Feeds what wasmtime hashes (versions, target, flags) into SHA-256, since a
    /// 64-bit hash is no key for native code.
    struct Sink(Sha256);
    impl Hasher for Sink {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut sink = Sink(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sink);
    sink.0.update(env!("CARGO_PKG_VERSION").as_bytes());
    sink.0.finalize().into()
}

/// A thread of its own, so that no busy executor can keep guests from being
/// interrupted.
struct Ticker {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: wasmtime::EngineWeak) -> Result<Self, RuntimeError> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let seen = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("waystation-epoch".into())
            .spawn(move || {
                let (stopped, wake) = &*seen;
                let mut stopped = stopped.lock();
                while !*stopped {
                    wake.wait_for(&mut stopped, TICK);
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => return,
                    }
                }
            })
            .map_err(|e| RuntimeError::Engine(format!("no thread for the epoch: {e}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
