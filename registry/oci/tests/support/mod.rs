//! A plugin to send around, and a registry that does as a test says.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "shared by several tests; a test that fails panics"
)]

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wasm_encoder::ComponentSection as _;
use waystation_bundle::{Kind, Limits, MANIFEST_SECTION, Package, PackageWriter};
use waystation_egress::Roots;
use waystation_oci::{Client, Options};

pub const LIMITS: Limits = Limits::DEFAULT;

/// A package with a document and a signature, large enough to break off in the middle.
pub fn package() -> Package {
    let manifest =
        "name = \"example/p\"\nversion = \"1.0.0\"\nkind = \"update-source@0.1\"\nsummary = \"s\"\n";
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    let filler = vec![7; 200_000];
    for (name, data) in [("filler", filler.as_slice()), (MANIFEST_SECTION, manifest.as_bytes())] {
        wasm_encoder::CustomSection { name: name.into(), data: data.into() }
            .append_to_component(&mut component);
    }
    let writer = PackageWriter::new(component, &LIMITS).unwrap();
    let mut package = writer.document(Kind::Readme, "# p\n").unwrap().finish().unwrap();
    package.attach(Kind::Signature, "{\"signed\":true}", &LIMITS).unwrap();
    package
}

/// Options for a registry on loopback without TLS.
pub fn options(registry: &str) -> Options {
    let mut options = Options::new(Roots::load(None).unwrap());
    options.plain_http.insert(registry.to_owned());
    options
}

pub fn client(registry: &str) -> Client {
    Client::new(options(registry)).unwrap()
}

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub line: String,
    pub headers: HashMap<String, String>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// How much of the body is sent before the connection breaks.
    pub cut: Option<usize>,
}

impl Reply {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A registry on loopback.
pub struct Stub {
    pub registry: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    pub async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let registry = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&seen)));
            }
        });
        Self { registry, asked }
    }

    /// A registry that has a package under `p:1.0.0`, but for what `change` makes of an answer.
    pub async fn of(
        package: &Package,
        change: impl Fn(&Asked, Reply) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let layout = package.to_layout();
        let plugin = package.digest().to_string();
        let mut referrers = layout.index().clone();
        referrers.manifests.retain(|listed| listed.digest != package.digest());
        let referrers = waystation_bundle::oci::bytes("referrers", &referrers).unwrap().to_vec();
        let blobs: HashMap<String, Vec<u8>> = layout
            .blobs()
            .iter()
            .map(|(digest, blob)| (digest.to_string(), blob.bytes().unwrap().to_vec()))
            .collect();
        Self::start(move |asked| {
            let path = asked.line.split(' ').nth(1).unwrap_or_default();
            let reply = match path.strip_prefix("/v2/p/").and_then(|rest| rest.split_once('/')) {
                Some(("referrers", of)) if of == plugin => Reply::ok(referrers.clone()),
                Some(("manifests", "1.0.0")) => Reply::ok(blobs[&plugin].clone()),
                Some((_, name)) => {
                    blobs.get(name).map_or_else(|| Reply::status(404), |blob| Reply::ok(blob.clone()))
                }
                None => Reply::status(404),
            };
            change(asked, reply)
        })
        .await
    }

    pub fn lines(&self) -> Vec<String> {
        self.asked.lock().iter().map(|asked| asked.line.clone()).collect()
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<Answer>, seen: Arc<Mutex<Vec<Asked>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let asked = Asked { line, headers };
    seen.lock().push(asked.clone());
    let reply = answer(&asked);
    let mut out = format!(
        "HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    let sent = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
    let _ = stream.write_all(out.as_bytes()).await;
    let _ = stream.write_all(&reply.body[..sent]).await;
    let _ = stream.shutdown().await;
}
