//! Names are looked up once for each connection, and every answer is judged.

use std::net::Ipv4Addr;

use anyhow::Result;
use serde_json::json;
use waystation_tests::alone::{alone, have_address};
use waystation_tests::api::text;
use waystation_tests::settings::item;
use waystation_tests::{Folder, Host, Names, Reply, StandIn, built};

/// An address that anybody may have, and that this machine has while it is alone.
const OPEN: Ipv4Addr = Ipv4Addr::new(93, 184, 215, 14);

/// A host whose plugin may ask these origins, without a key to closed addresses.
fn folder(origins: &[String], items: &[(&str, String)]) -> Result<Folder> {
    let toml = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[checks]\njitter = \"0s\"\n\
         [plugins.documents]\nfile = {:?}\n[[plugins.documents.grants.http]]\norigins = {origins:?}\n",
        built::plugin("http-json")?
    );
    Folder::with_text(&items.iter().fold(toml, |toml, (name, url)| toml + &item(name, url)))
}

#[tokio::test]
async fn a_name_that_flips_between_lookups_is_looked_up_once_and_judged_each_time() -> Result<()> {
    alone("a_name_that_flips_between_lookups_is_looked_up_once_and_judged_each_time", async || {
        have_address(&OPEN.to_string()).await?;
        let names = Names::start().await?;
        let open = StandIn::start_at(&format!("{OPEN}:0")).await?;
        let inside = StandIn::start_at(&format!("127.0.0.1:{}", open.port())).await?;
        open.on("/v", Reply::json(&json!(["1.0.0"])));
        inside.on("/v", Reply::json(&json!(["6.6.6"])));
        let (name, there, here): (_, &[_], &[_]) = ("flips.example.net", &[OPEN], &[Ipv4Addr::LOCALHOST]);
        names.on_each(name, [there, here, there, here, here]);
        let origin = format!("http://{name}:{}", open.port());
        let folder = folder(std::slice::from_ref(&origin), &[("flips", format!("{origin}/v"))])?;

        let host = Host::start(&folder).await?;
        let first = host.api.checked("flips").await?;
        assert_eq!((text(&first, "latest"), first["error"].is_null()), ("1.0.0", true), "{first}");
        assert_eq!(names.asked(name), 1);
        for (round, code) in [(2, "denied"), (3, ""), (4, "denied"), (5, "denied")] {
            let item = &host.api.check(&["flips"]).await?["flips"];
            assert_eq!(text(&item["error"], "code"), code, "look-up {round}: {item}");
            assert_eq!(text(item, "latest"), "1.0.0", "{item}");
            // Were it asked once to judge and once to connect, the second answer would lead inside.
            assert_eq!(names.asked(name), round);
        }
        assert_eq!(open.seen().len(), 2);
        assert!(inside.seen().is_empty(), "{:?}", inside.seen());
        host.stop().await
    })
    .await
}

#[tokio::test]
async fn a_name_of_a_closed_address_is_refused_however_it_is_reached() -> Result<()> {
    alone("a_name_of_a_closed_address_is_refused_however_it_is_reached", async || {
        have_address(&OPEN.to_string()).await?;
        let names = Names::start().await?;
        let open = StandIn::start_at(&format!("{OPEN}:0")).await?;
        let inside = StandIn::start_at(&format!("127.0.0.1:{}", open.port())).await?;
        let url = |name: &str, path: &str| format!("http://{name}.example.net:{}{path}", open.port());
        open.on("/v", Reply::json(&json!(["1.0.0"])));
        for (name, code, addresses) in [
            ("open", "", &[OPEN][..]),
            ("loopback", "denied", &[Ipv4Addr::LOCALHOST]),
            ("mixed", "denied", &[OPEN, Ipv4Addr::LOCALHOST]),
            ("private", "denied", &[Ipv4Addr::new(10, 0, 0, 1)]),
            ("metadata", "denied", &[Ipv4Addr::new(169, 254, 169, 254)]),
            ("nobody", "denied", &[Ipv4Addr::UNSPECIFIED]),
            ("empty", "unreachable", &[]),
        ] {
            names.on_each(&format!("{name}.example.net"), [addresses]);
            // Directly, and where a redirect of an open origin leads.
            open.on(&format!("/to-{name}"), Reply::to(url(name, "/v")));
            let items = [("direct", url(name, "/v")), ("led", url("open", &format!("/to-{name}")))];
            let folder = folder(&[url("open", ""), url(name, "")], &items)?;
            let host = Host::start(&folder).await?;
            for (item, checked) in host.api.check(&["direct", "led"]).await? {
                assert_eq!(text(&checked["error"], "code"), code, "{item} of {name}: {checked}");
            }
            host.stop().await?;
        }
        assert!(inside.seen().is_empty(), "{:?}", inside.seen());
        Ok(())
    })
    .await
}
