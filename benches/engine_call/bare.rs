//! wasmtime and nothing else: the floor for what a fresh instance per call costs.

use anyhow::{Result, ensure};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

use crate::{Function, REGISTRY, Subject};

mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/host", "wit"],
        world: "waystation:bench/bench",
        exports: { default: async },
        require_store_data_send: true,
    });
}

use bindings::exports::waystation::bench::calls::Entry;
use bindings::waystation::host::{config, types};

/// The state of a call: nothing.
struct Nothing;

impl types::Host for Nothing {}

impl config::Host for Nothing {
    fn get(&mut self, key: String) -> Result<Option<String>, types::Error> {
        Ok((key == "registry").then(|| REGISTRY.to_owned()))
    }

    fn document(&mut self) -> Result<String, types::Error> {
        Ok("{}".to_owned())
    }
}

pub(crate) struct Bare {
    engine: Engine,
    pre: bindings::BenchPre<Nothing>,
    entries: Vec<Entry>,
}

impl Bare {
    pub(crate) fn new(component: &[u8]) -> Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.linear_memory_keep_resident(64 << 10)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(64 << 10)
            .pagemap_scan(Enabled::Auto)
            .max_unused_warm_slots(1_000);
        let mut config = Config::new();
        config
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
            .concurrency_support(false)
            .epoch_interruption(true);
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        bindings::Bench::add_to_linker::<_, HasSelf<_>>(&mut linker, |nothing: &mut Nothing| nothing)?;
        let component = Component::new(&engine, component)?;
        let pre = bindings::BenchPre::new(linker.instantiate_pre(&component)?)?;
        let entry = |i: u64| Entry {
            name: format!("package-{i}"),
            version: format!("{i}.2.3"),
            digest: "0123456789abcdef".repeat(4),
            size: 1_000 + i,
            withdrawn: i.is_multiple_of(2),
        };
        Ok(Self { engine, pre, entries: (0..10).map(entry).collect() })
    }
}

impl Subject for Bare {
    async fn call(&self, function: Function) -> Result<()> {
        let mut store = Store::new(&self.engine, Nothing);
        store.set_epoch_deadline(1);
        let instance = self.pre.instantiate_async(&mut store).await?;
        let calls = instance.waystation_bench_calls();
        match function {
            Function::Trivial => ensure!(calls.call_trivial(&mut store, 41).await? == 42),
            Function::Records => {
                let answer = calls.call_records(&mut store, &self.entries).await?;
                ensure!(answer.len() == self.entries.len());
            }
            Function::Import => ensure!(calls.call_one_import(&mut store).await? == 30),
        }
        Ok(())
    }
}
