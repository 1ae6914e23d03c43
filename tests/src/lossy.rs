//! A way to a host on which answers get lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes everything on, until it is told to lose an answer: the host then does what it was asked for, and the connection
/// ends before anybody hears of it.
#[derive(Debug)]
pub struct Lossy {
    /// Where it is.
    pub address: SocketAddr,
    left: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Lossy {
    /// To the host at this address.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn to(host: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, left) = (listener.local_addr()?, Arc::new(AtomicUsize::new(usize::MAX)));
        let counting = Arc::clone(&left);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (host, left) = (host.clone(), Arc::clone(&counting));
                // A connection that ends is what this is for.
                tokio::spawn(async move { drop(pass(client, host, left).await) });
            }
        });
        Ok(Self { address, left, task })
    }

    /// Loses one answer: after so many that arrive, on a connection that is open.
    pub fn lose_after(&self, answers: usize) {
        self.left.store(answers, Ordering::SeqCst);
    }

    /// Whether the answer was lost.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.left.load(Ordering::SeqCst) == usize::MAX
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, host: String, left: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut host = TcpStream::connect(host).await?;
    let (mut up, mut down) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    // An answer begins with what the host says after the client said something.
    let mut asked = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read? {
                0 => return Ok(()),
                n => {
                    asked = true;
                    host.write_all(up.get(..n).unwrap_or_default()).await?;
                }
            },
            read = host.read(&mut down) => match read? {
                0 => return Ok(()),
                n => {
                    let new = std::mem::take(&mut asked);
                    match left.load(Ordering::SeqCst) {
                        usize::MAX => {}
                        0 if new => {
                            left.store(usize::MAX, Ordering::SeqCst);
                            return Ok(());
                        }
                        more if new => left.store(more - 1, Ordering::SeqCst),
                        _ => {}
                    }
                    client.write_all(down.get(..n).unwrap_or_default()).await?;
                }
            },
        }
    }
}
