//! What one call owns: made fresh, dropped at its end.

use std::sync::Arc;

use serde_json::{Map, Value};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::grants::Grants;
use crate::interfaces::http::{Denials, Hooks};
use crate::journal::Journal;
use crate::kv::KvStore;
use crate::limits::Limits;
use crate::meter::Meter;
use crate::registry::Registry;

/// What the host passes in for plugins to stand on.
#[derive(Clone)]
pub struct Services {
    /// The durable store behind `kv`.
    pub kv: Arc<dyn KvStore>,
    /// What `tickets` and `scopes` show.
    pub registry: Arc<dyn Registry>,
    /// Resolver, trust roots and flags behind outgoing HTTP.
    pub egress: Arc<waystation_egress::Shared>,
}

/// What all calls of one loaded plugin share.
pub(crate) struct Context {
    /// What the operator calls it.
    pub(crate) name: String,
    pub(crate) config: Map<String, Value>,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) journal: Arc<Journal>,
    pub(crate) services: Services,
    /// None when the manifest does not request HTTP.
    pub(crate) http: Option<waystation_egress::Client>,
}

/// The `T` of [`wasmtime::Store`] for every plugin.
pub struct State {
    context: Arc<Context>,
    pub(crate) table: ResourceTable,
    /// Made when a guest first asks its language's baseline for something.
    wasi: Option<Box<WasiCtx>>,
    http: WasiHttpCtx,
    hooks: Hooks,
    denials: Denials,
    pub(crate) meter: Meter,
    pub(crate) kv_writes: u32,
    tenant: Option<String>,
}

impl State {
    pub(crate) fn new(context: &Arc<Context>) -> Self {
        let limits = &context.limits;
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.http.header_bytes);
        let denials = Denials::default();
        Self {
            table,
            wasi: None,
            http,
            hooks: Hooks::new(context, &denials),
            denials,
            meter: Meter::new(limits.memory),
            kv_writes: 0,
            tenant: None,
            context: Arc::clone(context),
        }
    }

    /// Says for whose decision this call is: what is shown of tickets and scopes is that tenant's.
    pub fn decides_for(&mut self, tenant: impl Into<String>) {
        self.tenant = Some(tenant.into());
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Remembers that the host refused something in this call, with the sentence
    /// that says what to grant.
    pub(crate) fn denied(&self, message: String) {
        self.denials.set(message);
    }

    /// The first refusal of this call.
    pub(crate) fn denial(&self) -> Option<String> {
        self.denials.get()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        // The builder's defaults are the baseline we want: no arguments, no
        // environment, closed input, output thrown away, no preopened folder, and
        // no address that a socket may use.
        let ctx = self.wasi.get_or_insert_with(|| Box::new(WasiCtx::builder().build()));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
