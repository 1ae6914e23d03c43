//! A component built against each released generation of the WIT loads for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::path::Path;

use waystation_runtime::Status;
use waystation_server::Host;
use waystation_server::config::{Config, Environment};

#[tokio::test]
async fn components_of_every_generation_load() {
    let generations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/generations");
    let data = tempfile::tempdir().unwrap();
    let mut text = format!("server.data_dir = {:?}\ntrust.dev = [{generations:?}]\n", data.path());
    let mut names = Vec::new();
    for generation in std::fs::read_dir(&generations).unwrap() {
        let folder = generation.unwrap().path();
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let version = folder.file_name().unwrap().to_str().unwrap().replace('.', "-");
            let name = format!("{}-{version}", file.file_stem().unwrap().to_str().unwrap());
            text.push_str(&format!(
                "[plugins.{name}]\nfile = {file:?}\ngrants.http = [{{ origin = \"https://example.org\" }}]\n"
            ));
            // What the plugin of that name requires.
            if name.starts_with("update-source") {
                text.push_str("config = { index = \"https://example.org\" }\n");
            }
            names.push(name);
        }
    }
    assert!(names.len() >= 2, "{names:?}");
    // Not that of the test run, whose own variables are no settings.
    let environment: Environment = [].into_iter().collect();
    let config = Config::parse(Some(("waystation.toml", text.as_bytes())), &environment).unwrap();
    let host = Host::open(config, environment, &|_| {}).await.unwrap();
    for name in names {
        let plugin = host.plugins().get(&name).unwrap();
        assert_eq!(plugin.status(), Status::Running, "{name}: {:?}", plugin.rejected());
    }
    host.shut_down().await;
}
