//! A PostgreSQL server for one run: own folder, own port, own password, gone afterwards.
//!
//! Durability is left as the server ships it (`fsync` on), since the store's crash tests
//! rely on it. It listens on loopback and on a socket inside its folder, and asks for a
//! random password on both.

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{interrupt, proc, say, tools};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const SUPERUSER: &str = "waystation";

/// A running server. Dropping it stops the server and removes its folder.
#[derive(Debug)]
pub(crate) struct Postgres {
    server: Child,
    url: String,
    dir: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it; installs PostgreSQL first where that is possible.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs().context("the tests need a PostgreSQL server")?;
        let account = Account::for_server()?;
        let dir = tempfile::Builder::new().prefix("waystation-pg-").tempdir()?;
        account.give(dir.path())?;
        let password = random_password()?;
        init(&programs, &account, dir.path(), &password).context("could not make a PostgreSQL cluster")?;
        let port = free_port()?;
        let server = launch(&programs, &account, dir.path(), port)?;
        let url = format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres");
        let mut postgres = Self { server, url, dir };
        postgres.wait_until_ready()?;
        say::step("postgres", &format!("{} on 127.0.0.1:{port}", programs.version()?));
        Ok(postgres)
    }

    /// Where a superuser connects, with the password: `postgres://user:password@127.0.0.1:port/postgres`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The server writes `ready` into its pid file once it takes connections.
    fn wait_until_ready(&mut self) -> Result<()> {
        let pid_file = self.dir.path().join("data/postmaster.pid");
        let since = Instant::now();
        loop {
            interrupt::check()?;
            if fs::read_to_string(&pid_file).is_ok_and(|text| is_ready(&text)) {
                return Ok(());
            }
            if let Some(status) = self.server.try_wait()? {
                bail!("PostgreSQL stopped as it started ({status}): {}", self.last_words());
            }
            if since.elapsed() > START_LIMIT {
                bail!(
                    "PostgreSQL was not ready within {}: {}",
                    say::duration(START_LIMIT),
                    self.last_words()
                );
            }
            pause();
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        if lines.is_empty() {
            "it wrote no log".into()
        } else {
            lines.into_iter().rev().collect::<Vec<_>>().join("; ")
        }
    }

    /// Asks for a fast shutdown, and insists after a while.
    fn stop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.server), Signal::INT);
        let since = Instant::now();
        while since.elapsed() < STOP_LIMIT {
            if !matches!(self.server.try_wait(), Ok(None)) {
                return;
            }
            pause();
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts a server, prints its URL and keeps it until a signal.
pub(crate) fn hold() -> Result<()> {
    let postgres = Postgres::start()?;
    say::line(postgres.url());
    loop {
        interrupt::check()?;
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "no executor here, and neither file nor process offers an event"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

/// The eighth line of `postmaster.pid` is the server's state.
fn is_ready(pid_file: &str) -> bool {
    pid_file.lines().nth(7).is_some_and(|state| state.trim() == "ready")
}

#[derive(Debug)]
struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
}

impl Programs {
    fn in_dir(dir: &Path) -> Option<Self> {
        let found = Self { initdb: dir.join("initdb"), postgres: dir.join("postgres") };
        (proc::is_program(&found.initdb) && proc::is_program(&found.postgres)).then_some(found)
    }

    fn version(&self) -> Result<String> {
        Ok(proc::stdout(Command::new(&self.postgres).arg("--version"))?.trim().to_owned())
    }
}

fn programs() -> Result<Programs> {
    if let Some(found) = find_programs() {
        return Ok(found);
    }
    tools::apt_install(&["postgresql"])?;
    find_programs().context(
        "PostgreSQL was installed, yet initdb and postgres are neither on PATH nor under /usr/lib/postgresql",
    )
}

/// On `PATH` (through links, for `initdb` must find its own installation), else Debian's newest.
fn find_programs() -> Option<Programs> {
    let on_path = proc::on_path("postgres").and_then(|path| path.canonicalize().ok());
    if let Some(found) = on_path.as_deref().and_then(Path::parent).and_then(Programs::in_dir) {
        return Some(found);
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    versions.iter().rev().find_map(|(_, dir)| Programs::in_dir(dir))
}

/// Who runs the server: PostgreSQL refuses to be root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    Ours,
    Other { uid: u32, gid: u32 },
}

impl Account {
    fn for_server() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ours);
        }
        let passwd = fs::read_to_string("/etc/passwd").context("could not read /etc/passwd")?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| lookup(&passwd, name))
            .context("PostgreSQL cannot run as root, and there is neither a user `postgres` nor `nobody`")
    }

    fn give(self, path: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = self {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .with_context(|| format!("could not give {} to user {uid}", path.display()))?;
        }
        Ok(())
    }

    fn apply(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }
}

/// A user's numbers in the text of `/etc/passwd`.
fn lookup(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        Some(Account::Other { uid: fields.nth(1)?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    })
}

fn init(programs: &Programs, account: &Account, dir: &Path, password: &str) -> Result<()> {
    let password_file = dir.join("password");
    fs::write(&password_file, password)?;
    fs::set_permissions(&password_file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    account.give(&password_file)?;
    let mut command = Command::new(&programs.initdb);
    command.args([
        "--username",
        SUPERUSER,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--pwfile",
    ]);
    command.arg(&password_file).arg("--pgdata").arg(dir.join("data"));
    command.current_dir(dir).stdout(Stdio::null());
    account.apply(&mut command);
    proc::run(&mut command)
}

/// In a process group of its own, so that Ctrl-C stops the tests before their database;
/// and where `setpriv` is there, it goes down even if we are killed.
fn launch(programs: &Programs, account: &Account, dir: &Path, port: u16) -> Result<Child> {
    let log = fs::File::create(dir.join("log"))?;
    let mut command = if proc::succeeds(Command::new("setpriv").args(["--pdeathsig", "INT", "true"])) {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]).arg(&programs.postgres);
        command
    } else {
        Command::new(&programs.postgres)
    };
    command.arg("-D").arg(dir.join("data")).arg("-k").arg(dir);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "max_connections=200"]);
    command.current_dir(dir).process_group(0);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    account.apply(&mut command);
    command.spawn().context("could not start PostgreSQL")
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgres2:x:7:8::/:/x\npostgres:x:101:104::/var/lib:/bin/bash\n";
        assert_eq!(lookup(passwd, "postgres"), Some(Account::Other { uid: 101, gid: 104 }));
        assert_eq!(lookup(passwd, "nobody"), None);
        assert_eq!(lookup("nobody:x:", "nobody"), None);
    }

    #[test]
    fn ready_is_the_eighth_line() {
        let starting = "1\n/data\n2\n5432\n/run\n127.0.0.1\n  1 2\nstarting\n";
        assert!(!is_ready(starting));
        assert!(is_ready(&starting.replace("starting", "ready   ")));
        assert!(!is_ready("ready"));
    }
}
