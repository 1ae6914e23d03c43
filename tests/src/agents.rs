//! Agents with certificates of the host's authority, and operators, over TLS.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::patience::until;
use crate::{Folder, settings};

/// A host that speaks TLS.
#[derive(Debug)]
pub struct TlsHost {
    /// Its process; it ends with this.
    pub process: Child,
    /// Where it is.
    pub address: String,
    token: String,
    roots: String,
}

/// What an agent has of its host, in PEM.
#[derive(Clone)]
pub struct Identity {
    /// Its certificate.
    pub certificate: String,
    /// The key of that.
    pub key: String,
    /// Whom the host's certificate is from.
    pub authorities: String,
}

/// What was answered: the status, and the body where there is one.
pub type Told = (u16, Value);

impl TlsHost {
    /// The configuration of one, with more sections.
    ///
    /// # Errors
    /// When no folder can be made.
    pub fn folder(sections: &str) -> Result<Folder> {
        Folder::with_text(&format!("{}\n[server.tls]\nenabled = true\n{sections}", settings::HOST))
    }

    /// Starts one, and waits for it.
    ///
    /// # Errors
    /// When it does not answer; with its log.
    pub async fn start(folder: &Folder) -> Result<Self> {
        let _ = std::fs::remove_file(folder.data().join("address"));
        let log = folder.path().join("stderr.log");
        let file = std::fs::File::create(&log)?;
        let process = folder.command(&["serve"])?.stdout(file.try_clone()?).stderr(file).spawn()?;
        let address = until("the host answers over TLS", async || {
            let Ok(address) = std::fs::read_to_string(folder.data().join("address")) else { return Ok(None) };
            let address = address.trim().to_owned();
            Ok(TcpStream::connect(&address).await.is_ok().then_some(address))
        });
        let address = address.await.with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
        let token = folder.own().await?;
        let roots = std::fs::read_to_string(folder.data().join("pki/authorities.pem"))?;
        Ok(Self { process, address, token, roots })
    }

    /// Somebody without a certificate, with this in `Authorization` or nothing.
    ///
    /// # Errors
    /// When the roots cannot be read.
    pub fn anybody(&self, authorization: Option<&str>) -> Result<Party> {
        self.party(None, authorization)
    }

    /// The operator.
    ///
    /// # Errors
    /// When the roots cannot be read.
    pub fn operator(&self) -> Result<Party> {
        self.anybody(Some(&format!("Bearer {}", self.token)))
    }

    /// Somebody with these roles, who is logged in; and their access token.
    ///
    /// # Errors
    /// When the host refuses it.
    pub async fn person(&self, name: &str, roles: &[&str]) -> Result<(Party, String)> {
        let new = json!({ "name": name, "roles": roles });
        let (status, added) = self.operator()?.call("POST", "/api/v1/users", Some(&new)).await?;
        ensure!(status == 201, "{status} {added}");
        let used = json!({ "link": added["password_link"]["link"], "password": "a good password" });
        let (status, told) = self.anybody(None)?.call("POST", "/api/v1/auth/link/use", Some(&used)).await?;
        ensure!(status == 201, "{status} {told}");
        let token = told["access_token"].as_str().context("no token")?.to_owned();
        Ok((self.anybody(Some(&format!("Bearer {token}")))?, token))
    }

    /// Enrols an agent with these capabilities.
    ///
    /// # Errors
    /// When the host refuses it.
    pub async fn enrol(&self, label: &str, capabilities: &[&str]) -> Result<Party> {
        let identity = self.identity(label, capabilities).await?;
        self.party(Some((&identity.certificate, &KeyPair::from_pem(&identity.key)?)), None)
    }

    /// Enrols an agent with these capabilities, for clients that take files.
    ///
    /// # Errors
    /// When the host refuses it.
    pub async fn identity(&self, label: &str, capabilities: &[&str]) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let csr = CertificateParams::default().serialize_request(&key)?.pem()?;
        let body = json!({ "label": label, "capabilities": capabilities, "csr": csr });
        let (status, told) = self.operator()?.call("POST", "/api/v1/agents", Some(&body)).await?;
        ensure!(status == 201, "{status} {told}");
        let certificate = told["issued"]["certificate"].as_str().context("no certificate")?.to_owned();
        Ok(Identity { certificate, key: key.serialize_pem(), authorities: self.roots.clone() })
    }

    /// Somebody with this certificate and the key of it.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn with_certificate(&self, pem: &str, key: &KeyPair) -> Result<Party> {
        self.party(Some((pem, key)), None)
    }

    /// The same with both as files hold them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn with_files(&self, certificate: &str, key: &str) -> Result<Party> {
        self.with_certificate(certificate, &KeyPair::from_pem(key)?)
    }

    fn party(&self, identity: Option<(&str, &KeyPair)>, authorization: Option<&str>) -> Result<Party> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.roots.as_bytes()) {
            store.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.with_root_certificates(store);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((pem, key)) => {
                let certificate = CertificateDer::from_pem_slice(pem.as_bytes())?;
                let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
                builder.with_client_auth_cert(vec![certificate], key)?
            }
        };
        let connector = TlsConnector::from(Arc::new(config));
        let authorization =
            authorization.map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
        Ok(Party { connector, address: self.address.clone(), authorization })
    }
}

/// Somebody who asks.
#[derive(Clone)]
pub struct Party {
    connector: TlsConnector,
    address: String,
    authorization: String,
}

impl std::fmt::Debug for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Party").finish_non_exhaustive()
    }
}

impl Party {
    /// Asks there from now on.
    pub fn moved_to(&mut self, host: &TlsHost) {
        self.address.clone_from(&host.address);
    }

    /// The same, with this in `Authorization`.
    #[must_use]
    pub fn with_authorization(self, value: &str) -> Self {
        Self { authorization: format!("authorization: {value}\r\n"), ..self }
    }

    /// Fetches what is no JSON.
    ///
    /// # Errors
    /// When there is no good answer.
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        let mut stream = self.stream().await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("half an answer")?;
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        Ok(answer.split_off(end + 4))
    }

    async fn stream(&self) -> Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(&self.address).await?;
        // What is small is not kept back until the other side confirmed what came before.
        stream.set_nodelay(true)?;
        Ok(self.connector.connect(ServerName::try_from("localhost")?, stream).await?)
    }

    /// A connection that is kept.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn connect(&self) -> Result<Kept> {
        let stream = self.stream().await?;
        Ok(Kept { stream: BufReader::new(stream), authorization: self.authorization.clone() })
    }

    /// Follows events. What is not 200 is an error.
    ///
    /// # Errors
    /// When there is no stream.
    pub async fn follow(&self, path: &str) -> Result<Events> {
        let mut kept = self.connect().await?;
        let (status, _) = kept.head("GET", path, "", "").await?;
        ensure!(status == 200, "{status}");
        Ok(Events { stream: kept.stream, text: String::new() })
    }

    /// Asks, on a connection of its own.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Told> {
        match body {
            None => self.raw(method, path, "", "").await,
            Some(body) => {
                self.raw(method, path, "content-type: application/json\r\n", &body.to_string()).await
            }
        }
    }

    /// The same with these headers and this body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn raw(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<Told> {
        let (status, body) = self.text(method, path, headers, body).await?;
        Ok((status, if body.is_empty() { Value::Null } else { serde_json::from_str(&body)? }))
    }

    /// The same, whatever the answer is; what is no text in it is left out.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn text(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<(u16, String)> {
        let mut stream = self.stream().await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n{}{headers}\r\n{body}",
            body.len(),
            self.authorization,
        );
        // Who answers without having read all of it has answered.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").context("half an answer")?;
        let status = head.split_whitespace().nth(1).context("no status")?.parse()?;
        Ok((status, body.to_owned()))
    }
}

/// Server-sent events, as they come.
#[derive(Debug)]
pub struct Events {
    stream: BufReader<TlsStream<TcpStream>>,
    text: String,
}

impl Events {
    /// The next one, with its name; none when there are no more. Comments are left out.
    ///
    /// # Errors
    /// When what comes is no event.
    pub async fn next(&mut self) -> Result<Option<(String, Value)>> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| Some(line.strip_prefix(name)?.trim_start().to_owned()))
                };
                let found = field("event:").zip(field("data:"));
                self.text = rest.to_owned();
                if let Some((name, data)) = found {
                    return Ok(Some((name, serde_json::from_str(&data)?)));
                }
            }
            let mut size = String::new();
            if self.stream.read_line(&mut size).await? == 0 {
                return Ok(None);
            }
            let size = usize::from_str_radix(size.trim(), 16)?;
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).await?;
            if size == 0 {
                return Ok(None);
            }
            chunk.truncate(size);
            self.text.push_str(&String::from_utf8(chunk)?);
        }
    }

    /// The next one, which has this name and comes within a second.
    ///
    /// # Errors
    /// When it does not.
    pub async fn at_once(&mut self, name: &str) -> Result<Value> {
        let next = tokio::time::timeout(Duration::from_secs(1), self.next()).await;
        match next.with_context(|| format!("no `{name}` within a second"))?? {
            Some((found, data)) if found == name => Ok(data),
            other => anyhow::bail!("{other:?} instead of `{name}`"),
        }
    }
}

/// A connection on which one request comes after another.
#[derive(Debug)]
pub struct Kept {
    stream: BufReader<TlsStream<TcpStream>>,
    authorization: String,
}

impl Kept {
    /// Asks once, and gives the status and the head of the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn answer_head(&mut self, method: &str, path: &str, body: &Value) -> Result<(u16, String)> {
        let body = body.to_string();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{}\r\n{body}",
            body.len(),
            self.authorization,
        );
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        self.stream.get_mut().flush().await?;
        let (mut head, mut line) = (String::new(), String::new());
        while self.stream.read_line(&mut line).await? > 2 {
            head.push_str(&line.trim_end().to_ascii_lowercase());
            head.push('\n');
            line.clear();
        }
        let status = head.split_whitespace().nth(1).context("no status")?.parse()?;
        Ok((status, head))
    }

    /// Asks.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Told> {
        let (kind, body) = match body {
            None => ("", String::new()),
            Some(body) => ("content-type: application/json\r\n", body.to_string()),
        };
        let (status, length) = self.head(method, path, kind, &body).await?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? }))
    }

    /// Sends, and reads the status and the length of the answer's body.
    async fn head(&mut self, method: &str, path: &str, kind: &str, body: &str) -> Result<(u16, usize)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n{}{kind}\r\n{body}",
            body.len(),
            self.authorization,
        );
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        self.stream.get_mut().flush().await?;
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line).await? > 0, "half an answer");
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            match text.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse()?;
                }
                Some(_) => {}
                None => status = text.split_whitespace().nth(1).context("no status")?.parse()?,
            }
        }
        Ok((status, length))
    }
}
