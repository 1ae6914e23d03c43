//! Roles that operators make.

use waystation_core::access::{Role, RoleName};
use waystation_core::name::TenantName;
use waystation_core::user::UserRefusal;

use super::login::{Ends, end_logins};
use super::standing::BUILT_IN;
use super::{Outcome, word};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{clean, from_json, parsed, to_json};
use crate::store::Store;
use crate::tickets::Caller;

struct Put {
    caller: Caller,
    role: Role,
}

impl Change for Put {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, role } = self;
        let done = match built_in(&role.name) {
            true => Err(UserRefusal::BuiltInRole(role.name.clone())),
            false => {
                sqlx::query(
                    "INSERT INTO roles (tenant, name, about, grants) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (tenant, name) DO UPDATE SET about = $3, grants = $4",
                )
                .bind(caller.tenant.as_str())
                .bind(role.name.as_str())
                .bind(clean(&role.about))
                .bind(to_json(&role.grants)?)
                .execute(work.db())
                .await?;
                let users: Vec<String> = sqlx::query_scalar(
                    "SELECT u.id FROM users u JOIN user_roles r ON r.user_id = u.id WHERE u.tenant = $1 AND r.role = $2",
                )
                .bind(caller.tenant.as_str())
                .bind(role.name.as_str())
                .fetch_all(work.db())
                .await?;
                for user in users {
                    end_logins(work, parsed(&user)?, None, Ends::Roles, caller.now).await?;
                }
                Ok(())
            }
        };
        caller.note(work, "role.put", role.name.as_str(), word(&done));
        Ok(done)
    }
}

struct Remove {
    caller: Caller,
    name: RoleName,
}

impl Change for Remove {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.remove(work).await?;
        self.caller.note(work, "role.remove", self.name.as_str(), word(&done));
        Ok(done)
    }
}

impl Remove {
    async fn remove(&self, work: &mut Work<'_>) -> Result<Outcome<()>, StoreError> {
        let Self { caller, name } = self;
        if built_in(name) {
            return Ok(Err(UserRefusal::BuiltInRole(name.clone())));
        }
        let users: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM users u JOIN user_roles r ON r.user_id = u.id WHERE u.tenant = $1 AND r.role = $2",
        )
        .bind(caller.tenant.as_str())
        .bind(name.as_str())
        .fetch_one(work.db())
        .await?;
        if users > 0 {
            return Ok(Err(UserRefusal::RoleInUse(users.unsigned_abs())));
        }
        let gone = sqlx::query("DELETE FROM roles WHERE tenant = $1 AND name = $2")
            .bind(caller.tenant.as_str())
            .bind(name.as_str())
            .execute(work.db())
            .await?;
        Ok(if gone.rows_affected() == 0 { Err(UserRefusal::NoRole(name.clone())) } else { Ok(()) })
    }
}

fn built_in(name: &RoleName) -> bool {
    BUILT_IN.iter().any(|role| role.name == *name)
}

impl Store {
    /// Makes a role, or gives one another meaning: then the logins of those who have it end.
    ///
    /// # Errors
    /// Those of the database. Refused with `BuiltInRole`.
    pub async fn put_role(&self, caller: Caller, role: Role) -> Result<Outcome<()>, StoreError> {
        self.change(Put { caller, role }).await
    }

    /// Removes a role that nobody has.
    ///
    /// # Errors
    /// Those of the database. Refused with `BuiltInRole`, `RoleInUse`, `NoRole`.
    pub async fn remove_role(&self, caller: Caller, name: RoleName) -> Result<Outcome<()>, StoreError> {
        self.change(Remove { caller, name }).await
    }

    /// All roles: the built-in ones, then those of the tenant by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn roles(&self, tenant: &TenantName) -> Result<Vec<Role>, StoreError> {
        let found: Vec<(String, String, String)> =
            sqlx::query_as("SELECT name, about, grants FROM roles WHERE tenant = $1 ORDER BY name")
                .bind(tenant.as_str())
                .fetch_all(self.reader())
                .await?;
        let mut roles = BUILT_IN.clone();
        for (name, about, grants) in found {
            roles.push(Role { name: parsed(&name)?, about, grants: from_json(&grants)? });
        }
        Ok(roles)
    }
}
