use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use waystation_core::name::{RoleName, UserName};
use waystation_core::user::{Identity, MAX_IDENTITIES, NotAdmitted, UserRefusal};
use waystation_identity::{
    AskedToken, BrowserToken, DeviceCode, EntryCode, IdentityError, LOGIN_RATE, Lockout, Rate, RefreshToken,
    UserCode,
};
use waystation_store::tickets::Caller;
use waystation_store::users::{
    Came, DeviceAnswer, Fresh, Joining, Lives, NewAsked, NewDevice, NewIdentity, NewUser, Returned,
    SealedAsked, WAITING_EACH,
};
use waystation_store::{AuditFilter, Store};

use super::tickets::{by, hex_of, tenant};
use super::{Db, at};

const LIFE: Duration = Duration::from_secs(3_600);
const OFTEN: Rate = Rate { burst: 100_000, per: Duration::from_secs(60) };
const LIVES: Lives = Lives { rate: OFTEN, lockout: Lockout::DEFAULT, refresh: LIFE };

fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

fn from(seconds: i64) -> Caller {
    Caller { address: Some("192.0.2.1".into()), ..by("default", "nobody", seconds) }
}

fn operator(seconds: i64) -> Caller {
    by("default", "user:olga", seconds)
}

async fn add(store: &Store, name: &str) {
    let new = NewUser { name: user(name), service: false, roles: BTreeSet::new() };
    store.add_user(operator(0), new).await.unwrap().unwrap();
}

fn identity(subject: &str) -> NewIdentity {
    NewIdentity {
        provider: "corp".parse().unwrap(),
        issuer: "https://id.example".into(),
        subject: subject.parse().unwrap(),
    }
}

async fn bind(store: &Store, name: &str, subject: &str) -> Identity {
    store.bind_identity(operator(0), user(name), identity(subject)).await.unwrap().unwrap()
}

type Kept = (AskedToken, BrowserToken);

/// Sends somebody away.
async fn ask(store: &Store, seconds: i64, rate: Rate) -> Result<Kept, IdentityError> {
    let (state, browser) = (AskedToken::generate(), BrowserToken::generate());
    let new = NewAsked {
        provider: "corp".parse().unwrap(),
        state: state.clone(),
        browser: browser.clone(),
        sealed: SealedAsked(b"sealed".to_vec()),
        device: None,
    };
    store.ask_provider(from(seconds), new, rate).await.unwrap().map(|()| (state, browser))
}

async fn returns(store: &Store, kept: &Kept, seconds: i64) -> Option<Returned> {
    store.return_from_provider(from(seconds), "corp".parse().unwrap(), kept.clone()).await.unwrap()
}

type Entry = (EntryCode, BrowserToken);

/// Somebody comes back as `subject`.
async fn comes_as(
    store: &Store,
    identity: NewIdentity,
    joining: Joining,
    seconds: i64,
) -> Result<Entry, NotAdmitted> {
    let (code, browser) = (EntryCode::generate(), BrowserToken::generate());
    let came = Came { identity, joining, asks: true, code: code.clone(), browser: browser.clone() };
    store.admit_from_provider(from(seconds), came).await.unwrap().map(|()| (code, browser))
}

async fn comes(store: &Store, subject: &str, seconds: i64) -> Result<Entry, NotAdmitted> {
    comes_as(store, identity(subject), Joining::Off, seconds).await
}

async fn enters(store: &Store, entry: &Entry, seconds: i64) -> Result<Fresh, IdentityError> {
    let entering = store.begin_entry(from(seconds), entry.clone(), false, LIVES).await.unwrap()?;
    let who = (entering.name, entering.begun.user.unwrap(), None);
    let with = (RefreshToken::generate(), None, LIFE);
    store.finish_entry(from(seconds), entry.clone(), who, with).await.unwrap()
}

async fn stands(store: &Store, fresh: &Fresh) -> bool {
    store.login_standing(&tenant("default"), (fresh.user, fresh.login), at(0)).await.unwrap().is_some()
}

pub(crate) async fn who_was_sent_away_comes_back_once_in_time_in_one_browser(db: Db) {
    let store = db.open().await;
    let kept = ask(&store, 0, LOGIN_RATE).await.unwrap();
    let other = ask(&store, 0, LOGIN_RATE).await.unwrap();
    assert_eq!(returns(&store, &(kept.0.clone(), other.1.clone()), 1).await, None, "another browser");
    assert_eq!(returns(&store, &(AskedToken::generate(), kept.1.clone()), 1).await, None, "made up");
    let elsewhere =
        store.return_from_provider(from(1), "other".parse().unwrap(), kept.clone()).await.unwrap();
    assert_eq!(elsewhere, None, "another provider");
    // Nobody used it up; of many who come at once, one is the one.
    let racing = join_all((0..16).map(|_| returns(&store, &kept, 599))).await;
    let won: Vec<_> = racing.into_iter().flatten().collect();
    assert_eq!(won, [Returned { sealed: SealedAsked(b"sealed".to_vec()), device: None }]);
    assert_eq!(returns(&store, &other, 600).await, None, "too late");
}

pub(crate) async fn no_more_wait_for_a_provider_than_may(db: Db) {
    let store = db.open().await;
    let mut went = 0;
    while ask(&store, 0, OFTEN).await.is_ok() {
        went += 1;
    }
    assert_eq!(went, WAITING_EACH);
    assert_eq!(ask(&store, 599, OFTEN).await.unwrap_err(), IdentityError::Crowded);
    // They are over by then, and others come.
    ask(&store, 600, OFTEN).await.unwrap();
    let mut told = Vec::new();
    for _ in 0..9 {
        told.push(ask(&store, 5_000, LOGIN_RATE).await.map(drop));
    }
    assert!(told[..8].iter().all(Result::is_ok));
    assert_eq!(told[8].clone().unwrap_err().code(), "too-many-attempts");
}

pub(crate) async fn an_entry_is_good_once_in_time_in_one_browser(db: Db) {
    let store = db.open().await;
    add(&store, "ann").await;
    bind(&store, "ann", "s-1").await;
    let entry = comes(&store, "s-1", 10).await.unwrap();
    let other = (entry.0.clone(), BrowserToken::generate());
    let gone = Err(IdentityError::Gone);
    assert_eq!(enters(&store, &other, 11).await, gone);
    assert_eq!(enters(&store, &(EntryCode::generate(), entry.1.clone()), 11).await, gone);
    let racing = join_all((0..8).map(|_| enters(&store, &entry, 39))).await;
    let won: Vec<_> = racing.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert!(stands(&store, &won[0]).await);
    let login = &store.logins(won[0].user, at(40)).await.unwrap()[0];
    assert_eq!(login.method, "oidc:corp");
    let late = comes(&store, "s-1", 100).await.unwrap();
    assert_eq!(enters(&store, &late, 130).await, gone, "half a minute later");
    // What is taken from a user goes with what is on its way.
    let entry = comes(&store, "s-1", 200).await.unwrap();
    store.logout_user(operator(201), user("ann")).await.unwrap().unwrap();
    assert_eq!(enters(&store, &entry, 202).await, gone);
    let entry = comes(&store, "s-1", 210).await.unwrap();
    store.lock_user(operator(211), user("ann")).await.unwrap().unwrap();
    assert_eq!(enters(&store, &entry, 212).await, gone);
    assert_eq!(comes(&store, "s-1", 213).await.unwrap_err(), NotAdmitted::Locked);
    assert_eq!(comes(&store, "S-1", 213).await.unwrap_err(), NotAdmitted::Unknown);
    let elsewhere = NewIdentity { issuer: "https://id.example/".into(), ..identity("s-1") };
    let told = comes_as(&store, elsewhere, Joining::Off, 213).await;
    assert_eq!(told.unwrap_err(), NotAdmitted::Unknown, "another issuer under the same name");
}

pub(crate) async fn what_came_by_an_identity_ends_with_it(db: Db) {
    let store = db.open().await;
    for name in ["ann", "eve"] {
        add(&store, name).await;
    }
    let (first, second) = (bind(&store, "ann", "s-1").await, bind(&store, "ann", "s-2").await);
    assert_eq!(
        store.bind_identity(operator(0), user("eve"), identity("s-1")).await.unwrap(),
        Err(UserRefusal::IdentityTaken)
    );
    let one = enters(&store, &comes(&store, "s-1", 10).await.unwrap(), 11).await.unwrap();
    let two = enters(&store, &comes(&store, "s-2", 10).await.unwrap(), 11).await.unwrap();
    // A device that one of them let in, and one that has not come yet.
    let device = async |login: &Fresh| {
        let (code, user_code) = (DeviceCode::generate(), UserCode::generate());
        let new = NewDevice { code: code.clone(), user_code, client: None };
        store.start_device(from(12), new, OFTEN).await.unwrap().unwrap();
        let who = (login.user, login.login);
        store.decide_device(operator(12), who, user_code, true).await.unwrap().unwrap();
        code
    };
    let come = async |code: DeviceCode| {
        store.ask_device(from(20), code, (RefreshToken::generate(), LIFE)).await.unwrap()
    };
    let Ok(DeviceAnswer::In(_, by_one)) = come(device(&one).await).await else { panic!() };
    let Ok(DeviceAnswer::In(_, by_two)) = come(device(&two).await).await else { panic!() };
    let waiting = device(&one).await;
    let entry = comes(&store, "s-1", 20).await.unwrap();
    let unbind = async |name: &str, id| store.unbind_identity(operator(21), user(name), id).await.unwrap();
    assert_eq!(unbind("eve", first.id).await, Err(UserRefusal::NoIdentity), "another user's");
    unbind("ann", first.id).await.unwrap();
    assert!(!stands(&store, &one).await && !stands(&store, &by_one).await);
    assert!(stands(&store, &two).await && stands(&store, &by_two).await);
    assert!(matches!(come(waiting).await, Err(IdentityError::Gone)));
    assert_eq!(enters(&store, &entry, 22).await, Err(IdentityError::Gone));
    assert_eq!(unbind("ann", first.id).await, Err(UserRefusal::NoIdentity));
    let left = store.identities(&tenant("default"), one.user).await.unwrap();
    assert_eq!(left.iter().map(|one| one.id).collect::<Vec<_>>(), [second.id]);
    assert_eq!(left[0].used_at, Some(at(11)));
    // So many and no more; a service has none.
    for n in 1..MAX_IDENTITIES {
        bind(&store, "ann", &format!("m-{n}")).await;
    }
    let many = store.bind_identity(operator(0), user("ann"), identity("many")).await.unwrap();
    assert_eq!(many, Err(UserRefusal::TooManyIdentities));
    let service = NewUser { name: user("bot"), service: true, roles: BTreeSet::new() };
    store.add_user(operator(0), service).await.unwrap().unwrap();
    let service = store.bind_identity(operator(0), user("bot"), identity("bot")).await.unwrap();
    assert_eq!(service, Err(UserRefusal::Service));
    // A user who goes takes theirs along.
    store.remove_user(operator(30), user("ann")).await.unwrap().unwrap();
    assert_eq!(comes(&store, "s-2", 31).await.unwrap_err(), NotAdmitted::Unknown);
    bind(&store, "eve", "s-2").await;
}

pub(crate) async fn whoever_joins_is_somebody_new(db: Db) {
    let store = db.open().await;
    add(&store, "ann").await;
    let member = |name: Option<&str>, role: &str| Joining::Member {
        name: name.map(user),
        roles: [role.parse::<RoleName>().unwrap()].into(),
    };
    let come =
        async |subject: &str, joining| comes_as(&store, identity(subject), joining, 10).await.map(drop);
    for (joining, why) in [
        (Joining::Off, NotAdmitted::Unknown),
        (Joining::Refused, NotAdmitted::NotAMember),
        (member(None, "viewer"), NotAdmitted::NoName),
        (member(Some("ann"), "viewer"), NotAdmitted::NameTaken),
        (member(Some("new"), "nothing"), NotAdmitted::NoRole),
    ] {
        assert_eq!(come("s-1", joining.clone()).await, Err(why), "{joining:?}");
    }
    let names = async || -> Vec<String> {
        let all = store.users(&tenant("default"), None, 10).await.unwrap();
        all.iter().map(|user| user.name.to_string()).collect()
    };
    assert_eq!(names().await, ["ann"], "nothing is left of those");
    // Of many who come at once as one, there is one.
    let racing = join_all((0..8).map(|_| come("s-1", member(Some("new"), "viewer")))).await;
    assert!(racing.iter().all(Result::is_ok), "{racing:?}");
    assert_eq!(names().await, ["ann", "new"]);
    let kept = store.user(&tenant("default"), &user("new")).await.unwrap().unwrap();
    assert_eq!((kept.roles.len(), kept.password, kept.identities), (1, false, 1));
    assert!(store.identities(&tenant("default"), kept.id).await.unwrap()[0].joined);
    // A member under another name is the same; one who is none any more is out.
    come("s-1", member(Some("other"), "owner")).await.unwrap();
    let same = store.user(&tenant("default"), &user("new")).await.unwrap().unwrap();
    assert_eq!(same.roles, kept.roles);
    assert_eq!(come("s-1", Joining::Refused).await, Err(NotAdmitted::NotAMember));
    bind(&store, "ann", "s-2").await;
    come("s-2", Joining::Refused).await.unwrap();
    // They have no password: the last owner is somebody who can log in without the provider.
    assert!(!store.has_owner(&tenant("default")).await.unwrap());
}

pub(crate) async fn identities_of_another_tenant_are_nobodys(db: Db) {
    let store = db.open().await;
    add(&store, "ann").await;
    let bound = bind(&store, "ann", "s-1").await;
    let tenants = "INSERT INTO tenants (name, created_at) VALUES ('other', 0)";
    sqlx::query(tenants).execute(&mut db.raw().await).await.unwrap();
    let ann = store.user(&tenant("default"), &user("ann")).await.unwrap().unwrap();
    let caller = |seconds| by("other", "user:eve", seconds);
    assert!(store.identities(&tenant("other"), ann.id).await.unwrap().is_empty());
    let none = store.bind_identity(caller(1), user("ann"), identity("s-2")).await.unwrap();
    assert_eq!(none, Err(UserRefusal::NoUser));
    let none = store.unbind_identity(caller(1), user("ann"), bound.id).await.unwrap();
    assert_eq!(none, Err(UserRefusal::NoUser));
    let new = NewUser { name: user("ann"), service: false, roles: BTreeSet::new() };
    store.add_user(caller(1), new).await.unwrap().unwrap();
    let none = store.unbind_identity(caller(1), user("ann"), bound.id).await.unwrap();
    assert_eq!(none, Err(UserRefusal::NoIdentity), "a user of the same name");
    // The same subject is somebody else there.
    let entry = (EntryCode::generate(), BrowserToken::generate());
    let came = |entry: &Entry| Came {
        identity: identity("s-1"),
        joining: Joining::Off,
        asks: false,
        code: entry.0.clone(),
        browser: entry.1.clone(),
    };
    let told = store.admit_from_provider(caller(2), came(&entry)).await.unwrap();
    assert_eq!(told, Err(NotAdmitted::Unknown));
    store.bind_identity(caller(3), user("ann"), identity("s-1")).await.unwrap().unwrap();
    store.admit_from_provider(caller(4), came(&entry)).await.unwrap().unwrap();
    let here = store.begin_entry(from(5), entry.clone(), false, LIVES).await.unwrap();
    assert_eq!(here.unwrap_err(), IdentityError::Gone, "a code of another tenant");
    let kept = ask(&store, 6, OFTEN).await.unwrap();
    let there = store.return_from_provider(caller(7), "corp".parse().unwrap(), kept.clone()).await.unwrap();
    assert_eq!(there, None);
    assert!(returns(&store, &kept, 8).await.is_some(), "and not used up by that");
}

async fn digests(raw: &mut sqlx::AnyConnection, of: &'static str) -> Vec<(Vec<u8>, Vec<u8>)> {
    sqlx::query_as(of).fetch_all(raw).await.unwrap()
}

pub(crate) async fn no_secret_of_a_login_at_a_provider_is_in_the_database(db: Db) {
    let store = db.open().await;
    add(&store, "ann").await;
    bind(&store, "ann", "s-1").await;
    let kept = ask(&store, 0, OFTEN).await.unwrap();
    let entry = comes(&store, "s-1", 1).await.unwrap();
    let mut raw = db.raw().await;
    let states = digests(&mut raw, "SELECT digest, browser FROM provider_states").await;
    let codes = digests(&mut raw, "SELECT digest, browser FROM provider_codes").await;
    for (rows, secrets) in
        [(states, [kept.0.reveal(), kept.1.reveal()]), (codes, [entry.0.reveal(), entry.1.reveal()])]
    {
        assert_eq!(rows.len(), 1);
        for (kept, secret) in [&rows[0].0, &rows[0].1].into_iter().zip(secrets) {
            assert!(kept.len() == 32 && *kept != hex_of(&secret[4..]));
        }
    }
    let told = store.audit(&tenant("default"), &AuditFilter::default(), 0, 100).await.unwrap();
    for secret in [kept.0.reveal(), kept.1.reveal(), entry.0.reveal(), entry.1.reveal()] {
        assert!(told.iter().flat_map(|row| &row.fields).all(|field| !field.contains(&secret[4..])));
    }
    // What is over goes.
    assert_eq!(store.sweep_users(at(2)).await.unwrap(), 0);
    assert_eq!(store.sweep_users(at(601)).await.unwrap(), 2);
}
