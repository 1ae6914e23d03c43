//! A name server that answers as it is told to, for tests that are [alone](mod@crate::alone).

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::alone;

/// The one server that this process and its children ask. Stops when dropped.
pub struct Names {
    state: Arc<State>,
    answering: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    answers: Mutex<HashMap<String, VecDeque<Vec<Ipv4Addr>>>>,
    asked: Mutex<HashMap<String, usize>>,
}

impl Drop for Names {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

impl Names {
    /// Takes the place of this machine's resolver.
    ///
    /// # Errors
    /// When the process is not alone.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for (system, text) in
            [("/etc/resolv.conf", "nameserver 127.0.0.1\n"), ("/etc/nsswitch.conf", "hosts: files dns\n")]
        {
            let file = folder.path().join("file");
            std::fs::write(&file, text)?;
            if Path::new(system).exists() {
                alone::replace(system, &file).await?;
            }
            // What is mounted stays, also without a name.
            std::fs::remove_file(file)?;
        }
        let socket = UdpSocket::bind("127.0.0.1:53").await?;
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        let answering = tokio::spawn(async move {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let question = packet.get(..length).unwrap_or_default();
                // Who asks nonsense gets no answer, and asks again.
                if let Some(answer) = shared.answer(question) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Ok(Self { state, answering })
    }

    /// From now on the look-ups of `name` get these addresses one after the other; the last stay.
    pub fn on_each<const N: usize>(&self, name: &str, answers: [&[Ipv4Addr]; N]) {
        let answers = answers.into_iter().map(<[Ipv4Addr]>::to_vec).collect();
        self.state.answers.lock().insert(name.to_owned(), answers);
    }

    /// Look-ups of `name` so far.
    pub fn asked(&self, name: &str) -> usize {
        self.state.asked.lock().get(name).copied().unwrap_or_default()
    }
}

/// `A`, the record of an IPv4 address (RFC 1035, section 3.2.2).
const A: u16 = 1;

impl State {
    /// RFC 1035, section 4.1. Addresses hold for no time, so that nobody keeps them.
    fn answer(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = question(packet)?;
        let kind = u16::from_be_bytes([*packet.get(end)?, *packet.get(end + 1)?]);
        let known = self.answers.lock().contains_key(&name);
        let addresses = if kind == A { self.next(&name) } else { Vec::new() };
        let (refusal, count) = (if known { 0 } else { 3 }, u8::try_from(addresses.len()).ok()?);
        let mut answer = packet.get(..2)?.to_vec();
        answer.extend([0x85, 0x80 | refusal, 0, 1, 0, count, 0, 0, 0, 0]);
        answer.extend(packet.get(12..end + 4)?);
        for address in addresses {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            answer.extend(address.octets());
        }
        Some(answer)
    }

    fn next(&self, name: &str) -> Vec<Ipv4Addr> {
        *self.asked.lock().entry(name.to_owned()).or_default() += 1;
        let mut answers = self.answers.lock();
        let Some(answers) = answers.get_mut(name) else { return Vec::new() };
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.unwrap_or_default()
    }
}

/// The name that a packet asks for, and where its type follows.
fn question(packet: &[u8]) -> Option<(String, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
}
