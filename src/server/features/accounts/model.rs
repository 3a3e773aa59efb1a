//! Users as rows.

use crate::server::features::accounts::refusals::{
    EMAIL_TAKEN, INVALID_EMAIL, INVALID_USERNAME, USERNAME_TAKEN, WEAK_PASSWORD, WRONG_PASSWORD,
};
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::server::auth::{Role, end_sessions_of, password};
use crate::server::db::schema::users;
use crate::server::db::{Conn, unique_violation};
use crate::server::error::{Error, Result};
use crate::server::features::links;

/// A username that keeps the rules: 3 to 64 letters, digits and `._-`, all ASCII, so that no two look alike.
#[derive(Clone, Debug)]
pub struct Username(String);

impl TryFrom<String> for Username {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match (3..=64).contains(&name.len()) && name.chars().all(allowed) {
            true => Ok(Username(name)),
            false => Err(INVALID_USERNAME),
        }
    }
}

/// An email address as browsers accept it (WHATWG HTML, "valid email address"), with RFC 5321's 254 characters at most.
#[derive(Clone, Debug)]
pub struct Email(String);

impl TryFrom<String> for Email {
    type Error = Error;

    fn try_from(address: String) -> Result<Self> {
        let valid = address.len() <= 254
            && address.split_once('@').is_some_and(|(local, domain)| {
                let atom = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
                let label = |label: &str| {
                    (1..=63).contains(&label.len())
                        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                };
                !local.is_empty() && local.chars().all(atom) && domain.split('.').all(label)
            });
        if valid { Ok(Email(address)) } else { Err(INVALID_EMAIL) }
    }
}

/// A password of a length that is neither guessed nor a burden.
pub struct NewPassword(String);

impl NewPassword {
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl TryFrom<String> for NewPassword {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        match password::LENGTH.contains(&text.chars().count()) {
            true => Ok(NewPassword(text)),
            false => Err(WEAK_PASSWORD),
        }
    }
}

/// What of a user is shown in lists.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    pub id: String,
    pub username: String,
    pub email: String,
    pub role: String,
    pub created_at: NaiveDateTime,
    pub disabled_at: Option<NaiveDateTime>,
}

/// What a login is checked against.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct Login {
    pub id: String,
    pub username: String,
    pub password_hash: String,
    pub role: String,
    pub disabled_at: Option<NaiveDateTime>,
}

/// The form of a name in which it is unique.
pub fn key(name: &str) -> String {
    name.to_lowercase()
}

/// Adds a user and returns the id.
///
/// # Errors
/// [`USERNAME_TAKEN`], [`EMAIL_TAKEN`].
pub fn add(
    conn: &mut Conn,
    name: &Username,
    email: &Email,
    hash: &str,
    role: Role,
    now: NaiveDateTime,
) -> Result<String> {
    let id = crate::server::id::new();
    conn.insert(
        users::table,
        (
            users::id.eq(&id),
            users::username.eq(&name.0),
            users::username_key.eq(key(&name.0)),
            users::email.eq(&email.0),
            users::email_key.eq(key(&email.0)),
            users::password_hash.eq(hash),
            users::role.eq(role.as_str()),
            users::created_at.eq(now),
        ),
    )
    .map_err(|error| match unique_violation(&error) {
        Some(constraint) if constraint.contains("username") => USERNAME_TAKEN,
        Some(constraint) if constraint.contains("email") => EMAIL_TAKEN,
        _ => error.into(),
    })?;
    Ok(id)
}

/// Whether the name or the address is taken: asked before the password is hashed, so that a taken one costs nothing.
pub fn check_free(conn: &mut Conn, name: &Username, email: &Email) -> Result<()> {
    let taken = |found: i64| found > 0;
    if taken(conn.first(users::table.filter(users::username_key.eq(key(&name.0))).count())?) {
        return Err(USERNAME_TAKEN);
    }
    if taken(conn.first(users::table.filter(users::email_key.eq(key(&email.0))).count())?) {
        return Err(EMAIL_TAKEN);
    }
    Ok(())
}

pub fn login_of(conn: &mut Conn, name: &str) -> Result<Option<Login>> {
    Ok(conn.first(users::table.filter(users::username_key.eq(key(name))).select(Login::as_select())).optional()?)
}

pub fn find(conn: &mut Conn, name: &str) -> Result<Option<User>> {
    Ok(conn.first(users::table.filter(users::username_key.eq(key(name))).select(User::as_select())).optional()?)
}

pub fn by_id(conn: &mut Conn, id: &str) -> Result<Option<User>> {
    Ok(conn.first(users::table.find(id).select(User::as_select())).optional()?)
}

pub fn list(conn: &mut Conn) -> Result<Vec<User>> {
    Ok(users::table.order(users::username_key).select(User::as_select()).load(conn)?)
}

/// Changes the password and ends all sessions and links. With `old`, only while that hash still stands: of two changes at once the
/// second finds another hash than the one it was checked against.
pub fn set_password(conn: &mut Conn, id: &str, hash: &str, old: Option<&str>) -> Result<()> {
    let changed = match old {
        Some(old) => {
            conn.update(users::table.find(id).filter(users::password_hash.eq(old)), users::password_hash.eq(hash))?
        }
        None => conn.update(users::table.find(id), users::password_hash.eq(hash))?,
    };
    if changed == 0 {
        return Err(WRONG_PASSWORD);
    }
    end_rights_of(conn, id)
}

/// Changes the role and ends all sessions and links.
pub fn set_role(conn: &mut Conn, id: &str, role: Role) -> Result<()> {
    conn.update(users::table.find(id), users::role.eq(role.as_str()))?;
    end_rights_of(conn, id)
}

/// Disables (with a time) or enables (with none) and ends all sessions and links.
pub fn set_disabled(conn: &mut Conn, id: &str, at: Option<NaiveDateTime>) -> Result<()> {
    conn.update(users::table.find(id), users::disabled_at.eq(at))?;
    end_rights_of(conn, id)
}

/// Whoever was signed in with what a user may do until now is not any more, and the links end that were minted with it.
fn end_rights_of(conn: &mut Conn, id: &str) -> Result<()> {
    links::model::revoke_minted_by(conn, id)?;
    end_sessions_of(conn, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames() {
        for good in ["ann", "Ann.Smith-2_x", &"a".repeat(64)] {
            assert!(Username::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "ab", &"a".repeat(65), "ann smith", "ann@x", "анна", "a/b", "ann\n"] {
            assert!(Username::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn emails() {
        for good in ["ann@example.org", "a.b+c@x.y", "o'neil@sub.example.co.uk"] {
            assert!(Email::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ann",
            "@x.y",
            "ann@",
            "ann@@x.y",
            "a b@x.y",
            "ann@-x.y",
            "ann@x..y",
            "ann@x.y\r\nBcc: z",
            &format!("{}@x.y", "a".repeat(300)),
        ] {
            assert!(Email::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn password_lengths_count_characters() {
        assert!(NewPassword::try_from("ąęółżźćń".to_owned()).is_ok());
        assert!(NewPassword::try_from("ąęółżźć".to_owned()).is_err());
        assert!(NewPassword::try_from("x".repeat(1024)).is_ok());
        assert!(NewPassword::try_from("x".repeat(1025)).is_err());
    }
}
