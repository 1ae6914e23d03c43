//! The two pages that links lead to: to choose a password, and to let a device in. They use the API like everybody, keep
//! nothing, and load nothing from elsewhere.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};

use crate::host::Host;

/// Only what is served here, and nothing that is written into the page itself (CSP Level 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

fn page(kind: &'static str, text: &'static str) -> MethodRouter<Host> {
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, POLICY)];
    get(move || async move { (headers, text) })
}

/// A page that says that something does not work, in our words only.
pub(super) fn failure(status: StatusCode, code: &str, sentence: &'static str) -> Response {
    let text = include_str!("../pages/failure.html").replace("{sentence}", sentence).replace("{code}", code);
    (status, [(header::CONTENT_SECURITY_POLICY, POLICY)], Html(text)).into_response()
}

/// All of them.
pub(super) fn router() -> Router<Host> {
    Router::new()
        .route("/welcome", page(HTML, include_str!("../pages/welcome.html")))
        .route("/device", page(HTML, include_str!("../pages/device.html")))
        .route("/pages/welcome.js", page(SCRIPT, include_str!("../pages/welcome.js")))
        .route("/pages/device.js", page(SCRIPT, include_str!("../pages/device.js")))
        .route("/pages/shared.js", page(SCRIPT, include_str!("../pages/shared.js")))
        .route("/pages/style.css", page(STYLE, include_str!("../pages/style.css")))
}
