//! The two pages, in a real browser as wide as a phone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod browser;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Child;
use waystation_tests::agents::TlsHost;
use waystation_tests::api::text;
use waystation_tests::owner::{OWNER, PASSWORD};
use waystation_tests::{Api, Folder, Host, until};

use browser::{Browser, ENTER, TAB};

/// A host that nobody owns yet.
async fn unowned(folder: &Folder) -> Result<(Child, String)> {
    let (nowhere, silent) = (std::process::Stdio::null(), std::process::Stdio::null());
    let child = folder.command(&["serve"])?.stdout(nowhere).stderr(silent).spawn()?;
    let address = until("the host is ready", async || {
        let Ok(address) = std::fs::read_to_string(folder.data().join("address")) else { return Ok(None) };
        Ok(Api::new(address.trim(), "")?.is_ready().await.then(|| address.trim().to_owned()))
    })
    .await?;
    Ok((child, address))
}

/// What a page has to be, whatever it is about.
async fn well_made(browser: &Browser) -> Result<()> {
    let unnamed = browser
        .script(
            "return [...document.querySelectorAll('input, button')].filter((field) => field.tagName === 'BUTTON' ? \
             !field.textContent.trim() : !([...field.labels].map((label) => label.textContent).join('').trim())).length",
        )
        .await?;
    ensure!(unnamed == json!(0), "{unnamed} fields have no label");
    let narrow = browser.script("return document.documentElement.scrollWidth <= innerWidth").await?;
    ensure!(narrow == json!(true), "it is wider than a phone");
    let about = "return [document.documentElement.lang, document.title.length > 0, document.querySelectorAll('h1').length, \
                 document.getElementById('about').getAttribute('role')]";
    let about = browser.script(about).await?;
    ensure!(about == json!(["en", true, 1, "status"]), "{about}");
    let small = "return [...document.querySelectorAll('input, button')].filter((field) => field.offsetParent && \
                 (field.offsetHeight < 44 || parseFloat(getComputedStyle(field).fontSize) < 16)).length";
    ensure!(browser.script(small).await? == json!(0), "something is too small for a finger");
    Ok(())
}

/// Nothing was said on the console but that the host refused what it had to refuse.
async fn quiet(browser: &Browser, refused: usize) -> Result<()> {
    let log = browser.log().await?;
    let (expected, others): (Vec<_>, Vec<_>) =
        log.iter().partition(|entry| entry.source == "network" && entry.message.contains("/api/v1/auth/"));
    ensure!(others.is_empty() && expected.len() == refused, "{log:#?}");
    Ok(())
}

/// The browser keeps nothing.
async fn keeps_nothing(browser: &Browser, secrets: &[&str]) -> Result<()> {
    let kept = browser
        .script(
            "return [location.href, JSON.stringify(history.state), JSON.stringify({ ...localStorage }), \
             JSON.stringify({ ...sessionStorage }), document.cookie, document.documentElement.outerHTML, \
             (await indexedDB.databases()).length, (await caches.keys()).length, document.referrer]",
        )
        .await?;
    for secret in secrets.iter().chain(&["eyJ"]) {
        ensure!(!kept.to_string().contains(secret), "{kept}");
    }
    ensure!(
        (&kept[1], &kept[2], &kept[3], &kept[4]) == (&json!("null"), &json!("{}"), &json!("{}"), &json!("")),
        "{kept}"
    );
    ensure!((&kept[6], &kept[7]) == (&json!(0), &json!(0)), "{kept}");
    Ok(())
}

/// Where the keyboard is, and whether one sees it.
async fn focus(browser: &Browser) -> Result<String> {
    let found = browser
        .script(
            "const at = document.activeElement; const style = getComputedStyle(at); return [at.id || at.textContent.trim(), \
             style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]",
        )
        .await?;
    ensure!(found[1] == json!(true), "{found} has the keyboard, and nobody sees it");
    Ok(found[0].as_str().unwrap_or_default().to_owned())
}

async fn pressed(browser: &Browser, expected: &str) -> Result<()> {
    browser.press(TAB).await?;
    let at = focus(browser).await?;
    ensure!(at == expected, "{at} instead of {expected}");
    Ok(())
}

#[tokio::test]
async fn somebody_becomes_owner_by_the_keyboard_alone() -> Result<()> {
    let folder = Folder::new("")?;
    let (mut child, address) = unowned(&folder).await?;
    let link = std::fs::read_to_string(folder.data().join("owner-link"))?.trim().to_owned();
    let browser = Browser::open(&[]).await?;
    let page = format!("http://{address}/welcome#{link}");
    browser.goto(&page).await?;
    browser.says("You become the owner").await?;
    well_made(&browser).await?;
    ensure!(browser.address().await? == format!("http://{address}/welcome"));
    for field in ["name", "password", "again", "Set the password"] {
        pressed(&browser, field).await?;
    }
    // What is not filled in is told, and gone to.
    browser.press(ENTER).await?;
    browser.says("Type what you want to be called.").await?;
    ensure!(focus(&browser).await? == "name");
    browser.press(OWNER).await?;
    pressed(&browser, "password").await?;
    browser.press("short").await?;
    pressed(&browser, "again").await?;
    browser.press("short").await?;
    browser.press(ENTER).await?;
    browser.says("A password has at least 8 characters.").await?;
    ensure!(focus(&browser).await? == "password");
    ensure!(
        browser.script("return document.activeElement.getAttribute('aria-invalid')").await? == json!("true")
    );
    browser.fill("password", PASSWORD).await?;
    browser.fill("again", "something else").await?;
    browser.press(ENTER).await?;
    browser.says("The two passwords are not the same.").await?;
    ensure!(focus(&browser).await? == "again");
    browser.fill("again", PASSWORD).await?;
    browser.press(ENTER).await?;
    browser.says("Your password is set.").await?;
    let first = browser.script("return history.length").await?;
    keeps_nothing(&browser, &[&link, PASSWORD]).await?;
    quiet(&browser, 0).await?;
    let said = "return document.activeElement.id";
    ensure!(browser.script(said).await? == json!("about"), "what was done is read out");

    // The link is used up, and what was typed is not there when somebody goes back.
    browser.goto("about:blank").await?;
    browser.goto(&page).await?;
    browser.says("There is no such link or code any more").await?;
    ensure!(browser.script("return document.getElementById('form').hidden").await? == json!(true));
    well_made(&browser).await?;
    quiet(&browser, 1).await?;
    browser.back().await?;
    browser.back().await?;
    browser.says("There is no such link or code any more").await?;
    keeps_nothing(&browser, &[&link, PASSWORD]).await?;
    ensure!(first.as_u64().is_some_and(|first| first <= 3), "{first}");
    let api = Api::new(&address, "")?;
    let login = json!({ "name": OWNER, "password": PASSWORD });
    let told = api.send(api.anonymous(Method::POST, "/api/v1/auth/login").json(&login)).await?;
    ensure!(told.status == 200, "{told:?}");
    let api = api.with_token(text(&told.json(), "access_token"));
    let logins = api.get("/api/v1/auth/logins").await?;
    ensure!(logins["logins"].as_array().unwrap().len() == 1, "the page logged out: {logins}");
    browser.close().await?;
    child.start_kill()?;
    child.wait().await?;
    Ok(())
}

/// A command line that waits to be let in, and its code.
async fn waiting(device: &Folder, host: &Host) -> Result<(Child, String)> {
    let mut command = device.command(&["login", "--device", "--url", host.api.base()])?;
    let log = device.path().join("device.log");
    command.stderr(std::fs::File::create(&log)?).stdout(std::process::Stdio::null());
    let child = command.spawn()?;
    let code = until("it shows a code", async || {
        let said = std::fs::read_to_string(&log)?;
        Ok(said.lines().find_map(|line| line.strip_prefix("The code is ").map(str::to_owned)))
    })
    .await?;
    Ok((child, code))
}

#[tokio::test]
async fn a_device_is_let_in_or_kept_out() -> Result<()> {
    let folder = Folder::new("[identity]\nlogin_rate = 1000\n")?;
    let host = Host::start(&folder).await?;
    let browser = Browser::open(&[]).await?;
    let device = Folder::new("")?;
    let (mut child, code) = waiting(&device, &host).await?;
    let page = format!("{}/device", host.api.base());
    browser.goto(&page).await?;
    browser.says("Log in, and type the code").await?;
    well_made(&browser).await?;
    for field in ["user-code", "name", "password", "Look at it"] {
        pressed(&browser, field).await?;
    }
    browser.fill("user-code", "BBBB-BBBB").await?;
    browser.fill("name", OWNER).await?;
    browser.fill("password", "not the password").await?;
    browser.press(ENTER).await?;
    browser.until("it is refused", "return document.querySelector('.bad') !== null").await?;
    quiet(&browser, 1).await?;
    browser.fill("password", PASSWORD).await?;
    browser.press(ENTER).await?;
    browser.says("No device shows this code.").await?;
    ensure!(focus(&browser).await? == "user-code");
    ensure!(
        browser.script("return document.getElementById('password')").await? == Value::Null,
        "once is enough"
    );
    quiet(&browser, 1).await?;
    browser.fill("user-code", &code.to_lowercase()).await?;
    browser.press(ENTER).await?;
    browser.says("Let it in only if that is you, now").await?;
    let about = browser.script("return document.getElementById('about').textContent").await?;
    ensure!(
        about.as_str().is_some_and(|about| about.starts_with("Waystation/") && about.contains("127.0.0.1")),
        "{about}"
    );
    well_made(&browser).await?;
    pressed(&browser, "Let it in, as me").await?;
    pressed(&browser, "Keep it out").await?;
    browser.script("document.querySelector('button[value=yes]').focus()").await?;
    browser.press(ENTER).await?;
    browser.says("It is let in.").await?;
    keeps_nothing(&browser, &[PASSWORD, &code]).await?;
    quiet(&browser, 0).await?;
    ensure!(child.wait().await?.success());
    let me = device.run(&["account", "show", "--url", host.api.base()]).await?;
    ensure!(me.stdout.trim() == format!("{OWNER}: owner"), "{me:?}");
    let logins = device.run(&["account", "logins", "--json", "--url", host.api.base()]).await?.json()?;
    let methods: Vec<&str> =
        logins["logins"].as_array().unwrap().iter().map(|login| text(login, "method")).collect();
    ensure!(!methods.contains(&"password"), "the page logged out: {methods:?}");

    // Another one is not; and whoever leaves the page before is logged out.
    let other = Folder::new("")?;
    let (mut child, code) = waiting(&other, &host).await?;
    for leave in [true, false] {
        browser.goto(&page).await?;
        for (field, text) in [("user-code", code.as_str()), ("name", OWNER), ("password", PASSWORD)] {
            browser.fill(field, text).await?;
        }
        browser.press(ENTER).await?;
        browser.says("Let it in only if that is you, now").await?;
        if leave {
            browser.goto("about:blank").await?;
            until("the login is over", async || {
                let logins =
                    device.run(&["account", "logins", "--json", "--url", host.api.base()]).await?.json()?;
                let methods = logins["logins"].to_string();
                Ok((!methods.contains("password")).then_some(()))
            })
            .await?;
        }
    }
    browser.script("document.querySelector('button[value=no]').click()").await?;
    browser.says("It is kept out.").await?;
    quiet(&browser, 0).await?;
    ensure!(!child.wait().await?.success());
    browser.close().await?;
    host.stop().await
}

#[tokio::test]
async fn a_second_factor_is_asked_for_where_it_is_on_in_the_dark_too() -> Result<()> {
    let folder = Folder::new("[identity]\nlogin_rate = 1000\n")?;
    let host = Host::start(&folder).await?;
    let login = json!({ "name": OWNER, "password": PASSWORD });
    let told = host.api.send(host.api.anonymous(Method::POST, "/api/v1/auth/login").json(&login)).await?;
    let owner = host.api.with_token(text(&told.json(), "access_token"));
    let begun = owner.post("/api/v1/auth/second-factor", &json!({ "password": PASSWORD })).await?;
    let step = jiff::Timestamp::now().as_second() / 30;
    let code = waystation_tests::totp::digits(text(&begun, "secret"), step)?;
    let kept = owner.post("/api/v1/auth/second-factor/confirm", &json!({ "code": code })).await?;
    let recovery = kept["recovery_codes"][0].as_str().context("no code")?;

    let browser = Browser::open(&["--force-dark-mode"]).await?;
    let device = Folder::new("")?;
    let (mut child, code) = waiting(&device, &host).await?;
    browser.goto(&format!("{}/device", host.api.base())).await?;
    browser.says("Log in").await?;
    let dark = browser.script("return matchMedia('(prefers-color-scheme: dark)').matches").await?;
    ensure!(dark == json!(true), "this browser has no dark mode");
    let light = "const [r, g, b] = getComputedStyle(document.getElementById('about')).color.match(/\\d+/g).map(Number); \
                 return Math.min(r, g, b) > 160";
    ensure!(browser.script(light).await? == json!(true), "text is dark on dark");
    ensure!(browser.script("return document.getElementById('second').hidden").await? == json!(true));
    for (field, text) in [("user-code", code.as_str()), ("name", OWNER), ("password", PASSWORD)] {
        browser.fill(field, text).await?;
    }
    browser.press(ENTER).await?;
    browser.says("Type the code of your app, too.").await?;
    ensure!(focus(&browser).await? == "code");
    well_made(&browser).await?;
    browser.press("000000").await?;
    browser.press(ENTER).await?;
    browser.until("it is refused", "return document.querySelector('.bad') !== null").await?;
    let bad = "const [r, g, b] = getComputedStyle(document.querySelector('.bad')).color.match(/\\d+/g).map(Number); \
               return r > 200 && g > 120 && b > 120";
    ensure!(browser.script(bad).await? == json!(true), "a warning is dark on dark");
    browser.fill("code", recovery).await?;
    browser.press(ENTER).await?;
    browser.says("Let it in only if that is you, now").await?;
    browser.script("document.querySelector('button[value=yes]').click()").await?;
    browser.says("It is let in.").await?;
    ensure!(child.wait().await?.success());
    quiet(&browser, 2).await?;
    browser.close().await?;
    host.stop().await
}

#[tokio::test]
async fn somebody_chooses_a_password_over_tls() -> Result<()> {
    let folder = TlsHost::folder("")?;
    let host = TlsHost::start(&folder).await?;
    let operator = host.operator()?;
    let (status, added) = operator.call("POST", "/api/v1/users", Some(&json!({ "name": "ann" }))).await?;
    ensure!(status == 201, "{added}");
    let link = text(&added["password_link"], "link").to_owned();
    // The browser takes the host by the pin that invitations carry, and by nothing else.
    let (_, invited) = host.invite(&json!({})).await?;
    let pin = text(&invited, "pin").strip_prefix("sha256:").context("no pin")?.to_owned();
    let pin = format!("--ignore-certificate-errors-spki-list={}", STANDARD.encode(hex::decode(pin)?));
    let browser = Browser::open(&[&pin]).await?;
    let port = host.address.rsplit_once(':').context("no port")?.1;
    browser.goto(&format!("https://localhost:{port}/welcome#{link}")).await?;
    browser.says("A new password for ann.").await?;
    well_made(&browser).await?;
    ensure!(browser.script("return document.getElementById('naming').hidden").await? == json!(true));
    browser.fill("password", "a password of hers").await?;
    browser.fill("again", "a password of hers").await?;
    browser.press(ENTER).await?;
    browser.says("Your password is set.").await?;
    keeps_nothing(&browser, &[&link, "a password of hers"]).await?;
    quiet(&browser, 0).await?;
    let login = json!({ "name": "ann", "password": "a password of hers" });
    let (status, told) = host.anybody(None)?.call("POST", "/api/v1/auth/login", Some(&login)).await?;
    ensure!(status == 200, "{told}");
    browser.close().await
}
