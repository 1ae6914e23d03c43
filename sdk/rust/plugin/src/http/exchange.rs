//! Sends a request through the host, hop by hop.

use super::url::Url;
use super::{BodyReader, Headers, Method, Request, Response, gunzip, redirect, transport};
use crate::Error;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types as wasi;

const USER_AGENT: &str = concat!("waystation/", env!("CARGO_PKG_VERSION"));
/// What `blocking-write-and-flush` takes at a time.
const WRITE_AT_ONCE: usize = 4096;

/// Follows redirects up to the request's limit and gives the final answer with its content unread.
pub(super) fn run(request: Request) -> Result<(Response, BodyReader), Error> {
    if let Some(problem) = request.problem {
        return Err(problem);
    }
    let mut url = Url::parse(&request.url)?;
    let Request { mut method, mut headers, mut body, max_body, redirects, .. } = request;
    // Whoever sets the field gets the content as it comes.
    let unpack = method == Method::Get && headers.get("accept-encoding").is_none();
    for (name, value) in [("user-agent", USER_AGENT), ("accept", "*/*")]
        .into_iter()
        .chain(unpack.then_some(("accept-encoding", "gzip")))
    {
        if headers.get(name).is_none() {
            headers.push(name, value);
        }
    }
    let mut hops = 0;
    loop {
        let (status, mut answered, content) = once(&method, &url, &headers, body.as_deref())?;
        let next = if redirects == 0 { None } else { redirect::next(status, &answered, &url, &method)? };
        let Some(next) = next else {
            let gzip = unpack && gunzip::packed(&mut answered, &url.shown())?;
            let reader = BodyReader::new(content, &method, &answered, gzip, max_body, url.shown())?;
            let response = Response { status, headers: answered, url: url.to_string(), body: Vec::new() };
            return Ok((response, reader));
        };
        hops += 1;
        if hops > redirects {
            return Err(Error::bad_response(format!(
                "{} redirects after {redirects} redirects",
                url.shown()
            )));
        }
        if !next.keep_credentials {
            redirect::drop_credentials(&mut headers);
        }
        if !next.keep_body {
            body = None;
            redirect::drop_content(&mut headers);
        }
        (url, method) = (next.url, next.method);
    }
}

fn once(
    method: &Method,
    url: &Url,
    headers: &Headers,
    body: Option<&[u8]>,
) -> Result<(u16, Headers, wasi::IncomingResponse), Error> {
    let place = url.shown();
    let mut fields: Vec<(String, Vec<u8>)> =
        headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes().to_vec())).collect();
    if let Some(body) = body {
        fields.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
    }
    let fields = wasi::Fields::from_list(&fields).map_err(|error| transport::header_error(error, &place))?;
    let request = wasi::OutgoingRequest::new(fields);
    let scheme = if url.is_https() { wasi::Scheme::Https } else { wasi::Scheme::Http };
    let set = request
        .set_method(&wasi_method(method))
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(url.authority())))
        .and_then(|()| request.set_path_with_query(Some(&url.path_with_query())));
    set.map_err(|()| Error::bad_input(format!("{place}: the host does not take this method or URL")))?;

    let content = |_| request.body().map_err(|()| Error::internal("the request's content was taken twice"));
    let outgoing = body.map(content).transpose()?;
    let future = outgoing_handler::handle(request, None).map_err(|code| transport::error(code, &place))?;
    // An answer may come before all content is sent; a failed write is told by that answer.
    let sent = outgoing.map_or(Ok(()), |outgoing| write(outgoing, body.unwrap_or_default(), &place));
    let response = match await_response(&future, &place) {
        Ok(response) => response,
        Err(error) => return Err(sent.err().filter(|_| error.code == "internal").unwrap_or(error)),
    };
    let answered = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    Ok((response.status(), answered, response))
}

fn await_response(
    future: &wasi::FutureIncomingResponse,
    place: &str,
) -> Result<wasi::IncomingResponse, Error> {
    loop {
        match future.get() {
            Some(Ok(Ok(response))) => return Ok(response),
            Some(Ok(Err(code))) => return Err(transport::error(code, place)),
            Some(Err(())) => return Err(Error::internal("the answer was taken twice")),
            None => future.subscribe().block(),
        }
    }
}

fn write(outgoing: wasi::OutgoingBody, body: &[u8], place: &str) -> Result<(), Error> {
    if !body.is_empty() {
        let stream =
            outgoing.write().map_err(|()| Error::internal("the request's content was taken twice"))?;
        for chunk in body.chunks(WRITE_AT_ONCE) {
            stream
                .blocking_write_and_flush(chunk)
                .map_err(|_| Error::unreachable(format!("{place}: the content could not be sent")))?;
        }
    }
    wasi::OutgoingBody::finish(outgoing, None).map_err(|code| transport::error(code, place))
}

fn wasi_method(method: &Method) -> wasi::Method {
    match method {
        Method::Get => wasi::Method::Get,
        Method::Head => wasi::Method::Head,
        Method::Post => wasi::Method::Post,
        Method::Put => wasi::Method::Put,
        Method::Patch => wasi::Method::Patch,
        Method::Delete => wasi::Method::Delete,
        Method::Options => wasi::Method::Options,
        Method::Other(name) => wasi::Method::Other(name.clone()),
    }
}
