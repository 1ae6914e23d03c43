//! `wasi:http`: the protocol is wasmtime's, the gate is [`waystation_egress`].

use std::future::Future;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};
use waystation_egress::{Class, Client, EgressError, Timeouts};

use crate::state::{Context, State};

/// The first refusal of a call, for the error that the operator sees.
#[derive(Clone, Default)]
pub(crate) struct Denials(Arc<Mutex<Option<String>>>);

impl Denials {
    pub(crate) fn set(&self, message: String) {
        self.0.lock().get_or_insert(message);
    }

    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().clone()
    }
}

/// Links `wasi:http`.
///
/// `http-error-code` is ours: wasmtime-wasi-http 48 keeps the error of a body that
/// broke off as its own type and then looks for another, so that a guest would
/// never learn why (too large, too slow).
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    linker.instance("wasi:http/types@0.2.12")?.func_wrap(
        "http-error-code",
        |mut store: StoreContextMut<'_, State>, (error,): (Resource<types::IoError>,)| {
            let error = store.data_mut().table.get(&error)?;
            Ok((error.downcast_ref::<types::ErrorCode>().cloned().or_else(|| body_error(error)),))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The word for why a body broke off.
fn body_error(error: &types::IoError) -> Option<types::ErrorCode> {
    Some(match error.downcast_ref::<Error>()? {
        Error::HttpResponseBodySize(size) => types::ErrorCode::HttpResponseBodySize(*size),
        Error::ConnectionReadTimeout => types::ErrorCode::ConnectionReadTimeout,
        Error::HttpResponseIncomplete => types::ErrorCode::HttpResponseIncomplete,
        Error::HttpRequestDenied => types::ErrorCode::HttpRequestDenied,
        _ => types::ErrorCode::InternalError(None),
    })
}

/// One call's way out.
pub(crate) struct Hooks {
    context: Arc<Context>,
    denials: Denials,
    sent: u32,
}

impl Hooks {
    pub(crate) fn new(context: &Arc<Context>, denials: &Denials) -> Self {
        Self { context: Arc::clone(context), denials: denials.clone(), sent: 0 }
    }

    fn admit(&mut self) -> Result<Client, String> {
        let most = self.context.limits.http_requests_per_call;
        if self.sent >= most {
            return Err(format!("one call may send {most} requests; the limit is `http_requests_per_call`"));
        }
        self.sent += 1;
        self.context.http.clone().ok_or_else(|| "the manifest does not request `http`".to_owned())
    }
}

type Reply = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Hooks {
    // The gate decides about headers, so that a refusal is recorded and can be
    // granted; what nobody may ever set is refused here already.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name| DEFAULT_FORBIDDEN_HEADERS.contains(name))
    }

    // The gate writes `host` from the checked origin.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Reply, Error>> + Send> {
        let client = self.admit();
        let denials = self.denials.clone();
        let timeouts = options.map_or_else(Timeouts::default, |options| Timeouts {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        });
        Box::new(async move {
            let client = client.map_err(|message| {
                denials.set(message);
                Error::HttpRequestDenied
            })?;
            let request = request.map(|body| body.map_err(|e| format!("{e:?}")));
            match client.send_with(request, timeouts).await {
                Ok(response) => {
                    let response = response.map(|body| body.map_err(|e| to_wasi(&e)).boxed_unsync());
                    Ok((response, Box::new(async { Ok(()) }) as Box<_>))
                }
                Err(e) => {
                    if e.class() == Class::Denied {
                        denials.set(e.to_string());
                    }
                    Err(to_wasi(&e))
                }
            }
        })
    }
}

/// The nearest word of `wasi:http`; the sentence goes to the operator, not to the
/// guest, which has no use for it.
fn to_wasi(e: &EgressError) -> Error {
    match e.code() {
        "address-refused" => Error::DestinationIpProhibited,
        "request-too-large" => Error::HttpRequestBodySize(None),
        "bad-uri" => Error::HttpRequestUriInvalid,
        _ if e.class() == Class::Denied => Error::HttpRequestDenied,
        "dns-failed" => Error::DnsError { rcode: None, info_code: None },
        "connect-failed" => Error::ConnectionRefused,
        "connect-timeout" => Error::ConnectionTimeout,
        "deadline" | "response-timeout" => Error::ConnectionReadTimeout,
        "tls-failed" | "no-trust-roots" => Error::TlsCertificateError,
        "response-too-large" => Error::HttpResponseBodySize(None),
        "headers-too-large" => Error::HttpResponseHeaderSectionSize(None),
        "bad-response" | "connection-lost" => Error::HttpResponseIncomplete,
        code => Error::InternalError(Some(code.to_owned())),
    }
}
