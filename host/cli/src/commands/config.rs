//! `waystation config`

use serde_json::json;
use waystation_server::api::openapi_document;
use waystation_server::config::{Config as Configuration, Level};
use waystation_server::plan;

use crate::args::{Config, Global};
use crate::exit::{Exit, Failure, Outcome};
use crate::{config, output};

pub(crate) async fn run(global: &Global, command: &Config) -> Outcome {
    match command {
        Config::Check => check(global),
        Config::Plan { describe } => show_plan(global, *describe).await,
        Config::Schema => Ok(output::json(&Configuration::schema())?),
        Config::Openapi => Ok(output::json(&openapi_document())?),
    }
}

fn check(global: &Global) -> Outcome {
    let file = config::file(global);
    let shown = file.as_ref().map_or_else(|| "the defaults".to_owned(), |file| file.display().to_string());
    match config::read(file.as_deref()) {
        Ok(configuration) => {
            let problems = configuration.check_secrets(&config::environment());
            if global.json {
                output::json(&json!({ "file": file, "problems": problems }))?;
            } else {
                problems.iter().for_each(|problem| output::line(problem.to_string()));
            }
            match problems.iter().filter(|problem| problem.level == Level::Error).count() {
                0 => output::note(format!("{shown}: no mistakes")),
                n => {
                    let message = format!("{shown}: {n} secrets cannot be used");
                    return Err(Failure::new(Exit::Config, message).code("secrets-unusable"));
                }
            }
            Ok(())
        }
        Err(e) => {
            if global.json {
                output::json(&e.to_json())?;
            }
            Err(config::invalid(&e))
        }
    }
}

async fn show_plan(global: &Global, describe: bool) -> Outcome {
    let configuration = config::load(global)?;
    let environment = config::environment();
    let plan = match describe {
        true => plan::described(&configuration, &environment).await?,
        false => plan::plan(&configuration, &environment),
    };
    if global.json {
        return Ok(output::json(&plan)?);
    }
    for plugin in &plan.plugins {
        output::line(format!("{}: {}", plugin.name, plugin.state));
        if let Some(about) = &plugin.about {
            output::line(format!("  {about}"));
        }
        for grant in &plugin.grants {
            let requested = grant.requested.as_ref().map_or_else(|| "nothing".to_owned(), |r| r.join(", "));
            let granted =
                if grant.granted.is_empty() { "nothing".to_owned() } else { grant.granted.join(", ") };
            output::line(format!("  {}: requests {requested}; granted {granted}", grant.capability));
        }
        if let Some(problem) = &plugin.problem {
            problem.trim().lines().for_each(|line| output::line(format!("  {line}")));
        }
    }
    for misfit in &plan.misfits {
        output::line(format!("{}: {}", misfit.key, misfit.code));
        output::line(format!("  {}", misfit.problem));
    }
    Ok(())
}
