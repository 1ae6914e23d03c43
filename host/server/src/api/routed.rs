//! Routes that are written down once: the router that answers them, and the list that the description is held against.

use axum::Router;

use crate::host::Host;

/// Some routes.
pub(super) struct Routed {
    /// What answers them.
    pub(super) router: Router<Host>,
    /// Method, in lower case, and path.
    #[cfg_attr(not(test), expect(dead_code, reason = "what tests look at"))]
    pub(super) list: &'static [(&'static str, &'static str)],
}

/// [`Routed`], of routes as `Router` takes them.
macro_rules! routed {
    ($(.route($path:literal, $first:ident($handler:path)$(.$more:ident($other:path))*))*) => {
        $crate::api::routed::Routed {
            router: axum::Router::new()$(.route($path, $first($handler)$(.$more($other))*))*,
            list: &[$((stringify!($first), $path)$(, (stringify!($more), $path))*),*],
        }
    };
}

pub(super) use routed;
