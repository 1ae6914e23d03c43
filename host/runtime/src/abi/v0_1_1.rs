//! What `waystation:host@0.1.1` adds.

use wasmtime::component::{HasSelf, Linker};

use crate::abi::v0_1::types;
use crate::interfaces::registry;
use crate::registry::Filter;
use crate::state::State;

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package waystation:generated;
            world imports {
                import waystation:host/tickets@0.1.1;
                import waystation:host/scopes@0.1.1;
            }
        ",
        path: ["../../wit/host", "../../wit/host-0.1.1"],
        imports: { default: async | trappable },
        with: { "waystation:host/types@0.1.0": crate::abi::v0_1::types },
        require_store_data_send: true,
    });
}

use bindings::waystation::host0_1_1 as wit;

type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

pub(crate) fn link(linker: &mut Linker<State>, import: &str) -> wasmtime::Result<()> {
    match import {
        "waystation:host/tickets" => wit::tickets::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        "waystation:host/scopes" => wit::scopes::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        _ => Ok(()),
    }
}

fn filter(filter: wit::tickets::Filter) -> Filter {
    Filter { source: filter.source, target: filter.target, sub_scope: filter.sub_scope }
}

impl wit::tickets::Host for State {
    async fn count(&mut self, asked: wit::tickets::Filter) -> Answer<wit::tickets::Counts> {
        let found = registry::count(self, &filter(asked)).await;
        let counts = |c: crate::registry::Counts| wit::tickets::Counts {
            sessions: c.sessions,
            tickets: c.tickets,
            extra: vec![],
        };
        Ok(found.map(counts).map_err(Into::into))
    }

    async fn sessions(
        &mut self,
        asked: wit::tickets::Filter,
        cursor: Option<String>,
        limit: u32,
    ) -> Answer<wit::tickets::SessionPage> {
        let session = |s: crate::registry::LiveSession| wit::tickets::LiveSession {
            source: s.source,
            target: s.target,
            sub_scope: s.sub_scope,
            instance: s.instance,
            since: s.since,
            state: s.state,
            extra: vec![],
        };
        let page = registry::sessions(self, &filter(asked), &cursor, limit).await;
        let page = page.map(|page| wit::tickets::SessionPage {
            sessions: page.entries.into_iter().map(session).collect(),
            cursor: page.cursor,
            extra: vec![],
        });
        Ok(page.map_err(Into::into))
    }
}

impl wit::scopes::Host for State {
    async fn registered(&mut self, cursor: Option<String>, limit: u32) -> Answer<wit::scopes::ScopePage> {
        let scope = |s: crate::registry::Scope| wit::scopes::Scope {
            name: s.name,
            version: s.version,
            description: s.description,
            sub_scopes: s.sub_scopes,
            extra: vec![],
        };
        let page = registry::registered(self, &cursor, limit).await;
        let page = page.map(|page| wit::scopes::ScopePage {
            scopes: page.entries.into_iter().map(scope).collect(),
            cursor: page.cursor,
            extra: vec![],
        });
        Ok(page.map_err(Into::into))
    }

    async fn instances(&mut self, cursor: Option<String>, limit: u32) -> Answer<wit::scopes::InstancePage> {
        let instance = |i: crate::registry::Instance| wit::scopes::Instance {
            id: i.id,
            sub_scope: i.sub_scope,
            owner: i.owner,
            heard: i.heard,
            state: i.state,
            extra: vec![],
        };
        let page = registry::instances(self, &cursor, limit).await;
        let page = page.map(|page| wit::scopes::InstancePage {
            instances: page.entries.into_iter().map(instance).collect(),
            cursor: page.cursor,
            extra: vec![],
        });
        Ok(page.map_err(Into::into))
    }
}
