//! The services of a Sigstore instance, over real HTTP: they check what they are asked, issue real certificates, log
//! entries and timestamps, and do wrong where a test says so.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::DecodePublicKey as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use waystation_sign::{Authority, Query};

use crate::{self as lab, Log, Make};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The authority does not know who is asking.
    TokenRefused,
    /// It certifies another key.
    OtherKey,
    /// It does not log the certificate.
    NoSct,
    /// It logs it, and proves that apart.
    DetachedSct,
    /// The log answers with the entry of something else.
    OtherEntry,
    /// A timestamp of something else, to this question.
    OtherImprint,
    /// A timestamp of this, to another question.
    OtherNonce,
    /// A timestamp by somebody whom the root does not name.
    ForeignClock,
    /// The issuer sends the browser back with the state of another sign-in, and then with the right one.
    OtherState,
    /// It does not let them in.
    NotLetIn,
    /// It says that it is another issuer.
    OtherIssuer,
    /// This service never answers.
    Silent(Service),
    /// It answers without end.
    Endless(Service),
    Status500(Service),
    Redirect(Service),
    /// It answers with what is no answer.
    Garbage(Service),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Authority,
    First,
    Second,
    Clock,
    Token,
}

/// The services, until it is dropped.
pub struct StandIn {
    pub address: String,
    state: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    clock: Authority,
    foreign: Authority,
    fault: Mutex<Option<Fault>>,
    asked: Mutex<Vec<Service>>,
    /// Challenge and nonce of the sign-in under way.
    sign_in: Mutex<(String, String)>,
    address: Mutex<String>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StandIn {
    pub async fn start() -> Self {
        // From before now: certificates are cut to whole seconds.
        let since = Timestamp::now() - jiff::SignedDuration::from_secs(60);
        let state = Arc::new(Inner {
            clock: Authority::generate("lab clock", since).unwrap(),
            foreign: Authority::generate("lab clock", since).unwrap(),
            fault: Mutex::default(),
            asked: Mutex::default(),
            sign_in: Mutex::default(),
            address: Mutex::default(),
        });
        let router = Router::new()
            .route("/ca/api/v2/signingCert", post(certify))
            .route("/first/api/v1/log/entries", post(first))
            .route("/second/api/v2/log/entries", post(second))
            .route("/clock", post(clock))
            .route("/token", get(token))
            .route("/issuer/.well-known/openid-configuration", get(issuer))
            .route("/issuer/auth", get(sign_in))
            .route("/issuer/token", post(exchange))
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        *state.address.lock() = address.clone();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, state, task }
    }

    pub fn fault(&self, fault: Fault) {
        *self.state.fault.lock() = Some(fault);
    }

    /// Who was asked, in order.
    pub fn asked(&self) -> Vec<Service> {
        self.state.asked.lock().clone()
    }

    /// The trusted root that knows them.
    pub fn root(&self) -> Value {
        let mut root = lab::root();
        let chain = self.state.clock.chain().unwrap();
        let certificates: Vec<_> = chain.iter().map(|der| json!({ "rawBytes": lab::b64(der) })).collect();
        root["timestampAuthorities"].as_array_mut().unwrap().push(json!({
            "subject": { "organization": "lab", "commonName": self.state.clock.name() },
            "certChain": { "certificates": certificates },
            "validFor": { "start": self.state.clock.since().unwrap() },
        }));
        root
    }

    /// A signing configuration with these logs.
    pub fn config(&self, logs: &[Service]) -> Value {
        let service = |path: &str, version: u32, operator: &str| {
            json!({
                "url": format!("{}/{path}", self.address), "majorApiVersion": version, "operator": operator,
                "validFor": { "start": "2025-01-01T00:00:00Z" },
            })
        };
        let logs: Vec<_> = logs
            .iter()
            .map(|log| match log {
                Service::First => service("first", 1, "one"),
                _ => service("second", 2, "two"),
            })
            .collect();
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service("ca", 1, "one")],
            "oidcUrls": [service("issuer", 1, "one")],
            "rekorTlogUrls": logs, "rekorTlogConfig": { "selector": "ALL" },
            "tsaUrls": [service("clock", 1, "one")], "tsaConfig": { "selector": "ANY" },
        })
    }
}

/// An identity token for an hour.
pub fn identity_token() -> String {
    token_with("")
}

fn token_with(nonce: &str) -> String {
    let claims = json!({
        "nonce": nonce,
        "iss": lab::ISSUER, "sub": "repo:acme/tool:ref:refs/tags/v1", "aud": "sigstore",
        "exp": Timestamp::now().as_second() + 3_600,
    });
    format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

impl Inner {
    fn has(&self, fault: Fault) -> bool {
        *self.fault.lock() == Some(fault)
    }

    /// Notes the question, and does wrong whatever the question is.
    async fn wrong(&self, service: Service) -> Option<Response> {
        self.asked.lock().push(service);
        let fault = *self.fault.lock();
        match fault? {
            Fault::Silent(at) if at == service => std::future::pending().await,
            Fault::Endless(at) if at == service => {
                // More than anybody takes, in one piece after the other.
                let piece = Bytes::from(vec![b' '; 1 << 20]);
                Some(Body::from(piece.repeat(9)).into_response())
            }
            Fault::Status500(at) if at == service => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
            Fault::Redirect(at) if at == service => {
                Some((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response())
            }
            Fault::Garbage(at) if at == service => Some("<html>hello</html>".into_response()),
            _ => None,
        }
    }
}

fn answer(value: &Value) -> Response {
    (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn refused(why: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, why).into_response()
}

async fn certify(State(state): State<Arc<Inner>>, body: Bytes) -> Response {
    if let Some(wrong) = state.wrong(Service::Authority).await {
        return wrong;
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let token = asked["credentials"]["oidcIdentityToken"].as_str().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    if state.has(Fault::TokenRefused) || claims["aud"] != "sigstore" {
        // As careless ones do.
        return (StatusCode::UNAUTHORIZED, format!("bad token {token}")).into_response();
    }
    let pem = asked["publicKeyRequest"]["publicKey"]["content"].as_str().unwrap();
    let key = p256::ecdsa::VerifyingKey::from_public_key_pem(pem).unwrap();
    let proof = lab::unb64(&asked["publicKeyRequest"]["proofOfPossession"]);
    let proof = p256::ecdsa::Signature::from_der(&proof).unwrap();
    if key.verify(claims["sub"].as_str().unwrap().as_bytes(), &proof).is_err() {
        return refused("who asks does not have the key");
    }
    let spki =
        STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    let now = Timestamp::now().as_second();
    let leaf = lab::leaf(&Make {
        spki: (!state.has(Fault::OtherKey)).then_some(spki),
        sct: !state.has(Fault::NoSct),
        leaf: (now - 60, now + 540),
        ..Make::default()
    });
    let chain = json!({ "chain": { "certificates": [lab::pem("CERTIFICATE", &leaf)] } });
    match state.has(Fault::DetachedSct) {
        true => answer(&json!({ "signedCertificateDetachedSct": chain })),
        false => answer(&json!({ "signedCertificateEmbeddedSct": chain })),
    }
}

/// The certificate in PEM in base64.
fn certificate(verifier: &Value) -> Vec<u8> {
    let pem = String::from_utf8(lab::unb64(verifier)).unwrap();
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

async fn first(State(state): State<Arc<Inner>>, body: Bytes) -> Response {
    if let Some(wrong) = state.wrong(Service::First).await {
        return wrong;
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((asked["kind"].as_str(), asked["apiVersion"].as_str()), (Some("dsse"), Some("0.0.1")));
    let proposed = &asked["spec"]["proposedContent"];
    let envelope: Value = serde_json::from_str(proposed["envelope"].as_str().unwrap()).unwrap();
    let mut signature = lab::unb64(&envelope["signatures"][0]["sig"]);
    if state.has(Fault::OtherEntry) {
        signature = lab::sign(99, b"something else");
    }
    let der = certificate(&proposed["verifiers"][0]);
    let payload = lab::unb64(&envelope["payload"]);
    let mut body = lab::body(Log::V1, true, &[], &payload, &signature, ("CERTIFICATE", &der));
    // In the same PEM as it came.
    body["spec"]["signatures"][0]["verifier"] = proposed["verifiers"][0].clone();
    body["spec"]["envelopeHash"]["value"] =
        hex::encode(lab::sha256(proposed["envelope"].as_str().unwrap().as_bytes())).into();
    let entry = lab::entry(Log::V1, &body, &[], Timestamp::now().as_second());
    let hex = |value: &Value| hex::encode(lab::unb64(value));
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let proof = &entry["inclusionProof"];
    let hashes: Vec<_> = proof["hashes"].as_array().unwrap().iter().map(hex).collect();
    let id = hex::encode(lab::sha256(&signature));
    let mut found = json!({});
    found[id] = json!({
        "body": entry["canonicalizedBody"],
        "integratedTime": number(&entry["integratedTime"]),
        "logID": hex(&entry["logId"]["keyId"]),
        "logIndex": number(&entry["logIndex"]),
        "verification": {
            "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "inclusionProof": {
                "checkpoint": proof["checkpoint"]["envelope"], "hashes": hashes,
                "logIndex": number(&proof["logIndex"]), "rootHash": hex(&proof["rootHash"]),
                "treeSize": number(&proof["treeSize"]),
            },
        },
    });
    answer(&found)
}

async fn second(State(state): State<Arc<Inner>>, body: Bytes) -> Response {
    if let Some(wrong) = state.wrong(Service::Second).await {
        return wrong;
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let asked = &asked["hashedRekordRequestV002"];
    let mut signature = asked["signature"].clone();
    if state.has(Fault::OtherEntry) {
        signature["content"] = lab::b64(lab::sign(99, b"something else")).into();
    }
    let body = json!({ "apiVersion": "0.0.2", "kind": "hashedrekord", "spec": { "hashedRekordV002": {
        "data": { "algorithm": "SHA2_256", "digest": asked["digest"] },
        "signature": signature,
    } } });
    let mut entry = lab::entry(Log::V2, &body, &[], Timestamp::now().as_second());
    // Writers of protocol buffers write what is empty, too.
    entry["integratedTime"] = "0".into();
    entry["inclusionPromise"] = Value::Null;
    answer(&entry)
}

async fn clock(State(state): State<Arc<Inner>>, body: Bytes) -> Response {
    if let Some(wrong) = state.wrong(Service::Clock).await {
        return wrong;
    }
    let other = Query::new(b"something else").unwrap();
    let mut query = body.to_vec();
    // The imprint stands before the nonce, in every query of the same form.
    let imprint = 4 + query.windows(2).position(|two| two == [0x04, 0x20]).unwrap() - 2..;
    let nonce = |query: &[u8]| query.windows(3).rposition(|three| three == [0x02, 0x11, 0x01]).unwrap();
    if state.has(Fault::OtherImprint) {
        let theirs = other.as_bytes().windows(2).position(|two| two == [0x04, 0x20]).unwrap() + 2;
        query[imprint.start..imprint.start + 32].copy_from_slice(&other.as_bytes()[theirs..theirs + 32]);
    }
    if state.has(Fault::OtherNonce) {
        let (at, theirs) = (nonce(&query), nonce(other.as_bytes()));
        query[at..at + 19].copy_from_slice(&other.as_bytes()[theirs..theirs + 19]);
    }
    let by = if state.has(Fault::ForeignClock) { &state.foreign } else { &state.clock };
    let stamp = by.answer(&query, Timestamp::now()).unwrap();
    ([(header::CONTENT_TYPE, Query::ANSWER_TYPE)], stamp).into_response()
}

async fn token(State(state): State<Arc<Inner>>, headers: HeaderMap) -> Response {
    if let Some(wrong) = state.wrong(Service::Token).await {
        return wrong;
    }
    match headers.get(header::AUTHORIZATION).map(|value| value.as_bytes() == b"Bearer may-ask") {
        Some(true) => answer(&json!({ "count": 1, "value": identity_token() })),
        _ => StatusCode::FORBIDDEN.into_response(),
    }
}

async fn issuer(State(state): State<Arc<Inner>>) -> Response {
    let address = state.address.lock().clone();
    let name = if state.has(Fault::OtherIssuer) {
        "https://elsewhere.example"
    } else {
        &format!("{address}/issuer")
    };
    answer(&json!({
        "issuer": name,
        "authorization_endpoint": format!("{address}/issuer/auth"),
        "token_endpoint": format!("{address}/issuer/token"),
    }))
}

type Fields = axum::extract::Query<std::collections::HashMap<String, String>>;

/// Lets whoever comes in, at once.
async fn sign_in(State(state): State<Arc<Inner>>, query: Fields) -> Response {
    assert_eq!((query["response_type"].as_str(), query["code_challenge_method"].as_str()), ("code", "S256"));
    *state.sign_in.lock() = (query["code_challenge"].clone(), query["nonce"].clone());
    let back = &query["redirect_uri"];
    let given = if state.has(Fault::NotLetIn) { "error=access_denied" } else { "code=the-code" };
    let known = &query["state"];
    let state = if state.has(Fault::OtherState) { "another" } else { known };
    let place = format!("{back}?{given}&state={state}");
    (StatusCode::FOUND, [(header::LOCATION, place)]).into_response()
}

async fn exchange(State(state): State<Arc<Inner>>, body: String) -> Response {
    let form: std::collections::HashMap<String, String> = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let (challenge, nonce) = state.sign_in.lock().clone();
    let verifier = URL_SAFE_NO_PAD.encode(lab::sha256(form["code_verifier"].as_bytes()));
    if form["code"] != "the-code" || verifier != challenge {
        return refused("who asks did not begin this");
    }
    let nonce = if state.has(Fault::OtherNonce) { "another" } else { &nonce };
    answer(&json!({ "access_token": "x", "token_type": "bearer", "id_token": token_with(nonce) }))
}

/// How long a test has patience with a service that says nothing.
pub const PATIENCE: Duration = Duration::from_millis(300);
