//! `waystation registry`: indexes of plugins, and copies of them.

mod keys;
pub(crate) mod open;
mod serve;
mod site;
mod write;

use waystation_index::IndexError;

use crate::args::{Global, IndexCommand, Registry};
use crate::exit::{Exit, Failure, Outcome};

pub(crate) async fn run(global: &Global, command: &Registry) -> Outcome {
    match command {
        Registry::Index(index) => match index.as_ref() {
            IndexCommand::Serve { dir, listen } => serve::run(global, dir, *listen).await,
            IndexCommand::Pending { dir } => write::pending(global, dir).await,
            IndexCommand::Check { dir, root } => site::check(global, dir, root.as_deref()).await,
            index => write::run(global, index).await,
        },
        Registry::Mirror { plugins, to, from } => site::mirror(global, plugins, to, from).await,
        Registry::Export { plugins, output, include, all, from } => {
            let which = site::which(plugins, *all)?;
            site::export(global, &which, output, include, from).await
        }
        Registry::Import { file, to, root, late } => site::import(global, file, to, root, *late).await,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn refused(e: IndexError) -> Failure {
    let exit = match &e {
        IndexError::UnknownPlugin { .. } | IndexError::NoVersion { .. } => Exit::NotFound,
        _ => Exit::Failed,
    };
    Failure::new(exit, e.to_string()).code(e.code())
}

/// What a file holds.
fn read(file: &std::path::Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code("io"))
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}
