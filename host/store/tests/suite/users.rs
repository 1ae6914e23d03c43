use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use waystation_core::access::{Role, RoleName, Scope};
use waystation_core::name::UserName;
use waystation_core::user::UserRefusal;
use waystation_identity::{
    ApiToken, DeviceCode, IdentityError, LOGIN_RATE, LinkToken, Lockout, Poll, RecoveryCode, RefreshToken,
    UserCode,
};
use waystation_store::tickets::Caller;
use waystation_store::users::{
    DeviceAnswer, Fresh, Lives, NewDevice, NewToken, NewUser, Proven, SealedTotp, Welcome,
};
use waystation_store::{AuditFilter, Store};

use super::Db;
use super::at;
use super::tickets::{by, hex_of, tenant};

pub(crate) const LIFE: Duration = Duration::from_secs(3_600);
const LIVES: Lives = Lives { rate: LOGIN_RATE, lockout: Lockout::DEFAULT, refresh: LIFE };

pub(crate) fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

pub(crate) fn roles(names: &[&str]) -> BTreeSet<RoleName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// From an address of its own each, so that attempts are counted by name only.
fn from(seconds: i64, n: u32) -> Caller {
    Caller { address: Some(format!("192.0.2.{n}")), ..by("default", "nobody", seconds) }
}

/// An owner, by a link.
pub(crate) async fn owner(store: &Store, name: &str, seconds: i64) -> Fresh {
    let link = LinkToken::generate();
    store.make_owner_link(by("default", "host", seconds), link.clone()).await.unwrap().unwrap();
    let with = (RefreshToken::generate(), None, LIFE);
    let who = (Some(user(name)), "phc".to_owned());
    store.redeem_link(from(seconds, 1), link, who, with).await.unwrap().unwrap().1
}

/// Somebody with a password.
pub(crate) async fn person(store: &Store, name: &str, given: &[&str]) -> Fresh {
    let new = NewUser { name: user(name), service: false, roles: roles(given) };
    store.add_user(by("default", "user:olga", 0), new).await.unwrap().unwrap();
    let link = LinkToken::generate();
    let made = store.make_password_link(by("default", "user:olga", 0), link.clone(), user(name)).await;
    made.unwrap().unwrap();
    let with = (RefreshToken::generate(), None, LIFE);
    store.redeem_link(from(0, 1), link, (None, "phc".into()), with).await.unwrap().unwrap().1
}

async fn login(
    store: &Store,
    name: &str,
    seconds: i64,
    n: u32,
) -> Result<(Fresh, RefreshToken), IdentityError> {
    let caller = from(seconds, n);
    let begun = store.begin_login(caller.clone(), user(name), LIVES).await.unwrap()?;
    let found = begun.user.clone().unwrap();
    let refresh = RefreshToken::generate();
    let with = (refresh.clone(), Some("test".into()), LIFE);
    let done = store.finish_login(caller, user(name), (found, None, None), with).await.unwrap()?;
    Ok((done, refresh))
}

async fn stands(store: &Store, fresh: &Fresh) -> bool {
    stands_at(store, fresh, 0).await
}

async fn stands_at(store: &Store, fresh: &Fresh, seconds: i64) -> bool {
    let who = (fresh.user, fresh.login);
    store.login_standing(&tenant("default"), who, at(seconds)).await.unwrap().is_some()
}

pub(crate) async fn a_link_makes_one_owner_and_there_is_always_one(db: Db) {
    let store = db.open().await;
    assert!(!store.has_owner(&tenant("default")).await.unwrap());
    let (first, second) = (LinkToken::generate(), LinkToken::generate());
    for link in [&first, &second] {
        store.make_owner_link(by("default", "host", 0), link.clone()).await.unwrap().unwrap();
    }
    let use_link = async |link: &LinkToken, name: &str, seconds| {
        let with = (RefreshToken::generate(), None, LIFE);
        let who = (Some(user(name)), "phc".to_owned());
        store.redeem_link(from(seconds, 1), link.clone(), who, with).await.unwrap()
    };
    assert_eq!(store.link(&first, at(1)).await.unwrap(), None, "one that was replaced");
    assert_eq!(store.link(&second, at(1)).await.unwrap(), Some(Welcome::Owner));
    assert_eq!(use_link(&first, "eve", 1).await, Err(IdentityError::Gone));
    assert_eq!(use_link(&LinkToken::generate(), "eve", 1).await, Err(IdentityError::Gone));
    assert_eq!(use_link(&second, "eve", 25 * 3_600).await, Err(IdentityError::Gone), "over");
    use_link(&second, "olga", 1).await.unwrap();
    assert_eq!(use_link(&second, "eve", 1).await, Err(IdentityError::Gone), "used");
    assert!(store.has_owner(&tenant("default")).await.unwrap());
    // A new link makes no second one.
    let late = LinkToken::generate();
    store.make_owner_link(by("default", "host", 2), late.clone()).await.unwrap().unwrap();
    assert_eq!(use_link(&late, "eve", 2).await, Err(IdentityError::OwnerExists));

    // The last who may give out roles stays.
    let caller = || by("default", "user:olga", 3);
    let olga = user("olga");
    assert_eq!(store.remove_user(caller(), olga.clone()).await.unwrap(), Err(UserRefusal::LastOwner));
    assert_eq!(store.lock_user(caller(), olga.clone()).await.unwrap(), Err(UserRefusal::LastOwner));
    let fewer = store.assign_roles(caller(), olga.clone(), roles(&["admin"])).await.unwrap();
    assert_eq!(fewer, Err(UserRefusal::LastOwner));
    // One who has no password yet is none.
    let new = NewUser { name: user("nora"), service: false, roles: roles(&["owner"]) };
    store.add_user(caller(), new).await.unwrap().unwrap();
    assert_eq!(store.lock_user(caller(), olga.clone()).await.unwrap(), Err(UserRefusal::LastOwner));
    let link = LinkToken::generate();
    store.make_password_link(caller(), link.clone(), user("nora")).await.unwrap().unwrap();
    let with = (RefreshToken::generate(), None, LIFE);
    store.redeem_link(from(3, 1), link, (None, "phc".into()), with).await.unwrap().unwrap();
    store.lock_user(caller(), olga.clone()).await.unwrap().unwrap();
    assert_eq!(store.remove_user(caller(), user("nora")).await.unwrap(), Err(UserRefusal::LastOwner));
    store.remove_user(caller(), olga).await.unwrap().unwrap();
    let kept = store.users(&tenant("default"), None, 10).await.unwrap();
    assert_eq!(kept.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["nora"]);
}

pub(crate) async fn a_login_is_counted_and_ends_with_what_it_stands_on(db: Db) {
    let store = db.open().await;
    owner(&store, "olga", 0).await;
    person(&store, "ann", &["viewer"]).await;
    // Whoever fails is locked, whether or not there is such a user.
    for name in ["ann", "nobody-here"] {
        for n in 0..10 {
            let begun = store.begin_login(from(10, n), user(name), LIVES).await.unwrap().unwrap();
            assert_eq!(begun.user.is_some(), name == "ann");
            store.fail_login(from(10, n), user(name), begun, "wrong-password").await.unwrap();
        }
        let locked = store.begin_login(from(11, 77), user(name), LIVES).await.unwrap().unwrap_err();
        assert_eq!((locked.code(), locked.retry_after()), ("locked", Some(899)), "{name}");
    }
    assert_eq!(login(&store, "ann", 10 + 899, 1).await.unwrap_err().code(), "locked");
    login(&store, "ann", 10 + 900, 1).await.unwrap();
    // A success forgets failures, and one that was half right counts for nothing.
    for n in 0..30 {
        let begun = store.begin_login(from(2_000 + n, 1), user("ann"), LIVES).await.unwrap();
        let Ok(begun) = begun else { continue };
        store.halve_login(from(2_000, 1), user("ann"), begun).await.unwrap();
    }
    login(&store, "ann", 2_100, 5).await.unwrap();
    // From one address, eight a minute.
    let mut many = Vec::new();
    for _ in 0..9 {
        many.push(store.begin_login(from(3_000, 9), user("x"), LIVES).await.unwrap().is_ok());
    }
    assert_eq!(many, [[true; 8].as_slice(), &[false]].concat());

    // Each cause ends what it should, at once.
    let caller = || by("default", "user:olga", 4_000);
    let (out, _) = login(&store, "ann", 4_000, 20).await.unwrap();
    let (other, _) = login(&store, "ann", 4_000, 21).await.unwrap();
    assert!(stands(&store, &out).await && stands(&store, &other).await);
    let stranger = owner_of(&store).await;
    assert_eq!(store.logout(caller(), stranger, out.login).await.unwrap(), Err(UserRefusal::NoLogin));
    store.logout(caller(), out.user, out.login).await.unwrap().unwrap();
    assert!(!stands(&store, &out).await && stands(&store, &other).await);
    store.assign_roles(caller(), user("ann"), roles(&["operator"])).await.unwrap().unwrap();
    assert!(!stands(&store, &other).await);
    let (mine, _) = login(&store, "ann", 4_100, 22).await.unwrap();
    let (theirs, _) = login(&store, "ann", 4_100, 23).await.unwrap();
    let change = ("phc".to_owned(), "new".to_owned());
    store.change_password(caller(), mine.user, change.clone(), Some(mine.login)).await.unwrap().unwrap();
    assert!(stands(&store, &mine).await && !stands(&store, &theirs).await);
    let again = store.change_password(caller(), mine.user, change, Some(mine.login)).await.unwrap();
    assert!(again.is_err(), "it is another by now");
    store.lock_user(caller(), user("ann")).await.unwrap().unwrap();
    assert!(!stands(&store, &mine).await);
    let begun = store.begin_login(from(4_200, 24), user("ann"), LIVES).await.unwrap().unwrap();
    assert!(begun.user.is_none(), "whoever is locked out is nobody");
    store.unlock_user(caller(), user("ann")).await.unwrap().unwrap();
    assert!(!stands(&store, &mine).await, "what ended stays so");
    let (mine, _) = login(&store, "ann", 4_300, 25).await.unwrap();
    let listed = store.logins(mine.user, at(4_300)).await.unwrap();
    assert_eq!(listed.iter().map(|login| login.id).collect::<Vec<_>>(), [mine.login]);
    store.remove_user(caller(), user("ann")).await.unwrap().unwrap();
    assert!(!stands(&store, &mine).await);
}

async fn owner_of(store: &Store) -> waystation_core::id::UserId {
    store.user(&tenant("default"), &user("olga")).await.unwrap().unwrap().id
}

pub(crate) async fn a_refresh_token_works_once_and_a_used_one_ends_the_login(db: Db) {
    let store = db.open().await;
    owner(&store, "olga", 0).await;
    let exchange = async |token: &RefreshToken, seconds| {
        let new = RefreshToken::generate();
        let done = store.refresh_login(from(seconds, 1), token.clone(), (new.clone(), LIFE)).await.unwrap();
        done.map(|rotated| (rotated.fresh, new))
    };
    let (first, token) = login(&store, "olga", 10, 1).await.unwrap();
    assert!(stands_at(&store, &first, 10 + 3_599).await && !stands_at(&store, &first, 10 + 3_600).await);
    let (second, _) = login(&store, "olga", 10, 2).await.unwrap();
    let (fresh, next) = exchange(&token, 20).await.unwrap();
    assert_eq!((fresh.login, fresh.expires_at), (first.login, at(20 + 3_600)));
    let (_, last) = exchange(&next, 3_000).await.unwrap();
    assert!(stands(&store, &first).await);
    assert_eq!(exchange(&token, 3_001).await.map(|_| ()), Err(IdentityError::Reused));
    assert!(!stands(&store, &first).await && stands(&store, &second).await);
    assert_eq!(exchange(&last, 3_002).await.map(|_| ()), Err(IdentityError::Ended));
    assert_eq!(exchange(&RefreshToken::generate(), 1).await.map(|_| ()), Err(IdentityError::Gone));
    let (_, old) = login(&store, "olga", 4_000, 3).await.unwrap();
    assert_eq!(exchange(&old, 4_000 + 3_600).await.map(|_| ()), Err(IdentityError::Expired));
    // Many at once: one gets the next, and the others end the login.
    let (fresh, token) = login(&store, "olga", 9_000, 4).await.unwrap();
    let racing = (0..20).map(|_| exchange(&token, 9_001));
    let good = join_all(racing).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(good, 1);
    assert!(!stands(&store, &fresh).await);
}

pub(crate) async fn of_many_who_use_a_code_or_a_link_one_gets_in(db: Db) {
    let store = db.open().await;
    let link = LinkToken::generate();
    store.make_owner_link(by("default", "host", 0), link.clone()).await.unwrap().unwrap();
    let racing = (0..20).map(|n| {
        let with = (RefreshToken::generate(), None, LIFE);
        let who = (Some(user(&format!("olga-{n}"))), "phc".to_owned());
        store.redeem_link(from(1, n), link.clone(), who, with)
    });
    let won = join_all(racing).await.into_iter().filter(|done| done.as_ref().unwrap().is_ok()).count();
    assert_eq!((won, store.users(&tenant("default"), None, 50).await.unwrap().len()), (1, 1));

    let ann = person(&store, "ann", &[]).await.user;
    let (sealed, caller) = (SealedTotp(vec![1, 2, 3]), || by("default", "user:ann", 5));
    let codes = RecoveryCode::generate();
    let digests: Vec<_> = codes.iter().map(RecoveryCode::digest).collect();
    let confirm = (sealed.clone(), 7, digests.clone());
    assert!(store.confirm_totp(caller(), ann, confirm.clone()).await.unwrap().is_err(), "not begun");
    store.begin_totp(caller(), ann, SealedTotp(vec![9])).await.unwrap().unwrap();
    assert!(store.confirm_totp(caller(), ann, confirm.clone()).await.unwrap().is_err(), "another one");
    store.begin_totp(caller(), ann, sealed.clone()).await.unwrap().unwrap();
    store.confirm_totp(caller(), ann, confirm).await.unwrap().unwrap();
    let twice = store.begin_totp(caller(), ann, sealed.clone()).await.unwrap();
    assert_eq!(twice, Err(UserRefusal::TotpOn));
    let finish = async |proven: Option<Proven>, n: u32| {
        let caller = from(100 + i64::from(n), n);
        let begun = store.begin_login(caller.clone(), user("ann"), LIVES).await.unwrap()?;
        let found = begun.user.unwrap();
        let with = (RefreshToken::generate(), None, LIFE);
        store.finish_login(caller, user("ann"), (found, proven, None), with).await.unwrap()
    };
    assert_eq!(finish(None, 30).await, Err(IdentityError::Ended), "it is asked for");
    assert_eq!(
        finish(Some(Proven::Code(7)), 31).await,
        Err(IdentityError::CodeUsed),
        "it was used to confirm"
    );
    for proven in [Proven::Code(8), Proven::Recovery(digests[0])] {
        let done = join_all((0..4).map(|n| finish(Some(proven), 40 + n))).await;
        assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1, "{proven:?} {done:?}");
    }
    assert_eq!(store.recovery_codes(ann).await.unwrap().len(), 9);
    let off = async |asked| store.end_totp(caller(), ann, asked).await.unwrap();
    assert_eq!(off(None).await, Err(UserRefusal::TotpOff), "it is asked for");
    let used = Some((sealed.clone(), Proven::Recovery(digests[0])));
    assert_eq!(off(used).await, Err(UserRefusal::TotpOff), "it was used up");
    off(Some((sealed.clone(), Proven::Recovery(digests[1])))).await.unwrap();
    assert!(store.recovery_codes(ann).await.unwrap().is_empty());
    assert_eq!(off(None).await, Err(UserRefusal::TotpOff));
}

pub(crate) async fn a_token_speaks_for_its_user_until_it_is_taken_back(db: Db) {
    let store = db.open().await;
    owner(&store, "olga", 0).await;
    let ann = person(&store, "ann", &["viewer"]).await.user;
    let scope: Scope = serde_json::from_str(r#"[{"actions":["item:read"]}]"#).unwrap();
    let add = async |token: &ApiToken, name: &str, until: i64, now: i64| {
        let digest = *token.digest().as_bytes();
        let new = NewToken {
            user: user("ann"),
            name: name.parse().unwrap(),
            scope: scope.clone(),
            digest,
            expires_at: at(until),
        };
        store.add_token(by("default", "user:ann", now), new).await.unwrap()
    };
    let standing =
        async |token: &ApiToken, now| store.token_standing(token.digest().as_bytes(), at(now)).await.unwrap();
    let token = ApiToken::generate();
    let record = add(&token, "ci", 1_000, 1).await.unwrap();
    let who = standing(&token, 2).await.unwrap();
    assert_eq!((who.name.as_str(), who.roles.len(), who.login), ("ann", 1, None));
    assert_eq!(who.token.unwrap(), ("ci".parse().unwrap(), scope.clone()));
    let used = store.tokens(&tenant("default"), Some(ann), (None, 10), at(2)).await.unwrap();
    assert_eq!((used[0].used_at, used[0].fingerprint.len()), (Some(at(2)), 6));
    assert!(standing(&token, 999).await.is_some() && standing(&token, 1_000).await.is_none());
    assert!(standing(&ApiToken::generate(), 2).await.is_none());
    assert_eq!(add(&ApiToken::generate(), "ci", 1_000, 3).await.unwrap_err(), UserRefusal::TokenTaken);
    // What is over keeps neither its name nor its place.
    add(&ApiToken::generate(), "ci", 3_000, 2_000).await.unwrap();
    let live = ApiToken::generate();
    let mine = add(&live, "two", 3_000, 2_000).await.unwrap();
    store.lock_user(by("default", "user:olga", 2_001), user("ann")).await.unwrap().unwrap();
    assert!(standing(&live, 2_002).await.is_none(), "it speaks for nobody who is locked out");
    store.unlock_user(by("default", "user:olga", 2_003), user("ann")).await.unwrap().unwrap();
    assert!(standing(&live, 2_004).await.is_some());
    let olga = owner_of(&store).await;
    let take = async |id, of| store.remove_token(by("default", "x", 2_005), id, of).await.unwrap();
    assert_eq!(take(mine.id, Some(olga)).await, Err(UserRefusal::NoToken), "somebody else's");
    assert_eq!(take(record.id, None).await, Err(UserRefusal::NoToken), "it is gone already");
    take(mine.id, Some(ann)).await.unwrap();
    assert!(standing(&live, 2_006).await.is_none());
    for n in 0..99 {
        add(&ApiToken::generate(), &format!("t{n}"), 9_000, 2_007).await.unwrap();
    }
    assert_eq!(
        add(&ApiToken::generate(), "many", 9_000, 2_008).await.unwrap_err(),
        UserRefusal::TooManyTokens
    );
}

pub(crate) async fn roles_are_data_and_mean_what_they_say_now(db: Db) {
    let store = db.open().await;
    let olga = owner(&store, "olga", 0).await;
    let caller = || by("default", "user:olga", 1);
    let role = |grants: &str| Role {
        name: "reader".parse().unwrap(),
        about: "Reads".into(),
        grants: serde_json::from_str(grants).unwrap(),
    };
    let unknown = NewUser { name: user("ann"), service: false, roles: roles(&["reader"]) };
    let none = store.add_user(caller(), unknown.clone()).await.unwrap();
    assert_eq!(none, Err(UserRefusal::NoRole("reader".parse().unwrap())));
    assert!(store.user(&tenant("default"), &user("ann")).await.unwrap().is_none(), "nothing is left of it");
    store.put_role(caller(), role(r#"[{"actions":["item:read"]}]"#)).await.unwrap().unwrap();
    store.add_user(caller(), unknown.clone()).await.unwrap().unwrap();
    assert_eq!(store.add_user(caller(), unknown).await.unwrap(), Err(UserRefusal::UserTaken));
    let standing = async || store.standing_of(&tenant("default"), &user("ann")).await.unwrap().unwrap();
    assert_eq!(standing().await.roles, [role(r#"[{"actions":["item:read"]}]"#)]);
    store.put_role(caller(), role(r#"[{"actions":["item:*"]}]"#)).await.unwrap().unwrap();
    assert_eq!(standing().await.roles, [role(r#"[{"actions":["item:*"]}]"#)]);
    assert!(stands(&store, &olga).await, "who does not have it goes on");
    let name = || "reader".parse::<RoleName>().unwrap();
    assert_eq!(store.remove_role(caller(), name()).await.unwrap(), Err(UserRefusal::RoleInUse(1)));
    store.assign_roles(caller(), user("ann"), roles(&[])).await.unwrap().unwrap();
    assert!(standing().await.roles.is_empty());
    store.remove_role(caller(), name()).await.unwrap().unwrap();
    assert_eq!(store.remove_role(caller(), name()).await.unwrap(), Err(UserRefusal::NoRole(name())));
    for built_in in ["owner", "viewer"] {
        let role = Role { name: built_in.parse().unwrap(), ..role("[]") };
        let refused = store.put_role(caller(), role.clone()).await.unwrap();
        assert_eq!(refused, Err(UserRefusal::BuiltInRole(role.name.clone())));
        assert_eq!(
            store.remove_role(caller(), role.name).await.unwrap().unwrap_err().code(),
            "built-in-role"
        );
    }
}

pub(crate) async fn a_device_is_let_in_once(db: Db) {
    let store = db.open().await;
    let Fresh { user: olga, login: by_login, .. } = owner(&store, "olga", 0).await;
    let start = async |seconds, n| {
        let (code, user_code) = (DeviceCode::generate(), UserCode::generate());
        let new = NewDevice { code: code.clone(), user_code, client: Some("cli".into()) };
        store.start_device(from(seconds, n), new, LOGIN_RATE).await.unwrap().map(|_| (code, user_code))
    };
    let ask = async |code: &DeviceCode, seconds| {
        let with = (RefreshToken::generate(), LIFE);
        store.ask_device(from(seconds, 1), code.clone(), with).await.unwrap()
    };
    let decide = async |code, approve, seconds| {
        let who = (olga, by_login);
        store.decide_device(by("default", "user:olga", seconds), who, code, approve).await.unwrap()
    };
    let waits = |poll| Ok(DeviceAnswer::Wait(poll));
    let (code, shown) = start(0, 1).await.unwrap();
    assert_eq!(ask(&code, 1).await, waits(Poll::Pending));
    assert_eq!(ask(&code, 2).await, waits(Poll::SlowDown));
    let look =
        async |of, code, seconds| store.device(by(of, "user:olga", seconds), olga, code).await.unwrap();
    let asks = look("default", shown, 3).await.unwrap();
    assert_eq!((asks.client.as_deref(), asks.address.as_deref()), (Some("cli"), Some("192.0.2.1")));
    assert_eq!(decide(UserCode::generate(), true, 3).await, Err(IdentityError::Gone));
    assert_eq!(look("other", shown, 3).await, Err(IdentityError::Gone));
    let guesses: Vec<_> = join_all((0..8).map(|_| look("default", UserCode::generate(), 3))).await;
    assert_eq!(guesses.iter().filter(|told| **told == Err(IdentityError::Gone)).count(), 6, "{guesses:?}");
    assert_eq!(look("default", shown, 3).await.unwrap_err().code(), "too-many-attempts");
    decide(shown, true, 3).await.unwrap();
    assert_eq!(decide(shown, false, 4).await, Err(IdentityError::Gone), "something was said already");
    let racing = join_all((0..8).map(|_| ask(&code, 100))).await;
    let inside: Vec<_> = racing.iter().filter(|one| matches!(one, Ok(DeviceAnswer::In(..)))).collect();
    assert_eq!(inside.len(), 1, "{racing:?}");
    let Ok(DeviceAnswer::In(_, fresh)) = inside[0] else { panic!() };
    assert!(fresh.user == olga && stands(&store, fresh).await);
    let (kept_out, shown) = start(200, 2).await.unwrap();
    decide(shown, false, 201).await.unwrap();
    assert_eq!(ask(&kept_out, 202).await, waits(Poll::Denied));
    let (late, shown) = start(300, 3).await.unwrap();
    assert_eq!(ask(&late, 901).await, waits(Poll::Expired));
    assert_eq!(decide(shown, true, 901).await, Err(IdentityError::Gone));
    assert_eq!(ask(&DeviceCode::generate(), 1).await, Err(IdentityError::Gone));
    for n in 0..9 {
        assert_eq!(start(1_000, 4).await.is_ok(), n < 8);
    }
}

pub(crate) async fn users_of_another_tenant_are_nobody(db: Db) {
    let store = db.open().await;
    let olga = owner(&store, "olga", 0).await;
    let add = "INSERT INTO tenants (name, created_at) VALUES ('other', 0)";
    sqlx::query(add).execute(&mut db.raw().await).await.unwrap();
    let (other, caller) = (tenant("other"), || by("other", "user:eve", 1));
    assert!(store.login_standing(&other, (olga.user, olga.login), at(0)).await.unwrap().is_none());
    assert!(store.user(&other, &user("olga")).await.unwrap().is_none());
    assert!(store.standing_of(&other, &user("olga")).await.unwrap().is_none());
    assert!(store.users(&other, None, 10).await.unwrap().is_empty());
    assert!(!store.has_owner(&other).await.unwrap());
    let begun = store.begin_login(caller(), user("olga"), LIVES).await.unwrap().unwrap();
    assert!(begun.user.is_none());
    let no_user = Err(UserRefusal::NoUser);
    assert_eq!(store.remove_user(caller(), user("olga")).await.unwrap(), no_user);
    assert_eq!(store.lock_user(caller(), user("olga")).await.unwrap(), no_user);
    assert_eq!(store.logout_user(caller(), user("olga")).await.unwrap(), no_user);
    assert_eq!(store.assign_roles(caller(), user("olga"), roles(&[])).await.unwrap(), no_user);
    let link = store.make_password_link(caller(), LinkToken::generate(), user("olga")).await.unwrap();
    assert_eq!(link.unwrap_err(), UserRefusal::NoUser);
    let token = ApiToken::generate();
    let new = NewToken {
        user: user("olga"),
        name: "t".parse().unwrap(),
        scope: serde_json::from_str("[]").unwrap(),
        digest: *token.digest().as_bytes(),
        expires_at: at(1_000),
    };
    assert_eq!(store.add_token(caller(), new.clone()).await.unwrap().unwrap_err(), UserRefusal::NoUser);
    let record = store.add_token(by("default", "user:olga", 1), new).await.unwrap().unwrap();
    let gone = store.remove_token(caller(), record.id, None).await.unwrap();
    assert_eq!(gone, Err(UserRefusal::NoToken));
    assert!(store.tokens(&other, None, (None, 10), at(2)).await.unwrap().is_empty());
    let role = Role {
        name: "mine".parse().unwrap(),
        about: String::new(),
        grants: serde_json::from_str("[]").unwrap(),
    };
    store.put_role(by("default", "user:olga", 1), role.clone()).await.unwrap().unwrap();
    assert!(!store.roles(&other).await.unwrap().contains(&role));
    assert!(store.remove_role(caller(), role.name).await.unwrap().is_err());
    // Both may be called the same.
    let new = NewUser { name: user("olga"), service: true, roles: roles(&[]) };
    store.add_user(caller(), new).await.unwrap().unwrap();
    assert!(stands(&store, &olga).await);
}

pub(crate) async fn no_credential_is_in_the_database(db: Db) {
    let store = db.open().await;
    let link = LinkToken::generate();
    store.make_owner_link(by("default", "host", 0), link.clone()).await.unwrap().unwrap();
    let (refresh, token, device) = (RefreshToken::generate(), ApiToken::generate(), DeviceCode::generate());
    let with = (refresh.clone(), None, LIFE);
    let who = (Some(user("olga")), "phc".to_owned());
    store.redeem_link(from(1, 1), link.clone(), who, with).await.unwrap().unwrap();
    let new = NewToken {
        user: user("olga"),
        name: "t".parse().unwrap(),
        scope: serde_json::from_str("[]").unwrap(),
        digest: *token.digest().as_bytes(),
        expires_at: at(1_000),
    };
    store.add_token(by("default", "user:olga", 1), new).await.unwrap().unwrap();
    let new = NewDevice { code: device.clone(), user_code: UserCode::generate(), client: None };
    store.start_device(from(2, 1), new, LOGIN_RATE).await.unwrap().unwrap();
    let mut raw = db.raw().await;
    let told = store.audit(&tenant("default"), &AuditFilter::default(), 0, 100).await.unwrap();
    let secrets = [
        ("links", link.reveal()),
        ("refresh_tokens", refresh.reveal()),
        ("api_tokens", token.reveal()),
        ("device_logins", device.reveal()),
    ];
    for (table, secret) in secrets {
        let kept: Vec<Vec<u8>> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT digest FROM {table}")))
                .fetch_all(&mut raw)
                .await
                .unwrap();
        let random = hex_of(&secret[4..]);
        assert!(kept.len() == 1 && kept[0] != random && kept[0].len() == 32, "{table}");
        assert!(
            told.iter().flat_map(|row| &row.fields).all(|field| !field.contains(&secret[4..])),
            "{table}"
        );
    }
}

pub(crate) async fn what_is_over_is_swept(db: Db) {
    let store = db.open().await;
    owner(&store, "olga", 0).await;
    let (fresh, token) = login(&store, "olga", 10, 1).await.unwrap();
    store.begin_login(from(10, 2), user("x"), LIVES).await.unwrap().unwrap();
    assert_eq!(store.sweep_users(at(20)).await.unwrap(), 0);
    let month = 31 * 24 * 3_600;
    assert!(store.sweep_users(at(10 + month)).await.unwrap() >= 4);
    assert!(!stands(&store, &fresh).await);
    let gone = store.refresh_login(from(month, 1), token, (RefreshToken::generate(), LIFE)).await.unwrap();
    assert_eq!(gone.map(|_| ()), Err(IdentityError::Gone));
    assert!(store.has_owner(&tenant("default")).await.unwrap(), "users stay");
}
