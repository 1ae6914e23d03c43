//! Machines that enrol with tokens.

use anyhow::{Context as _, Result, ensure};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::agents::{Party, TlsHost, Told};

/// A machine with a key, which is no agent yet.
#[derive(Debug)]
pub struct Machine {
    key: KeyPair,
}

impl Machine {
    /// With a new key.
    ///
    /// # Errors
    /// When none can be made.
    pub fn new() -> Result<Self> {
        Ok(Self { key: KeyPair::generate()? })
    }

    /// Its request for a certificate.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn csr(&self) -> Result<String> {
        Ok(CertificateParams::default().serialize_request(&self.key)?.pem()?)
    }

    /// Presents a token, with more in the body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn enrols(&self, host: &TlsHost, token: &str, more: Value) -> Result<Told> {
        let mut body = json!({ "token": token, "csr": self.csr()? });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        host.anybody(None)?.call("POST", "/api/enroll", Some(&body)).await
    }

    /// The agent that it became.
    ///
    /// # Errors
    /// When it did not.
    pub fn agent(&self, host: &TlsHost, told: &Told) -> Result<Party> {
        ensure!(told.0 < 202, "{told:?}");
        host.with_certificate(told.1["cert"].as_str().context("no certificate")?, &self.key)
    }
}

impl TlsHost {
    /// Invites: the token, and all that was answered.
    ///
    /// # Errors
    /// When the host refuses.
    pub async fn invite(&self, wanted: &Value) -> Result<(String, Value)> {
        let (status, told) = self.operator()?.call("POST", "/api/v1/enrolments", Some(wanted)).await?;
        ensure!(status == 201, "{status} {told}");
        Ok((told["token"].as_str().context("no token")?.to_owned(), told))
    }
}
