//! Keys that a program keeps: on a token, in a key management service.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Signer;
use crate::error::SignError;
use crate::public::PublicKey;

/// The most that is read of what a program says.
const MAX_OUTPUT: u64 = 64 << 10;

/// Signs by running a program: the message on its standard input; on its standard output the signature, as it is
/// or in base64. It is started as it is, without a shell.
///
/// What it gives is verified before it is used: a program that signs with another key is found out here, and not
/// by whoever installs the plugin.
#[derive(Debug, Clone)]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    public: PublicKey,
}

impl Command {
    /// A program, its arguments, and the public key of what it keeps.
    #[must_use]
    pub const fn new(program: OsString, arguments: Vec<OsString>, public: PublicKey) -> Self {
        Self { program, arguments, public }
    }

    fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    fn failed(&self, why: impl Into<String>) -> SignError {
        SignError::CommandFailed { program: self.name(), why: why.into() }
    }

    fn run(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut child = std::process::Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| self.failed(format!("did not start: {e}")))?;
        let said = self.converse(&mut child, message);
        let status = child.wait().map_err(|e| self.failed(format!("was lost: {e}")))?;
        match (status.success(), said) {
            (_, Err(e)) => Err(e),
            (true, Ok(said)) => Ok(said),
            (false, Ok(_)) => Err(self.failed(format!("failed with {status}; what it printed says why"))),
        }
    }

    fn converse(&self, child: &mut Child, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(self.failed("has no standard input or output"));
        };
        let mut said = Vec::new();
        let (told, heard) = std::thread::scope(|scope| {
            // At once with reading: it may answer before it has read everything.
            let telling = scope.spawn(move || input.write_all(message));
            let heard = output.take(MAX_OUTPUT + 1).read_to_end(&mut said);
            if said.len() as u64 > MAX_OUTPUT || heard.is_err() {
                let _ = child.kill();
            }
            (telling.join().unwrap_or(Ok(())), heard)
        });
        heard.map_err(|e| self.failed(format!("could not be read: {e}")))?;
        if said.len() as u64 > MAX_OUTPUT {
            return Err(self.failed(format!("answered more than {MAX_OUTPUT} bytes, which is no signature")));
        }
        match told {
            // One that ends without having read everything says in its status what that means.
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(self.failed(format!("did not take the message: {e}")))
            }
            _ => Ok(said),
        }
    }
}

impl Signer for Command {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let said = self.run(message)?;
        let text: Vec<u8> = said.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        let candidates = [Some(said), STANDARD.decode(text).ok()];
        candidates
            .into_iter()
            .flatten()
            .find(|signature| self.public.verifies(message, signature))
            .ok_or_else(|| SignError::SignatureMismatch { program: self.name() })
    }
}
