//! The tests that both databases pass. `tests/sqlite.rs` and `tests/postgres.rs` run them.

pub(crate) mod approvals;
pub(crate) mod checks;
pub(crate) mod claims;
pub(crate) mod enrolment;
pub(crate) mod events;
pub(crate) mod hooks;
pub(crate) mod items;
pub(crate) mod kv;
pub(crate) mod model;
pub(crate) mod outbox;
pub(crate) mod providers;
pub(crate) mod record;
pub(crate) mod reset;
pub(crate) mod schema;
pub(crate) mod state;
pub(crate) mod ticket_model;
pub(crate) mod tickets;
pub(crate) mod users;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyConnection, Connection};
use waystation_core::{
    check::{CheckError, Outcome, Timing},
    event::{EventType, NewEvent, Severity},
    id::HostId,
    item::{Item, ItemSpec},
    name::ChannelName,
    policy::Policy,
    release::Release,
    version::Scheme,
};
use waystation_store::{DatabaseUrl, Store, StoreError, nowhere};

/// An empty database of one test.
#[derive(Clone)]
pub(crate) struct Db {
    /// Its address for the store.
    pub(crate) url: DatabaseUrl,
    /// Its address for the driver.
    pub(crate) raw: String,
}

impl Db {
    pub(crate) async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.url, host(0)).await
    }

    /// A connection that knows nothing of the store.
    pub(crate) async fn raw(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.raw).await.unwrap()
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        let mut raw = self.raw().await;
        sqlx::raw_sql(sql).execute(&mut raw).await.unwrap();
        raw.close().await.unwrap();
    }
}

/// Makes a test of each function of the suite; `$run` gives it a database and cleans up after it.
macro_rules! tests {
    ($run:path) => {
        $crate::suite::tests! { $run,
            approvals: [
                a_ticket_waits_until_enough_people_said_yes, who_had_a_hand_in_it_does_not_approve_it,
                whoever_may_no_more_does_not_count, a_no_ends_it_and_nobody_is_asked_again_at_once,
                of_many_who_decide_at_once_as_many_count_as_are_needed, what_a_request_stands_on_ends_it,
                times_and_limits_of_approvals_hold_at_their_edge, approvals_are_of_one_tenant_and_come_in_pages,
                whoever_listens_hears_what_became_of_it, whoever_lets_machines_in_is_remembered,
            ],
            checks: [
                a_check_is_kept_whole, a_repeated_check_tells_its_news_once, a_check_that_is_cut_off_leaves_no_half,
                a_check_whose_routing_fails_leaves_nothing, a_removed_item_takes_no_check, hosts_that_check_at_once_tell_once, checks_that_end_together_are_kept_as_each_would_be,
            two_checks_of_one_item_build_on_each_other, hosts_that_record_the_same_items_wait_for_each_other,
            ],
            claims: [
                racing_hosts_check_each_item_once, a_lease_that_ends_is_taken_over, a_recorded_check_ends_the_claim,
                racing_hosts_run_each_task_once, a_task_keeps_its_next_run_until_its_schedule_changes,
                a_late_host_does_not_end_the_run_of_another, claims_are_given_back,
                a_host_that_comes_back_frees_its_own_claims,
            ],
            enrolment: [
                a_token_enrols_as_often_as_it_may, of_many_who_come_with_one_token_one_gets_in,
                whoever_is_on_a_known_machine_waits_for_a_person, whoever_was_revoked_comes_back_with_a_new_token_only,
                an_agent_enrols_others_while_it_may, a_renewed_certificate_ends_after_the_overlap,
                whoever_tries_tokens_is_slowed_and_fills_no_record, tokens_are_of_one_tenant,
                ended_tokens_are_remembered_for_a_while, no_token_and_no_key_is_in_the_database,
            ],
            events: [
                sequences_ascend_and_resume, a_key_is_told_once, racing_writers_leave_no_hole_behind_a_reader,
                subscribers_hear_of_what_was_kept_in_order, old_events_go_and_dead_letters_stay,
                text_from_outside_is_kept_as_it_is,
            ],
            hooks: [
                a_held_ticket_opens_nothing_until_it_is_released, a_request_that_hooks_are_asked_about_counts_once,
                what_becomes_of_sessions_is_told_after_it_was_kept, hooks_see_who_and_what_there_is,
            ],
            items: [
                an_item_is_added_found_changed_and_removed, a_name_is_taken_once, pages_follow_byte_order,
                another_question_forgets_the_old_answer, what_is_installed_is_compared_and_told, releases_are_bounded,
                hostile_text_comes_back_and_changes_nothing_else,
            ],
            kv: [
                values_come_back, quotas_hold, racing_writers_stay_within_the_quota, prefixes_are_bytes, keys_come_in_pages,
                plugins_do_not_see_each_other,
            ],
            model: [no_event_is_lost_and_none_goes_without_its_key],
            outbox: [
                racing_hosts_send_each_message_once, an_abandoned_message_is_sent_again_with_its_key,
                failures_wait_and_end_in_a_dead_letter, a_dead_letter_is_replayed, a_message_that_kills_its_host_ends,
                a_late_host_changes_nothing, what_cannot_be_retried_is_dead_at_once,
                that_a_message_is_given_up_is_kept_with_it, messages_are_listed_by_state,
            ],
            providers: [
                who_was_sent_away_comes_back_once_in_time_in_one_browser, no_more_wait_for_a_provider_than_may,
                an_entry_is_good_once_in_time_in_one_browser, what_came_by_an_identity_ends_with_it, whoever_joins_is_somebody_new,
                identities_of_another_tenant_are_nobodys, no_secret_of_a_login_at_a_provider_is_in_the_database,
            ],
            record: [
                what_was_done_is_on_record_and_every_change_of_it_shows, hosts_that_change_tickets_at_once_keep_one_chain, a_caller_that_goes_away_holds_up_nobody, a_change_that_fails_takes_no_other_with_it,
            ],
            reset: [data_goes_and_who_may_do_what_stays, the_data_of_another_tenant_stays],
            schema: [
                opening_again_changes_nothing, a_newer_schema_is_left_alone, an_edited_migration_is_refused,
                both_databases_have_the_same_columns, damage_is_told_and_does_not_spread,
            ],
            state: [a_plugin_is_remembered, a_quarantine_leaves_the_rest_of_a_plugin_alone, facts_are_kept, a_counter_never_goes_back, what_serves_is_news_once, readiness_is_told],
            ticket_model: [whatever_happens_each_answer_is_that_of_the_model],
            tickets: [
                a_ticket_admits_once, a_ticket_lives_for_its_time, no_ticket_is_in_the_database,
                listeners_are_told_of_what_is_kept,
                of_a_hundred_who_redeem_a_ticket_one_gets_it, each_request_is_refused_for_its_reason,
                what_a_session_stands_on_ends_it_at_once, a_revoked_ticket_opens_nothing_and_ends_what_it_opened,
                an_agent_that_is_enrolled_again_goes_on, limits_of_tickets_hold_at_their_edge, time_ends_what_is_silent,
                a_scope_is_written_anew_in_place, tenants_do_not_see_each_other, lists_come_in_pages,
            ],
            users: [
                a_link_makes_one_owner_and_there_is_always_one, a_login_is_counted_and_ends_with_what_it_stands_on,
                a_refresh_token_works_once_and_a_used_one_ends_the_login, of_many_who_use_a_code_or_a_link_one_gets_in,
                a_token_speaks_for_its_user_until_it_is_taken_back, roles_are_data_and_mean_what_they_say_now,
                a_device_is_let_in_once, users_of_another_tenant_are_nobody, no_credential_is_in_the_database,
                what_is_over_is_swept,
            ],
        }
    };
    ($run:path, $($module:ident: [$($test:ident),* $(,)?],)*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $run(crate::suite::$module::$test).await;
            })*
        })*
    };
}
pub(crate) use tests;

/// So many seconds after the start of each test's time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_secs(seconds)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn host(number: u8) -> HostId {
    HostId::new(at(0), &[number; 10])
}

pub(crate) fn timing(seconds: i64) -> Timing {
    Timing { now: at(seconds), interval: secs(21_600), random: 0 }
}

pub(crate) fn spec(name: &str) -> ItemSpec {
    ItemSpec {
        name: name.parse().unwrap(),
        source: "github".parse().unwrap(),
        locator: "BurntSushi/ripgrep".parse().unwrap(),
        options: serde_json::Map::new(),
        scheme: Scheme::Semver,
        policy: Policy::default(),
    }
}

/// Adds an item that is due at once.
pub(crate) async fn add(store: &Store, name: &str) -> Item {
    store.add_item(spec(name), at(0), at(0), &nowhere).await.unwrap()
}

pub(crate) fn listing(versions: &[&str]) -> Outcome {
    let releases = versions.iter().copied().map(Release::new).collect();
    Outcome::Listing { releases, validator: Some("\"etag\"".to_owned()) }
}

pub(crate) fn check_error(retryable: bool) -> Outcome {
    let (code, message) = ("unreachable".to_owned(), "no answer".to_owned());
    Outcome::Failed(CheckError { code, message, retryable, retry_after: None })
}

pub(crate) fn channel(name: &str) -> ChannelName {
    name.parse().unwrap()
}

/// Sends everything to one channel.
pub(crate) fn to_ops(_: &NewEvent) -> Vec<ChannelName> {
    vec![channel("ops")]
}

pub(crate) fn event(key: Option<&str>) -> NewEvent {
    NewEvent {
        kind: EventType::PLUGIN_STATE,
        subject: "github".to_owned(),
        severity: Severity::Warning,
        data: serde_json::Map::from_iter([("state".to_owned(), "disabled".into())]),
        occurred_at: at(0),
        key: key.map(str::to_owned),
    }
}

/// Runs `n` of the same future at once and collects what they give.
pub(crate) async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    n: u8,
    start: impl Fn(u8) -> F,
) -> Vec<T> {
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(usize::from(n)));
    let tasks: Vec<_> = (0..n)
        .map(|number| {
            let (barrier, run) = (barrier.clone(), start(number));
            tokio::spawn(async move {
                barrier.wait().await;
                run.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
